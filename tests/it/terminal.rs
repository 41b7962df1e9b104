//! On a terminal everything works as without adieu: Ctrl-C, Ctrl-Z, `fg`, `bg`, reading, its size,
//! and its end.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::scenario;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Process, Pty, Scratch, adieu, eventually, process, server, status_field, tool,
    tool_or_less,
};
use nix::sys::signal::Signal::{SIGINT, SIGKILL, SIGTERM};
use nix::unistd::Pid;

const INTERRUPT: &str = "\x03";
const SUSPEND: &str = "\x1a";
const QUIT: &str = "\x1c";
const END_OF_FILE: &str = "\x04";

/// adieu as the leader of a session and, where possible, as PID 1 too.
fn ways() -> Vec<Adieu> {
    scenario::ways().into_iter().map(|adieu| adieu.env("SERVER", server())).collect()
}

/// A shell on a terminal, with `$ADIEU` and `$SERVER`.
fn shell(program: impl Into<PathBuf>, args: &[&str]) -> Pty {
    let mut command = Command::new(program.into());
    command.args(args).env("ADIEU", adieu()).env("SERVER", server());
    // Neither what a user's shell reads first, nor a prompt that looks like what is waited for.
    command
        .env_remove("ENV")
        .env_remove("PROMPT_COMMAND")
        .env("PS1", "> ")
        .env("HISTFILE", "/dev/null");
    Pty::spawn(command)
}

/// The shells with job control that are here.
fn interactive_shells() -> Vec<Pty> {
    let bash = tool_or_less("bash")
        .map(|bash| shell(bash, &["--norc", "--noprofile", "--noediting", "-i"]));
    let dash = tool_or_less("dash").map(|dash| shell(dash, &["-i"]));
    [bash, dash].into_iter().flatten().collect()
}

/// The one process of that name below the terminal's first.
fn below(pty: &Pty, name: &str) -> Process {
    pty.tree()
        .into_iter()
        .find(|it| it.name == name)
        .unwrap_or_else(|| panic!("no {name}\n{}", pty.text()))
}

fn state(pid: Pid) -> Option<char> {
    process(pid).map(|it| it.state)
}

fn count(pty: &Pty, pattern: &str) -> usize {
    pty.text().matches(pattern).count()
}

/// A shell that has just taken a line is not yet reading the next; one that holds the terminal is.
fn wait_foreground(pty: &Pty, group: Pid) {
    eventually("the terminal is in the right hands", || pty.foreground() == group);
}

// --- Ctrl-C, and reading -------------------------------------------------------------------------

/// Promise (Running): the program has a process group of its own, and the terminal
fn ctrl_c_reaches_the_program_once_and_adieu_exits_with_its_status() {
    for adieu in ways() {
        let mut pty =
            adieu.args(["--", "sh", "-c", "exec \"$SERVER\" --work 300ms --exit 9"]).start_on_pty();
        pty.wait_text("server ready\n");
        assert_eq!(pty.foreground(), below(&pty, "server").pid);
        pty.type_keys(INTERRUPT);
        pty.wait_text("server got INT\n");
        pty.wait_text("server done\n");
        assert_eq!(pty.exit(), 9);
        assert_eq!(count(&pty, " got "), 1, "{}", pty.text());
    }
}

fn ctrl_c_and_ctrl_backslash_end_a_program_without_handlers() {
    for (keys, status) in [(INTERRUPT, 130), (QUIT, 131)] {
        for adieu in ways() {
            let mut pty = adieu.arg("ulimit -c 0; exec \"$SERVER\" --on none").start_on_pty();
            pty.wait_text("server ready\n");
            pty.type_keys(keys);
            assert_eq!(pty.exit(), status);
        }
    }
}

fn ctrl_c_under_a_shell_string_reaches_all_of_it_once() {
    for adieu in ways() {
        let mut pty = adieu
            .arg("\"$SERVER\" --name a --work 200ms | \"$SERVER\" --name b --work 100ms >&2")
            .start_on_pty();
        pty.wait_text("b ready\n");
        // That of the first goes into the pipe.
        let handles_int = |pid| {
            let caught = status_field(pid, "SigCgt").unwrap_or_default();
            u64::from_str_radix(&caught, 16).is_ok_and(|set| set & 1 << (SIGINT as i32 - 1) != 0)
        };
        let ready = || {
            let tree = pty.tree();
            tree.iter().filter(|it| it.name == "server" && handles_int(it.pid)).count() == 2
        };
        eventually("both servers handle INT", ready);
        pty.type_keys(INTERRUPT);
        pty.wait_text("b got INT\n");
        pty.exit();
        assert_eq!(count(&pty, "b got"), 1, "{}", pty.text());
        assert_eq!(count(&pty, "b done"), 1, "{}", pty.text());
    }
}

