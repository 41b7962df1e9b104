//! A program inherits under adieu what it would inherit without. adieu itself has no descriptor
//! that it does not need, does not wake up at rest, and leaves no zombie.

use std::env;
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::scenario::ways;
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Running, Scratch, adieu, context_switches, eventually, pid_namespace_or_less, process,
    server, status_field, tool,
};
use nix::sys::signal::Signal::{
    self, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP,
    SIGTTIN, SIGTTOU, SIGUSR1, SIGWINCH,
};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// What `words` print when run directly, which is what they print when adieu runs them. `setup` is
/// a shell command that goes before, or empty where not even a shell may come between; `state` says
/// how the first process is started.
fn same(state: impl Fn(Adieu) -> Adieu, setup: &str, words: &[&str]) -> Vec<String> {
    same_but(state, setup, words, |lines| lines)
}

/// The same, but for what `select` leaves out.
fn same_but(
    state: impl Fn(Adieu) -> Adieu,
    setup: &str,
    words: &[&str],
    select: impl Fn(Vec<String>) -> Vec<String>,
) -> Vec<String> {
    let mut outputs: Vec<Vec<String>> = Vec::new();
    for (direct, through) in ways().into_iter().zip(ways()) {
        let start = |adieu_first: bool, base: Adieu| {
            let mut all: Vec<&OsStr> = Vec::new();
            if !setup.is_empty() {
                all.extend(["/bin/sh", "-c", "eval \"$0\"; exec \"$@\"", setup].map(OsStr::new));
            }
            if adieu_first {
                all.extend([adieu().as_os_str(), OsStr::new("--")]);
            }
            all.extend(words.iter().map(OsStr::new));
            let program = PathBuf::from(all.remove(0));
            let finished = state(base.program(program).args(all)).start().finish();
            let text = format!("{finished}");
            (finished.code, select(finished.out), finished.err, text)
        };
        let (direct, through) = (start(false, direct), start(true, through));
        assert_eq!(
            (direct.0, &direct.1, &direct.2),
            (through.0, &through.1, &through.2),
            "{words:?} after {setup:?}: directly, and through adieu\n{}\n{}",
            direct.3,
            through.3
        );
        outputs.push(direct.1);
    }
    outputs.swap_remove(0)
}

fn as_it_is(adieu: Adieu) -> Adieu {
    adieu
}

/// What a process inherits of /proc/self/status. (By cat: Debian's grep handles SEGV.)
fn status(state: impl Fn(Adieu) -> Adieu, setup: &str) -> Vec<String> {
    const VARIES: [&str; 14] = [
        "Name", "State", "Tgid", "Ngid", "Pid", "PPid", "NSpid", "NStgid", "NSpgid", "NSsid",
        "FDSize", "SigQ", "Vm", "Rss",
    ];
    let constant = |line: &String| {
        !VARIES.iter().any(|field| line.starts_with(field)) && !line.contains("ctxt_switches")
    };
    let all = same_but(state, setup, &["/bin/cat", "/proc/self/status"], |lines| {
        lines.into_iter().filter(constant).collect()
    });
    assert!(all.iter().any(|line| line.starts_with("Seccomp:")), "{all:#?}");
    all
}

fn mask(signals: impl IntoIterator<Item = Signal>) -> String {
    format!(
        "{:016x}",
        signals.into_iter().fold(0_u64, |mask, signal| mask | 1 << (signal as i32 - 1))
    )
}

