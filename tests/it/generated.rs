//! The man pages and the completions are those of the command lines' definitions and of README.md,
//! and the tools that read them find no fault. With `ADIEU_WRITE_DOCS=1` the files are written
//! instead of compared.
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs};

use crate::support::runner::{Test, tests};
use crate::support::{Scratch, adieu, output, page, repository, tool, tool_or_less};
use adieu::cli::settings::VARIABLES;
use adieu::cli::{self, Request, definition};
use adieu::runtime::options as runtime_options;
use clap::Arg;
use clap::builder::PossibleValuesParser;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

// --- What there is -------------------------------------------------------------------------------

fn read(file: &str) -> String {
    fs::read_to_string(repository().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The options that a user sees.
fn options() -> Vec<Arg> {
    definition::command().get_arguments().filter(|it| !it.is_hide_set()).cloned().collect()
}

/// `-t` and `--timeout`, as far as it has both.
fn names(option: &Arg) -> Vec<String> {
    let short = option.get_short().map(|it| format!("-{it}"));
    short.into_iter().chain(option.get_long().map(|it| format!("--{it}"))).collect()
}

fn help() -> String {
    match cli::parse(vec![OsString::from("--help")]) {
        Ok(Request::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn runtime_help() -> String {
    let runtime =
        Command::new(env!("CARGO_BIN_EXE_adieu-runtime")).arg("--adieu-help").output().unwrap();
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

/// What stands in brackets at the end of an option's help: `10s`, `ADIEU_TIMEOUT`.
fn brackets(option: &Arg) -> Vec<String> {
    let help = option.get_help().unwrap().to_string();
    let (_, brackets) = help.split_once(" [").unwrap_or_default();
    brackets
        .split(['[', ']'])
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Each variable of the help with the names of its option.
fn variables() -> BTreeMap<String, Vec<String>> {
    let named = options().into_iter().flat_map(|option| {
        let names = names(&option);
        brackets(&option).into_iter().map(move |it| (it, names.clone()))
    });
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
            let [option, variable, default, meaning] = cells[..] else {
                panic!("four cells, not {line}")
            };
            let names = option.split('`').filter(|it| it.starts_with('-'));
            let names = names.map(|it| it.split([' ', '[']).next().unwrap_or_default().to_owned());
            let bare = |cell: &str| cell.replace('`', "");
            let (variable, default) = (bare(variable), bare(default));
            Row { names: names.collect(), variable, default, meaning: meaning.to_owned() }
        })
        .collect()
}

// --- Making --------------------------------------------------------------------------------------

/// A part of a man page as clap_mangen makes it.
fn rendered(
    render: impl Fn(&Man, &mut dyn Write) -> std::io::Result<()>,
    of: clap::Command,
) -> String {
    let manual = Man::new(of);
    let mut text = Vec::new();
    render(&manual, &mut text).unwrap();
    // roff's own preamble, for apostrophes, stands at the beginning of each part.
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el "))
        .fold(String::new(), |all, line| all + &line.replace("\\*(Aq", "\\(aq") + "\n")
}

/// Markdown's code and links as plain text.
fn plain(markdown: &str) -> String {
    let mut words = markdown.replace('`', "").replace('…', "...");
    while let Some((begin, end)) =
        words.find("](").and_then(|at| Some((at, at + words[at..].find(')')?)))
    {
        words.replace_range(begin..=end, "");
        let bracket = words[..begin].rfind('[').unwrap();
        words.replace_range(bracket..=bracket, "");
    }
    words
}

/// The definition with the words of README.md's table, which has more room for them than the help.
fn explained() -> clap::Command {
    let rows = rows();
    options().into_iter().fold(definition::command(), |command, option| {
        let row = rows.iter().find(|row| row.names == names(&option));
        let help = option.get_help().unwrap().to_string();
        let text =
            row.map_or(help.split(" [").next().unwrap().to_owned(), |row| plain(&row.meaning));
        let brackets: String = brackets(&option).iter().map(|it| format!(" [{it}]")).collect();
        let mut letters = text.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        let text = format!("{first}{}.{brackets}", letters.as_str());
        command.mut_arg(option.get_id(), |option| option.long_help(text))
    })
}

/// Without a date, which would not be kept current; clap_mangen cannot leave it empty.
fn title(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {} 1 \"\" \"adieu {version}\" \"User Commands\"\n", name.to_uppercase())
}

/// The options below a heading of their own, `OPTIONS`.
fn man_options(command: clap::Command) -> String {
    rendered(|man, text| man.render_options_section(text), command).replace(".SH ", ".SS ")
}

fn man_environment() -> String {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (variable, names) in variables() {
        let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
        let long = names.last().unwrap().replace('-', "\\-");
        let same = format!("he same as \\fB{long}\\fR.");
        let words =
            if value.is_empty() { format!("T{same}") } else { format!("\\fB{value}\\fR: t{same}") };
        by_name.entry(name.to_owned()).or_default().push(words);
    }
    by_name.iter().map(|(name, words)| format!(".TP\n.B {name}\n{}\n", words.join("\n"))).collect()
}

/// The values that are words of a list, for the completions; `settings` reads them.
const LISTED: [(&str, &[&str]); 5] = [
    ("deliver", &["programs", "group", "child"]),
    ("format", &["text", "json"]),
    ("parent-death", &["TERM", "INT", "QUIT", "HUP", "KILL"]),
    ("signal", &["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"]),
    ("stop-on", &["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"]),
];

/// A completion as clap_complete makes it, of what a user sees.
fn completion(shell: Shell) -> String {
    let all = definition::command();
    let shown = all.get_arguments().filter(|it| !it.is_hide_set() || it.is_positional()).cloned();
    let command =
        LISTED.iter().fold(clap::Command::new("adieu").args(shown), |command, (id, values)| {
            command.mut_arg(id, |option| option.value_parser(PossibleValuesParser::new(*values)))
        });
    let mut text = Vec::new();
    generate(shell, &mut command.disable_help_flag(true), "adieu", &mut text);
    String::from_utf8(text).unwrap()
}

/// The options whose value is the next word.
fn with_value() -> String {
    let options = options();
    let waits = |it: &&Arg| it.get_action().takes_values() && !it.is_require_equals_set();
    options.iter().filter(waits).flat_map(names).collect::<Vec<_>>().join(" ")
}

fn bash() -> String {
    format!("_adieu_with_value=' {} '\n{}", with_value(), completion(Shell::Bash))
}

/// Only before the command: what stands behind that is the command's own.
fn fish() -> String {
    let lines = completion(Shell::Fish)
        .replace("complete -c adieu ", "complete -c adieu -n 'not __adieu_command' ");
    format!("set -g __adieu_with_value {}\n{lines}", with_value())
}

/// Each file with its parts; the whole file where the part has no name.
fn made() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let synopsis = rendered(|man, text| man.render_synopsis_section(text), definition::command());
    vec![
        (
            "man/adieu.1",
            vec![
                ("title", title("adieu")),
                ("synopsis", synopsis),
                ("options", man_options(explained())),
                ("environment", man_environment()),
            ],
        ),
        (
            "man/adieu-runtime.1",
            vec![
                ("title", title("adieu-runtime")),
                ("options", man_options(runtime_options::command())),
            ],
        ),
        ("completions/adieu.bash", vec![("options", bash())]),
        ("completions/_adieu", vec![("", completion(Shell::Zsh))]),
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
            if name.is_empty() {
                return text.clone();
            }
            page::between(&all, &format!("{sign} begin {name}\n"), &format!("{sign} end\n"), text)
        });
        if page::writes() {
            fs::write(repository().join(file), expected).unwrap();
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
        for name in names(&option) {
            assert!(words_with(&help, "-").any(|it| it == name), "{name} is not in the help");
            assert!(man.contains(&format!("\\fB{name}\\fR")), "{name} is not in man/adieu.1");
            assert!(
                rows.iter().any(|row| row.names.contains(&name)),
                "{name} is not in README.md's table"
            );
        }
    }
    let in_table: BTreeMap<&str, &Row> = rows
        .iter()
        .filter(|row| !row.variable.is_empty())
        .map(|row| (row.variable.as_str(), row))
        .collect();
    let variables = variables();
    assert!(variables.len() > 5, "{:?}", variables.keys());
    let bare = |it: &str| it.split('=').next().unwrap().to_owned();
    for (variable, names) in &variables {
        assert!(
            man.contains(&format!(".B {}\n", bare(variable))),
            "{variable} is not in man/adieu.1"
        );
        let row = in_table
            .get(variable.as_str())
            .unwrap_or_else(|| panic!("{variable} is not in README.md's table"));
        assert_eq!(row.names, *names, "{variable}");
    }
    assert_eq!(
        in_table.len(),
        variables.len(),
        "README.md's table has a variable more than the help"
    );
    let options = options();
    for row in &rows {
        for name in &row.names {
            let option = options.iter().find(|option| names(option).contains(name));
            let option = option
                .unwrap_or_else(|| panic!("README.md's table has {name}, which does not exist"));
            let default = brackets(option).into_iter().find(|it| !it.starts_with("ADIEU_"));
            let said = ["", "off"].contains(&row.default.as_str())
                || default.as_ref() == Some(&row.default);
            assert!(
                said,
                "README.md has {name}'s default as {}, the help as {default:?}",
                row.default
            );
        }
    }
    // What the program asks its environment for is the same.
    let read: BTreeSet<String> = VARIABLES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(read, variables.keys().map(|it| bare(it)).collect());
}

/// Options of others that the pages have in code: of engines, of inits, of runtimes.
const OF_OTHERS: [&str; 24] = [
    "--annotation",
    "--cap-drop",
    "--cgroups",
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
    // The made-up option in CONTRIBUTING.md.
    "--grace-note",
    "-L",
    "-P",
    "-it",
    "-l",
];

/// The pages of the repository that a user reads.
fn pages() -> Vec<PathBuf> {
    let folders = ["", "docs", "man", "examples"].map(|folder| repository().join(folder));
    let below = fs::read_dir(repository().join("examples")).unwrap().map(|it| it.unwrap().path());
    let all = folders.into_iter().chain(below).filter(|it| it.is_dir());
    let files = all.flat_map(|folder| fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()));
    files.filter(|it| it.extension().is_some_and(|it| it == "md" || it == "1")).collect()
}

/// Promise (The command): help, man page, README and completions have every option, and no page has
/// another; the shells take the completions
fn no_page_names_an_option_or_variable_that_does_not_exist() {
    let runtime = runtime_help();
    let mut known: BTreeSet<String> = options().iter().flat_map(names).collect();
    known.extend(words_with(&runtime, "--adieu-").map(str::to_owned));
    let mut read_somewhere = String::new();
    let mut folders = ["src", "tests", "benches"].map(|folder| repository().join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            if file.is_dir() {
                folders.push(file);
            } else if file.extension().is_some_and(|it| it == "rs") {
                read_somewhere += &fs::read_to_string(file).unwrap();
            }
        }
    }
    let (pages, mut seen) = (pages(), 0);
    for path in &pages {
        let text = fs::read_to_string(path).unwrap().replace("\\-", "-");
        let shown = path.strip_prefix(repository()).unwrap().display();
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
            for command in line.match_indices("adieu -").map(|(at, _)| &line[at + "adieu ".len()..])
            {
                for word in command.split(' ').take_while(|word| *word != "--") {
                    let name = word
                        .split(['=', '`', '[', ',', '.', ':', ')', '\\', '"', ']'])
                        .next()
                        .unwrap();
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
    let pages = ["man/adieu.1", "man/adieu-runtime.1"].map(|page| repository().join(page));
    if let Some(mandoc) = tool_or_less("mandoc") {
        let checked = Command::new(mandoc)
            .args(["-T", "lint", "-W", "warning"])
            .args(&pages)
            .output()
            .unwrap();
        // The pages have no date: it would not be kept current.
        let faults: Vec<_> = said(&checked)
            .lines()
            .filter(|it| !it.contains("missing date"))
            .map(str::to_owned)
            .collect();
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
        let script = "source completions/adieu.bash; set +e; \
            COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
            _adieu_or_command adieu \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"; \
            complete -p adieu; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut command = Command::new(&bash);
        command.args(["--norc", "-ec", script, "bash"]).args(words).current_dir(repository());
        let text = String::from_utf8(output(&mut command)).unwrap();
        let (registered, replies) = text.split_once('\n').unwrap();
        assert_eq!(registered, "complete -o filenames -F _adieu_or_command adieu");
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
        command.args([
            "--no-config",
            "-c",
            "source completions/adieu.fish; complete -C $argv[1]",
            line,
        ]);
        let text =
            String::from_utf8(output(command.current_dir(repository()).env("HOME", home.path())))
                .unwrap();
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
            zpty -w z \"PS1= ; fpath=($PWD/completions \\$fpath); autoload -U compinit; \
            compinit -u -D\"; \
            zpty -w z 'show() { print -r -- begin\"<$BUFFER>\"end; BUFFER=; zle accept-line }; \
            zle -N show; bindkey \"^X\" show'; \
            zpty -w z 'print re\"\"ady'; zpty -r -m z text '*ready*'; \
            zpty -w -n z $1$'\\t\\C-x'; zpty -r -m z text '*begin<*>end*'; print -r -- $text; \
            zpty -d z";
        let mut command = Command::new(&zsh);
        command
            .args(["-fc", script, "zsh", line])
            .current_dir(repository())
            .env("HOME", home.path());
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
fn the_help_of_the_program_is_that_of_the_definition() {
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
    the_help_of_the_program_is_that_of_the_definition
];