/// Promise (Running): the program has a process group of its own, and the terminal
fn what_is_typed_reaches_the_program() {
    for string in ["cat", "cat; exit", "cat | cat"] {
        for adieu in ways() {
            let mut pty = adieu.arg(string).start_on_pty();
            pty.type_keys("one\n");
            // The terminal's echo, then what cat makes of it.
            pty.wait_text("one\none\n");
            pty.type_keys("two\n");
            pty.wait_text("two\ntwo\n");
            pty.type_keys(END_OF_FILE);
            assert_eq!(pty.exit(), 0, "{string}");
        }
    }
    for adieu in ways() {
        let mut pty = adieu
            .arg("echo ready; read -r word; echo \"<$word>\"; test -t 0 && test -t 1 && exit 5")
            .start_on_pty();
        pty.wait_text("ready\n");
        pty.type_keys("a word\n");
        pty.wait_text("<a word>\n");
        assert_eq!(pty.exit(), 5);
    }
}

// --- Back to the shell ---------------------------------------------------------------------------

/// Promise (Running): the program has a process group of its own, and the terminal
fn a_script_reads_from_the_terminal_after_adieu() {
    for (command, keys) in [
        ("\"$ADIEU\" true", ""),
        ("\"$ADIEU\" 'exit 3'", ""),
        ("\"$ADIEU\" ./no-such-program", ""),
        ("\"$ADIEU\" -t parsec true", ""),
        ("\"$ADIEU\" \"$SERVER\" --work 0s", INTERRUPT),
        ("\"$ADIEU\" '\"$SERVER\" --work 0s & \"$SERVER\" --work 0s'", INTERRUPT),
        ("\"$ADIEU\" \"$ADIEU\" -- \"$SERVER\" --work 0s", INTERRUPT),
    ] {
        // The trap keeps the script from its own Ctrl-C.
        let script =
            format!("trap : INT; {command}; echo back; read -r word; echo \"<$word>\"; exit 4");
        let mut pty = shell("/bin/sh", &["-c", &script]);
        for _ in command.matches("$SERVER") {
            pty.wait_text("server ready\n");
        }
        pty.type_keys(keys);
        pty.wait_text("back\n");
        assert_eq!(pty.foreground(), pty.pid(), "{command}");
        pty.type_keys("typed\n");
        pty.wait_text("<typed>\n");
        assert_eq!(pty.exit(), 4, "{command}");
    }
}

fn a_script_reads_from_the_terminal_after_an_adieu_that_could_start_nothing() {
    let script =
        "\"$ADIEU\" -- ./no-such-program; echo back; read -r word; echo \"<$word>\"; exit 4";
    let mut pty = shell("/bin/sh", &["-c", script]);
    pty.wait_text("back\n");
    assert_eq!(pty.foreground(), pty.pid());
    pty.type_keys("typed\n");
    pty.wait_text("<typed>\n");
    assert_eq!(pty.exit(), 4);
}

fn the_terminal_is_back_while_adieu_still_waits_for_what_was_left() {
    // The main process ends, a server that it left behind works on; adieu's own group holds the
    // terminal then.
    for adieu in ways() {
        let mut pty = adieu.arg("\"$SERVER\" --work 400ms & sleep 0.1; echo left").start_on_pty();
        let own = pty.pid();
        pty.wait_text("server got TERM\n");
        wait_foreground(&pty, own);
        pty.wait_text("server done\n");
        assert_eq!(pty.exit(), 0);
    }
}

// --- Job control ---------------------------------------------------------------------------------

/// Promise (Running): the program has a process group of its own, and the terminal
fn ctrl_z_stops_the_job_and_fg_continues_it() {
    for words in [
        "\"$ADIEU\" \"$SERVER\" --exit 9 --work 100ms",
        // Without its trap the shell would die of the Ctrl-C, as without adieu.
        "\"$ADIEU\" 'trap : INT; \"$SERVER\" --exit 9 --work 100ms; exit'",
    ] {
        for mut pty in interactive_shells() {
            let own = pty.pid();
            pty.type_keys(&format!("{words}\n"));
            pty.wait_text("server ready\n");
            let server = below(&pty, "server");
            for _ in 0..2 {
                wait_foreground(&pty, server.group);
                pty.type_keys(SUSPEND);
                wait_foreground(&pty, own);
                let job = [server.pid, below(&pty, "adieu").pid];
                eventually("all of the job is stopped", || {
                    job.iter().all(|pid| state(*pid) == Some('T'))
                });
                pty.type_keys("fg\n");
                wait_foreground(&pty, server.group);
                eventually("the server goes on", || state(server.pid) == Some('S'));
            }
            pty.type_keys(INTERRUPT);
            pty.wait_text("server got INT\n");
            pty.wait_text("server done\n");
            pty.type_keys("echo status-$?\n");
            pty.wait_text("status-9\n");
            pty.type_keys("exit 0\n");
            assert_eq!(pty.exit(), 0);
            assert_eq!(count(&pty, " got "), 1, "{}", pty.text());
        }
    }
}

