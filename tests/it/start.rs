//! The command line and the start: what adieu runs, with which settings, and what it prints where
//! it cannot start anything.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Scratch, adieu, eventually, pid_namespace, pid_namespace_or_less, process,
    server, tool, tool_or_less,
};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;

/// adieu as an ordinary child, with `$ADIEU` and `$SERVER` for scripts.
fn child() -> Adieu {
    Adieu::new().as_child().env("ADIEU", adieu()).env("SERVER", server())
}

fn run<A: Into<OsString>>(words: impl IntoIterator<Item = A>) -> Finished {
    child().args(words).start().finish()
}

/// The shell that adieu runs, without adieu.
fn shell(script: &str) -> Adieu {
    child().program("/bin/sh").args(["-c", script])
}

/// A directory with `server` in it, and a `PATH` that begins with it: for strings without shell
/// syntax.
fn path_with_server() -> (Scratch, OsString) {
    let scratch = Scratch::new();
    symlink(server(), scratch.join("server")).unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let path =
        env::join_paths([scratch.path().to_owned()].into_iter().chain(env::split_paths(&path)));
    (scratch, path.unwrap())
}

/// An executable file with exactly this text. Another process writes it: a child that another test
/// forks meanwhile would have it open for writing.
fn executable(scratch: &Scratch, name: &str, bytes: &[u8]) {
    let mut writer = shell("cat > \"$0\" && chmod 755 \"$0\"")
        .arg(scratch.join(name))
        .stdin(Stdio::piped())
        .start();
    std::io::Write::write_all(&mut writer.stdin(), bytes).unwrap();
    writer.expect_exit(0);
}

fn assert_says(finished: &Finished, parts: &[&str]) {
    let said = finished.err.join("\n");
    for part in parts {
        assert!(said.contains(part), "stderr lacks {part:?}\n{finished}");
    }
}

// --- What is run ---------------------------------------------------------------------------------

/// Promise (The command): one word is a shell string; `-c`, `--`, and two or more words
fn one_word_is_a_shell_string() {
    assert_eq!(run(["echo \"$0\"; echo two"]).out, ["/bin/sh", "two"]);
    assert_eq!(run(["-q", "cd / && pwd"]).out, ["/"]);
}

/// Promise (The command): one word is a shell string; `-c`, `--`, and two or more words
fn dash_c_takes_a_string_and_its_arguments_as_sh_does() {
    let words = ["-c", "printf '[%s]\\n' \"$0\" \"$@\"", "name", "a b", "--timeout", "--", "-v"];
    assert_eq!(run(words).out, ["[name]", "[a b]", "[--timeout]", "[--]", "[-v]"]);
    assert_eq!(run(["-c", "echo \"$0 $#\""]).out, ["/bin/sh 0"]);
    assert_eq!(run(["-qc", "echo \"$0 $#\"", "name"]).out, ["name 0"]);
}

/// Promise (The command): one word is a shell string; `-c`, `--`, and two or more words
fn after_two_dashes_and_with_two_words_no_shell_runs() {
    for words in [
        &["--", "printf", "<%s>\\n", "a  b", "$HOME;", "-v", ""][..],
        &["printf", "<%s>\\n", "a  b", "$HOME;", "-v", ""],
    ] {
        assert_eq!(run(words).out, ["<a  b>", "<$HOME;>", "<-v>", "<>"]);
    }
    let scratch = Scratch::new();
    scratch.script("my server", "echo \"it runs with $# arguments\"");
    let finished =
        child().current_dir(scratch.path()).args(["--", "./my server"]).start().expect_exit(0);
    assert_eq!(finished.out, ["it runs with 0 arguments"]);
}

/// Promise (The command): one word is a shell string; `-c`, `--`, and two or more words
fn options_end_at_the_first_word_that_is_none() {
    assert_eq!(run(["sh", "-c", "echo \"$0 $1\"", "-v", "--help"]).out, ["-v --help"]);
    assert_eq!(run(["-t", "1h", "echo", "-t", "x", "--", "--version"]).out, ["-t x -- --version"]);
    assert_eq!(run(["-v", "--", "printf", "%s\n", "--version"]).out, ["--version"]);
    assert_eq!(run(["--", "printf", "%s\n", "--", "-x"]).out, ["--", "-x"]);
}

/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn plain_words_run_without_a_shell_and_shell_syntax_with_one() {
    let (_scratch, path) = path_with_server();
    for (string, names) in [
        ("server --work 0s --name 'a b'", &["server"][..]),
        ("  \"server\" --work=0s\t--name \"a b\"  ", &["server"]),
        ("server --work 0s --name 'a b'; exit 3", &["sh", "server"]),
        ("cd / && server --work 0s --name 'a b' || exit", &["sh", "server"]),
        ("X=1; server --work 0s --name 'a b'; :", &["sh", "server"]),
    ] {
        // The option's two ways differ for the server, not for adieu.
        let string = string.replace("--work=0s", "--work 0s");
        let running = child().env("PATH", &path).arg(&string).start();
        running.wait_line("a b ready");
        let tree: Vec<_> = running.tree().into_iter().map(|it| it.name).collect();
        assert_eq!(tree, names, "{string}");
        running.signal(SIGTERM);
        running.finish().assert_order(["a b ready", "a b got TERM", "a b done"]);
    }
}

/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn a_missing_program_in_a_string_gets_the_shells_own_answer() {
    for string in ["no-such-program --port 80", "./no/such/file", "no-such-program; exit", "/ x"] {
        let (by_adieu, by_shell) = (run([string]), shell(string).start().finish());
        assert_eq!((by_adieu.code, &by_adieu.err), (by_shell.code, &by_shell.err), "{string}");
        assert!(!by_adieu.err.is_empty(), "{string}: silent");
    }
    run(["no-such-program --port 80"]).assert_no("adieu");
    assert_eq!(run(["no-such-program --port 80"]).code, 127);
}

