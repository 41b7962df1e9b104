//! A shell string without shell syntax runs without a shell, and no difference can be seen:
//! whatever the string, adieu prints and exits as the shells do.
//!
//! `ADIEU_TEST_TRIES` is the number of generated strings, 300 by default. Where it is set, the
//! strings are different in each run.

use std::env;
use std::ffi::{OsStr, OsString};

use crate::support::runner::{Test, tests};
use crate::support::{Adieu, Scratch, adieu, tool_or_less, variables};
use adieu::cli::command::{self, ShellEnvironment};
use adieu::cli::settings;
use adieu::cli::{Typed, TypedCommand};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Programs in a directory that is all of `PATH`.
struct Fixtures(Scratch);

impl Fixtures {
    fn new() -> Self {
        let scratch = Scratch::new();
        // Each word in brackets, so that none can hide.
        for name in ["args", "my-args", "a.b", "a:b", "a+b", "a@b", "a%b", "a,b", "_x", "9", "A"] {
            scratch.script(
                name,
                "printf '%s:' \"${0##*/}\"\nprintf '[%s]' \"$@\"\necho\nexit \"$#\"\n",
            );
        }
        scratch.script("sub", "echo sub; exit 3");
        Self(scratch)
    }

    /// How each string ends under `shell`, which takes it as its last argument.
    fn run(&self, shell: &[&OsStr], strings: &[&str]) -> Vec<Outcome> {
        // The marker cannot be made by any of the fixtures. A directory of its own for each:
        // strings may write files.
        let each = "for string do
            cd \"$HERE\" && rm -rf ./* && ln -s ../args ../sub . || exit 125
            echo \"== $#\"; echo == >&2
            LC_ALL=C $SHELL_WORDS \"$string\" </dev/null
            echo \"-- $?\"
        done";
        let here = self.0.join("here");
        std::fs::create_dir_all(&here).unwrap();
        let words = shell.join(OsStr::new(" "));
        let (tools, path) = (env::var_os("PATH").unwrap_or_default(), self.0.path());
        // The loop has the tools, the strings only the fixtures.
        let each = each.replace("LC_ALL=C", "PATH=\"$FIXTURES\" LC_ALL=C");
        let finished = Adieu::new()
            .as_child()
            .program("/bin/sh")
            .env("PATH", tools)
            .env("FIXTURES", path)
            .env("HERE", &here)
            .env("SHELL_WORDS", words)
            .args(["-c", &each, "sh"])
            .args(strings)
            .start()
            .expect_exit(0);
        let split = |lines: &[String]| -> Vec<Vec<String>> {
            lines.split(|line| line.starts_with("==")).skip(1).map(<[String]>::to_vec).collect()
        };
        let outcomes: Vec<Outcome> = split(&finished.out)
            .into_iter()
            .zip(split(&finished.err))
            .map(|(out, err)| Outcome { out, err })
            .collect();
        assert_eq!(outcomes.len(), strings.len(), "{finished}");
        outcomes
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    /// With the exit status as its last line.
    out: Vec<String>,
    err: Vec<String>,
}

/// Whether adieu runs it without a shell.
fn is_direct(string: &str) -> bool {
    let settings = settings::resolve(&Typed::default(), |_| None).unwrap();
    let around = ShellEnvironment { path: true, shell_state: false };
    let typed = TypedCommand::Shell(string.into(), Vec::new());
    command::resolve(typed, &settings, || around).is_ok_and(|command| command.direct.is_some())
}

/// The shells to compare with, without `/bin/sh`.
fn shells() -> Vec<(&'static str, Vec<OsString>)> {
    let all = [("dash", &["-c"][..]), ("bash", &["-c"]), ("busybox", &["sh", "-c"])];
    let found = all.into_iter().filter_map(|(name, options)| {
        let path = tool_or_less(name)?;
        Some((
            name,
            [path.into_os_string()].into_iter().chain(options.iter().map(OsString::from)).collect(),
        ))
    });
    found.collect()
}

/// Compares adieu with the shells, string by string; says what differs first.
fn compare(strings: &[String]) -> Result<(), String> {
    let fixtures = Fixtures::new();
    let run = |words: &[&OsStr], which: &[&str]| fixtures.run(words, which);
    // An empty string is refused, which the shells do not do; and no two have the same pid to
    // print.
    let all: Vec<&str> = strings
        .iter()
        .map(String::as_str)
        .filter(|it| !it.trim_ascii().is_empty() && !it.contains("$$"))
        .collect();
    let through = run(&[adieu().as_os_str(), OsStr::new("-qc")], &all);
    let sh = run(&["/bin/sh", "-c"].map(OsStr::new), &all);
    for ((string, ours), theirs) in all.iter().zip(&through).zip(&sh) {
        // The parts of a pipeline complain in any order, and within each other's lines.
        if ours.out != theirs.out || ours.err != theirs.err && !string.contains('|') {
            return Err(format!("{string:?}\nadieu:   {ours:?}\n/bin/sh: {theirs:?}"));
        }
    }
    let (direct, ours): (Vec<&str>, Vec<&Outcome>) =
        all.iter().copied().zip(&through).filter(|(string, _)| is_direct(string)).unzip();
    for (name, shell) in shells() {
        let words: Vec<&OsStr> = shell.iter().map(OsString::as_os_str).collect();
        for ((string, ours), theirs) in direct.iter().zip(&ours).zip(run(&words, &direct)) {
            if ours.out != theirs.out {
                return Err(format!(
                    "{string:?} runs without a shell\nadieu: {ours:?}\n{name}: {theirs:?}"
                ));
            }
        }
    }
    Ok(())
}

/// What a word may be made of. No single `&`: what runs in the background writes when it likes. No
/// `/` but in whole words: nothing may be written outside of the directory. No `set` and `export`:
/// they print how the test calls them.
const PIECES: &[&str] = &[
    "args", "./args", "my-args", "sub", "a", "b c", "x=1", "--x=y", "-", ".", ",", ":", "+", "@",
    "%", "=", "_", "^", " ", "  ", "\t", "'", "'", "\"", "\"", "\\", "$", "$A", "${A}", "$(sub)",
    "`sub`", "*", "?", "[", "]", "[a-z]", "{", "}", "{a,b}", "~", "#", "!", "&&", "||", ";", ";;",
    "|", "<", ">", "(", ")", "\n", "\r", "\u{b}", "é", "\u{a0}", "\u{7f}", "if", "then", "exit",
    "echo", "true", "false", "test", "[", "!", "A=1", "B= ", "''", "\"\"", "'a b'", "\"a b\"",
    "'$A'", "\"$A\"", "\"!\"", "'!'", "\"\\\\\"", "'\\'", "-e", "nosuch", "9", "\\\n", "\r\n",
    "\u{2028}", "\u{3000}", "\u{feff}", "~root", "~+", "=args", "%1", "@(a)", "$'a'", "$\"a\"",
    "|&", "2>&1", ">&-", "<<x\n", "$((1))", "${A:-b}", "time", "coproc", "exec", "eval", "command",
    "builtin", ".", ":", "unset", "trap", "cd", "alias", "for", "while", "case", "esac", "fi",
    "do", "done", "function", "select", "until", "elif", "else", "in", "[[", "]]", "((", "let",
    "printf", "IFS=a", "PATH=", "A=", "A+=1", "A[1]=2", "--", "-", "+", "\u{1}", "\u{1b}", "\u{c}",
];

/// Mostly words that need no shell, with a few that may.
fn string() -> impl Strategy<Value = String> {
    let plain = "[a-zA-Z0-9_./,:+@%=-]{1,6}".prop_map(|word| word.replace("//", "/"));
    let quoted = prop_oneof![
        "'[ -&(-~]{0,6}'",
        "\"[ #%-\\[\\]-_a-~]{0,6}\"",
        "[a-z]'[a-z ]{0,3}'[a-z]\"[a-z ]{0,3}\""
    ];
    let word = prop_oneof![6 => plain, 4 => quoted];
    let gap = prop_oneof![4 => Just(" "), 1 => Just("  "), 1 => Just("\t")];
    let rest =
        proptest::collection::vec((gap, word).prop_map(|(gap, word)| format!("{gap}{word}")), 0..6);
    let first = prop_oneof![
        6 => Just("args"),
        2 => Just("./args"),
        1 => Just("'args'"),
        1 => Just(" my-args"),
        1 => Just("a%b"),
        1 => Just("a:b"),
        1 => Just("9"),
    ];
    let words = (first, rest).prop_map(|(first, rest)| format!("{first}{}", rest.concat()));
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 1..9)
        .prop_map(|pieces| pieces.concat());
    let started = proptest::collection::vec(proptest::sample::select(PIECES), 0..6)
        .prop_map(|pieces| format!("args {}", pieces.concat()));
    prop_oneof![2 => words, 1 => pieces, 1 => started]
}