/// Promise (Running): the program has a process group of its own, and the terminal
fn bg_continues_a_stopped_job_without_the_terminal() {
    for mut pty in interactive_shells() {
        let own = pty.pid();
        pty.type_keys("\"$ADIEU\" \"$SERVER\" --work 0s\n");
        pty.wait_text("server ready\n");
        let server = below(&pty, "server").pid;
        pty.type_keys(SUSPEND);
        wait_foreground(&pty, own);
        pty.type_keys("bg\n");
        eventually("the server goes on", || state(server) == Some('S'));
        pty.type_keys("echo here-$((40 + 2))\n");
        pty.wait_text("here-42\n");
        assert_eq!(pty.foreground(), own);
        pty.type_keys("kill %1\n");
        pty.wait_text("server got TERM\n");
        pty.wait_text("server done\n");
        pty.type_keys("wait; exit 6\n");
        assert_eq!(pty.exit(), 6);
    }
}

/// Promise (Running): the program has a process group of its own, and the terminal
fn adieu_in_the_background_does_not_take_the_terminal_and_fg_makes_ctrl_c_work() {
    for mut pty in interactive_shells() {
        let own = pty.pid();
        pty.type_keys("\"$ADIEU\" \"$SERVER\" --work 0s &\n");
        pty.wait_text("server ready\n");
        let server = below(&pty, "server");
        assert_eq!(pty.foreground(), own);
        pty.type_keys(INTERRUPT);
        // Ctrl-C clears the input of the shell: the test may type again only after the next prompt.
        pty.wait_text("^C");
        pty.wait_text("\n> ");
        pty.type_keys("echo here-$((40 + 2))\n");
        pty.wait_text("here-42\n");
        eventually("the server runs on", || state(server.pid) == Some('S'));
        pty.type_keys("fg\n");
        eventually("the job has the terminal", || pty.foreground() != own);
        pty.type_keys(INTERRUPT);
        pty.wait_text("server got INT\n");
        pty.wait_text("server done\n");
        pty.type_keys("exit 6\n");
        assert_eq!(pty.exit(), 6);
    }
}

fn a_background_program_that_reads_is_stopped_until_it_is_in_the_foreground() {
    for mut pty in interactive_shells() {
        pty.type_keys("\"$ADIEU\" cat &\n");
        eventually("cat wants to read and is stopped, and its job with it", || {
            let tree = pty.tree();
            ["adieu", "cat"]
                .iter()
                .all(|name| tree.iter().any(|it| it.name == *name && it.state == 'T'))
        });
        let cat = below(&pty, "cat");
        assert_eq!(pty.foreground(), pty.pid());
        pty.type_keys("fg\n");
        wait_foreground(&pty, cat.group);
        pty.type_keys("one\n");
        pty.wait_text("one\none\n");
        pty.type_keys(END_OF_FILE);
        pty.type_keys("exit 6\n");
        assert_eq!(pty.exit(), 6);
    }
}

fn a_program_started_in_the_background_reads_once_it_is_in_the_foreground() {
    let scratch = Scratch::new();
    for (number, mut pty) in interactive_shells().into_iter().enumerate() {
        let own = pty.pid();
        let go = scratch.join(number.to_string());
        // `fg` does not continue a job that runs: adieu gets no signal when it has the terminal.
        let script = format!(
            "until test -e {}; do sleep 0.02; done; read -r word; echo \"<$word>\"",
            go.display()
        );
        pty.type_keys(&format!("\"$ADIEU\" '{script}' &\n"));
        eventually("the script runs", || pty.tree().iter().any(|it| it.name == "sleep"));
        wait_foreground(&pty, own);
        pty.type_keys("fg\n");
        eventually("the job has the terminal", || pty.foreground() != own);
        fs::write(&go, "").unwrap();
        pty.type_keys("typed\n");
        pty.wait_text("<typed>\n");
        pty.type_keys("exit 6\n");
        assert_eq!(pty.exit(), 6);
    }
}

