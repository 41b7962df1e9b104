//! What is made from the options' table of `src/cli.rs` and from README.md is up to date, and the
//! tools that read it do: the man pages and the completions. With `ADIEU_WRITE_DOCS=1` they are
//! written instead of compared.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::support::runner::{Test, tests};
use crate::support::{Scratch, adieu, output, page, tool, tool_or_less};
use adieu::cli::{self, OPTIONS, Opt, Request, Takes};

// --- What there is -------------------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn options() -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| *options)
}

/// `-t` and `--timeout`, as far as it has both.
fn names(option: &Opt) -> Vec<String> {
    let short = option.short.map(|it| format!("-{it}"));
    short.into_iter().chain(option.long.map(|it| format!("--{it}"))).collect()
}

/// The value's name in the help, and whether the value is a word of its own.
fn value(option: &Opt) -> Option<(&'static str, bool)> {
    match option.takes {
        Takes::Nothing => None,
        Takes::Attached(name, _) => Some((name, false)),
        Takes::Value(name) | Takes::AnyValue(name) | Takes::Maybe(name, _) | Takes::Rest(name) => {
            Some((name, true))
        }
    }
}

fn help() -> String {
    match cli::parse(vec![OsString::from("--help")]) {
        Ok(Request::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn runtime_help() -> String {
    let runtime = Command::new(env!("CARGO_BIN_EXE_adieu-runtime")).arg("--adieu-help").output().unwrap();
    assert!(runtime.status.success());
    String::from_utf8(runtime.stdout).unwrap()
}

/// What begins with `prefix` and goes on with the characters of a name.
fn words_with<'a>(text: &'a str, prefix: &'static str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).map(move |(at, _)| {
        let rest = &text[at..];
        let name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        rest.split(|c| !name(c)).next().unwrap_or_default().trim_end_matches(['-', '_'])
    })
}

/// The help's line without what stands in brackets, and that: `10s`, `ADIEU_TIMEOUT`.
fn sentence(help: &str) -> (&str, Vec<&str>) {
    let (text, brackets) = help.split_once(" [").unwrap_or((help, ""));
    (text, brackets.split(['[', ']']).map(str::trim).filter(|it| !it.is_empty()).collect())
}

fn variables() -> BTreeMap<&'static str, &'static Opt> {
    let named = options().flat_map(|option| sentence(option.help).1.into_iter().map(move |it| (it, option)));
    named.filter(|(name, _)| name.starts_with("ADIEU_")).collect()
}

/// A row of README.md's table of options.
struct Row {
    names: Vec<String>,
    variable: String,
    default: String,
    meaning: String,
}

fn rows() -> Vec<Row> {
    let readme = read("README.md");
    let (_, table) = readme.split_once("| option | environment | default | meaning |\n").unwrap();
    let lines = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [option, variable, default, meaning] = cells[..] else { panic!("four cells, not {line}") };
            let names = option.split('`').filter(|it| it.starts_with('-'));
            let names = names.map(|it| it.split([' ', '[']).next().unwrap_or_default().to_owned());
            let bare = |cell: &str| cell.replace('`', "");
            let (variable, default) = (bare(variable), bare(default));
            Row { names: names.collect(), variable, default, meaning: meaning.to_owned() }
        })
        .collect()
}

// --- Making --------------------------------------------------------------------------------------

/// Plain text for roff.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('…', "...");
    if escaped.starts_with('.') { format!("\\&{escaped}") } else { escaped }
}

/// Markdown's code and links for roff: code in bold, of links the words.
fn roff_of_markdown(text: &str) -> String {
    let mut words = text.to_owned();
    while let Some((begin, end)) = words.find("](").and_then(|at| Some((at, at + words[at..].find(')')?))) {
        words.replace_range(begin..=end, "");
        let bracket = words[..begin].rfind('[').unwrap();
        words.replace_range(bracket..=bracket, "");
    }
    let parts = words.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { roff(part) } else { format!("\\fB{}\\fR", roff(part)) }).collect()
}

fn title(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {} 1 \"\" \"adieu {version}\" \"User Commands\"\n", name.to_uppercase())
}

