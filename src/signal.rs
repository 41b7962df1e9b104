//! Signals as words and numbers: what a user types, what a log prints, what a set holds. Sends
//! nothing.

use nix::sys::signal as nix;
use std::fmt;
use std::str::FromStr;

/// The number of the highest signal that Linux knows on the architectures supported here
/// (`signal(7)`).
const HIGHEST: i32 = 64;

/// Second names, accepted but not printed.
const ALIASES: [(&str, nix::Signal); 4] = [
    ("IOT", nix::Signal::SIGABRT),
    ("CLD", nix::Signal::SIGCHLD),
    ("POLL", nix::Signal::SIGIO),
    ("UNUSED", nix::Signal::SIGSYS),
];

/// One signal, 1 to 64, real-time signals included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

impl Signal {
    /// Terminal gone, or "read your configuration again".
    pub const HUP: Self = Self::standard(libc::SIGHUP);
    /// Ctrl-C.
    pub const INT: Self = Self::standard(libc::SIGINT);
    /// Ctrl-\.
    pub const QUIT: Self = Self::standard(libc::SIGQUIT);
    /// Ends a process without asking it.
    pub const KILL: Self = Self::standard(libc::SIGKILL);
    /// A write to a pipe without a reader.
    pub const PIPE: Self = Self::standard(libc::SIGPIPE);
    /// The polite request to end.
    pub const TERM: Self = Self::standard(libc::SIGTERM);
    /// A child ended, stopped or went on.
    pub const CHLD: Self = Self::standard(libc::SIGCHLD);
    /// Go on after a stop.
    pub const CONT: Self = Self::standard(libc::SIGCONT);
    /// Stops a process without asking it.
    pub const STOP: Self = Self::standard(libc::SIGSTOP);
    /// Ctrl-Z.
    pub const TSTP: Self = Self::standard(libc::SIGTSTP);
    /// A background process read from the terminal.
    pub const TTIN: Self = Self::standard(libc::SIGTTIN);
    /// A background process wrote to the terminal or changed it.
    pub const TTOU: Self = Self::standard(libc::SIGTTOU);
    /// A write beyond the limit of a file's size.
    pub const XFSZ: Self = Self::standard(libc::SIGXFSZ);
    /// Urgent data at a socket; Go's runtime sends it to its own threads.
    pub const URG: Self = Self::standard(libc::SIGURG);
    /// The terminal's size changed.
    pub const WINCH: Self = Self::standard(libc::SIGWINCH);

    const fn standard(number: i32) -> Self {
        Self(number as u8)
    }

    /// The signal with this number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        (1..=HIGHEST).contains(&number).then(|| Self(u8::try_from(number).unwrap_or(0)))
    }

    /// The number that system calls take.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Whether a process can arrange to be asked: nobody is ever asked before SIGKILL and SIGSTOP
    /// act (`signal(7)`).
    pub fn can_be_caught(self) -> bool {
        self != Self::KILL && self != Self::STOP
    }

    /// A job-control stop, which a terminal sends: the three that a shell's user causes with Ctrl-Z
    /// or by touching the terminal from the background.
    pub fn is_terminal_stop(self) -> bool {
        matches!(self, Self::TSTP | Self::TTIN | Self::TTOU)
    }

    /// Whether it ends a process that does not handle it. The default action of the others is to do
    /// nothing, to stop the process or to continue it (`signal(7)`).
    pub fn ends_by_default(self) -> bool {
        let ends_nothing = matches!(self, Self::CHLD | Self::CONT | Self::URG | Self::WINCH)
            || self.is_terminal_stop()
            || self == Self::STOP;
        !ends_nothing
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        if let Ok(standard) = nix::Signal::try_from(number) {
            return f.write_str(standard.as_str());
        }
        match number - libc::SIGRTMIN() {
            0 => f.write_str("SIGRTMIN"),
            above if above > 0 => write!(f, "SIGRTMIN+{above}"),
            // 32 and 33: the C library keeps them for itself, so they have no name.
            _ => write!(f, "signal {number}"),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that names no signal; keeps the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSignal(pub String);

impl fmt::Display for UnknownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no signal", self.0)
    }
}

impl std::error::Error for UnknownSignal {}

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Takes `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN`, `RTMIN+2`, `RTMAX-1`.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let unknown = || UnknownSignal(text.to_owned());
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::from_number).ok_or_else(unknown);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let standard = || nix::Signal::from_str(&format!("SIG{name}")).ok();
        let alias = || ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, signal)| *signal);
        let number = standard().or_else(alias).map(|signal| signal as i32);
        number.or_else(|| real_time(name)).and_then(Self::from_number).ok_or_else(unknown)
    }
}