/// Promise (Running): the program has a process group of its own, and the terminal
fn ctrl_z_stops_no_container() {
    for string in ["\"$SERVER\" --work 0s --exit 9", "\"$SERVER\" --work 0s --exit 9 | cat; exit 9"]
    {
        for adieu in ways() {
            let mut pty = adieu.args(["-t", "20s", string]).start_on_pty();
            pty.wait_text("server ready\n");
            let server = below(&pty, "server");
            for _ in 0..3 {
                pty.type_keys(SUSPEND);
                // The key also throws away what was printed and not yet read: from here on nothing
                // is.
                pty.wait_text("^Z");
            }
            // No process could ever continue it.
            eventually("the server goes on", || state(server.pid) == Some('S'));
            assert_eq!(pty.foreground(), server.group);
            pty.signal(SIGTERM);
            pty.wait_text("server got TERM\n");
            pty.wait_text("server done\n");
            assert_eq!(pty.exit(), 9, "{}", pty.text());
        }
    }
}

// --- Its size, and its end -----------------------------------------------------------------------

/// Promise (Running): the program has a process group of its own, and the terminal
fn a_change_of_the_windows_size_reaches_the_program() {
    for adieu in ways() {
        let mut pty = adieu.arg("\"$SERVER\" --print WINCH --work 0s && stty size").start_on_pty();
        pty.wait_text("server ready\n");
        pty.resize(31, 97);
        pty.wait_text("server saw WINCH\n");
        pty.signal(SIGTERM);
        pty.wait_text("31 97\n");
        assert_eq!(count(&pty, "saw WINCH"), 1, "{}", pty.text());
        assert_eq!(pty.exit(), 0);
    }
}

/// The terminal of script(1), which closes when script(1) is killed. The program prints elsewhere.
/// Promise (Running): the program has a process group of its own, and the terminal
fn the_end_of_the_terminal_stops_the_program() {
    tool("script");
    for (words, last) in [
        ("exec \"$ADIEU\" \"$SERVER\" --on HUP,TERM --work 100ms >&3", "server got HUP"),
        // adieu is not the leader here, and the shell that is passes the hang-up on to its jobs, or
        // leaves.
        ("\"$ADIEU\" \"$SERVER\" --on HUP,TERM --work 100ms >&3; :", "server got HUP"),
        ("exec \"$ADIEU\" '\"$SERVER\" --on HUP --work 100ms; :' >&3", "server got HUP"),
        ("exec \"$ADIEU\" \"$SERVER\" --on none >&3", "server ready"),
    ] {
        let start = "exec 3>&1; exec script -qc \"$0\" /dev/null >/dev/null";
        let words = format!("exec 2>&3; {words}");
        let running = Adieu::new()
            .as_child()
            .program("/bin/sh")
            .env("ADIEU", adieu())
            .env("SERVER", server());
        let running = running.env("SHELL", "/bin/sh").args(["-c", start, &words]).start();
        running.wait_line("server ready");
        running.signal(SIGKILL);
        // Its outputs end with the last process that has them, adieu or the server.
        let finished = running.expect_exit(137);
        assert_eq!(
            finished.out.iter().rfind(|line| *line != "server done"),
            Some(&last.to_owned()),
            "{words}\n{finished}"
        );
        assert!(
            last == "server ready" || finished.count("server done") == 1,
            "{words}\n{finished}"
        );
    }
}

/// Where the processors are busy, the kernel may lose what a program writes to its terminal just
/// after a Ctrl-C.
pub(crate) const ALONE: &[Test] = tests![
    ctrl_c_reaches_the_program_once_and_adieu_exits_with_its_status,
    ctrl_c_and_ctrl_backslash_end_a_program_without_handlers,
    ctrl_c_under_a_shell_string_reaches_all_of_it_once,
    what_is_typed_reaches_the_program,
    a_script_reads_from_the_terminal_after_adieu,
    a_script_reads_from_the_terminal_after_an_adieu_that_could_start_nothing,
    the_terminal_is_back_while_adieu_still_waits_for_what_was_left,
    ctrl_z_stops_the_job_and_fg_continues_it,
    bg_continues_a_stopped_job_without_the_terminal,
    adieu_in_the_background_does_not_take_the_terminal_and_fg_makes_ctrl_c_work,
    a_background_program_that_reads_is_stopped_until_it_is_in_the_foreground,
    a_program_started_in_the_background_reads_once_it_is_in_the_foreground,
    ctrl_z_stops_no_container,
    a_change_of_the_windows_size_reaches_the_program,
    the_end_of_the_terminal_stops_the_program
];