fn synopsis() -> String {
    let help = help();
    let (_, usage) = help.split_once("Usage: ").unwrap();
    let (usage, _) = usage.split_once("\n\n").unwrap();
    let lines = usage.lines().map(|line| {
        let rest = line.trim().strip_prefix("adieu ").unwrap();
        format!(".B adieu\n{}\n", roff(rest))
    });
    lines.collect::<Vec<_>>().join(".br\n")
}

/// The options in the help's groups: the help's line, and what README.md has to say of that option
/// alone.
fn man_options() -> String {
    let rows = rows();
    let mut text = String::new();
    for (heading, options) in OPTIONS {
        let _ = writeln!(text, ".SS {heading}");
        for option in *options {
            let names = names(option);
            let bold: Vec<String> = names.iter().map(|it| format!("\\fB{}\\fR", roff(it))).collect();
            let value = match option.takes {
                Takes::Nothing => String::new(),
                Takes::Value(name) | Takes::AnyValue(name) => format!(" \\fI{name}\\fR"),
                Takes::Attached(name, _) => format!("[=\\fI{name}\\fR]"),
                Takes::Maybe(name, _) => format!(" [\\fI{name}\\fR]"),
                Takes::Rest(name) => format!(" \\fI{name}\\fR [\\fINAME ARG\\fR...]"),
            };
            let (help, brackets) = sentence(option.help);
            let row = rows.iter().find(|row| row.names == names).map(|row| roff_of_markdown(&row.meaning));
            let meaning = row.unwrap_or_else(|| roff(help));
            let mut letters = meaning.chars();
            let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            let brackets: String = brackets.iter().map(|it| format!(" [{}]", roff(it))).collect();
            let _ = writeln!(text, ".TP\n{}{value}\n{first}{}.{brackets}", bold.join(", "), letters.as_str());
        }
    }
    text
}

fn man_environment() -> String {
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (variable, option) in variables() {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let long = roff(names(option).last().unwrap());
        let words = if value.is_empty() {
            format!("The same as \\fB{long}\\fR.")
        } else {
            format!("\\fB{value}\\fR: the same as \\fB{long}\\fR.")
        };
        by_name.entry(name).or_default().push(words);
    }
    let entry = |(name, words): (&&str, &Vec<String>)| format!(".TP\n.B {name}\n{}\n", words.join("\n"));
    by_name.iter().map(entry).collect()
}

fn man_examples() -> String {
    let help = help();
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    let (examples, _) = examples.split_once("\n\n").unwrap();
    let lines: Vec<&str> = examples.lines().map(str::trim).collect();
    lines.chunks(2).map(|it| format!(".TP\n.B \"{}\"\n{}.\n", roff_argument(it[0]), roff(it[1]))).collect()
}

/// Text between the quotation marks of a macro's argument.
fn roff_argument(text: &str) -> String {
    roff(text).replace('"', "\\(dq")
}

/// The lines of adieu-runtime's help that begin with two spaces: options with what stands beside
/// them.
fn runtime_options(help: &str) -> Vec<(&str, &str)> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    lines.map(|line| line.split_once("  ").map(|(option, text)| (option, text.trim())).unwrap()).collect()
}

fn runtime_man_options(help: &str) -> String {
    let entry = |(option, text): &(&str, &str)| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = if value.is_empty() { String::new() } else { format!("=\\fI{value}\\fR") };
        let (text, brackets) = sentence(text);
        let brackets: String = brackets.iter().map(|it| format!(" [{}]", roff(it))).collect();
        format!(".TP\n\\fB{}\\fR{value}\n{}.{brackets}\n", roff(name), roff(text))
    };
    runtime_options(help).iter().map(entry).collect()
}

fn runtime_man_environment(help: &str) -> String {
    let entry = |(option, text): &(&str, &str)| {
        let variable = sentence(text).1.into_iter().find(|it| it.starts_with("ADIEU_"))?;
        let name = roff(option.split('=').next().unwrap_or_default());
        Some(format!(".TP\n.B {variable}\nThe same as \\fB{name}\\fR; of the engine's environment.\n"))
    };
    let mut text: String = runtime_options(help).iter().filter_map(entry).collect();
    let line = help.lines().find_map(|line| line.strip_prefix("In a container's environment: ")).unwrap();
    let _ = write!(text, ".PP\nIn a container's environment:\n{}\n", roff(line));
    text
}