/// `RTMIN`, `RTMIN+n`, `RTMAX`, `RTMAX-n` as numbers, within the range that the C library leaves to
/// programs.
fn real_time(name: &str) -> Option<i32> {
    let (lowest, highest) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let distance = |text: &str, sign: char| -> Option<i32> {
        if text.is_empty() {
            return Some(0);
        }
        let digits = text.strip_prefix(sign)?;
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        all_digits.then(|| digits.parse().ok())?
    };
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        lowest.checked_add(distance(rest, '+')?)?
    } else {
        highest.checked_sub(distance(name.strip_prefix("RTMAX")?, '-')?)?
    };
    (lowest..=highest).contains(&number).then_some(number)
}

/// A set of signals in the kernel's form: bit `n - 1` stands for signal `n`, as
/// `/proc/<pid>/status` prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);

    /// This set and one more signal.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | 1 << (signal.0 - 1))
    }

    /// Whether the signal is in the set.
    pub const fn has(self, signal: Signal) -> bool {
        self.0 & (1 << (signal.0 - 1)) != 0
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<T: IntoIterator<Item = Signal>>(signals: T) -> Self {
        signals.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// What `--rewrite` asks for: which signal is delivered in place of one that arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrites(Vec<(Signal, Option<Signal>)>);

impl Rewrites {
    /// Adds a rule; a later rule for the same signal wins. `None` drops the signal.
    pub fn add(&mut self, from: Signal, to: Option<Signal>) {
        self.0.retain(|(f, _)| *f != from);
        self.0.push((from, to));
    }

    /// What is delivered when `signal` arrives; `None` where it is dropped.
    pub fn apply(&self, signal: Signal) -> Option<Signal> {
        match self.0.iter().find(|(from, _)| *from == signal) {
            Some((_, to)) => *to,
            None => Some(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_signal_names_it() {
        for text in ["TERM", "SIGTERM", "sigterm", "term", "15"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        assert_eq!("RTMIN+1".parse::<Signal>().map(Signal::number), Ok(35));
        assert_eq!("SIGRTMAX-2".parse::<Signal>().map(Signal::number), Ok(62));
        assert_eq!("rtmin".parse::<Signal>().map(Signal::number), Ok(34));
        assert_eq!("64".parse::<Signal>().map(Signal::number), Ok(64));
    }

    #[test]
    fn what_names_no_signal_is_refused_with_its_text() {
        for text in [
            "",
            "0",
            "65",
            "-1",
            "+15",
            "FOO",
            "SIG",
            "SIGSIGTERM",
            "RTMIN+31",
            "RTMAX-99",
            "RTMIN-1",
            "RTMIN+",
            "RTMAX+1",
            "15 ",
            "RTMIN+99999999999999",
            "99999999999999999999",
            "ТERM",
        ] {
            assert_eq!(text.parse::<Signal>(), Err(UnknownSignal(text.to_owned())));
        }
    }

    #[test]
    fn every_signal_prints_a_name_that_parses_back() {
        for number in (1..=64).filter(|n| ![32, 33].contains(n)) {
            let signal = Signal::from_number(number).expect("1 to 64");
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
    }

    #[test]
    fn a_set_is_what_proc_prints() {
        assert_eq!(SignalSet::from_iter([Signal::TERM]).0, 0x4000);
        let highest = Signal::from_number(64).expect("64");
        assert_eq!(SignalSet::EMPTY.with(highest).0, 1 << 63);
        assert!(SignalSet(0x4000).has(Signal::TERM) && !SignalSet(0x4000).has(Signal::INT));
    }

    #[test]
    fn a_later_rewrite_of_the_same_signal_wins() {
        let mut rewrites = Rewrites::default();
        rewrites.add(Signal::TERM, Some(Signal::INT));
        rewrites.add(Signal::TERM, Some(Signal::QUIT));
        rewrites.add(Signal::HUP, None);
        assert_eq!(rewrites.apply(Signal::TERM), Some(Signal::QUIT));
        assert_eq!(rewrites.apply(Signal::HUP), None);
        assert_eq!(rewrites.apply(Signal::INT), Some(Signal::INT));
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_a_signal_that_prints_and_parses_back_or_is_refused_as_it_is(
            text in concat!(
                "(SIG|sig|Sig)?([A-Za-z0-9]{0,6}|RTM(IN|AX)|rtm(in|ax)|-?[0-9]{1,22})",
                "([+-]?[0-9]{0,3})|\\PC{0,8}",
            ),
        ) {
            match text.parse::<Signal>() {
                Ok(signal) => {
                    let number = signal.number();
                    proptest::prop_assert!((1..=64).contains(&number));
                    proptest::prop_assert_eq!(text.to_ascii_lowercase().parse(), Ok(signal));
                    proptest::prop_assert_eq!(text.to_ascii_uppercase().parse(), Ok(signal));
                    if ![32, 33].contains(&number) {
                        proptest::prop_assert_eq!(signal.to_string().parse(), Ok(signal));
                    }
                }
                Err(UnknownSignal(kept)) => proptest::prop_assert_eq!(kept, text),
            }
        }
    }
}