// --- What is inherited ---------------------------------------------------------------------------

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn signals_are_as_they_would_be_without_adieu() {
    let none = mask([]);
    for (ignored, blocked) in [
        (&[][..], &[][..]),
        (&[SIGPIPE], &[]),
        (&[SIGINT, SIGQUIT], &[]),
        (&[SIGHUP], &[]),
        (&[SIGCHLD], &[]),
        (&[SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU], &[]),
        (&[], &[SIGTERM]),
        (&[], &[SIGCHLD, SIGINT, SIGUSR1, SIGCONT, SIGPIPE]),
        (&[SIGCHLD, SIGPIPE, SIGALRM, SIGWINCH], &[SIGHUP, SIGCHLD, SIGALRM]),
    ] {
        let seen = status(
            |adieu| adieu.ignoring(ignored.iter().copied()).blocking(blocked.iter().copied()),
            "",
        );
        // Bits 32 and 33, which libc hides, are among them.
        for (field, expected) in [
            ("SigIgn", mask(ignored.iter().copied())),
            ("SigBlk", mask(blocked.iter().copied())),
            ("SigCgt", none.clone()),
            ("SigPnd", none.clone()),
        ] {
            assert!(
                seen.contains(&format!("{field}:\t{expected}")),
                "{field} {expected}: {seen:#?}"
            );
        }
    }
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn every_signal_can_be_inherited_ignored_or_blocked() {
    let all = || Signal::iterator().filter(|signal| ![SIGKILL, Signal::SIGSTOP].contains(signal));
    status(|adieu| adieu.ignoring(all()), "");
    // Blocked TERM and INT too: this one ends by itself.
    status(|adieu| adieu.blocking(all()), "");
}

fn signals_are_the_same_through_a_shell_string() {
    for (ignored, blocked) in [(&[][..], &[][..]), (&[SIGPIPE, SIGQUIT], &[SIGUSR1])] {
        let state = || {
            Adieu::new()
                .as_child()
                .ignoring(ignored.iter().copied())
                .blocking(blocked.iter().copied())
        };
        let string = "grep ^Sig[BIC] /proc/self/status; :";
        let direct = state().program("/bin/sh").args(["-c", string]).start().expect_exit(0);
        assert_eq!(state().arg(string).start().expect_exit(0).out, direct.out);
    }
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn umask_identity_and_capabilities_are_inherited() {
    assert!(status(as_it_is, "umask 027").contains(&"Umask:\t0027".to_owned()));
    status(as_it_is, "umask 777; cd /");
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn limits_are_inherited() {
    for setup in [
        ":",
        "ulimit -n 16",
        "ulimit -n 5; ulimit -c 0",
        "ulimit -s 256; ulimit -t 1000; ulimit -f 2048",
    ] {
        let limits = same(as_it_is, setup, &["/bin/cat", "/proc/self/limits"]);
        assert!(limits.iter().any(|line| line.starts_with("Max open files")), "{limits:#?}");
    }
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn working_directory_niceness_and_the_like_are_inherited() {
    assert_eq!(same(as_it_is, "cd /", &["/bin/pwd", "-P"]), ["/"]);
    // The directory may have been removed.
    let gone = "d=$(mktemp -d); cd \"$d\"; rmdir \"$d\"";
    same(as_it_is, gone, &["/bin/sh", "-c", "ls -l /proc/self/cwd | grep -c deleted"]);
    for file in [
        "autogroup",
        "oom_score_adj",
        "timerslack_ns",
        "personality",
        "loginuid",
        "cgroup",
        "coredump_filter",
    ] {
        // Some kernels lack some.
        let show = format!(
            "! test -e /proc/self/{file} || sed 's/autogroup-[0-9]*/autogroup/' /proc/self/{file}"
        );
        same(as_it_is, ":", &["/bin/sh", "-c", &show]);
    }
    tool("nice");
    let own = same(as_it_is, ":", &["nice"]);
    let nicer = own[0].parse::<i32>().unwrap() + 7;
    let inherited = same(as_it_is, "set -- nice -n 7 \"$@\"", &["nice"]);
    assert_eq!(inherited, [nicer.min(19).to_string()]);
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn descriptors_are_those_that_were_inherited_and_no_others() {
    const NONE_LEFT: &str = "exec <&- >&- 2>&-";
    let scratch = Scratch::new();
    // One that exists in both cases: its open file may be shared, and its flags are compared too.
    for setup in [
        ":",
        "exec 5</dev/null 7>/dev/null 9<>/dev/zero",
        "exec <&-",
        "exec >&-",
        "exec 2>&-",
        "exec <&- >&-",
        NONE_LEFT,
        "exec 0</dev/zero 1>>/dev/full 2<>/dev/zero 3<&0 4>&1",
        "ulimit -n 9; exec 8</dev/null",
        "exec 3<&0 4<&0 5<&0 6<&0 7<&0 8<&0 9<&0 0<&-",
    ] {
        let seen = ["directly", "through"].map(|how| {
            let out = scratch.join("out");
            // By pid, and from a subshell: the file that takes the list is no descriptor of the
            // shell itself.
            let list = "(ls -l /proc/$$/fd; for i in /proc/$$/fdinfo/*; do \
                grep flags $i; done) >\"$OUT\"; :";
            let through = (how == "through")
                .then(|| [adieu().as_os_str(), OsStr::new("--")])
                .into_iter()
                .flatten();
            let started = Adieu::new().as_child().program("/bin/sh").env("OUT", &out);
            let words = through.chain(["/bin/sh", "-c", list].map(OsStr::new));
            started
                .args(["-c", "eval \"$0\"; exec \"$@\"", setup])
                .args(words)
                .start()
                .expect_exit(0);
            let text = fs::read_to_string(&out).unwrap();
            text.lines()
                .filter(|line| !line.starts_with("total"))
                .map(open_file)
                .collect::<Vec<_>>()
        });
        assert_eq!(seen[0], seen[1], "after {setup:?}: directly, and through adieu");
        let listed = seen[0].iter().any(|line| line.starts_with("flags:"));
        // With the three closed there is none left, unless these tests were started with some more.
        assert!(listed || setup == NONE_LEFT, "after {setup:?}: {seen:#?}");
    }
}

/// A line of `ls -l` as `access number -> file`, without the numbers that no two processes share.
fn open_file(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.iter().position(|word| *word == "->") {
        Some(arrow) if arrow > 0 => {
            let file = words.get(arrow + 1..).unwrap_or_default().join(" ");
            let file = file.split_once(":[").map_or(&*file, |(kind, _)| kind);
            let access = words.first().copied().unwrap_or_default();
            format!("{access} {} -> {file}", words.get(arrow - 1).copied().unwrap_or_default())
        }
        _ => words.join(" "),
    }
}

/// With this in its environment the test program is the program of the next test.
pub(crate) const ODD_WORDS: &str = "ODD_WORDS";

/// Calls exec with an environment that no shell and no `Command` can make.
pub(crate) fn exec_with_an_odd_environment(words: &OsStr) -> ! {
    let words: Vec<CString> = words
        .as_bytes()
        .split(|byte| *byte == b'\n')
        .map(|word| CString::new(word).unwrap())
        .collect();
    let odd: [&[u8]; 14] = [
        b"no equals sign",
        b"",
        b"=",
        b"=value",
        b"TWICE=1",
        b"TWICE=2",
        b"NOT_UTF8=\xff\xfe\x80",
        b"\xff=name",
        b"LINES=a\nb\n",
        b"BASH_FUNC_x%%=() { echo x; }",
        b"a.b-c d=e=f",
        b"LISTEN_PID=",
        b"LISTEN_PIDX=1",
        b"EMPTY=",
    ];
    let odd = odd.map(|entry| CString::new(entry).unwrap());
    let Err(errno) = nix::unistd::execve(&words[0], &words, &odd);
    panic!("{errno}");
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn the_environment_is_the_same_byte_for_byte() {
    let od = tool("od");
    let od = [
        od.as_os_str(),
        OsStr::new("-Anone"),
        OsStr::new("-tx1"),
        OsStr::new("-v"),
        OsStr::new("/proc/self/environ"),
    ];
    let seen = [&[][..], &[adieu().as_os_str(), OsStr::new("--")]].map(|first| {
        let words: Vec<&OsStr> = first.iter().chain(&od).copied().collect();
        let odd = Adieu::new()
            .as_child()
            .program(env::current_exe().unwrap())
            .env(ODD_WORDS, words.join(OsStr::new("\n")));
        let finished = odd.start().expect_exit(0);
        assert!(finished.out.len() > 5, "{finished}");
        finished.out
    });
    assert_eq!(seen[0], seen[1]);
    // And the test's own, whatever it is.
    let od: Vec<&str> = od.iter().filter_map(|word| word.to_str()).collect();
    same(|adieu| adieu.env("NEW\n LINE", "a\nb").env("E", ""), "", &od);
}

/// Promise (Running): the child's signals, limits, descriptors and environment are untouched
fn listen_pid_is_rewritten_to_the_program_if_it_names_adieu() {
    let set = |value: &str, rest: &str| {
        let set = format!("LISTEN_PID={value} LISTEN_FDS=1 exec \"$ADIEU\" {rest}");
        Adieu::new()
            .as_child()
            .program("/bin/sh")
            .env("ADIEU", adieu())
            .args(["-c", &set])
            .start()
            .expect_exit(0)
            .out
    };
    let show = "'test \"$LISTEN_PID\" = $$ && echo rewritten; echo \"$LISTEN_FDS\"; env | \
        grep -c ^LISTEN_PID='";
    assert_eq!(set("$$", &format!("-- sh -c {show}")), ["rewritten", "1", "1"]);
    assert_eq!(set("$$", show), ["rewritten", "1", "1"]);
    for other in ["1", "999999999999", "''", "x", "\" $$\"", "\"$$ \"", "\"0x$$\""] {
        let kept = set(other, "-- sh -c 'echo \"<$LISTEN_PID>\"'");
        let spaces = |text: &str| text.replace(['\'', '"'], "");
        let expected =
            if other.contains("$$") { None } else { Some(format!("<{}>", spaces(other))) };
        assert!(expected.is_none_or(|expected| kept == [expected]), "{other}: {kept:?}");
        assert!(!kept[0].is_empty() && set(other, show)[0] != "rewritten", "{other}");
    }
    let without =
        Adieu::new().as_child().args(["--", "sh", "-c", "echo \"${LISTEN_PID-unset}\""]).start();
    assert_eq!(without.expect_exit(0).out, ["unset"]);
    if pid_namespace_or_less() {
        let pid1 = Adieu::new().as_pid1().env("LISTEN_PID", "1").args([
            "--",
            "sh",
            "-c",
            "echo \"$LISTEN_PID $$\"",
        ]);
        let out = pid1.start().expect_exit(0).out.remove(0);
        let (named, own) = out.split_once(' ').unwrap();
        assert!(named == own && own != "1", "{out}");
    }
}

/// Promise (Running): the program has a process group of its own, and the terminal
fn the_program_leads_a_process_group_of_its_own_in_adieus_session() {
    for adieu in ways() {
        let running = adieu.args(["--"]).arg(server()).start();
        running.wait_line("server ready");
        let (own, main) = (process(running.pid()).unwrap(), running.process("server"));
        assert_eq!((main.group, main.session, main.parent), (main.pid, own.session, own.pid));
        assert_ne!(main.group, own.group);
    }
}

// --- adieu itself --------------------------------------------------------------------------------

/// adieu with a server, both at rest.
fn at_rest(adieu: Adieu, words: &[&str]) -> Running {
    let running = adieu.env("SERVER", server()).args(words).start();
    running.wait_line("server ready");
    eventually("adieu waits", || process(running.pid()).is_some_and(|it| it.state == 'S'));
    running
}

/// Promise (Running): at rest adieu never wakes up
fn at_rest_adieu_has_one_thread_and_never_wakes_up() {
    let string = "\"$SERVER\" --print USR1 | cat; exit";
    let running: Vec<_> = ways().into_iter().map(|adieu| at_rest(adieu, &[string])).collect();
    // One with a timeout, and one to which something has happened: an orphan, a signal that was
    // passed on.
    let busy = at_rest(Adieu::new().as_child(), &["-t", "10s", &format!("(sleep 0 &) ; {string}")]);
    busy.signal(SIGUSR1);
    busy.wait_line("server saw USR1");
    eventually("the orphan is reaped", || busy.tree().iter().all(|it| it.name != "sleep"));
    eventually("adieu waits again", || process(busy.pid()).is_some_and(|it| it.state == 'S'));
    let pids: Vec<Pid> = running.iter().chain([&busy]).map(Running::pid).collect();
    let before: Vec<_> = pids.iter().map(|pid| context_switches(*pid)).collect();
    // Not a wait for something: the time in which nothing may happen.
    thread::sleep(Duration::from_secs(2));
    let after: Vec<_> = pids.iter().map(|pid| context_switches(*pid)).collect();
    assert_eq!(before, after);
    for pid in pids {
        assert_eq!(status_field(pid, "Threads").unwrap(), "1");
    }
}

/// Promise (Running): at rest adieu never wakes up
fn at_rest_adieu_has_the_inherited_descriptors_and_one_of_its_own() {
    let open = |running: &Running| -> Vec<PathBuf> {
        let all = fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap();
        all.map(|fd| fs::read_link(fd.unwrap().path()).unwrap()).collect()
    };
    for (direct, through) in ways().into_iter().zip(ways()) {
        let direct = direct.program("/bin/sh").args(["-c", "echo ready; exec sleep 1h"]).start();
        direct.wait_line("ready");
        eventually("sleep has its descriptors", || {
            process(direct.pid()).is_some_and(|it| it.name == "sleep" && it.state == 'S')
        });
        let files = open(&at_rest(through, &["--", &server().display().to_string()]));
        assert_eq!(files.len(), open(&direct).len() + 1, "{files:?}");
        assert_eq!(
            files.iter().filter(|file| file.ends_with("anon_inode:[signalfd]")).count(),
            1,
            "{files:?}"
        );
    }
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn where_adieu_gets_no_descriptor_the_program_gets_the_signal_all_the_same() {
    // Room for one: /proc cannot be read then. The shell needs one too, for its libraries.
    let script = "ulimit -n 4; exec \"$ADIEU\" 'trap \"echo trapped; exit 5\" TERM; echo ready; \
        while :; do sleep 0.1; done'";
    for way in ways() {
        let running = way.program("/bin/sh").env("ADIEU", adieu()).args(["-c", script]).start();
        running.wait_line("ready");
        running.signal(SIGTERM);
        running.expect_exit(5).assert_order(["ready", "trapped"]);
    }
}

/// Promise (Running): orphans are reaped, as PID 1 and as subreaper; also an orphan of a killed
/// parent that is then killed itself
fn fifty_orphans_are_reaped_as_pid1_and_as_subreaper() {
    const ORPHANS: usize = 50;
    let make = "n=0; while [ $n -lt 50 ]; do (sleep 1h & :); n=$((n + 1)); done; \
        exec \"$SERVER\" --work 0s";
    for adieu in ways() {
        let running = adieu.env("SERVER", server()).arg(make).start();
        running.wait_line("server ready");
        let orphans = || {
            let tree = running.tree();
            tree.into_iter()
                .filter(|it| it.name == "sleep" && it.parent == running.pid())
                .collect::<Vec<_>>()
        };
        eventually("all of them have come to adieu", || orphans().len() == ORPHANS);
        for orphan in orphans() {
            kill(orphan.pid, SIGKILL).unwrap();
        }
        eventually("none of them is left, not even as a zombie", || {
            let tree = running.tree();
            tree.len() == 1 && tree[0].name == "server"
        });
        running.signal(SIGTERM);
        running.expect_exit(0).assert_order(["server ready", "server got TERM", "server done"]);
    }
}

/// Promise (Running): orphans are reaped, as PID 1 and as subreaper; also an orphan of a killed
/// parent that is then killed itself
fn an_orphan_of_a_flood_does_not_delay_a_stop() {
    for adieu in ways() {
        let flood = "(while :; do (:; : & :); done) & exec \"$SERVER\" --work 0s";
        let running = adieu.env("SERVER", server()).args(["-t", "20s", flood]).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running
            .expect_exit(0)
            .assert_order(["server ready", "server got TERM", "server done"])
            .assert_no("timeout");
    }
}

// --- Programs that must be PID 1 -----------------------------------------------------------------

/// Promise (The command): a program that must be PID 1 is executed in place
fn a_program_named_init_is_executed_in_place_as_pid1_only() {
    let scratch = Scratch::new();
    scratch.script("init", "echo \"pid $$ args $*\"; grep ^Sig[BIC] /proc/self/status; exit 7");
    fs::create_dir(scratch.join("bin")).unwrap();
    support::script(&scratch.join("bin"), "systemd", "echo \"pid $$ args $*\"; exit 7");
    let at = |adieu: Adieu| adieu.current_dir(scratch.path());
    let unblocked = ["SigBlk", "SigIgn"].map(|field| format!("{field}:\t{}", mask([])));
    if pid_namespace_or_less() {
        for words in [
            &["--", "./init", "a", "b"][..],
            &["./init a b"],
            &["-v", "-t", "1s", "./init", "a", "b"],
        ] {
            let finished = at(Adieu::new().as_pid1()).args(words).start().expect_exit(7);
            assert_eq!(finished.out[0], "pid 1 args a b", "{words:?}\n{finished}");
            assert_eq!(finished.out[1..3], unblocked, "{finished}");
        }
        let by_path =
            at(Adieu::new().as_pid1()).env("PATH", "bin").args(["--", "systemd", "--user"]).start();
        assert_eq!(by_path.expect_exit(7).out, ["pid 1 args --user"]);
        // In a script it is the script's business, and a missing one is missing.
        let in_script = at(Adieu::new().as_pid1()).arg("./init; exit 8").start().expect_exit(8);
        assert!(
            in_script.out[0].ends_with(" args ") && in_script.out[0] != "pid 1 args ",
            "{in_script}"
        );
        at(Adieu::new().as_pid1()).args(["--", "missing/init"]).start().expect_exit(127);
    }
    let as_child = at(Adieu::new().as_child()).args(["--", "./init"]).start();
    let own = as_child.pid();
    let finished = as_child.expect_exit(7);
    assert_ne!(finished.out[0], format!("pid {own} args "), "{finished}");
}

pub(crate) const TESTS: &[Test] = tests![
    signals_are_as_they_would_be_without_adieu,
    every_signal_can_be_inherited_ignored_or_blocked,
    signals_are_the_same_through_a_shell_string,
    umask_identity_and_capabilities_are_inherited,
    limits_are_inherited,
    working_directory_niceness_and_the_like_are_inherited,
    descriptors_are_those_that_were_inherited_and_no_others,
    the_environment_is_the_same_byte_for_byte,
    listen_pid_is_rewritten_to_the_program_if_it_names_adieu,
    the_program_leads_a_process_group_of_its_own_in_adieus_session,
    at_rest_adieu_has_one_thread_and_never_wakes_up,
    at_rest_adieu_has_the_inherited_descriptors_and_one_of_its_own,
    where_adieu_gets_no_descriptor_the_program_gets_the_signal_all_the_same,
    fifty_orphans_are_reaped_as_pid1_and_as_subreaper,
    an_orphan_of_a_flood_does_not_delay_a_stop,
    a_program_named_init_is_executed_in_place_as_pid1_only
];