fn runtime_man_annotations(help: &str) -> String {
    let line = help.lines().find_map(|line| line.strip_prefix("Annotations: ")).unwrap();
    let (last, words) = (line.trim_end_matches('.'), "of the container, for it alone");
    format!("{}: {words}.\n", roff(last))
}

/// For a shell's word in apostrophes.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

fn bash() -> String {
    let all: Vec<String> = options().flat_map(names).collect();
    let mut text = format!("_adieu_options='{}'\n", all.join(" "));
    text.push_str("# What an option waits for, as its next word.\n_adieu_takes() {\n  case $1 in\n");
    for (option, (name, _)) in options().filter_map(|it| Some((it, value(it).filter(|(_, own)| *own)?))) {
        let _ = writeln!(text, "  {}) echo {name} ;;", names(option).join(" | "));
    }
    text + "  esac\n}\n"
}

fn zsh() -> String {
    let mut text = "options=(\n".to_owned();
    for option in options() {
        let (names, optional) = (names(option), if let Takes::Maybe(..) = option.takes { ":" } else { "" });
        let values = value(option).map(|(name, _)| {
            let action = match name {
                "CMD" | "STRING" => "_command_names -e",
                "FILE" | "PATH" => "_files",
                "FORMAT" => "(text json)",
                "PID" => "_pids",
                "SIG" => "_signals -s",
                "WHO" => "(programs group child)",
                _ => " ",
            };
            format!("{optional}:{name}:{action}")
        });
        let values = values.unwrap_or_default();
        let text_of = option.help.replace('[', "(").replace(']', ")").replace(':', "\\:");
        for name in &names {
            let repeats = if option.help.contains("repeatable") { "*" } else { "" };
            let excluded = if names.len() > 1 && repeats.is_empty() {
                format!("({})", names.join(" "))
            } else {
                String::new()
            };
            let sign = match (option.takes, name.starts_with("--")) {
                (Takes::Nothing, _) => "",
                (Takes::Attached(..), _) => "=-",
                (Takes::Rest(_) | Takes::Maybe(..), _) => "",
                (_, true) => "=",
                (_, false) => "+",
            };
            let values =
                if let Takes::Attached(..) = option.takes { format!(":{values}") } else { values.clone() };
            let _ = writeln!(
                text,
                "  '{repeats}{excluded}{name}{sign}[{}]{}'",
                quoted(&text_of),
                quoted(&values)
            );
        }
    }
    text + ")\n"
}

fn fish() -> String {
    let with_value: Vec<String> =
        options().filter(|it| value(it).is_some_and(|(_, own)| own)).flat_map(names).collect();
    let mut text = format!("set -g __adieu_with_value {}\n", with_value.join(" "));
    for option in options() {
        let short = option.short.map(|it| format!(" -s {it}")).unwrap_or_default();
        let long = option.long.map(|it| format!(" -l {it}")).unwrap_or_default();
        let takes = match value(option) {
            None => "",
            Some((_, false)) => " -F",
            Some((name, true)) => match name {
                "FILE" | "PATH" => " -r -F",
                "CMD" | "STRING" => " -x -a '(__fish_complete_command)'",
                "FORMAT" => " -x -a 'text json'",
                "PID" => " -f -a '(__fish_complete_pids)'",
                "SIG" => " -x -a 'TERM INT QUIT HUP USR1 USR2'",
                "WHO" => " -x -a 'programs group child'",
                _ => " -x",
            },
        };
        let help = option.help.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = writeln!(text, "complete -c adieu -n 'not __adieu_command'{short}{long}{takes} -d '{help}'");
    }
    text
}

/// Each file with its parts.
fn made() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let runtime = runtime_help();
    vec![
        (
            "man/adieu.1",
            vec![
                ("title", title("adieu")),
                ("synopsis", synopsis()),
                ("options", man_options()),
                ("environment", man_environment()),
                ("examples", man_examples()),
            ],
        ),
        (
            "man/adieu-runtime.1",
            vec![
                ("title", title("adieu-runtime")),
                ("options", runtime_man_options(&runtime)),
                ("annotations", runtime_man_annotations(&runtime)),
                ("environment", runtime_man_environment(&runtime)),
            ],
        ),
        ("completions/adieu.bash", vec![("options", bash())]),
        ("completions/_adieu", vec![("options", zsh())]),
        ("completions/adieu.fish", vec![("options", fish())]),
    ]
}

