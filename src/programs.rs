//! What is known of other programs by their names: the one table of them.

use crate::process::Kind;

/// What a program is, as far as it matters to adieu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// A shell that takes its first operand for the name of a script.
    Shell,
    /// A shell that executes its first operand as a command where no script has that name.
    Ksh93,
    /// Passes signals on to its child, or holds them back while the child runs (unshare), and has
    /// no work of its own to finish.
    Wrapper,
    /// Runs a script, whose name is the next word: `node /usr/bin/yarn`.
    Interpreter,
    /// Made to be PID 1 of a container.
    Init(ContainerInit),
    /// An init of a whole system, which refuses to run unless it is PID 1.
    SystemInit,
    /// Runs programs as its configuration says, and stops them so.
    Supervisor,
}

/// The inits of containers, by the options that they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContainerInit {
    /// adieu under the names that it has in a container.
    Adieu,
    /// tini, also as Docker's `docker-init`.
    Tini,
    /// Yelp's dumb-init.
    DumbInit,
    /// catatonit, also as podman's `podman-init`.
    Catatonit,
    /// Those without options that say whom they signal.
    Other,
    /// baseimage-docker's, which has shutdown scripts to run and is no wrapper.
    MyInit,
}

/// The table. A name stands in it once.
const PROGRAMS: &[(Class, &[&str])] = &[
    (
        Class::Shell,
        &[
            "sh", "ash", "dash", "bash", "rbash", "busybox", "fish", "lksh", "mksh", "oksh",
            "pdksh", "posh", "yash", "zsh", "rzsh",
        ],
    ),
    (Class::Ksh93, &["ksh", "ksh93", "rksh"]),
    (
        Class::Wrapper,
        &[
            "su", "sudo", "doas", "runuser", "timeout", "setpriv", "unshare", "nsenter", "npm",
            "npm-cli", "npx", "npx-cli", "yarn", "pnpm",
        ],
    ),
    (Class::Interpreter, &["node", "nodejs"]),
    (Class::Init(ContainerInit::Adieu), &["adieu", ".adieu"]),
    (Class::Init(ContainerInit::Tini), &["tini", "tini-static", "docker-init"]),
    (Class::Init(ContainerInit::DumbInit), &["dumb-init"]),
    (Class::Init(ContainerInit::Catatonit), &["catatonit", "podman-init"]),
    (Class::Init(ContainerInit::Other), &["pid1", "nerdctl-init"]),
    (Class::Init(ContainerInit::MyInit), &["my_init"]),
    (
        Class::SystemInit,
        // s6-overlay's is `/init`.
        &["init", "systemd", "s6-svscan", "runit", "runit-init", "openrc-init"],
    ),
    (Class::Supervisor, &["supervisord", "runsvdir"]),
];

fn class(name: &str) -> Option<Class> {
    PROGRAMS.iter().find(|(_, names)| names.contains(&name)).map(|(class, _)| *class)
}

/// Whether a program of this name, without directories, is a shell.
fn is_shell(name: &str) -> bool {
    matches!(class(name), Some(Class::Shell | Class::Ksh93))
}

/// Whether a program of this name is a shell that would take a string without `-c` before it for
/// the name of a script.
pub(crate) fn takes_a_script(name: &str) -> bool {
    class(name) == Some(Class::Shell)
}

/// Whether a program of this name is an init, of a container or of a whole system.
pub(crate) fn is_init(name: &str) -> bool {
    matches!(class(name), Some(Class::Init(_) | Class::SystemInit))
}

/// Which init of containers has this name.
pub(crate) fn container_init(name: &str) -> Option<ContainerInit> {
    match class(name) {
        Some(Class::Init(init)) => Some(init),
        _ => None,
    }
}

/// Whether a program of this name stops what it runs by rules that only its own configuration
/// shows.
pub(crate) fn has_own_rules(name: &str) -> bool {
    let of_init = |init| matches!(init, ContainerInit::Other | ContainerInit::MyInit);
    match class(name) {
        Some(Class::SystemInit | Class::Supervisor) => true,
        Some(Class::Init(init)) => of_init(init),
        _ => false,
    }
}

