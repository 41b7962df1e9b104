//! What is known of other programs by their names: the one table of them.

use crate::process::Kind;

/// What a program is, as far as it matters to adieu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// A shell that takes its first operand for the name of a script.
    Shell,
    /// A shell that executes its first operand as a command where no script has that name.
    Ksh93,
    /// Passes signals on to its child, or waits for it (unshare, go-task, a terminal's host such as
    /// tmux), and has no work of its own to finish.
    Wrapper,
    /// A wrapper that is a script: `node /usr/bin/yarn`. An extension does not count (`yarn.js`).
    ScriptWrapper,
    /// Runs a script, whose name is the next word.
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
            "su", "sudo", "doas", "runuser", "timeout", "setpriv", "unshare", "nsenter",
            // go-task, under both of its names, and just wait for a command that they believe to
            // have got the signal from the process group.
            "task", "go-task", "just",
            // They end what runs in their terminals by a hangup, or kill it after 2 s (script). The
            // server of tmux has the command line of the tmux that started it; screen's is SCREEN.
            "script", "tmux", "screen", "SCREEN",
        ],
    ),
    (Class::ScriptWrapper, &["npm", "npm-cli", "npx", "npx-cli", "yarn", "pnpm"]),
    // A version at the end of the name does not count: `python3.11`.
    (Class::Interpreter, &["node", "nodejs", "bun", "python", "ruby", "perl", "php"]),
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