/// Promise (The command): a script without `#!` runs; a string that is empty or unterminated gets
/// an error
fn a_script_without_a_first_line_runs_as_a_shell_would_run_it() {
    let scratch = Scratch::new();
    executable(&scratch, "own-script", b"echo \"$0 $# $2\"\nexit 6\n");
    executable(&scratch, "empty", b"");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(env::split_paths(&path).chain([scratch.path().to_owned()])).unwrap();
    let at =
        |words: &[&str]| child().current_dir(scratch.path()).env("PATH", &path).args(words).start();
    assert_eq!(at(&["--", "./own-script", "a", "b c"]).expect_exit(6).out, ["./own-script 2 b c"]);
    assert_eq!(at(&["./own-script a 'b c'"]).expect_exit(6).out, ["./own-script 2 b c"]);
    let found = at(&["--", "own-script", "a", "b c"]).expect_exit(6);
    assert_eq!(found.out, [format!("{} 2 b c", scratch.join("own-script").display())]);
    at(&["--", "./empty"]).expect_exit(0);
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn what_cannot_be_executed_is_126_and_what_is_not_there_127_each_with_its_reason() {
    let scratch = Scratch::new();
    executable(&scratch, "garbage", b"\x7fELF\x02\x01\x01\0\0\0no program");
    executable(&scratch, "binary", b"MZ\0\x01\x02\x03");
    executable(&scratch, "cut-off", b"\x7fELF\x02\x01\x01");
    executable(&scratch, "orphaned", b"#!/no/such/interpreter\necho no\n");
    fs::write(scratch.join("text"), "echo no\n").unwrap();
    fs::create_dir(scratch.join("directory")).unwrap();
    for (program, code, parts) in [
        ("./garbage", 126, &["./garbage", "another architecture"][..]),
        ("./binary", 126, &["./binary"]),
        ("./cut-off", 126, &["./cut-off", "cut off when it was copied"]),
        ("./text", 126, &["./text", "permission denied", "chmod +x"]),
        ("./directory", 126, &["./directory", "directory"]),
        ("./text/below", 127, &["./text/below", "no such file"]),
        ("./missing", 127, &["./missing", "no such file"]),
        ("missing-program", 127, &["missing-program: no such program in PATH;", " (PATH is /"]),
        ("./orphaned", 127, &["./orphaned", "names the interpreter /no/such/interpreter, which"]),
    ] {
        let finished = child()
            .current_dir(scratch.path())
            .args(["--", program, "x"])
            .start()
            .expect_exit(code);
        assert_says(&finished, parts);
        assert!(finished.out.is_empty() && finished.err.len() == 1, "{finished}");
        assert!(finished.err[0].starts_with("adieu: "), "{finished}");
    }
}

/// Promise (The command): a script with a bad first line or with the line ends of Windows gets the
/// same error as a string, through a shell, and behind `--`
fn a_script_with_a_bad_first_line_has_the_same_error_in_every_form() {
    let scratch = Scratch::new();
    executable(&scratch, "windows", b"#!/bin/sh\r\necho no\r\n");
    executable(&scratch, "by-env", b"#!/usr/bin/env sh\r\necho no\r\n");
    executable(&scratch, "orphaned", b"#! /no/such/interpreter -x\necho no\n");
    executable(&scratch, "right", b"#!/bin/sh\necho no\nexit 127\n");
    executable(&scratch, "cut-off", b"\x7fELF\x02");
    let here = scratch.path().display();
    for (name, part) in [
        ("windows", "carriage return"),
        ("by-env", "carriage return"),
        ("orphaned", "names the interpreter /no/such/interpreter, which is not there"),
    ] {
        for words in [
            &["--", &*format!("./{name}")][..],
            &["--", &format!("./{name}"), "x"],
            &[&format!("./{name} --port 80")],
            &[&format!("cd {here} && ./{name}")],
            &["-c", &format!("exec ./{name}; :")],
        ] {
            let finished = child().current_dir(scratch.path()).args(words).start().expect_exit(127);
            assert_says(&finished, &["adieu: cannot run ", name, part]);
            assert!(finished.out.is_empty(), "{finished}");
        }
    }
    for string in ["./right", "./right; exit 127", "exit 127", "./no/such/file"] {
        run([string]).assert_no("adieu");
    }
    for words in [&["--", "./cut-off"][..], &["./cut-off"], &["./cut-off", "x"]] {
        let finished = child().current_dir(scratch.path()).args(words).start().expect_exit(126);
        assert_says(&finished, &["cannot run ./cut-off: no program that this machine can execute"]);
    }
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn a_string_in_the_place_of_a_program_has_an_error_of_its_own() {
    let string = "a shell string is one argument, in quotes and without -- before it: \
        adieu 'cd /app && ./server'";
    for (words, shown) in [
        (&["--", "cd /x && ./y"][..], "cannot run cd /x && ./y: no such file"),
        (&["--", "no-such --port 80"], "cannot run no-such --port 80: no such program in PATH"),
        (&["source", "./x"], "cannot run source: no such program in PATH"),
        (&["A=1", "./x"], "cannot run A=1: no such program in PATH"),
    ] {
        assert_says(&child().args(words).start().expect_exit(127), &[shown, string]);
    }
    run(["--", "no-such", "a b"]).assert_no("quotes");
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn without_a_shell_a_missing_program_of_a_string_is_named() {
    let empty = Scratch::new();
    executable(&empty, "text", b"");
    fs::set_permissions(empty.join("text"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(install(adieu(), "022", empty.path()).code, 0);
    let unshare = tool("unshare");
    let within = |string: &str| {
        let map = (!support::is_root()).then_some("--map-root-user");
        let jail =
            child().program(&unshare).args(map).arg("--root").arg(empty.path()).env("PATH", "/bin");
        jail.args(["/adieu", string]).start().finish()
    };
    let missing = within("servr --x");
    assert_says(
        &missing,
        &[
            "no shell here (/bin/sh)",
            "cannot run servr: no such program in PATH;",
            "(PATH is /bin)",
        ],
    );
    assert_says(
        &within("./servr --x"),
        &["cannot run ./servr: no such file", "no shell here (/bin/sh)"],
    );
    assert_eq!((missing.code, missing.err.len()), (127, 1), "{missing}");
    let refused = within("/text");
    assert_says(&refused, &["cannot run /text: permission denied"]);
    assert_eq!(refused.code, 126, "{refused}");
    assert_says(&within("cd /app && ./x"), &["cannot run /bin/sh", "adieu -- PROGRAM ARG"]);
}

fn a_directory_of_path_without_the_program_or_the_right_to_run_it_is_skipped() {
    let scratch = Scratch::new();
    for directory in ["refused", "right"] {
        fs::create_dir(scratch.join(directory)).unwrap();
    }
    fs::write(scratch.join("refused/program"), "").unwrap();
    support::script(&scratch.join("right"), "program", "echo right");
    let path = ["missing", "refused", "right"].map(|directory| scratch.join(directory));
    let with_path = |path: &[std::path::PathBuf]| {
        child().env("PATH", env::join_paths(path).unwrap()).args(["--", "program"]).start()
    };
    assert_eq!(with_path(&path).expect_exit(0).out, ["right"]);
    assert_says(&with_path(&path[..2]).expect_exit(126), &["refused/program", "permission denied"]);
    assert_says(&with_path(&path[..1]).expect_exit(127), &["program", "missing"]);
}

/// Promise (The command): a script without `#!` runs; a string that is empty or unterminated gets
/// an error
fn an_empty_or_unterminated_string_never_ends_silently() {
    for words in
        [&[""][..], &[" \t\n"], &["-c", ""], &["-c", "  ", "name"], &["--", ""], &["-v", ""]]
    {
        let finished = run(words);
        assert_eq!(finished.code, 125, "{words:?}\n{finished}");
        assert_says(&finished, &["empty", "write for example adieu '"]);
    }
    for string in ["echo 'a", "echo \"a", "echo $(", "(", "a &&"] {
        let (by_adieu, by_shell) = (run([string]), shell(string).start().finish());
        assert_eq!((by_adieu.code, &by_adieu.err), (by_shell.code, &by_shell.err), "{string}");
        assert!(by_adieu.code != 0 && !by_adieu.err.is_empty(), "{string}\n{by_adieu}");
    }
}

// --- Every option, and its variable --------------------------------------------------------------

/// Promise (The command): every option and its variable works
fn shell_chooses_the_shell_by_option_and_by_variable() {
    let pipefail = "false | true; echo survived";
    if tool_or_less("bash").is_some() {
        for strict in [
            child().args(["--shell", "bash -eo pipefail -c"]),
            child().env("ADIEU_SHELL", "bash -eo 'pipefail' -c"),
        ] {
            strict.arg(pipefail).start().expect_exit(1).assert_no("survived");
        }
    }
    // A chosen shell gets plain words too: it may know them as something else.
    let scratch = Scratch::new();
    scratch.script("own shell", "printf '<%s>\\n' \"$@\"");
    let own = || child().current_dir(scratch.path()).env("ADIEU_SHELL", "no-such-shell -c");
    let chosen = own().args(["--shell", "'./own shell' -x", "echo plain"]).start().expect_exit(0);
    assert_eq!(chosen.out, ["<-x>", "<echo plain>"]);
    let with_arguments =
        own().args(["--shell", "'./own shell'", "-c", "a;", "b"]).start().expect_exit(0);
    assert_eq!(with_arguments.out, ["<a;>", "<b>"]);
    // No shell is asked for a program.
    own().args(["--", "true"]).start().expect_exit(0);
    assert_says(&own().arg("true").start().expect_exit(127), &["no-such-shell"]);
}

/// Promise (The command): every option and its variable works
fn timeout_kills_by_option_and_by_variable_and_the_option_wins() {
    for with_timeout in [
        child().args(["-t", "300ms"]),
        child().args(["--timeout=300ms"]),
        child().env("ADIEU_TIMEOUT", "300ms"),
        child().env("ADIEU_TIMEOUT", "1h").args(["--timeout", "300ms"]),
    ] {
        let running = with_timeout.args(["--", "sh", "-c", "exec \"$SERVER\" --never"]).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(137);
        finished.assert_order(["server ready", "server got TERM"]);
        assert_says(&finished, &["timeout", "server ("]);
        assert!(finished.took >= Duration::from_millis(300), "{finished}");
    }
}

/// Promise (The command): every option and its variable works
fn an_empty_variable_and_none_are_no_timeout() {
    for without in
        [child().env("ADIEU_TIMEOUT", ""), child().env("ADIEU_TIMEOUT", "1ms").args(["-t", "none"])]
    {
        let running = without.args(["\"$SERVER\" --work 100ms; exit 5"]).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running.expect_exit(5).assert_order(["server ready", "server got TERM", "server done"]);
    }
}

/// Promise (The command): every option and its variable works
fn epilogue_is_as_long_as_option_or_variable_say() {
    for long in [child().args(["--epilogue", "1h"]), child().env("ADIEU_EPILOGUE", "1h")] {
        let running = long.arg("\"$SERVER\" --work 0s; sleep 1.5; echo finished").start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running.expect_exit(0).assert_order(["server done", "finished"]);
    }
    for none in [child().args(["--epilogue", "0s"]), child().env("ADIEU_EPILOGUE", "0s")] {
        let running = none.arg("\"$SERVER\" --work 0s; sleep 1h; echo finished").start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running.expect_exit(143).assert_order(["server done"]).assert_no("finished");
    }
}

/// Promise (The command): every option and its variable works
fn deliver_group_signals_the_reader_of_a_pipe_at_once_by_option_variable_and_tinis_g() {
    for (adieu, lost) in [
        (child(), false),
        (child().args(["--deliver", "programs"]).env("ADIEU_DELIVER", "group"), false),
        (child().args(["--deliver", "group"]), true),
        (child().arg("-g"), true),
        (child().env("ADIEU_DELIVER", "group"), true),
    ] {
        let running = adieu.arg("\"$SERVER\" --work 400ms | cat").start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        let finished = running.finish();
        let lines_lost = finished.err.iter().any(|line| line == "server lost: server done");
        assert_eq!(lines_lost, lost, "{finished}");
    }
}

/// Promise (The command): every option and its variable works
fn deliver_child_signals_the_main_program_first_by_option_and_by_variable() {
    for (adieu, proxy_first) in [
        (child(), true),
        (child().args(["--deliver", "child"]), false),
        (child().env("ADIEU_DELIVER", "child"), false),
    ] {
        let running = adieu
            .arg("\"$SERVER\" --name proxy --work 0s & \"$SERVER\" --work 400ms; exit 4")
            .start();
        running.wait_lines(2, "ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(4);
        let order = if proxy_first {
            ["proxy got TERM", "server done"]
        } else {
            ["server done", "proxy got TERM"]
        };
        finished.assert_order(order);
    }
}

/// Promise (The command): every option and its variable works
fn rewrite_and_stop_on_change_what_is_delivered_and_what_stops() {
    for rewriting in [
        child().args(["-r", "TERM=QUIT"]),
        child().args(["--rewrite", "15:3"]),
        child().args(["--rewrite=SIGTERM=sigquit", "-r", "INT=0"]),
        child().args(["-r", "INT=QUIT,TERM=QUIT"]),
        child().env("ADIEU_REWRITE", "TERM=QUIT,INT=0"),
        child().env("ADIEU_REWRITE", "TERM=0").args(["-r", "TERM=QUIT"]),
    ] {
        let running = rewriting.args(["sh", "-c", "exec \"$SERVER\" --work 0s --on QUIT"]).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running.expect_exit(0).assert_order(["server ready", "server got QUIT", "server done"]);
    }
    for stopping in [child().args(["--stop-on", "USR1"]), child().env("ADIEU_STOP_ON", "USR1,USR2")]
    {
        let script = "exec \"$SERVER\" --work 0s --on USR1";
        let running = stopping.args(["-r", "TERM=0", "sh", "-c", script]).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running.signal(SIGUSR1);
        running
            .expect_exit(0)
            .assert_order(["server ready", "server got USR1", "server done"])
            .assert_no("TERM");
    }
}

/// Promise (The command): every option and its variable works
fn a_wrapper_by_option_and_by_variable_is_shielded_and_its_child_gets_the_signal() {
    let scratch = Scratch::new();
    // It catches the signal, as a program does that believes its child to have got it too.
    let program = format!(
        "#!{}\nimport signal, subprocess, sys\nsignal.signal(signal.SIGTERM, lambda *_: None)\n\
         sys.exit(subprocess.call(sys.argv[1:]))\n",
        tool("python3").display()
    );
    executable(&scratch, "run-and-wait", program.as_bytes());
    let start = |adieu: Adieu| {
        let running =
            adieu.current_dir(scratch.path()).arg("./run-and-wait \"$SERVER\" --exit 4; :").start();
        running.wait_line("server ready");
        let explained = child().arg("--explain").arg(running.pid().to_string()).start().finish();
        running.signal(SIGTERM);
        (running, explained.out.join("\n"))
    };
    for adieu in [
        child().args(["--wrapper", "run-and-wait"]),
        child().args(["--wrapper", "other,run-and-wait"]),
        child().args(["--wrapper=run-and-wait", "--wrapper", "other"]),
        child().env("ADIEU_WRAPPERS", "other,run-and-wait"),
    ] {
        let (running, explained) = start(adieu.arg("-v"));
        assert!(explained.contains("wait for server"), "{explained}");
        let finished = running.expect_exit(0);
        finished.assert_order(["server ready", "server got TERM", "server done"]);
        let signalled = |line: &&String| line.contains(" SIGTERM to ");
        let signalled: Vec<_> = finished.err.iter().filter(signalled).collect();
        assert!(signalled.len() == 1 && signalled[0].contains(" to server ("), "{finished}");
    }
    // Without it, the program counts as one that sees to its child by itself.
    let (running, explained) = start(child().args(["-v", "-t", "500ms"]));
    assert!(!explained.contains("wait for server"), "{explained}");
    let finished = running.finish();
    assert_says(&finished, &["left alone, worker", "timeout after 5"]);
}

/// Promise (The command): every option and its variable works
fn linger_show_args_and_ok_exit_by_option_and_by_variable() {
    // The main process ends at once, and what it started goes on.
    let daemon = "\"$SERVER\" --name daemon --work 0s & exit 3";
    for adieu in [child().arg("--linger"), child().env("ADIEU_LINGER", "1")] {
        let running = adieu.arg(daemon).start();
        running.wait_line("daemon ready");
        running.signal(SIGTERM);
        running.expect_exit(3).assert_order(["daemon got TERM", "daemon done"]);
    }
    for (adieu, shown) in [
        (child().arg("--show-args"), true),
        (child().env("ADIEU_SHOW_ARGS", "yes"), true),
        (child().env("ADIEU_SHOW_ARGS", "0"), false),
    ] {
        let running = adieu.arg("-v").arg("--").arg(server()).args(["--work", "0s"]).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        let shows = finished.err.iter().any(|line| line.contains("--work 0s)"));
        assert_eq!(shows, shown, "{finished}");
    }
    for adieu in [
        child().args(["-e", "7,9"]),
        child().args(["-e", "7", "-e", "9"]),
        child().env("ADIEU_OK_EXIT", "7,9"),
    ] {
        adieu.arg("exit 9").start().expect_exit(0);
    }
    child().env("ADIEU_OK_EXIT", "9").args(["-e", "7"]).arg("exit 9").start().expect_exit(9);
}

/// Promise (The command): what is right as it is written but cannot do what its user wants is a
/// warning at the start, and so is a variable `ADIEU_…` that is not known
fn a_doubtful_setting_is_a_warning_at_the_start_and_the_program_runs() {
    for (adieu, parts) in [
        (
            child().env("ADIEU_TIMOUT", "5s"),
            &["adieu has no variable ADIEU_TIMOUT", "did you mean ADIEU_TIMEOUT?"][..],
        ),
        (child().args(["-r", "TERM=WINCH"]), &["--rewrite 'TERM=WINCH'", "ends no process"]),
        (child().args(["-r", "TERM=KILL"]), &["--rewrite 'TERM=KILL'", "none may finish"]),
        (
            child().args(["-r", "TERM=INT", "-r", "TERM=QUIT"]),
            &["--rewrite 'TERM=QUIT'", "second time"],
        ),
        (child().env("ADIEU_TIMEOUT", "5M"), &["ADIEU_TIMEOUT '5M'", "months", "5m"]),
        (child().env("ADIEU_TIMEOUT", "0"), &["ADIEU_TIMEOUT '0'", "kills", "write none"]),
        (child().args(["--wrapper", "sh"]), &["--wrapper 'sh'", "no effect", "stays a shell"]),
        (child().env("ADIEU_QUIET", "1"), &["no variable ADIEU_QUIET; write ADIEU_LOG=quiet"]),
    ] {
        let finished = adieu.arg("echo runs").start().expect_exit(0);
        assert_says(&finished, parts);
        assert_eq!((finished.out.len(), finished.err.len()), (1, 1), "{finished}");
    }
    for known in ["ADIEU_INJECT", "ADIEU_SHELL"] {
        child().env(known, "").arg("true").start().expect_exit(0).assert_no("adieu");
    }
    child()
        .env("ADIEU_TIMOUT", "5s")
        .arg("-q")
        .arg("true")
        .start()
        .expect_exit(0)
        .assert_no("adieu");
}

/// Promise (The command): every option and its variable works
fn verbose_and_quiet_by_option_and_by_variable() {
    pid_namespace();
    // As PID 1, a HUP without a handler is dropped with a warning.
    for (log, args, expected) in [
        ("", &[][..], "warnings"),
        ("warnings", &[], "warnings"),
        ("quiet", &[], "quiet"),
        ("verbose", &[], "verbose"),
        ("", &["-v"], "verbose"),
        ("quiet", &["-vvv"], "verbose"),
        ("", &["--quiet"], "quiet"),
        ("verbose", &["-q"], "quiet"),
    ] {
        let running = Adieu::new()
            .as_pid1()
            .env("ADIEU_LOG", log)
            .args(args)
            .arg("--")
            .arg(server())
            .args(["--work", "0s", "--print", "USR1"])
            .start();
        running.wait_line("server ready");
        running.signal(SIGHUP);
        // adieu takes signals one by one, in the order of their numbers: the HUP comes before this
        // one.
        running.signal(SIGUSR1);
        running.wait_line("server saw USR1");
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        let warned = finished.err.iter().any(|line| line.contains("SIGHUP dropped"));
        let said = finished.err.iter().any(|line| line.contains("SIGTERM arrived"));
        let timeline =
            finished.err.iter().any(|line| line.contains("server (2)") && line.contains("#"));
        let seen = (warned, said, timeline);
        let expected = match expected {
            "quiet" => (false, false, false),
            "warnings" => (true, false, false),
            _ => (true, true, true),
        };
        assert_eq!(seen, expected, "ADIEU_LOG={log} {args:?}\n{finished}");
        assert!(expected != (false, false, false) || finished.err.is_empty(), "{finished}");
    }
}

/// Promise (The command): every option and its variable works
fn parent_death_stops_the_server_gracefully() {
    for option in [&["-p", "TERM"][..], &["--parent-death=15"]] {
        // The `:` keeps the shell from calling exec; adieu is its child.
        let running =
            shell("\"$ADIEU\" \"$@\" \"$SERVER\" --work 200ms; :").arg("sh").args(option).start();
        running.wait_line("server ready");
        running.signal(SIGKILL);
        running.expect_exit(137).assert_order(["server ready", "server got TERM", "server done"]);
    }
}

fn without_parent_death_adieu_survives_its_parent() {
    let running = shell("\"$ADIEU\" \"$SERVER\" --work 0s; :").start();
    running.wait_line("server ready");
    let adieu = running.process("adieu").pid;
    running.signal(SIGKILL);
    running.wait_end();
    eventually("adieu has another parent", || {
        process(adieu).is_none_or(|it| it.parent != running.pid())
    });
    kill(adieu, SIGTERM).unwrap();
    running.expect_exit(137).assert_order(["server ready", "server got TERM", "server done"]);
}

/// Promise (The command): command lines as tini, Docker, dumb-init and catatonit take them
fn the_ways_in_which_tini_and_docker_are_called_are_accepted() {
    for options in [
        &["--"][..],
        &["-g", "--"],
        &["-s", "--"],
        &["-w", "-s", "-g", "--"],
        &["-v", "--"],
        &["-vvv", "-gsw", "--"],
        &["-e", "143", "-e", "1", "--"],
        &["-e143", "--"],
        &["-p", "SIGTERM", "--"],
        &["-pSIGKILL", "-g", "-w", "--"],
        &["-s"],
    ] {
        let finished = run(options.iter().chain(&["printf", "<%s>\\n", "-g", "a b"]));
        assert_eq!(
            (finished.code, &*finished.out),
            (0, &["<-g>".to_owned(), "<a b>".into()][..]),
            "{options:?}\n{finished}"
        );
    }
    assert_eq!(run(["-e", "143", "-e", "7", "--", "sh", "-c", "exit 7"]).code, 0);
}

/// What other inits list in their own help is accepted, or refused with what to do instead; and the
/// page has it.
/// Promise (The command): command lines as tini, Docker, dumb-init and catatonit take them
fn every_option_of_tini_dumb_init_and_catatonit_is_accepted_or_answered() {
    let page = fs::read_to_string("docs/migrating.md").unwrap();
    let sections: Vec<&str> = page.split("\n## ").collect();
    for (init, help) in [("tini", "-h"), ("dumb-init", "--help"), ("catatonit", "-h")] {
        let Some(program) = tool_or_less(init) else { continue };
        let section = sections.iter().find(|section| section.starts_with(init)).unwrap();
        let listed = child().program(program).arg(help).start().finish();
        let options = listed.lines.iter().filter_map(|line| {
            let line = line.text.trim_start();
            let words = line
                .split([' ', ',', ':', '\t'])
                .filter(|word| word.starts_with('-') && word.len() > 1);
            line.starts_with('-').then(|| words.take(2).map(str::to_owned).collect::<Vec<_>>())
        });
        let options: Vec<String> = options.flatten().filter(|it| it != "--").collect();
        assert!(options.len() > 4, "{listed}");
        for option in options {
            assert!(
                section.contains(&format!("`{option}")),
                "{init} {option} is not in docs/migrating.md"
            );
            let value = match &*option {
                "-p" => Some("TERM"),
                "-e" => Some("1"),
                "-r" | "--rewrite" => Some("15:3"),
                _ => None,
            };
            let words = [Some(&*option), value, Some("--"), Some("true"), Some("x")];
            let finished = run(words.into_iter().flatten());
            match &*option {
                "-c" | "--single-child" => {
                    assert_says(&finished, &["dumb-init's", "adieu --deliver child --"])
                }
                "-P" => assert_says(&finished, &["'-P'", "keep catatonit"]),
                "-l" | "-L" => assert_says(&finished, &["licence"]),
                _ => assert_eq!(finished.code, 0, "{init} {option}: {finished}"),
            }
        }
    }
    assert_eq!(run(["-c", "--", "exit 3"]).code, 3);
}

/// Promise (The command): command lines as tini, Docker, dumb-init and catatonit take them
fn the_version_is_one_line_as_dockerd_parses_it() {
    for words in [&["--version"][..], &["-V"], &["-v", "--version"]] {
        let finished = child().args(words).start().expect_exit(0);
        assert!(finished.err.is_empty() && finished.out.len() == 1, "{finished}");
        // dockerd cuts at " - ", looks for a commit after it, and for a version after this
        // prefix.
        let version = finished.out[0].strip_prefix("tini version ").unwrap();
        assert!(
            version.starts_with(env!("CARGO_PKG_VERSION")) && !version.contains(' '),
            "{version}"
        );
    }
}

/// Promise (The command): every option and its variable works
fn help_goes_to_stdout_and_names_every_variable() {
    let finished = child().arg("--help").start().expect_exit(0);
    assert!(finished.err.is_empty(), "{finished}");
    let help = finished.out.join("\n");
    for variable in [
        "ADIEU_TIMEOUT",
        "ADIEU_EPILOGUE",
        "ADIEU_SHELL",
        "ADIEU_REWRITE",
        "ADIEU_DELIVER",
        "ADIEU_WRAPPERS",
        "ADIEU_STOP_ON",
        "ADIEU_LINGER",
        "ADIEU_OK_EXIT",
        "ADIEU_REPORT",
        "ADIEU_TERMINATION_LOG",
        "ADIEU_SHOW_ARGS",
        "ADIEU_LOG",
    ] {
        assert!(help.contains(variable), "{variable}");
    }
}

// --- Bad usage -----------------------------------------------------------------------------------

/// Promise (The command): a bad value exits with 125 and starts nothing; the error says what was
/// wrong, where, and what to write instead
fn a_bad_value_exits_125_starts_nothing_and_says_where_what_and_what_instead() {
    let scratch = Scratch::new();
    for (words, parts) in [
        (&["--timeout", "5 parsecs"][..], &["--timeout", "'5 parsecs'", "for example '30s'"][..]),
        (&["-t", "5"], &["--timeout", "'5'", "no unit", "for example '5s'"]),
        (&["-t", ""], &["--timeout", "''", "for example '30s'"]),
        (&["-t", "10S"], &["--timeout", "'10S'", "for example '10s'"]),
        (&["--wrapper", "/bin/su"], &["--wrapper", "directory", "for example 'su'"]),
        (&["--epilogue", "none"], &["--epilogue", "'none'", "for example '5s'"]),
        (&["--rewrite", "FOO=1"], &["--rewrite", "'FOO=1'", "'FOO'", "'TERM=QUIT'"]),
        (&["-r", "TERM"], &["--rewrite", "'TERM'", "'TERM=QUIT'"]),
        (&["-r", "KILL=TERM"], &["--rewrite", "'KILL=TERM'", "'TERM=QUIT'"]),
        (&["-r", "TERM=65"], &["--rewrite", "'TERM=65'", "'TERM=QUIT'"]),
        (&["--stop-on", "KILL"], &["--stop-on", "'KILL'", "'TERM'"]),
        (&["--stop-on", "TERM,,INT"], &["--stop-on", "'TERM,,INT'", "'TERM'"]),
        (&["-e", "256"], &["--ok-exit", "'256'", "0 to 255", "'143'"]),
        (&["-e", "x"], &["--ok-exit", "'x'", "'143'"]),
        (&["-p", "FOO"], &["--parent-death", "'FOO'", "'TERM'"]),
        (&["--deliver", "all"], &["--deliver", "'all'", "'programs'"]),
        (&["--shell", "bash 'x"], &["--shell", "'bash 'x'", "'bash -eo pipefail -c'"]),
        (&["--shell", "bash"], &["--shell", "'bash'", "without -c", "for example 'bash -c'"]),
        (&["--shell", " "], &["--shell", "' '", "'bash -eo pipefail -c'"]),
        (&["--timeot", "5s"], &["--timeot", "--timeout"]),
        (&["-x"], &["-x", "--help"]),
        (&["--linger=yes"], &["--linger", "yes"]),
    ] {
        let finished = child()
            .current_dir(scratch.path())
            .args(words)
            .args(["touch", "started"])
            .start()
            .finish();
        assert_refused(&finished, &scratch, parts);
    }
    for (variable, value, example) in [
        ("ADIEU_TIMEOUT", "x", "'30s'"),
        ("ADIEU_TIMEOUT", "30", "'30s'"),
        ("ADIEU_EPILOGUE", "-1s", "'1s'"),
        ("ADIEU_LINGER", "maybe", "'1' or '0'"),
        ("ADIEU_OK_EXIT", "7,x", "'7,143'"),
        ("ADIEU_STOP_ON", "TERM,KILL", "'TERM,INT'"),
        ("ADIEU_REWRITE", "TERM", "'TERM=QUIT'"),
        ("ADIEU_SHELL", "  ", "'bash -eo pipefail -c'"),
        ("ADIEU_SHELL", "/bin/sh -e", "'/bin/sh -e -c'"),
        ("ADIEU_DELIVER", "Group", "'group'"),
        ("ADIEU_LOG", "loud", "'verbose'"),
    ] {
        let bad = child().current_dir(scratch.path()).env(variable, value);
        let finished = bad.args(["--", "touch", "started"]).start().finish();
        assert_refused(
            &finished,
            &scratch,
            &[variable, &format!("'{value}'"), "write for example", example],
        );
    }
    // An option of which the value or the command is missing.
    for words in [&[][..], &["-v"], &["--"], &["-t", "5s"], &["-v", "--"]] {
        assert_refused(
            &run(words),
            &scratch,
            &["no command", "write for example adieu 'cd /app && ./server'"],
        );
    }
    for words in [["-t"], ["-c"], ["--shell"], ["--install"]] {
        assert_refused(&run(words), &scratch, &[words[0]]);
    }
}

/// Promise (The command): a bad value exits with 125 and starts nothing; the error says what was
/// wrong, where, and what to write instead
fn bytes_that_are_no_utf8_are_refused_with_their_place_or_used_as_they_are() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let odd = |text: &[u8]| OsString::from_vec([text, b"\xff\xfe"].concat());
    let scratch = Scratch::new();
    let marker = scratch.join("started");
    let touch = |adieu: Adieu| adieu.args(["--", "touch"]).arg(&marker).start().finish();
    for option in [
        "--timeout",
        "--epilogue",
        "--shell",
        "--rewrite",
        "--deliver",
        "--stop-on",
        "--ok-exit",
        "--parent-death",
    ] {
        for adieu in
            [child().arg(option).arg(odd(b"")), child().arg(odd(format!("{option}=T").as_bytes()))]
        {
            let finished = touch(adieu);
            assert_eq!(finished.code, 125, "{finished}");
            assert_says(&finished, &["adieu: ", option, "UTF-8"]);
        }
    }
    for variable in [
        "ADIEU_TIMEOUT",
        "ADIEU_SHELL",
        "ADIEU_DELIVER",
        "ADIEU_LOG",
        "ADIEU_REWRITE",
        "ADIEU_LINGER",
    ] {
        let finished = touch(child().env(variable, odd(b"1")));
        assert_eq!(finished.code, 125, "{finished}");
        assert_says(&finished, &["adieu: ", variable, "UTF-8"]);
    }
    for option in ["--", "-\u{e9}", "--linger="] {
        assert_eq!(
            child().arg(odd(option.as_bytes())).arg("true").start().finish().code,
            125,
            "{option}"
        );
    }
    for option in ["--explain", "--signal", "--format"] {
        let finished = child().args(["--explain", "1"]).arg(option).arg(odd(b"x")).start().finish();
        assert_eq!(finished.code, 125, "{finished}");
        assert_says(&finished, &["adieu: ", option]);
    }
    assert!(!marker.exists(), "something was started");

    // What is a path, a word or a string of the user's may be anything.
    let finished = child()
        .args([OsString::from("-c"), odd(b"printf %s \"$0\" | od -An -tx1; #"), odd(b"a")])
        .start();
    assert_eq!(finished.expect_exit(0).out, [" 61 ff fe"]);
    let program = scratch.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    symlink(tool("true"), &program).unwrap();
    let report = scratch.path().join(odd(b"report"));
    child()
        .env("PATH", odd(b"/x:"))
        .env(odd(b"A"), odd(b"b"))
        .arg("--report")
        .arg(&report)
        .arg("--")
        .arg(program)
        .start()
        .expect_exit(0);
    let stops = "kill -TERM $PPID; exec sleep 3600";
    child().arg("--report").arg(&report).args(["--", "sh", "-c", stops]).start().expect_exit(143);
    assert!(report.exists());
}

/// Promise (The command): a bad value exits with 125 and starts nothing; the error says what was
/// wrong, where, and what to write instead
fn a_negative_value_is_refused_as_the_value_that_it_is() {
    let scratch = Scratch::new();
    for words in [["-t", "-5s"], ["--timeout", "-5s"]] {
        let finished = child()
            .current_dir(scratch.path())
            .args(words)
            .args(["touch", "started"])
            .start()
            .finish();
        assert_refused(
            &finished,
            &scratch,
            &["--timeout", "'-5s'", "cannot be negative", "for example '5s'"],
        );
    }
}

fn assert_refused(finished: &Finished, scratch: &Scratch, parts: &[&str]) {
    assert_eq!(finished.code, 125, "{parts:?}\n{finished}");
    assert!(finished.out.is_empty(), "{finished}");
    assert!(finished.err.first().is_some_and(|line| line.starts_with("adieu: ")), "{finished}");
    assert_says(finished, parts);
    assert!(!scratch.join("started").exists(), "started all the same\n{finished}");
}

/// Promise (The command): a bad value exits with 125 and starts nothing; the error says what was
/// wrong, where, and what to write instead
fn usage_errors_are_the_same_as_pid1() {
    pid_namespace();
    let finished =
        Adieu::new().as_pid1().args(["-t", "5 parsecs", "true"]).start().expect_exit(125);
    assert_says(&finished, &["--timeout", "'5 parsecs'", "'30s'"]);
}

// --- Exit statuses -------------------------------------------------------------------------------

/// `status…` of `"$ADIEU" WORDS` for each number, by one shell.
fn statuses(numbers: impl Iterator<Item = i32>, words: &str) -> Vec<String> {
    let loop_over = format!("ulimit -c 0; for n do \"$ADIEU\" {words}; echo \"$n $?\"; done");
    shell(&loop_over).arg("sh").args(numbers.map(|n| n.to_string())).start().expect_exit(0).out
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn every_exit_status_passes_through() {
    let expected: Vec<_> = (0..=255).map(|n| format!("{n} {n}")).collect();
    assert_eq!(statuses(0..=255, "\"exit $n\""), expected);
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn a_death_by_signal_is_128_and_its_number_real_time_signals_included() {
    // Not those that stop, or that are ignored by default.
    let deadly = || (1..=64).filter(|n| ![17, 18, 19, 20, 21, 22, 23, 28, 32, 33].contains(n));
    let expected: Vec<_> = deadly().map(|n| format!("{n} {}", 128 + n)).collect();
    assert_eq!(statuses(deadly(), "-q -- sh -c 'kill -\"$0\" $$; sleep 1h' \"$n\""), expected);
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn ok_exit_turns_the_named_statuses_into_0_and_no_others() {
    let expected: Vec<_> = (0..=255)
        .map(|n| format!("{n} {}", if [3, 143, 255].contains(&n) { 0 } else { n }))
        .collect();
    assert_eq!(statuses(0..=255, "-e 143 --ok-exit 3 --ok-exit=255 \"exit $n\""), expected);
    let running = child().args(["-e", "143", "sleep", "1h"]).start();
    eventually("sleep runs", || running.tree().iter().any(|it| it.name == "sleep"));
    running.signal(SIGTERM);
    running.expect_exit(0);
    // A stop that had to kill is no success, whatever the shell around it made of that.
    for options in [["-e", "143", "-t"], ["-e", "143,137", "-t"]] {
        let killed = child().args(options).args(["500ms", "\"$SERVER\" --never; :"]).start();
        killed.wait_line("server ready");
        killed.signal(SIGTERM);
        killed.expect_exit(137);
    }
    // Only the main process's status is meant.
    assert_eq!(run(["-e", "127", "-e", "125", "--", "./no-such-program"]).code, 127);
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn the_status_is_the_main_processs_whatever_else_ends() {
    for adieu in
        [Some(child()), pid_namespace_or_less().then(|| child().as_pid1())].into_iter().flatten()
    {
        let running =
            adieu.arg("(exit 1) & sh -c 'sleep 0.01; exit 2' & kill -9 $! & wait; exit 9").start();
        running.expect_exit(9);
    }
}

fn interrupt_ends_like_any_stop() {
    let running = child().args(["-v", "\"$SERVER\" --work 0s; exit 8"]).start();
    running.wait_line("server ready");
    running.signal(SIGINT);
    running.expect_exit(8).assert_order(["server ready", "server got INT", "server done"]);
}

/// Promise (The command): a shell's background job inherits INT and QUIT as ignored: they begin no
/// stop, go only to programs that handle them, and TERM begins one
fn a_background_job_is_stopped_by_term_and_not_by_int() {
    let options = "--work 0s --print INT --on TERM";
    let script = format!("\"$ADIEU\" -- \"$SERVER\" {options} & wait $!");
    let running = shell(&script).start();
    running.wait_line("server ready");
    let adieu = running.process("adieu").pid;
    kill(adieu, SIGINT).unwrap();
    running.wait_line("server saw INT");
    kill(adieu, SIGQUIT).unwrap();
    running.wait_line("SIGQUIT dropped");
    kill(adieu, SIGTERM).unwrap();
    let finished = running.expect_exit(0);
    finished.assert_order(["server ready", "server saw INT", "server got TERM", "server done"]);
    assert_says(&finished, &["SIGQUIT dropped: adieu was started ignoring it, as a background"]);
}

// --- --install -----------------------------------------------------------------------------------

/// `adieu --install` under this umask.
fn install(program: &Path, umask: &str, to: &Path) -> Finished {
    let install = child().program("/bin/sh").args(["-c", "umask \"$0\"; exec \"$@\"", umask]);
    install.arg(program).arg("--install").arg(to).start().finish()
}

fn assert_installed(at: &Path) {
    assert_eq!(fs::metadata(at).unwrap().permissions().mode() & 0o7777, 0o755, "{}", at.display());
    let copy = || child().program(at);
    assert_eq!(copy().args(["echo \"$0\"; exit 7"]).start().expect_exit(7).out, ["/bin/sh"]);
    let left = fs::read_dir(at.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Promise (The command): `--install`
fn install_makes_a_copy_that_every_user_may_execute_whatever_the_umask() {
    let scratch = Scratch::new();
    for umask in ["000", "022", "077", "777"] {
        let to = scratch.join(format!("adieu-{umask}"));
        let finished = install(adieu(), umask, &to);
        assert!(finished.code == 0 && finished.lines.is_empty(), "{finished}");
        assert_installed(&to);
    }
}

/// Promise (The command): `--install`
fn install_needs_less_memory_than_the_binary_is_long() {
    let prlimit = tool("prlimit");
    let scratch = Scratch::new();
    let to = scratch.join("adieu");
    let program = [prlimit.to_str().unwrap(), "--data=1048576", adieu().to_str().unwrap()];
    let install = child().program(program[0]).args(&program[1..]);
    let finished = install.arg("--install").arg(&to).start().finish();
    assert!(finished.code == 0 && finished.lines.is_empty(), "{finished}");
    assert_installed(&to);
}

/// Promise (The command): `--install`
fn install_into_a_directory_and_over_a_file() {
    let scratch = Scratch::new();
    assert_eq!(install(adieu(), "022", scratch.path()).code, 0);
    assert_installed(&scratch.join("adieu"));
    for before in ["file", "link"] {
        fs::write(scratch.join("before"), "was here").unwrap();
        if before == "link" {
            symlink("before", scratch.join(before)).unwrap();
        } else {
            fs::write(scratch.join(before), "was here").unwrap();
        }
        assert_eq!(install(adieu(), "022", &scratch.join(before)).code, 0);
        assert_installed(&scratch.join(before));
    }
    let pipe = scratch.join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let refused = install(adieu(), "022", &pipe);
    assert!(refused.code == 125 && refused.err[0].contains("no regular file"), "{refused}");
    // By a name without a directory, as seen from where it is run.
    let here = child().current_dir(scratch.path()).args(["--install", "here"]).start();
    here.expect_exit(0);
    assert_installed(&scratch.join("here"));
}

/// Promise (The command): `--install`
fn install_over_an_adieu_that_runs() {
    let scratch = Scratch::new();
    let copy = scratch.join("adieu");
    assert_eq!(install(adieu(), "022", &copy).code, 0);
    let running = child().program(&copy).args(["\"$SERVER\" --work 0s; exit 3"]).start();
    running.wait_line("server ready");
    // By itself, and by another one.
    for program in [&*copy, adieu()] {
        let finished = install(program, "022", &copy);
        assert_eq!(finished.code, 0, "{finished}");
        assert_installed(&copy);
    }
    running.signal(SIGTERM);
    running.expect_exit(3).assert_order(["server ready", "server got TERM", "server done"]);
}

/// Promise (The command): `--install`
fn install_where_nothing_can_be_written_says_so() {
    let scratch = Scratch::new();
    fs::write(scratch.join("file"), "").unwrap();
    // Not a directory without the right to write: root has it.
    for to in [scratch.join("file/adieu"), scratch.join("missing/adieu"), "/proc/adieu".into()] {
        let finished = install(adieu(), "022", &to);
        assert_eq!(finished.code, 125, "{finished}");
        assert_says(&finished, &["adieu: --install", &to.display().to_string(), "for example"]);
        assert!(!to.exists());
    }
    let finished = install(adieu(), "022", Path::new(""));
    assert_eq!(finished.code, 125, "{finished}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

pub(crate) const TESTS: &[Test] = tests![
    one_word_is_a_shell_string,
    dash_c_takes_a_string_and_its_arguments_as_sh_does,
    after_two_dashes_and_with_two_words_no_shell_runs,
    options_end_at_the_first_word_that_is_none,
    plain_words_run_without_a_shell_and_shell_syntax_with_one,
    a_missing_program_in_a_string_gets_the_shells_own_answer,
    a_script_without_a_first_line_runs_as_a_shell_would_run_it,
    what_cannot_be_executed_is_126_and_what_is_not_there_127_each_with_its_reason,
    a_script_with_a_bad_first_line_has_the_same_error_in_every_form,
    a_string_in_the_place_of_a_program_has_an_error_of_its_own,
    without_a_shell_a_missing_program_of_a_string_is_named,
    a_directory_of_path_without_the_program_or_the_right_to_run_it_is_skipped,
    an_empty_or_unterminated_string_never_ends_silently,
    shell_chooses_the_shell_by_option_and_by_variable,
    timeout_kills_by_option_and_by_variable_and_the_option_wins,
    an_empty_variable_and_none_are_no_timeout,
    epilogue_is_as_long_as_option_or_variable_say,
    deliver_group_signals_the_reader_of_a_pipe_at_once_by_option_variable_and_tinis_g,
    deliver_child_signals_the_main_program_first_by_option_and_by_variable,
    rewrite_and_stop_on_change_what_is_delivered_and_what_stops,
    a_wrapper_by_option_and_by_variable_is_shielded_and_its_child_gets_the_signal,
    linger_show_args_and_ok_exit_by_option_and_by_variable,
    a_doubtful_setting_is_a_warning_at_the_start_and_the_program_runs,
    verbose_and_quiet_by_option_and_by_variable,
    parent_death_stops_the_server_gracefully,
    without_parent_death_adieu_survives_its_parent,
    the_ways_in_which_tini_and_docker_are_called_are_accepted,
    every_option_of_tini_dumb_init_and_catatonit_is_accepted_or_answered,
    the_version_is_one_line_as_dockerd_parses_it,
    help_goes_to_stdout_and_names_every_variable,
    a_bad_value_exits_125_starts_nothing_and_says_where_what_and_what_instead,
    bytes_that_are_no_utf8_are_refused_with_their_place_or_used_as_they_are,
    a_negative_value_is_refused_as_the_value_that_it_is,
    usage_errors_are_the_same_as_pid1,
    every_exit_status_passes_through,
    a_death_by_signal_is_128_and_its_number_real_time_signals_included,
    ok_exit_turns_the_named_statuses_into_0_and_no_others,
    the_status_is_the_main_processs_whatever_else_ends,
    interrupt_ends_like_any_stop,
    a_background_job_is_stopped_by_term_and_not_by_int,
    install_makes_a_copy_that_every_user_may_execute_whatever_the_umask,
    install_needs_less_memory_than_the_binary_is_long,
    install_into_a_directory_and_over_a_file,
    install_over_an_adieu_that_runs,
    install_where_nothing_can_be_written_says_so
];