/// Whether a program of this name refuses to run unless it is PID 1.
pub(crate) fn must_be_pid1(name: &str) -> bool {
    class(name) == Some(Class::SystemInit)
}

/// Whether a program of this name only waits for its child. An extension does not count
/// (`yarn.js`).
fn is_wrapper(name: &str) -> bool {
    match class(name.split('.').next().unwrap_or_default()) {
        Some(Class::Wrapper) => true,
        // adieu waits for programs below it, and my_init has scripts to run: both are handlers.
        Some(Class::Init(init)) => !matches!(init, ContainerInit::Adieu | ContainerInit::MyInit),
        _ => false,
    }
}

/// What sort of program has this name and this command line (words with a zero byte behind each).
pub(crate) fn kind(name: &[u8], command_line: &[u8]) -> Kind {
    let mut words = command_line.split(|b| *b == 0).map(base_name);
    let first = words.next().filter(|word| !word.is_empty()).unwrap_or_else(|| base_name(name));
    let program = match class(first) {
        // busybox is the program that its first argument names.
        Some(Class::Shell | Class::Ksh93)
            if first != "busybox" || words.next().is_some_and(is_shell) =>
        {
            return Kind::Shell;
        }
        Some(Class::Interpreter) => words.next().unwrap_or_default(),
        _ => first,
    };
    if is_wrapper(program) { Kind::Wrapper } else { Kind::Program }
}

/// The program's name in a word of a command line: without directories, without a login shell's
/// `-`, and without what a program that names itself puts behind a blank (`npm start`).
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
    fn a_name_stands_in_the_table_once() {
        let mut names: Vec<_> = PROGRAMS.iter().flat_map(|(_, names)| *names).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    #[test]
    fn the_command_line_shows_the_kind_of_a_program() {
        let of = |name: &str, line: &str| kind(name.as_bytes(), line.replace(' ', "\0").as_bytes());
        assert_eq!(of("start.sh", "/bin/sh ./start.sh"), Kind::Shell);
        assert_eq!(of("bash", "-bash"), Kind::Shell);
        assert_eq!(of("busybox", "busybox sh -c x"), Kind::Shell);
        assert_eq!(of("busybox", "busybox httpd -f"), Kind::Program);
        assert_eq!(of("node", "node /usr/bin/yarn start"), Kind::Wrapper);
        assert_eq!(of("node", "node /usr/share/npm/bin/npm-cli.js start"), Kind::Wrapper);
        assert_eq!(of("node", "node server.js"), Kind::Program);
        assert_eq!(of("dash", ""), Kind::Shell);
        assert_eq!(kind(b"npm start", b"npm start\0\0\0"), Kind::Wrapper);
        assert_eq!(kind(b"x", b"\xff\xfe\0"), Kind::Program);
    }

    #[test]
    fn a_shell_takes_a_string_for_a_script_except_ksh93() {
        for name in ["sh", "bash", "rbash", "oksh", "rzsh"] {
            assert!(takes_a_script(name) && kind(name.as_bytes(), b"") == Kind::Shell, "{name}");
        }
        for name in ["ksh", "ksh93"] {
            assert!(!takes_a_script(name) && kind(name.as_bytes(), b"") == Kind::Shell, "{name}");
        }
        assert!(!takes_a_script("python3"));
    }

    #[test]
    fn an_init_is_a_wrapper_unless_it_has_work_of_its_own() {
        for name in ["tini", "docker-init", "dumb-init", "catatonit", "pid1"] {
            assert!(is_init(name) && !must_be_pid1(name), "{name}");
            assert_eq!(kind(name.as_bytes(), b""), Kind::Wrapper, "{name}");
        }
        for name in ["adieu", "my_init", "systemd", "init"] {
            assert!(is_init(name), "{name}");
            assert_eq!(kind(name.as_bytes(), b""), Kind::Program, "{name}");
        }
        assert!(!is_init("su") && !is_init("sh") && !is_init("init.sh"));
    }
}
