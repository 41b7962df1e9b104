//! What is known of other programs by their names.

use crate::process::Kind;

/// Shells by name. A login shell has a `-` in front.
pub(crate) const SHELLS: &[&str] = &[
    "sh", "ash", "dash", "bash", "rbash", "busybox", "fish", "ksh", "ksh93", "rksh", "lksh",
    "mksh", "oksh", "pdksh", "posh", "yash", "zsh", "rzsh",
];
/// Programs that pass a signal on to their child, or hold it back while that runs (unshare), and have no work of their
/// own to finish.
const RELAYS: &[&str] = &[
    "tini",
    "tini-static",
    "docker-init",
    "podman-init",
    "nerdctl-init",
    "dumb-init",
    "catatonit",
    "pid1",
    "su",
    "sudo",
    "doas",
    "runuser",
    "timeout",
    "setpriv",
    "unshare",
    "nsenter",
    "npm",
    "npx",
    "yarn",
    "pnpm",
];
/// Interpreters behind which the name of a relay hides: `node /usr/bin/yarn`.
const INTERPRETERS: &[&str] = &["node", "nodejs"];

/// What sort of program has this name and this command line (words with a zero byte behind each).
pub(crate) fn kind(name: &[u8], command_line: &[u8]) -> Kind {
    let mut words = command_line.split(|b| *b == 0).map(base_name);
    let first = words.next().filter(|word| !word.is_empty()).unwrap_or_else(|| base_name(name));
    if SHELLS.contains(&first)
        && (first != "busybox" || words.next().is_some_and(|applet| SHELLS.contains(&applet)))
    {
        return Kind::Shell;
    }
    let behind =
        if INTERPRETERS.contains(&first) { words.next().unwrap_or_default() } else { first };
    let bare = behind.split('.').next().unwrap_or_default();
    if RELAYS.contains(&bare) || bare == "npm-cli" || bare == "npx-cli" {
        Kind::Wrapper
    } else {
        Kind::Program
    }
}

/// The program's name in a word of a command line: without directories, without a login shell's `-`, and without what
/// a program that names itself puts behind a blank (`npm start`).
pub(crate) fn base_name(word: &[u8]) -> &str {
    let text = match std::str::from_utf8(word) {
        Ok(text) => text,
        Err(e) => {
            std::str::from_utf8(word.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
    };
    let text = text.split(' ').next().unwrap_or_default();
    let text = text.rsplit('/').next().unwrap_or_default();
    text.strip_prefix('-').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_and_relays_are_known_by_their_command_line() {
        let of = |name: &str, line: &str| kind(name.as_bytes(), line.replace(' ', "\0").as_bytes());
        assert_eq!(of("start.sh", "/bin/sh ./start.sh"), Kind::Shell);
        assert_eq!(of("bash", "-bash"), Kind::Shell);
        assert_eq!(of("busybox", "busybox sh -c x"), Kind::Shell);
        assert_eq!(of("busybox", "busybox httpd -f"), Kind::Program);
        assert_eq!(of("node", "node /usr/bin/yarn start"), Kind::Wrapper);
        assert_eq!(of("node", "node /usr/share/npm/bin/npm-cli.js start"), Kind::Wrapper);
        assert_eq!(of("node", "node server.js"), Kind::Program);
        assert_eq!(of("tini", "/sbin/tini -- a"), Kind::Wrapper);
        assert_eq!(of("dash", ""), Kind::Shell);
        assert_eq!(of("adieu", "adieu x"), Kind::Program);
        assert_eq!(kind(b"npm start", b"npm start\0\0\0"), Kind::Wrapper);
        assert_eq!(kind(b"x", b"\xff\xfe\0"), Kind::Program);
    }
}