/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn made_up_strings_run_as_the_shells_run_them() {
    let tries = variables::tries();
    const BATCH: u16 = 100;
    let cases = tries.unwrap_or(300).div_ceil(BATCH.into());
    // The message names the one string that differs: nothing to shrink, or to keep in files.
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = if tries.is_some() {
        TestRunner::new(config)
    } else {
        TestRunner::new_with_rng(config, rng)
    };
    let strings = proptest::collection::vec(string(), usize::from(BATCH));
    let result = runner.run(&strings, |strings| compare(&strings).map_err(TestCaseError::fail));
    if let Err(error) = result {
        panic!("{}", error.to_string().split("minimal failing input").next().unwrap_or_default());
    }
}

/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn nasty_strings_run_as_the_shells_run_them() {
    let nasty = [
        "args",
        " args ",
        "\targs\t",
        "args ",
        "args a  b",
        "args 'a  b'",
        "args \"a  b\"",
        "args ''",
        "args '' \"\"",
        "args a''b",
        "args 'a'\"b\"c",
        "args \"'\"",
        "args '\"'",
        "args '$A' '`sub`' '\\'",
        "args \"$A\"",
        "args \"\\a\"",
        "args \"\\\\\"",
        "args \"a!b\"",
        "args 'a!b'",
        "args a!b",
        "args !",
        "! args",
        "args -x --y=z",
        "args a=b",
        "a=b args",
        "args ~",
        "args a~",
        "args ~/x",
        "args 'a'~",
        "args =args",
        "args a:~",
        "args %1",
        "%1",
        "-x",
        "args -",
        "args --",
        "args #x",
        "args a#x",
        "args 'a'#x",
        "#args",
        "args {a,b}",
        "args '{a,b}'",
        "args {",
        "args }",
        "{ args; }",
        "args *",
        "args ?rgs",
        "args '*'",
        "args [a]rgs",
        "args a\\ b",
        "args a\\\nb",
        "args a\nargs b",
        "args a\n",
        "\nargs",
        "args\r",
        "args a\rb",
        "args a\u{b}b",
        "args a\u{c}b",
        "args a\u{a0}b",
        "args é",
        "args 'é'",
        "args \u{7f}",
        "args '\u{7f}'",
        "args 'a\tb'",
        "args \"a\tb\"",
        "args 'a\nb'",
        "args ^ a",
        "args a^b",
        "args @ + , : . / _ % =",
        "args a,b;c",
        "args a&&args b",
        "args a||args b",
        "args | args",
        "args >out; args <out",
        "args 2>&1",
        "args <<x\na\nx\n",
        "args $((1+1))",
        "args $(sub)",
        "args `sub`",
        "args ${A-x}",
        "args $",
        "args \"$\"",
        "args $'a\\tb'",
        "args $\"a\"",
        "(args)",
        "(args",
        "args)",
        "args '",
        "args \"",
        "args \\",
        "args &&",
        "| args",
        ";",
        "; args",
        "args;",
        "args;;",
        "args a; exit 7",
        "exit 7",
        "'exit' 7",
        "\"exit\" 7",
        "e'xi't 7",
        "echo a",
        "echo -e a",
        "'echo' -e 'a'",
        "true",
        "false",
        "test a",
        "[ a ]",
        "[ ]",
        ": a",
        ". ./args",
        "eval args a",
        "exec args a",
        "command args a",
        "command -v args",
        "type nosuch",
        "if",
        "then",
        "if args; then args; fi",
        "while",
        "do",
        "done",
        "in",
        "in a",
        "case",
        "esac",
        "for",
        "until",
        "select",
        "function",
        "coproc",
        "function f",
        "let a",
        "let 1",
        "local a",
        "declare",
        "return 3",
        "break",
        "continue",
        "shift",
        "trap",
        "wait",
        "kill",
        "kill -l 9",
        "umask",
        "ulimit",
        "cd",
        "cd nosuch",
        "pwd nosuch",
        "nosuch",
        "nosuch a b",
        "./nosuch",
        "./sub",
        "./sub a",
        "/",
        "./",
        ".",
        "..",
        "here",
        "./here",
        "../here",
        "''",
        "'' a",
        "\"\"",
        "' '",
        "' args'",
        "'args '",
        "\"args\" a",
        "'args' a",
        "a'r'gs a",
        "'./args' a",
        "../args a",
        "./../args a",
        ".//args a",
        "a.b x",
        "a:b x",
        "a+b x",
        "a@b x",
        "a%b x",
        "a,b x",
        "_x y",
        "9 x",
        "9>out",
        "args 9>out",
        "args 9 >out",
        "A x",
        "A",
        "A= args",
        "A=1",
        "A=1;args",
        "+x",
        "@",
        ",",
        "=",
        "=x",
        "a=",
        "alias",
        "alias a",
        "args 0",
        "args 00x",
        "args -1 +1",
        "args 1,2 3%4 5@6",
        "help",
        "history",
        "history a",
        "jobs",
        "fg",
        "bg",
        "printf a",
        "printf",
        "read a",
        "set a",
        "getopts",
        "hash",
        "unalias",
        "unset",
        "source args",
        "args a;#b",
        "args \u{1}",
        "args '\u{1}'",
        "args \u{feff}",
    ];
    compare(&nasty.map(str::to_owned)).unwrap_or_else(|difference| panic!("{difference}"));
}

