//! Everything that can keep adieu from starting: what was wrong, where, what to write instead, and
//! the exit code.

use crate::exit;
use std::fmt;

/// Why adieu did not start the program. Once it runs there are warnings, no errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The command line or an environment variable is wrong. The text is whole sentences.
    Usage(String),
    /// There is no such program. The text names it and where it was looked for.
    NotFound(String),
    /// The program is there and cannot be executed. The text says why.
    NotExecutable(String),
    /// The system refused something that adieu needs. The text says what.
    System(String),
}

impl Error {
    /// 125, 126 or 127.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::System(_) => exit::OWN_FAILURE,
            Self::NotExecutable(_) => exit::NOT_EXECUTABLE,
            Self::NotFound(_) => exit::NOT_FOUND,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text)
        | Self::NotFound(text)
        | Self::NotExecutable(text)
        | Self::System(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Error {}
