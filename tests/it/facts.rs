//! What the shells do by themselves, without adieu: the facts that adieu's rules rest on, each
//! with a command that shows it.
//!
//! The commands are run as `docs/shells.md` has them, once for each shell and row, and the page has
//! to have what they printed; with `ADIEU_WRITE_DOCS=1` the test writes it. Another answer of the
//! version that the page names is a failure. Another answer of another version is a failure in CI,
//! and a notice elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use std::{fs, thread};

use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Scratch, output, page, pid_namespace_or_less, repository, say, tool_or_less, variables,
};

const PAGE: &str = "docs/shells.md";

/// Its name, the words that call it, and the command that prints its version.
const SHELLS: [(&str, &str, &str); 8] = [
    ("dash", "dash", "dpkg-query -W -f '${Version}' dash"),
    ("bash", "bash", "bash --version"),
    ("busybox", "busybox sh", "busybox"),
    ("zsh", "zsh", "zsh --version"),
    ("mksh", "mksh", "mksh -c 'echo \"$KSH_VERSION\"'"),
    ("ksh93", "ksh93", "ksh93 --version 2>&1"),
    ("yash", "yash", "yash --version"),
    ("fish", "fish", "fish --version"),
];

/// What comes before each command: on the page once, with `shell=dash`.
const PREAMBLE: &str = r#"# Ends when the shell above sleeps, that is, waits for something.
export asleep='until grep -q "^State:.S" /proc/$PPID/status; do :; done'
# The names of the stop signals in a mask of /proc/PID/status.
export names='for it in HUP:1 INT:2 QUIT:3 TERM:15; do
    [ $((mask >> ${it#*:} - 1 & 1)) = 0 ] || echo ${it%:*}; done'
# The shell as PID 1.
pid1='unshare --pid --fork --mount-proc --kill-child'
[ "$(id -u)" = 0 ] || pid1="$pid1 --user --map-root-user"
"#;

/// Signals the shell above, and prints a second later whether that is still there.
const SIGNALS: &str = r#"export child='eval "$asleep"; kill -$signal $PPID; sleep 1
    kill -0 $PPID 2>/dev/null && echo "still there" || echo "gone"'
"#;

/// Which signals the shell above catches.
const CAUGHT: &str = r#"export child='eval "$asleep"
    mask=$(sed -n "s/^SigCgt:.*\(.\{8\}\)$/0x\1/p" /proc/$PPID/status); eval "$names"'
"#;

/// Which signals it was started with as ignored.
const IGNORED: &str = r#"export child='
    mask=$(sed -n "s/^SigIgn:.*\(.\{8\}\)$/0x\1/p" /proc/$$/status)
    eval "$names"'
"#;

/// One question, and the command that answers it.
struct Fact {
    /// The heading, and so the anchor.
    question: &'static str,
    /// What of adieu rests on it, with a link; and how to read the answers.
    why: &'static str,
    /// The variable that the rows are values of.
    variable: &'static str,
    rows: &'static [Row],
    /// What defines `$child`, where the command has one.
    child: &'static str,
    command: &'static str,
    needs: Needs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Strace,
    PidNamespace,
}

enum Row {
    Any(&'static str),
    /// Not in fish, whose syntax is another.
    Posix(&'static str),
}
use Row::{Any, Posix};

const RUN: &str = "$shell -c \"$string\"";
const RUN_AND_STATUS: &str = "$shell -c \"$string\"; echo \"exit $?\"";

const FACTS: [Fact; 19] = [
    Fact {
        question: "Does it execute its last command in its own place?",
        why: "Where it does, no shell is left to [shield](design.md#roles); where it forks, an \
            init that signals only its child signals a shell. adieu's rules must not depend on \
            which.",
        variable: "string",
        rows: &[
            Any("readlink /proc/self"),
            Any("cd / && readlink /proc/self"),
            Any("readlink /proc/self 2>/dev/null"),
            Any("true | readlink /proc/self"),
            Posix("if true; then readlink /proc/self; fi"),
            Posix("(readlink /proc/self)"),
            Any("trap : TERM; readlink /proc/self"),
            Any("sleep 1 & readlink /proc/self"),
            Any("exec readlink /proc/self"),
        ],
        child: "",
        command: r#"set -- $($shell -c "$string" & echo $!; wait)
[ "$1" = "$2" ] && echo executes || echo forks"#,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Whose child is a command?",
        why: "[Roles](design.md#roles) are decided from the top of the tree, so it must not matter \
            how many subshells are between. A loop that reads a pipe may be the main shell itself, \
            which then reads its own script's output.",
        variable: "string",
        rows: &[
            Any(r#"sh -c "$child"; true"#),
            Any(r#"sh -c "$child" | cat; true"#),
            Any(r#"true | sh -c "$child"; true"#),
            Any(r#"sh -c "$child" & wait"#),
            Any(r#"echo $(sh -c "$child"); true"#),
            Posix(r#"(sh -c "$child"; true); true"#),
            Posix(r#"echo | while read -r it; do sh -c "$child"; done; true"#),
        ],
        child: "export child='echo $PPID'\n",
        command: r#"set -- $($shell -c "$string" & echo $!; wait)
[ "$1" = "$2" ] && echo "the shell's" || echo "a subshell's""#,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Which signals does it catch by itself, and with a trap?",
        why: "Whether a shell [handles the signal](design.md#who-handles-a-signal) is read from \
            SigCgt: TERM is there with a trap only, but in mksh always; INT, and HUP in zsh, do \
            not count without TERM. An EXIT trap shows in bash and ksh93. A signal that a trap \
            ignores may show as caught too.",
        variable: "string",
        rows: &[
            Any(r#"sh -c "$child"; true"#),
            Any(r#"trap : TERM; sh -c "$child"; true"#),
            Any(r#"trap : EXIT; sh -c "$child"; true"#),
            Any(r#"trap "" TERM; sh -c "$child"; true"#),
        ],
        child: CAUGHT,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Does a subshell keep a trap?",
        why: "A subshell is judged [by itself](design.md#who-handles-a-signal). One without the \
            trap of its parent is a foreground command or a background job of that; one with a \
            trap of its own is a handler. In a ksh93 that has not forked for it, the subshell is \
            the shell.",
        variable: "string",
        rows: &[
            Posix(r#"trap : TERM; (sh -c "$child"; true); true"#),
            Posix(r#"trap : TERM; (sh -c "$child"; true) & wait"#),
            Posix(r#"trap : TERM; it=$(sh -c "$child"; true); printf "%s\n" "$it""#),
            Posix(r#"(trap : TERM; sh -c "$child"; true); true"#),
        ],
        child: CAUGHT,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Does it block TERM for a moment when it starts a command?",
        why: "A blocked signal means signalfd or `sigwait` in a program; [of a shell only SigCgt \
            counts](design.md#who-handles-a-signal), because of this.",
        variable: "string",
        rows: &[Any("sh -c :; true")],
        child: "",
        command: r#"strace -qq -e signal=none -e trace=rt_sigprocmask $shell -c "$string" 2>&1 |
    grep -Eq 'SIG_(BLOCK|SETMASK), (~\[|\[[^]]*TERM)' && echo yes || echo no"#,
        needs: Needs::Strace,
    },
    Fact {
        question: "Without a trap, what does it do when it alone gets the signal?",
        why: "This is what happens under an init that signals only its child, and why a shell \
            above a server is [shielded](design.md#roles): with its end the container ends, before \
            the server has finished. mksh waits, and then ends all the same; it passes a HUP to \
            its command itself.",
        variable: "signal",
        rows: &[Any("TERM"), Any("INT"), Any("HUP"), Any("QUIT")],
        child: SIGNALS,
        command: r#"$shell -c 'sh -c "$child"; echo "goes on"'; echo "exit $?""#,
        needs: Needs::Nothing,
    },
    Fact {
        question: "As PID 1, without a trap, what does it do when it gets the signal?",
        why: "The kernel drops each signal that PID 1 does not handle: [the \
            problem](design.md#the-problem) of a container without an init. INT ends the shells \
            that catch it by themselves; ksh93 then sends it to itself again, in vain, and hangs \
            (137: killed after 5 s).",
        variable: "signal",
        rows: &[Any("TERM"), Any("INT"), Any("HUP"), Any("QUIT")],
        child: SIGNALS,
        command: r#"timeout -s KILL 5 $pid1 $shell -c 'sh -c "$child"; echo "goes on"'
echo "exit $?""#,
        needs: Needs::PidNamespace,
    },
    Fact {
        question: "As PID 1, does it reap orphans?",
        why: "adieu does, [at any time](design.md#stages). The number is that of the zombies of \
            other processes while a shell in adieu's place waits for a command.",
        variable: "string",
        rows: &[
            Any(r#"sh -c "true & exec true"; sh -c "$child"; true"#),
            Any(r#"sh -c "true & exec true"; sh -c "$child" & wait"#),
        ],
        child: "export child='sleep 1; cat /proc/[0-9]*/status | grep -c \"^State:.Z\"'\n",
        command: r#"$pid1 $shell -c "$string""#,
        needs: Needs::PidNamespace,
    },
    Fact {
        question: "Do its background jobs get a signal when it gets TERM?",
        why: "Only from mksh, which signals its whole process group as it ends: [where it is the \
            main process](../README.md#limits), its jobs get that signal beside adieu's.",
        variable: "string",
        rows: &[Any(r#"sh -c "$child" & wait"#)],
        child: r#"export child='trap "echo a signal; exit" TERM HUP; eval "$asleep"
    kill -TERM $PPID; sleep 1 & wait; echo "no signal"'
"#,
        command: r#"setsid --wait $shell -c "$string""#,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Do its background jobs end with it?",
        why: "They do not: adieu stops what [the main process leaves behind](design.md#stages).",
        variable: "string",
        rows: &[Any(r#"sh -c "$child" & exit 3"#), Any(r#"sh -c "$child" & true"#)],
        child: r#"export child='trap "echo a signal; exit" TERM HUP; sleep 1 & wait; echo "goes on"'
"#,
        command: RUN_AND_STATUS,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Shell and command both get the signal, and the command handles it: \
            does the script go on?",
        why: "A signal to the group ends a shell before its server is done, so that nothing that \
            [follows in the script](design.md#stages) runs. An interactive one ignores TERM, waits \
            and goes on to the next command: so does `bash -ci` below `tini -g`, [which was \
            rejected](design.md#what-was-rejected). `$call` is the signal for the group, and how \
            the shell is called.",
        variable: "call",
        rows: &[Any("TERM -c"), Any("TERM -ic"), Any("HUP -c"), Any("INT -c")],
        child: r#"export child='eval "$asleep"; trap "" TERM HUP INT; kill -${call% *} 0
    sleep 1; echo "done"'
"#,
        command: r#"setsid --wait $shell ${call#* } 'sh -c "$child"; echo "goes on"' |
    grep -xE 'done|goes on'"#,
        needs: Needs::Nothing,
    },
    Fact {
        question: "When does a trap run, and does the script go on after it?",
        why: "A shell runs its trap only when its foreground command has ended, so the \
            [foreground](design.md#roles) gets the signal with it; in `wait` it runs at once, so a \
            background job is left to the trap. fish's `wait` does not run it at once.",
        variable: "string",
        rows: &[
            Any(r#"trap "echo trap" TERM; sh -c "$child"; echo after"#),
            Any(r#"trap "echo trap" TERM; true | sh -c "$child"; echo after"#),
            Any(r#"trap "echo trap" TERM; sh -c "$child" & wait; echo after"#),
        ],
        child: r#"export child='eval "$asleep"; kill -TERM $PPID; sleep 1; echo command'
"#,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Does an EXIT trap run when it gets TERM?",
        why: "In bash, mksh and ksh93, and those show TERM as caught: with an EXIT trap alone they \
            [handle it](design.md#who-handles-a-signal) and get the signal. bash and ksh93 do not \
            wait for the command then; with a trap for TERM beside it they do.",
        variable: "string",
        rows: &[
            Any(r#"trap "echo trap" EXIT; sh -c "$child"; echo after"#),
            Any(r#"trap : TERM; trap "echo trap" EXIT; sh -c "$child"; echo after"#),
        ],
        child: r#"export child='eval "$asleep"; kill -TERM $PPID; sleep 1; echo command'
"#,
        command: RUN_AND_STATUS,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Which signals does a command begin with as ignored?",
        why: "A [background job](design.md#roles) is known by INT or QUIT being ignored, where its \
            shell does so: not fish, not with `set -m`, and bash not for what a subshell in the \
            background starts, only for that subshell itself.",
        variable: "string",
        rows: &[
            Any(r#"sh -c "$child"; true"#),
            Any(r#"true | sh -c "$child"; true"#),
            Any(r#"sh -c "$child" & wait"#),
            Any(r#"sh -c "$child" | cat & wait"#),
            Posix(r#"(sh -c "$child"; true) & wait"#),
            Any(r#"trap : INT; sh -c "$child" & wait"#),
            Posix(r#"set -m; sh -c "$child" & wait"#),
        ],
        child: IGNORED,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Which signals are ignored in a command below a trap?",
        why: "A signal that is ignored stays so in the program, a caught one does not: [ignoring \
            TERM around the shell](design.md#what-was-rejected) would make the server ignore it \
            too. fish catches a signal that it is to ignore, and busybox ignores QUIT by itself.",
        variable: "string",
        rows: &[
            Any(r#"trap "" TERM; sh -c "$child"; true"#),
            Any(r#"trap "" TERM; exec sh -c "$child""#),
            Any(r#"trap : TERM; exec sh -c "$child""#),
        ],
        child: IGNORED,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "In which process group is a command?",
        why: "All of a script is in the group that adieu made, so [one `kill`](design.md#stages) \
            reaches it when no process handles the signal; a job under `set -m` gets a signal of \
            its own. Without a terminal dash, busybox and yash go on without `set -m`, and zsh \
            ends there.",
        variable: "string",
        rows: &[
            Any(r#"sh -c "$child"; true"#),
            Any(r#"sh -c "$child" & wait"#),
            Posix(r#"set -m; sh -c "$child"; true"#),
            Posix(r#"set -m; sh -c "$child" & wait"#),
        ],
        child: r#"export child='read -r pid name state parent group rest </proc/$$/stat
    [ $group = $$ ] && echo "its own" || echo "that of the shell"'
"#,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "In which call does it wait?",
        why: "The call shows that dash and busybox are in `wait`, so that [all their children are \
            in the background](design.md#roles); the calls of the other shells are the same in \
            both cases.",
        variable: "string",
        rows: &[Any(r#"sh -c "$child"; true"#), Any(r#"sh -c "$child" & wait"#)],
        child: r#"export child='for try in 1 2 3 4 5 6 7 8 9; do
    eval "$asleep"; case $(cat /proc/$PPID/wchan) in
    do_wait*) echo wait4; exit ;; *sigsuspend*) echo rt_sigsuspend; exit ;; esac; done; echo other'
"#,
        command: RUN,
        needs: Needs::Nothing,
    },
    Fact {
        question: "Does it wait for every part of a pipeline?",
        why: "A [reader of a pipe](design.md#roles) ends at the end of its input, after the \
            server, and the script goes on after both; but ksh93 waits for the last part only.",
        variable: "string",
        rows: &[
            Any(r#"sh -c "sleep 1; echo first >&2" | true; echo "goes on""#),
            Any(r#"true | sh -c "sleep 1; echo last >&2"; echo "goes on""#),
        ],
        child: "",
        command: "$shell -c \"$string\" 2>&1",
        needs: Needs::Nothing,
    },
    Fact {
        question: "What is the status after a signal?",
        why: "128+n where [adieu](../README.md#use) has it too; ksh93 and yash have numbers of \
            their own, which reach adieu only as the last 8 bits of an `exit`, and `exit n` in a \
            trap is not always n.",
        variable: "string",
        rows: &[
            Posix(r#"sh -c "kill -TERM \$\$"; echo $?"#),
            Posix(r#"sh -c "kill -TERM \$\$"; exit $?"#),
            Any(r#"true; sh -c "kill -TERM \$\$""#),
            Posix(r#"sh -c "kill -TERM \$\$" & wait $!; echo $?"#),
            Any(r#"trap "exit 9" TERM; sh -c "kill -TERM \$PPID; kill -TERM \$\$"; true"#),
            Any(r#"trap "exit 9" TERM; sh -c "kill -TERM \$PPID"; true"#),
        ],
        child: "",
        command: RUN_AND_STATUS,
        needs: Needs::Nothing,
    },
];

impl Fact {
    /// The command with this row, as the page has it.
    fn script(&self, row: &Row) -> String {
        let (child, command, variable) = (self.child, self.command, self.variable);
        format!("{child}export {variable}='{}'\n{command}\n", row.text())
    }

    /// Whether what it needs is here.
    fn can_run(&self) -> bool {
        match self.needs {
            Needs::Nothing => true,
            Needs::Strace => tool_or_less("strace").is_some(),
            Needs::PidNamespace => pid_namespace_or_less(),
        }
    }
}

impl Row {
    fn text(&self) -> &'static str {
        match self {
            Any(text) | Posix(text) => text,
        }
    }
}

/// A question, a row of it and a shell.
type Key = (String, String, &'static str);

/// What this shell prints for all the rows, its lines side by side.
fn answers(name: &'static str, words: &str, facts: &[&Fact]) -> Vec<(Key, String)> {
    // fish wants a home to write to; whatever is in the user's own is not to count.
    let home = Scratch::new();
    let answer = |fact: &Fact, row: &Row| match (name, row) {
        ("fish", Posix(_)) => "–".into(),
        _ => {
            let script = format!("shell='{words}'\n{PREAMBLE}\n{}", fact.script(row));
            // Without $USER it takes $HOME from the user's entry.
            let homes = ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
            let sh = Adieu::new().as_child().program("/bin/sh");
            let sh = homes.into_iter().fold(sh, |sh, name| sh.env(name, home.path()));
            let out = sh.args(["-c", &script]).start().finish().out;
            if out.concat().is_empty() { "none".into() } else { out.join(", ") }
        }
    };
    let rows = facts.iter().flat_map(|fact| fact.rows.iter().map(move |row| (fact, row)));
    rows.map(|(fact, row)| ((fact.question.into(), cell(row.text()), name), answer(fact, row)))
        .collect()
}

/// Promise (Which process gets the signal, and when): what the shells do without adieu, on which
/// its rules rest ([shells.md](shells.md))
fn the_shells_do_what_the_page_says() {
    let present = SHELLS.map(|shell| tool_or_less(shell.0).map(|_| shell));
    let facts: &Vec<&Fact> = &FACTS.iter().filter(|fact| fact.can_run()).collect();
    let seen: BTreeMap<Key, String> = thread::scope(|scope| {
        // Most of it is waiting.
        let halves = facts.chunks(facts.len().div_ceil(2));
        let start = |(name, words, _)| {
            halves.clone().map(move |half| scope.spawn(move || answers(name, words, half)))
        };
        let shells: Vec<_> = present.iter().flatten().copied().flat_map(start).collect();
        shells.into_iter().flat_map(|shell| shell.join().unwrap()).collect()
    });
    let text = fs::read_to_string(repository().join(PAGE)).unwrap();
    let said = said(&text);
    // What could not be asked here stays as it was said.
    let all = said.clone().into_iter().chain(seen.clone()).collect();
    let versions = present.map(|shell| shell.and_then(version));
    if page::writes() {
        return page::write_between_markers(PAGE, &document(&all, &versions));
    }
    let mut differ = Vec::new();
    for ((question, row, shell), answer) in &seen {
        let before = said.get(&(question.clone(), row.clone(), shell)).map_or("nothing", |it| it);
        if before != answer {
            let difference =
                format!("{shell}: {question} {row}: {answer}; the page says {before}\n");
            say(format!("DIFFERS: {difference}"));
            let version = SHELLS.iter().zip(&versions).find(|(it, _)| it.0 == *shell).unwrap().1;
            let is_of_the_page = version.as_ref().is_some_and(|it| text.contains(it));
            differ.extend((is_of_the_page || variables::in_ci()).then_some(difference));
        }
    }
    let hint = "write the page with ADIEU_WRITE_DOCS=1, and see what of adieu rests on it";
    assert!(differ.is_empty(), "{}{hint}", differ.concat());
    // The words around the answers are as they are here.
    let (_, rest) = text.split_once("<!-- begin -->\n").unwrap();
    let without_versions = |text: &str| text.rsplit_once("\n\n").unwrap().0.to_owned();
    let (old, _) = rest.split_once("<!-- end -->").unwrap();
    let new = document(&said, &versions);
    assert!(without_versions(old) == without_versions(&new), "{PAGE} is not current: {hint}");
}

/// Promise (Which process gets the signal, and when): what the shells do without adieu, on which
/// its rules rest ([shells.md](shells.md))
fn what_rests_on_a_fact_links_to_one_that_is_there() {
    let root = repository();
    let anchors: BTreeSet<String> = FACTS.iter().map(|fact| anchor(fact.question)).collect();
    let mut links = 0;
    for file in fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.is_file())
    {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for link in text.split("(shells.md#").skip(1) {
            let link = link.split(')').next().unwrap();
            assert!(anchors.contains(link), "{}: shells.md has no #{link}", file.display());
            links += 1;
        }
    }
    assert!(links > 0, "nothing links to {PAGE}");
    for link in FACTS.iter().flat_map(|fact| fact.why.split("](").skip(1)) {
        let (file, target) = link.split(')').next().unwrap().split_once('#').unwrap();
        let text = fs::read_to_string(root.join("docs").join(file)).unwrap();
        let mut headings =
            text.lines().filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#')));
        assert!(headings.any(|it| anchor(it.trim()) == target), "{file} has no #{target}");
    }
}

// --- The document --------------------------------------------------------------------------------

fn document(answers: &BTreeMap<Key, String>, versions: &[Option<String>]) -> String {
    let mut text = format!(
        "```sh\nshell=dash    # or another of the eight (busybox: \"busybox sh\")\n{PREAMBLE}```\n"
    );
    for fact in &FACTS {
        let (question, why, first) = (fact.question, fact.why, fact.rows.first().unwrap());
        write!(text, "\n## {question}\n\n{why}\n\n```sh\n{}```\n\n", fact.script(first)).unwrap();
        writeln!(text, "| `${}` | {} |", fact.variable, SHELLS.map(|it| it.0).join(" | ")).unwrap();
        writeln!(text, "| --- |{}", " --- |".repeat(SHELLS.len())).unwrap();
        for row in fact.rows {
            let row = cell(row.text());
            let answer =
                |name| answers.get(&(question.into(), row.clone(), name)).map_or("", |it| it);
            writeln!(text, "| {row} | {} |", SHELLS.map(|it| answer(it.0)).join(" | ")).unwrap();
        }
    }
    let versions: Vec<&str> = versions.iter().flatten().map(String::as_str).collect();
    format!("{text}\n{}; {}.\n", page::system(), versions.join(", "))
}

/// As code within a table.
fn cell(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// What the page says, by the same keys.
fn said(page: &str) -> BTreeMap<Key, String> {
    let mut found = BTreeMap::new();
    for part in page.split("\n## ").skip(1) {
        let question = part.lines().next().unwrap_or_default();
        for line in part.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")) {
            // No answer has a bar; a row may, escaped.
            let mut cells: Vec<&str> = line.rsplitn(SHELLS.len() + 1, " | ").collect();
            let row = cells.pop().unwrap_or_default();
            for ((name, ..), answer) in SHELLS.iter().zip(cells.iter().rev()) {
                found.insert((question.into(), row.into(), *name), (*answer).to_owned());
            }
        }
    }
    found
}

/// The name and the first word that looks like a version.
fn version((name, _, command): (&str, &str, &str)) -> Option<String> {
    let said =
        String::from_utf8_lossy(&output(Command::new("sh").args(["-c", command]))).into_owned();
    let is_version = |word: &&str| {
        word.trim_start_matches(['v', 'R']).starts_with(|it: char| it.is_ascii_digit())
    };
    Some(format!("{name} {}", said.split([' ', '\n', '\t']).find(is_version)?))
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || *it == ' ' || *it == '-');
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

pub(crate) const TESTS: &[Test] = tests![what_rests_on_a_fact_links_to_one_that_is_there];

/// A shell gets a second to answer.
pub(crate) const ALONE: &[Test] = tests![the_shells_do_what_the_page_says];