/// Whether a program of this name is a shell whatever its arguments are, so that it cannot be a
/// wrapper: busybox is also other programs.
pub(crate) fn is_always_a_shell(name: &str) -> bool {
    is_shell(name) && name != "busybox"
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

/// Whether a program of this name only waits for its child.
fn is_wrapper(name: &str) -> bool {
    match class(name) {
        Some(Class::Wrapper) => true,
        // adieu waits for programs below it, and my_init has scripts to run: both are handlers.
        Some(Class::Init(init)) => !matches!(init, ContainerInit::Adieu | ContainerInit::MyInit),
        _ => is_script_wrapper(name),
    }
}

/// Whether a script of this name only waits for its child.
fn is_script_wrapper(name: &str) -> bool {
    class(without_extension(name)) == Some(Class::ScriptWrapper)
}

/// Whether a program of this name, which may end with a version, runs a script named by its next
/// word.
pub(crate) fn is_interpreter(name: &str) -> bool {
    let is = |name| class(name) == Some(Class::Interpreter);
    is(name) || is(name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

/// Whether the second word of this program's command line may be the script that it runs.
pub(crate) fn runs_scripts(name: &str) -> bool {
    is_shell(name) || is_interpreter(name)
}

fn without_extension(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// The programs that the user says only wait for their child (`--wrapper`), by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrappers(pub Vec<String>);

impl Wrappers {
    /// The most that the kernel keeps of a name (`TASK_COMM_LEN`, `proc_pid_comm(5)`).
    const LONGEST: usize = 15;

    /// Whether one of them is the program that the kernel, the command line or an interpreter's
    /// command line names so.
    fn has(&self, name: &[u8], program: &str) -> bool {
        self.0.iter().any(|wrapper| {
            let start = wrapper.as_bytes();
            let start = start.get(..Self::LONGEST).unwrap_or(start);
            start == name || [program, without_extension(program)].contains(&wrapper.as_str())
        })
    }
}

/// What sort of program has this name and this command line (words with a zero byte behind each). A
/// shell stays one, also where the user calls it a wrapper.
pub(crate) fn kind(name: &[u8], command_line: &[u8], wrappers: &Wrappers) -> Kind {
    let mut words = command_line.split(|b| *b == 0).map(base_name);
    let first = words.next().filter(|word| !word.is_empty()).unwrap_or_else(|| base_name(name));
    let is_script = is_interpreter(first);
    let program = match class(first) {
        // busybox is the program that its first argument names.
        Some(Class::Shell | Class::Ksh93)
            if is_always_a_shell(first) || words.next().is_some_and(is_shell) =>
        {
            return Kind::Shell;
        }
        _ if is_script => words.next().unwrap_or_default(),
        _ => first,
    };
    let known = if is_script { is_script_wrapper(program) } else { is_wrapper(program) };
    if known || wrappers.has(name, program) { Kind::Wrapper } else { Kind::Program }
}

/// The program's name in a word of a command line: without directories, without a login shell's
/// `-`, and without what a program that names itself puts behind a blank (`npm start`) or a colon
/// (`tmux: server`).
pub(crate) fn base_name(word: &[u8]) -> &str {
    let text = match std::str::from_utf8(word) {
        Ok(text) => text,
        Err(e) => {
            std::str::from_utf8(word.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
    };
    let text = text.split(' ').next().unwrap_or_default().trim_end_matches(':');
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

    fn by_table(name: &str, line: &str) -> Kind {
        kind(name.as_bytes(), line.as_bytes(), &Wrappers::default())
    }

    #[test]
    fn the_command_line_shows_the_kind_of_a_program() {
        let of = |name: &str, line: &str| by_table(name, &line.replace(' ', "\0"));
        assert_eq!(of("start.sh", "/bin/sh ./start.sh"), Kind::Shell);
        assert_eq!(of("bash", "-bash"), Kind::Shell);
        assert_eq!(of("busybox", "busybox sh -c x"), Kind::Shell);
        assert_eq!(of("busybox", "busybox httpd -f"), Kind::Program);
        assert_eq!(of("node", "node /usr/bin/yarn start"), Kind::Wrapper);
        assert_eq!(of("node", "node /usr/share/npm/bin/npm-cli.js start"), Kind::Wrapper);
        assert_eq!(of("node", "node server.js"), Kind::Program);
        assert_eq!(of("dash", ""), Kind::Shell);
        assert_eq!(by_table("npm start", "npm start\0\0\0"), Kind::Wrapper);
        assert_eq!(kind(b"x", b"\xff\xfe\0", &Wrappers::default()), Kind::Program);
    }

    /// As tmux 3.3a, GNU screen 4.9 and script of util-linux 2.38 are seen in /proc.
    #[test]
    fn hosts_of_terminals_and_runners_of_tasks_are_wrappers() {
        for (name, line) in [
            ("tmux: server", "tmux new -d ./server"),
            ("tmux: server", ""),
            ("screen", "SCREEN -dmS x ./server"),
            ("screen", "screen -D -m ./server"),
            ("script", "script -qc ./server /dev/null"),
            ("task", "task run"),
            ("go-task", "/usr/bin/go-task run"),
            ("just", "just run"),
        ] {
            assert_eq!(by_table(name, &line.replace(' ', "\0")), Kind::Wrapper, "{name} {line}");
        }
        for (name, line) in [
            ("node", "node script.js"),
            ("node", "node task.js"),
            ("node", "node su"),
            ("python3", "python3 just.py"),
            ("script.bin", "./script.bin"),
        ] {
            assert_eq!(by_table(name, &line.replace(' ', "\0")), Kind::Program, "{name} {line}");
        }
    }

    #[test]
    fn a_name_that_the_user_gives_is_that_of_a_program_or_a_script_but_of_no_shell() {
        let wrappers =
            Wrappers(["honcho", "run-all", "a-name-that-is-longer"].map(str::to_owned).into());
        let of = |name: &str, line: &str| {
            kind(name.as_bytes(), line.replace(' ', "\0").as_bytes(), &wrappers)
        };
        for (name, line) in [
            ("honcho", "/usr/bin/python3 /usr/bin/honcho start"),
            ("python3.11", "python3.11 /app/honcho.py start"),
            ("node", "node ./run-all x"),
            ("run-all", "/opt/run-all x"),
            ("a-name-that-is-", "/a-name-that-is-longer"),
            ("honcho", ""),
        ] {
            assert_eq!(of(name, line), Kind::Wrapper, "{name} {line}");
        }
        for (name, line) in
            [("tail", "tail honcho"), ("honch", "honch"), ("python3", "python3 x honcho")]
        {
            assert_eq!(of(name, line), Kind::Program, "{name} {line}");
        }
        assert_eq!(of("run-all", "/bin/sh ./run-all"), Kind::Shell);
    }

    #[test]
    fn a_shell_takes_a_string_for_a_script_except_ksh93() {
        for name in ["sh", "bash", "rbash", "oksh", "rzsh"] {
            assert!(takes_a_script(name) && by_table(name, "") == Kind::Shell, "{name}");
        }
        for name in ["ksh", "ksh93"] {
            assert!(!takes_a_script(name) && by_table(name, "") == Kind::Shell, "{name}");
        }
        assert!(!takes_a_script("python3"));
    }

    #[test]
    fn an_init_is_a_wrapper_unless_it_has_work_of_its_own() {
        for name in ["tini", "docker-init", "dumb-init", "catatonit", "pid1"] {
            assert!(is_init(name) && !must_be_pid1(name), "{name}");
            assert_eq!(by_table(name, ""), Kind::Wrapper, "{name}");
        }
        for name in ["adieu", "my_init", "systemd", "init"] {
            assert!(is_init(name), "{name}");
            assert_eq!(by_table(name, ""), Kind::Program, "{name}");
        }
        assert!(!is_init("su") && !is_init("sh") && !is_init("init.sh"));
    }
}