/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn what_needs_no_shell_gets_none() {
    for plain in [
        "args a b",
        " args\t'a b' \"c d\" ''",
        "./args a=b --c=d,e:f@g%h+i",
        "java -Xmx1g -jar 'my app.jar'",
    ] {
        assert!(is_direct(plain), "{plain}");
    }
}

/// Without a shell, adieu finds a program where the shell would find it, whatever `PATH` is.
/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn a_program_is_found_where_the_shell_finds_it() {
    use std::os::unix::fs::PermissionsExt;
    let fixtures = Fixtures::new();
    let scratch = Scratch::new();
    for name in ["empty", "no-right", "directory/args", "here"] {
        std::fs::create_dir_all(scratch.join(name)).unwrap();
    }
    scratch.script("here/args", "echo \"here $*\"; exit 4");
    std::fs::write(scratch.join("no-right/args"), "echo no").unwrap();
    std::fs::write(scratch.join("file"), "").unwrap();
    std::fs::create_dir(scratch.join("no-magic")).unwrap();
    std::fs::write(scratch.join("no-magic/args"), "echo \"no magic $*\"; exit 5\n").unwrap();
    std::fs::set_permissions(scratch.join("no-magic/args"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    let good = fixtures.0.path().display().to_string();
    let at = |names: &[&str]| -> String {
        let all = names.iter().map(|name| match *name {
            "GOOD" => good.clone(),
            "" | "." | ".." | "nosuch" => (*name).to_owned(),
            name => scratch.join(name).display().to_string(),
        });
        all.collect::<Vec<_>>().join(":")
    };
    for names in [
        &["GOOD"][..],
        &["", "GOOD"],
        &["GOOD", ""],
        &["empty", ""],
        &[""],
        &[".", "GOOD"],
        &["..", "GOOD"],
        &["nosuch", "GOOD"],
        &["empty", "nosuch"],
        &["no-right", "GOOD"],
        &["GOOD", "no-right"],
        &["no-right"],
        &["directory", "GOOD"],
        &["directory"],
        &["file", "GOOD"],
        &["file"],
        &["no-magic", "GOOD"],
        &["no-magic"],
        &["no-right", "directory", "file"],
    ] {
        let path = at(names);
        for string in ["args a 'b c'", "sub", "nosuch x", "./args a", "../here/args a"] {
            assert!(is_direct(string));
            let run = |words: &[&OsStr]| {
                let adieu = Adieu::new().as_child().program(words[0]).args(&words[1..]).arg(string);
                let finished =
                    adieu.env("PATH", &path).current_dir(scratch.join("here")).start().finish();
                (finished.code, finished.out, finished.err)
            };
            let ours = run(&[adieu().as_os_str(), OsStr::new("-c")]);
            let theirs = run(&["/bin/sh", "-c"].map(OsStr::new));
            assert_eq!(ours, theirs, "{string:?} with PATH={path:?}");
        }
    }
}

/// Each shell lists the names that it does not look for in `PATH`. (busybox names its programs
/// along with its builtins.)
/// Promise (The command): a string without shell syntax needs no shell, and runs as a shell would
/// run it
fn no_builtin_or_reserved_word_of_a_shell_runs_without_it() {
    let busybox = "{ help; busybox --list; busybox --list; } | tr -s '[:space:]' '\\n' | \
        tail -n +3 | sort | uniq -u";
    for (shell, options, list) in
        [("bash", &["-c"][..], "compgen -bk"), ("busybox", &["sh", "-c"], busybox)]
    {
        let Some(path) = tool_or_less(shell) else { continue };
        let listed =
            Adieu::new().as_child().program(path).args(options).arg(list).start().expect_exit(0);
        assert!(listed.out.iter().any(|word| word == "exec"), "{shell}: {listed}");
        let direct: Vec<_> = listed.out.iter().filter(|word| is_direct(word)).collect();
        assert!(direct.is_empty(), "{shell}: {direct:?}");
    }
}

pub(crate) const TESTS: &[Test] = tests![
    made_up_strings_run_as_the_shells_run_them,
    nasty_strings_run_as_the_shells_run_them,
    what_needs_no_shell_gets_none,
    a_program_is_found_where_the_shell_finds_it,
    no_builtin_or_reserved_word_of_a_shell_runs_without_it
];