// --- The tests -----------------------------------------------------------------------------------

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn man_pages_and_completions_are_those_of_the_command_line() {
    for (file, parts) in made() {
        let there = read(file);
        let sign = if file.starts_with("man/") { ".\\\"" } else { "#" };
        let expected = parts.iter().fold(there.clone(), |all, (name, text)| {
            page::between(&all, &format!("{sign} begin {name}\n"), &format!("{sign} end\n"), text)
        });
        if page::writes() {
            fs::write(root().join(file), expected).unwrap();
        } else {
            assert!(
                there == expected,
                "{file} is out of date: ADIEU_WRITE_DOCS=1 cargo test --test it generated::"
            );
        }
    }
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn every_option_and_variable_is_in_the_help_the_man_page_and_the_readme() {
    let (help, rows) = (help(), rows());
    let man = read("man/adieu.1").replace("\\-", "-");
    for option in options() {
        for name in names(option) {
            assert!(words_with(&help, "-").any(|it| it == name), "{name} is not in the help");
            assert!(man.contains(&format!("\\fB{name}\\fR")), "{name} is not in man/adieu.1");
            assert!(rows.iter().any(|row| row.names.contains(&name)), "{name} is not in README.md's table");
        }
    }
    let in_table: BTreeMap<&str, &Row> =
        rows.iter().filter(|row| !row.variable.is_empty()).map(|row| (row.variable.as_str(), row)).collect();
    let variables = variables();
    assert!(variables.len() > 5, "{:?}", variables.keys());
    let bare = |it: &str| it.split('=').next().unwrap().to_owned();
    for (variable, option) in &variables {
        assert!(man.contains(&format!(".B {}\n", bare(variable))), "{variable} is not in man/adieu.1");
        let row = in_table.get(variable).unwrap_or_else(|| panic!("{variable} is not in README.md's table"));
        assert_eq!(row.names, names(option), "{variable}");
    }
    assert_eq!(in_table.len(), variables.len(), "README.md's table has a variable more than the help");
    for row in &rows {
        for name in &row.names {
            let option = options().find(|option| names(option).contains(name));
            let option =
                option.unwrap_or_else(|| panic!("README.md's table has {name}, which does not exist"));
            let default = sentence(option.help).1.into_iter().find(|it| !it.starts_with("ADIEU_"));
            let said = ["", "off"].contains(&row.default.as_str()) || default == Some(row.default.as_str());
            assert!(said, "README.md has {name}'s default as {}, the help as {default:?}", row.default);
        }
    }
    // What the program asks its environment for is among them.
    let read_by_settings = read("src/settings.rs");
    for name in words_with(&read_by_settings, "ADIEU_") {
        assert!(
            variables.keys().any(|it| bare(it) == name),
            "src/settings.rs reads {name}, the help lacks it"
        );
    }
}

/// Options of others that the pages have in code: of engines, of inits, of runtimes.
const OF_OTHERS: [&str; 22] = [
    "--annotation",
    "--cap-drop",
    "--env",
    "--init",
    "--init-path",
    "--log",
    "--memory",
    "--mount",
    "--pid",
    "--pids-limit",
    "--read-only",
    "--runtime",
    "--runtime-flag",
    "--security-opt",
    "--single-child",
    "--stop-signal",
    "--stop-timeout",
    "--user",
    "-L",
    "-P",
    "-it",
    "-l",
];

/// The pages of the repository that a user reads.
fn pages() -> Vec<PathBuf> {
    let folders = ["", "docs", "man", "examples"].map(|folder| root().join(folder));
    let below = fs::read_dir(root().join("examples")).unwrap().map(|it| it.unwrap().path());
    let all = folders.into_iter().chain(below).filter(|it| it.is_dir());
    let files = all.flat_map(|folder| fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()));
    files.filter(|it| it.extension().is_some_and(|it| it == "md" || it == "1")).collect()
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn no_page_names_an_option_or_variable_that_does_not_exist() {
    let runtime = runtime_help();
    let mut known: BTreeSet<String> = options().flat_map(names).collect();
    known.extend(words_with(&runtime, "--adieu-").map(str::to_owned));
    let mut read_somewhere = String::new();
    for folder in ["src", "src/runtime", "tests", "tests/it", "tests/it/support", "benches/beside"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|it| it.unwrap().path());
        for file in files.filter(|it| it.extension().is_some_and(|it| it == "rs")) {
            read_somewhere += &fs::read_to_string(file).unwrap();
        }
    }
    let (pages, mut seen) = (pages(), 0);
    for path in &pages {
        let text = fs::read_to_string(path).unwrap().replace("\\-", "-");
        let shown = path.strip_prefix(root()).unwrap().display();
        // A fence of code is three of them, which leaves the others in pairs.
        let text = text.replace("```", "");
        for code in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with('-')) {
            let words = code.split([' ', '=', '[']).next().unwrap();
            // Several letters behind one dash are several options.
            let repeated = words.starts_with("-v") && words[1..].bytes().all(|it| it == b'v');
            let there = known.contains(words)
                || OF_OTHERS.contains(&words)
                || repeated
                || ["-", "--"].contains(&words);
            assert!(
                there,
                "{shown}: no option {words} (in `{code}`); another program's belongs into OF_OTHERS"
            );
            seen += 1;
        }
        for line in text.lines() {
            // A command line of adieu's own, as far as its options go.
            for command in line.match_indices("adieu -").map(|(at, _)| &line[at + "adieu ".len()..]) {
                for word in command.split(' ').take_while(|word| *word != "--") {
                    let name =
                        word.split(['=', '`', '[', ',', '.', ':', ')', '\\', '"', ']']).next().unwrap();
                    let long = name.strip_prefix("--").filter(|it| !it.is_empty());
                    assert!(
                        long.is_none() || known.contains(name),
                        "{shown}: no option {name} in: {command}"
                    );
                    seen += usize::from(long.is_some());
                    if !word.starts_with('-') && word.contains(['\'', '`']) {
                        break;
                    }
                }
            }
        }
        for name in words_with(&text, "ADIEU_") {
            assert!(read_somewhere.contains(name), "{shown}: nothing reads {name}");
        }
    }
    assert!(pages.len() > 15 && seen > 100, "{} pages, {seen} options", pages.len());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn the_man_pages_have_no_fault_that_mandoc_or_groff_know() {
    let pages = ["man/adieu.1", "man/adieu-runtime.1"].map(|page| root().join(page));
    if let Some(mandoc) = tool_or_less("mandoc") {
        let checked =
            Command::new(mandoc).args(["-T", "lint", "-W", "warning"]).args(&pages).output().unwrap();
        // The pages have no date: nobody would keep it up.
        let faults: Vec<_> =
            said(&checked).lines().filter(|it| !it.contains("missing date")).map(str::to_owned).collect();
        assert_eq!(faults, [""; 0]);
    }
    if let Some(groff) = tool_or_less("groff") {
        for page in &pages {
            let mut shown = Command::new(&groff);
            shown.args(["-man", "-ww", "-Tutf8", "-P-cbou"]).arg(page);
            let shown = shown.output().unwrap();
            assert_eq!(String::from_utf8_lossy(&shown.stderr), "", "{}", page.display());
            let text = String::from_utf8(shown.stdout).unwrap();
            assert!(
                ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"]
                    .iter()
                    .all(|it| text.contains(it))
            );
        }
    }
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn bash_completes_options_values_and_the_command() {
    let bash = tool("bash");
    let complete = |words: &[&str]| {
        let script = "source completions/adieu.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _adieu; \
                      complete -p adieu; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut command = Command::new(&bash);
        command.args(["--norc", "-ec", script, "bash"]).args(words).current_dir(root());
        let text = String::from_utf8(output(&mut command)).unwrap();
        let (registered, replies) = text.split_once('\n').unwrap();
        assert_eq!(registered, "complete -o filenames -F _adieu adieu");
        replies.trim_end().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["adieu", "--ti"]), ["--timeout"]);
    assert_eq!(complete(&["adieu", "-v", "--timeout", "5s", "--te"]), ["--termination-log"]);
    assert_eq!(complete(&["adieu", "--deliver", "g"]), ["group"]);
    assert_eq!(complete(&["adieu", "--deliver", "=", "g"]), ["group"]);
    assert_eq!(complete(&["adieu", "--deliver", "="]), ["programs", "group", "child"]);
    assert_eq!(complete(&["adieu", "--explain", "--si"]), ["--signal"]);
    assert_eq!(complete(&["adieu", "--report", "Cargo.t"]), ["Cargo.toml"]);
    assert_eq!(complete(&["adieu", "--", "cat", "Cargo.t"]), ["Cargo.toml"]);
    assert_eq!(complete(&["adieu", "cat", "--ti"]), [""; 0]);
    assert!(complete(&["adieu", "-t", "5s", "--", "mkdi"]).contains(&"mkdir".to_owned()));
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn fish_completes_options_values_and_the_command() {
    let fish = tool("fish");
    let home = Scratch::new();
    let complete = |line: &str| {
        let mut command = Command::new(&fish);
        command.args(["--no-config", "-c", "source completions/adieu.fish; complete -C $argv[1]", line]);
        let text = String::from_utf8(output(command.current_dir(root()).env("HOME", home.path()))).unwrap();
        text.lines().map(|it| it.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete("adieu --ti"), ["--timeout"]);
    assert_eq!(complete("adieu -v --timeout 5s --te"), ["--termination-log"]);
    assert_eq!(complete("adieu --deliver g"), ["group"]);
    assert_eq!(complete("adieu --explain --si"), ["--signal"]);
    assert_eq!(complete("adieu --report Cargo.t"), ["Cargo.toml"]);
    assert_eq!(complete("adieu -- cat Cargo.t"), ["Cargo.toml"]);
    assert!(!complete("adieu cat --ti").contains(&"--timeout".to_owned()));
    assert!(complete("adieu -t 5s mkdi").contains(&"mkdir".to_owned()));
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn zsh_completes_options_values_and_the_command() {
    let zsh = tool("zsh");
    // zsh completes on a terminal only, so it gets one, types a line and a tab, and shows what the
    // line became. No marker looks as it was typed: the terminal shows that too.
    let home = Scratch::new();
    let complete = |line: &str| {
        let script = "zmodload zsh/zpty; zpty z zsh -f -i; \
            zpty -w z \"PS1= ; fpath=($PWD/completions \\$fpath); autoload -U compinit; compinit -u -D\"; \
            zpty -w z 'show() { print -r -- begin\"<$BUFFER>\"end; BUFFER=; zle accept-line }; zle -N show; bindkey \"^X\" show'; \
            zpty -w z 'print re\"\"ady'; zpty -r -m z text '*ready*'; \
            zpty -w -n z $1$'\\t\\C-x'; zpty -r -m z text '*begin<*>end*'; print -r -- $text; zpty -d z";
        let mut command = Command::new(&zsh);
        command.args(["-fc", script, "zsh", line]).current_dir(root()).env("HOME", home.path());
        let text = String::from_utf8_lossy(&output(&mut command)).into_owned();
        let (_, line) = text.rsplit_once("begin<").unwrap_or_else(|| panic!("{text}"));
        line.split('>').next().unwrap().trim_end().to_owned()
    };
    assert_eq!(complete("adieu --tim"), "adieu --timeout=");
    assert_eq!(complete("adieu -v --timeout 5s --te"), "adieu -v --timeout 5s --termination-log=");
    assert_eq!(complete("adieu --deliver g"), "adieu --deliver group");
    assert_eq!(complete("adieu --explain --si"), "adieu --explain --signal=");
    assert_eq!(complete("adieu --report Cargo.t"), "adieu --report Cargo.toml");
    assert_eq!(complete("adieu -- cat Cargo.t"), "adieu -- cat Cargo.toml");
    assert_eq!(complete("adieu -t 5s mkdi"), "adieu -t 5s mkdir");
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn the_help_of_the_program_is_that_of_the_table() {
    assert_eq!(String::from_utf8(output(Command::new(adieu()).arg("--help"))).unwrap(), help());
}

pub(crate) const TESTS: &[Test] = tests![
    man_pages_and_completions_are_those_of_the_command_line,
    every_option_and_variable_is_in_the_help_the_man_page_and_the_readme,
    no_page_names_an_option_or_variable_that_does_not_exist,
    the_man_pages_have_no_fault_that_mandoc_or_groff_know,
    bash_completes_options_values_and_the_command,
    fish_completes_options_values_and_the_command,
    zsh_completes_options_values_and_the_command,
    the_help_of_the_program_is_that_of_the_table
];
