//! `--explain [PID]`: what a stop would do to a running tree, process by process. Reads /proc,
//! sends nothing.
//!
//! The roles are those of `plan`, the same function that a stop uses. What runs at the top decides
//! what they are worth: adieu would act on them; of other inits, and of a bare program as PID 1, it
//! is said what they would do instead, where that is certain.

use crate::cli::settings::{self, Settings};
use crate::cli::{self, Request, TypedExplain};
use crate::decide::role::{self, Question, Reason, Role, Verdict};
use crate::decide::terms::Deliver;
use crate::error::Error;
use crate::process::{Disposition, Process, Snapshot};
use crate::procfs::{self, Detail, Own};
use crate::report::json::Json;
use crate::report::words::{role, shown};
use crate::signal::{Signal, SignalSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

/// The version of the form of `--format json`.
const SCHEMA: i32 = 1;

/// What is at the top of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Top {
    /// adieu, with the settings that its command line and environment show.
    Adieu(Box<Settings>),
    /// An init that tells its direct child only, and ends with it.
    TellsChild(String),
    /// An init that tells its child's process group or session, and ends with its direct child.
    TellsGroup(String),
    /// An init that passes on other signals than it gets.
    Rewrites(String),
    /// Anything else.
    Bare,
}

/// What a signal means to adieu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It begins a stop.
    Stop,
    /// It goes to its handlers.
    Forward,
    /// It goes to the whole process group.
    Group,
    /// Nobody gets it.
    Nothing,
}

/// A tree, read once, with what a stop would make of it.
struct Explained {
    signal: Signal,
    /// What is delivered in its place; `None` where it is dropped.
    delivered: Option<Signal>,
    root: Process,
    /// The root is PID 1 of its namespace: the kernel drops signals that it does not handle.
    root_is_init: bool,
    /// Its environment may not be read, so what it sets there is not known.
    hidden_settings: bool,
    /// The one that explains was below the root itself, and is left out.
    explains_within: bool,
    /// The process group of its first child.
    main: i32,
    top: Top,
    snapshot: Snapshot,
    verdicts: Vec<Verdict>,
    zombies: Vec<(i32, String, usize)>,
}

/// Explains the tree below a process; returns the text to print.
///
/// # Errors
/// [`Error::Usage`] for bad options, [`Error::System`] where there is no such process or no /proc.
pub(crate) fn explain(typed: &TypedExplain, colour: bool) -> Result<String, Error> {
    let bad = |option: &str, value: &OsStr, example: &str| {
        Error::Usage(format!(
            "{option} '{}': unknown; write for example {example}",
            value.to_string_lossy()
        ))
    };
    let pid = typed.pid.to_str().and_then(|pid| pid.parse::<i32>().ok()).filter(|pid| *pid > 0);
    let pid = pid.ok_or_else(|| bad("--explain", &typed.pid, "--explain 1"))?;
    let signal = match &typed.signal {
        None => Signal::TERM,
        Some(text) => {
            let parsed = text.to_str().and_then(|text| text.parse().ok());
            parsed.ok_or_else(|| bad("--signal", text, "--signal TERM"))?
        }
    };
    let as_json = match typed.format.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => return Err(bad("--format", OsStr::new(other), "--format json")),
    };
    let explained = look(pid, signal, typed.show_args)?;
    if u32::try_from(pid) == Ok(std::process::id()) {
        return Err(Error::System(format!(
            "--explain {pid}: that is this very --explain, with nothing below it; run it in a container that runs \
             already: docker exec CONTAINER /adieu --explain"
        )));
    }
    Ok(if as_json { format!("{:#}\n", explained.to_json()) } else { explained.to_text(colour) })
}

fn look(pid: i32, signal: Signal, show_args: bool) -> Result<Explained, Error> {
    let own = Own::of(pid, show_args);
    let (top, hidden_settings) = top(pid);
    let delivered = match &top {
        Top::Adieu(settings) => settings.rewrites.apply(signal),
        _ => Some(signal),
    };
    let seen_for = delivered.unwrap_or(signal);
    let no_proc = || {
        Error::System(format!(
            "--explain {pid}: /proc cannot be read here, or belongs to another PID namespace; \
             run adieu inside the container: docker exec CONTAINER /adieu --explain"
        ))
    };
    let mut snapshot =
        procfs::look_below(&own, seen_for, Detail::Whole).ok().flatten().ok_or_else(no_proc)?;
    let below_root = snapshot.processes.len();
    leave_out(&mut snapshot, i32::try_from(std::process::id()).unwrap_or(0));
    let explains_within = snapshot.processes.len() < below_root;
    let root = procfs::one(&own, pid, seen_for).ok_or_else(|| {
        Error::System(format!(
            "--explain {pid}: there is no such process; write for example --explain 1"
        ))
    })?;
    let main = snapshot.processes.iter().find(|p| p.own_child).map_or(0, |p| p.id.pid);
    let deliver = match &top {
        Top::Adieu(settings) => settings.deliver,
        _ => Deliver::Programs,
    };
    let question = Question {
        signal: seen_for,
        deliver,
        main,
        inherited_ignored: shells_ignored(&root),
        only_known_handlers: false,
    };
    let verdicts = role::assign(&snapshot, &question, |_| None);
    let zombies = procfs::zombies(&own, &snapshot);
    let root_is_init = root.nested_init || pid == 1;
    Ok(Explained {
        signal,
        delivered,
        root,
        root_is_init,
        hidden_settings,
        explains_within,
        main,
        top,
        snapshot,
        verdicts,
        zombies,
    })
}

/// Of the signals that shells and nohup make a program ignore, those that adieu was started
/// ignoring: it never changes its own dispositions.
fn shells_ignored(root: &Process) -> SignalSet {
    [Signal::HUP, Signal::INT, Signal::QUIT]
        .into_iter()
        .filter(|signal| root.ignored.has(*signal))
        .collect()
}

/// Takes a process that has no children out: the one that explains is no part of what it explains.
fn leave_out(snapshot: &mut Snapshot, pid: i32) {
    let Some(at) = snapshot.processes.iter().position(|p| p.id.pid == pid) else { return };
    snapshot.processes.remove(at);
    for process in &mut snapshot.processes {
        process.above =
            process.above.filter(|above| *above != at).map(|above| above - usize::from(above > at));
    }
}

/// What kind of init a process is, from its command line and environment, and whether adieu's
/// environment is hidden.
fn top(pid: i32) -> (Top, bool) {
    let read = |file: &str| procfs::read_file(pid, file);
    let words = |bytes: Vec<u8>| -> Vec<OsString> {
        let trimmed = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        trimmed.split(|b| *b == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
    };
    let environment = read("environ");
    let hidden = environment.is_err();
    let (command, environment) =
        (words(read("cmdline").unwrap_or_default()), words(environment.unwrap_or_default()));
    let variable = |name: &str| {
        let value = |entry: &OsString| {
            let bytes = entry.as_encoded_bytes().strip_prefix(name.as_bytes())?;
            Some(OsString::from_vec(bytes.strip_prefix(b"=")?.to_vec()))
        };
        environment.iter().find_map(value)
    };
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = executable.as_deref().or_else(|| command.first().map(AsRef::as_ref));
    let name = file.and_then(std::path::Path::file_name).map(|n| n.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let options: Vec<OsString> = command.into_iter().skip(1).collect();
    let top = match name.as_str() {
        _ if name == "adieu" || is_this_program(pid) => match cli::parse(options) {
            Ok(Request::Run(typed)) => {
                let settings = settings::resolve(&typed, variable);
                return (
                    settings.map_or(Top::Bare, |settings| Top::Adieu(Box::new(settings))),
                    hidden,
                );
            }
            _ => Top::Bare,
        },
        "tini" | "tini-static" | "docker-init"
            if has_flag(&options, 'g', "", "pe")
                || variable("TINI_KILL_PROCESS_GROUP").is_some() =>
        {
            Top::TellsGroup(name)
        }
        "tini" | "tini-static" | "docker-init" => Top::TellsChild(name),
        // What it passes on then is another signal.
        "dumb-init" if has_flag(&options, 'r', "--rewrite", "") => Top::Rewrites(name),
        "dumb-init"
            if has_flag(&options, 'c', "--single-child", "r")
                || variable("DUMB_INIT_SETSID").is_some_and(|v| v == "0") =>
        {
            Top::TellsChild(name)
        }
        "dumb-init" => Top::TellsGroup(name),
        "catatonit" | "podman-init" if has_flag(&options, 'g', "", "") => Top::TellsGroup(name),
        "catatonit" | "podman-init" => Top::TellsChild(name),
        _ => Top::Bare,
    };
    (top, false)
}

/// Whether the process runs the very file that this one runs, under whatever name.
fn is_this_program(pid: i32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file =
        |pid: &str| std::fs::metadata(format!("/proc/{pid}/exe")).map(|m| (m.dev(), m.ino())).ok();
    file("self").is_some() && file("self") == file(&pid.to_string())
}

/// Whether a flag is among the options of another init, up to its command. Those of `with_value`
/// take a value.
fn has_flag(words: &[OsString], flag: char, long: &str, with_value: &str) -> bool {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next().filter(|word| word.starts_with('-') && *word != "--") {
        if word.starts_with("--") {
            // dumb-init's `--rewrite` has its value in the same word or the next.
            if !long.is_empty() && word.split('=').next() == Some(long) {
                return true;
            }
            if word == "--rewrite" {
                words.next();
            }
            continue;
        }
        for (at, letter) in word.char_indices().skip(1) {
            if letter == flag {
                return true;
            }
            if with_value.chars().any(|it| it == letter) {
                // The rest of the word is its value, or the next word.
                if at + letter.len_utf8() == word.len() {
                    words.next();
                }
                break;
            }
        }
    }
    false
}

impl Explained {
    fn rows(&self) -> impl Iterator<Item = (&Process, &Verdict)> {
        self.snapshot.processes.iter().zip(&self.verdicts)
    }

    fn with_role(&self, wanted: Role) -> Vec<&Process> {
        self.rows().filter(|(_, v)| v.role == wanted).map(|(p, _)| p).collect()
    }

    /// What the signal means to adieu.
    fn meaning(&self, settings: &Settings) -> Meaning {
        let Some(to) = self.delivered else { return Meaning::Nothing };
        let deaf = shells_ignored(&self.root).has(self.signal) && to == self.signal;
        let stops =
            settings.stop_on.has(self.signal) || settings.stop_on.has(to) || to == Signal::KILL;
        let hangs_up =
            to == Signal::HUP && !self.root_is_init && self.with_role(Role::Handler).is_empty();
        match to {
            _ if (stops || hangs_up) && !deaf => Meaning::Stop,
            Signal::CHLD | Signal::TTIN | Signal::TTOU => Meaning::Nothing,
            Signal::WINCH | Signal::TSTP | Signal::STOP | Signal::CONT => Meaning::Group,
            _ => Meaning::Forward,
        }
    }

    /// What would happen to this one.
    fn when(&self, process: &Process, verdict: &Verdict) -> String {
        let Top::Adieu(settings) = &self.top else { return String::new() };
        let gets_it = match self.meaning(settings) {
            Meaning::Stop if self.signal.can_be_caught() => {
                return self.when_stopped(process, verdict);
            }
            Meaning::Forward => role::handles(process, true) && verdict.at_once,
            Meaning::Group => process.group == self.main,
            Meaning::Stop | Meaning::Nothing => false,
        };
        if gets_it { "gets it" } else { "left alone" }.to_owned()
    }

    /// When a stop would tell this one.
    fn when_stopped(&self, process: &Process, verdict: &Verdict) -> String {
        let unhandled = self.with_role(Role::Handler).is_empty();
        match (verdict.role, verdict.reason) {
            _ if process.nested_init && process.disposition == Disposition::Default => {
                "killed when it is alone".to_owned()
            }
            _ if unhandled => "told at once".to_owned(),
            (Role::Handler, _) => "told at once, waited for".to_owned(),
            (Role::Foreground, _) => "told at once".to_owned(),
            _ if verdict.at_once => "told at once".to_owned(),
            (Role::Worker, Reason::Below(pid)) => format!("left to {pid}"),
            (Role::Shielded, _) => "not before the last call".to_owned(),
            _ if process.stdin_hidden => "told after the last owner".to_owned(),
            _ if process.reads_pipe => "ends at end of file".to_owned(),
            _ if process.disposition == Disposition::Ignored => "told at the last call".to_owned(),
            _ => "told after the last owner".to_owned(),
        }
    }

    /// The verdict in a sentence or two.
    fn verdict(&self) -> String {
        let signal = self.signal;
        let root = named(&self.root);
        let owners = self.with_role(Role::Handler);
        if !signal.can_be_caught() {
            let below = match (signal, self.root_is_init) {
                (Signal::KILL, true) => "would end at once, and everything below it",
                (Signal::KILL, false) => "would end at once, and leave behind what is below it",
                _ => "itself would stop, and pass nothing on until SIGCONT",
            };
            return format!("{signal} cannot be handled: sent from outside, {root} {below}.");
        }
        match &self.top {
            Top::Adieu(_) if self.delivered.is_none() => {
                format!("{signal} would be dropped: adieu rewrites it to 0.")
            }
            Top::Adieu(settings) => {
                let text = match self.meaning(settings) {
                    Meaning::Stop => self.of_adieu(settings),
                    Meaning::Forward => {
                        let seen: Vec<&Process> =
                            owners.iter().copied().filter(|p| role::handles(p, true)).collect();
                        forwarded(signal, &seen)
                    }
                    Meaning::Group => {
                        format!("{signal} would go to every process of group {}.", self.main)
                    }
                    Meaning::Nothing => {
                        format!("{signal} is for adieu itself, and passed on to nobody.")
                    }
                };
                match self.delivered.filter(|to| *to != signal) {
                    Some(to) => format!("{to} is delivered in place of {signal}. {text}"),
                    None => text,
                }
            }
            Top::TellsChild(_) => match self.snapshot.processes.iter().find(|p| p.own_child) {
                None => self.alone(),
                Some(child) => {
                    let told = format!(
                        "{root} would pass {signal} to {} alone and end with it",
                        named(child)
                    );
                    self.ends_with(told, child)
                }
            },
            Top::TellsGroup(_) => match self.snapshot.processes.iter().find(|p| p.own_child) {
                None => self.alone(),
                Some(child) => {
                    let told = format!(
                        "{root} would pass {signal} to every process of {}'s group and end with {}",
                        child.name,
                        named(child)
                    );
                    self.ends_with(told, child)
                }
            },
            Top::Rewrites(_) => {
                format!("{root} rewrites signals, as its options say, before it passes them on.")
            }
            Top::Bare => self.of_bare(&root, &owners),
        }
    }

    fn alone(&self) -> String {
        let but = if self.explains_within { " but this --explain" } else { "" };
        format!("Nothing runs below {}{but}.", named(&self.root))
    }

    /// An init that ends with its direct child: whoever would still be at work then is cut off.
    fn ends_with(&self, told: String, child: &Process) -> String {
        let owners = self.with_role(Role::Handler);
        let others: Vec<&Process> = owners.into_iter().filter(|p| p.id != child.id).collect();
        if !role::handles(child, true)
            && child.disposition == Disposition::Default
            && !others.is_empty()
        {
            let rest = if self.root_is_init {
                "the kernel would then kill"
            } else {
                "left behind would be"
            };
            return format!("{told}: {} dies at once, and {rest} {}.", child.name, names(&others));
        }
        if others.is_empty() && child.disposition == Disposition::Default {
            return format!("{told}: it would be gone at once.");
        }
        format!("{told}.")
    }

    fn of_adieu(&self, settings: &Settings) -> String {
        let signal = self.signal;
        let owners = self.with_role(Role::Handler);
        if self.snapshot.processes.is_empty() {
            return self.alone();
        }
        if owners.is_empty() {
            let ignoring: Vec<&Process> = self
                .snapshot
                .processes
                .iter()
                .filter(|p| p.disposition == Disposition::Ignored)
                .collect();
            if ignoring.is_empty() {
                return format!("Nothing here handles {signal}: the container would stop at once.");
            }
            return format!(
                "Nothing here handles {signal}, but {} would be waited for: {} it{}.",
                names(&ignoring),
                if ignoring.len() == 1 { "it ignores" } else { "they ignore" },
                limit(settings)
            );
        }
        let mut parts = vec![format!(
            "A {signal} would be waited for by {}{}",
            names(&owners),
            limit(settings)
        )];
        let shielded = self.with_role(Role::Shielded);
        if !shielded.is_empty() {
            parts.push(format!("{} {} shielded", names(&shielded), is_or_are(&shielded)));
        }
        let readers = self.with_role(Role::Bystander).into_iter();
        let readers: Vec<&Process> = readers.filter(|p| p.reads_pipe && !p.stdin_hidden).collect();
        if !readers.is_empty() {
            parts.push(format!(
                "{} {} at end of file",
                names(&readers),
                if readers.len() == 1 { "ends" } else { "end" }
            ));
        }
        format!("{}.", parts.join("; "))
    }

    fn of_bare(&self, root: &str, owners: &[&Process]) -> String {
        let signal = self.signal;
        let has = if self.root.disposition == Disposition::Ignored {
            "ignores the signal"
        } else {
            "has no handler"
        };
        let below = match owners {
            [] => String::new(),
            _ => format!(" {} would not hear of it.", names(owners)),
        };
        match self.root.disposition {
            Disposition::Unreadable | Disposition::Hidden => {
                format!(
                    "What {root} does with {signal} may not be read: that takes its own user, or root with CAP_SYS_PTRACE."
                )
            }
            _ if role::handles(&self.root, true) => format!(
                "{root} handles {signal} itself; what is below it is its own business{}.",
                if self.root_is_init { ", and is killed by the kernel when it ends" } else { "" }
            ),
            _ if self.root_is_init => {
                let who = match self.root.id.pid {
                    1 => format!("PID 1 is {}, which", self.root.name),
                    _ => format!("{root} is PID 1 of its container and"),
                };
                format!("{who} {has}: {signal} would be ignored until SIGKILL.{below}")
            }
            Disposition::Ignored => format!("{root} ignores {signal}.{below}"),
            _ => format!("{root} has no handler: {signal} would end it at once.{below}"),
        }
    }

    fn to_text(&self, colour: bool) -> String {
        let paint = |text: String, role: Role| match (colour, role) {
            (false, _) => text,
            (true, Role::Handler) => format!("\x1b[1;32m{text}\x1b[0m"),
            (true, Role::Foreground) => format!("\x1b[32m{text}\x1b[0m"),
            (true, Role::Shielded) => format!("\x1b[36m{text}\x1b[0m"),
            (true, Role::Worker | Role::Bystander) => format!("\x1b[2m{text}\x1b[0m"),
        };
        let acts = matches!(self.top, Top::Adieu(_));
        let mut lines = Vec::new();
        let head = format!(
            "{:>7} {:<23} {:<10} {:<10} {}",
            "PID",
            "PROCESS",
            self.delivered.unwrap_or(self.signal).to_string(),
            if acts { "ROLE" } else { "" },
            if acts { "WHAT WOULD HAPPEN" } else { "" },
        );
        lines.push(head.trim_end().to_owned());
        lines.push(row(&self.root, 0, "", ""));
        let mut depths: Vec<usize> = Vec::new();
        for (process, verdict) in self.rows() {
            let depth = process.above.and_then(|at| depths.get(at)).map_or(1, |depth| depth + 1);
            depths.push(depth);
            let when = if acts { self.when(process, verdict) } else { String::new() };
            let line = row(process, depth, if acts { role(verdict.role) } else { "" }, &when);
            lines.push(paint(line, if acts { verdict.role } else { Role::Foreground }));
            if !process.arguments.is_empty() {
                lines.extend(
                    hard_wrap(&process.arguments, 72).map(|part| format!("{:>8}{part}", "")),
                );
            }
        }
        lines.push(String::new());
        lines.extend(wrap(&self.verdict(), 80));
        for (pid, name, count) in &self.zombies {
            let zombies = if *count == 1 { "a zombie" } else { "zombies" };
            let text = format!(
                "{name} ({pid}) leaves {zombies} behind ({count}): it does not wait for its children."
            );
            lines.extend(wrap(&text, 80));
        }
        if self.hidden_settings {
            let text = "adieu's environment may not be read, so settings from there (ADIEU_TIMEOUT ...) are not \
                        counted. That takes its own user, or root with CAP_SYS_PTRACE.";
            lines.extend(wrap(text, 80));
        }
        let unread: Vec<&Process> =
            self.rows().map(|(p, _)| p).filter(|p| is_unreadable(p)).collect();
        if !unread.is_empty() {
            let text = format!(
                "May not be read in full: {}. That takes its own user, or root with CAP_SYS_PTRACE.",
                names(&unread)
            );
            lines.extend(wrap(&text, 80));
        }
        lines.join("\n") + "\n"
    }

    fn to_json(&self) -> Json {
        let acts = matches!(self.top, Top::Adieu(_));
        let process = |process: &Process| {
            let mut fields = vec![
                ("disposition", disposition(process.disposition).into()),
                ("name", process.name.as_str().into()),
                ("parent", process.parent.into()),
                ("pid", process.id.pid.into()),
                ("stopped", process.stopped.into()),
            ];
            if !process.arguments.is_empty() {
                fields.insert(0, ("command", process.arguments.as_str().into()));
            }
            fields
        };
        let rows = self.rows().map(|(p, v)| {
            let mut fields = process(p);
            if acts {
                fields.extend([("role", role(v.role).into()), ("when", self.when(p, v).into())]);
            }
            Json::Object(fields)
        });
        let init = match &self.top {
            Top::Adieu(_) => "adieu",
            Top::TellsChild(name) | Top::TellsGroup(name) | Top::Rewrites(name) => name,
            Top::Bare => "none",
        };
        let zombies = self.zombies.iter().map(|(pid, name, count)| {
            Json::Object(vec![
                ("count", (*count).into()),
                ("name", name.as_str().into()),
                ("parent", (*pid).into()),
            ])
        });
        Json::Object(vec![
            ("delivered", self.delivered.map(|signal| signal.to_string()).into()),
            ("init", init.into()),
            ("processes", rows.collect()),
            ("root", Json::Object(process(&self.root))),
            ("schema", SCHEMA.into()),
            ("signal", self.signal.to_string().into()),
            ("verdict", self.verdict().into()),
            ("zombies", zombies.collect()),
        ])
    }
}

fn forwarded(signal: Signal, owners: &[&Process]) -> String {
    if owners.is_empty() {
        return format!("Nothing here handles {signal}: it would be dropped, with a warning.");
    }
    format!("{signal} would go to {}; it begins no stop.", names(owners))
}

fn limit(settings: &Settings) -> String {
    settings.timeout.map_or(String::new(), |t| format!(", for {} at the most", shown(t)))
}

fn is_or_are(whom: &[&Process]) -> &'static str {
    if whom.len() == 1 { "is" } else { "are" }
}

fn is_unreadable(process: &Process) -> bool {
    matches!(process.disposition, Disposition::Hidden | Disposition::Unreadable)
}

fn named(process: &Process) -> String {
    format!("{} ({})", process.name, process.id.pid)
}

/// Up to ten names, as in a sentence.
fn names(whom: &[&Process]) -> String {
    const MOST: usize = 10;
    let mut parts: Vec<String> = whom.iter().take(MOST).map(|p| named(p)).collect();
    if whom.len() > MOST {
        parts.push(format!("{} more", whom.len() - MOST));
    }
    match parts.pop() {
        None => "nobody".to_owned(),
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} and {last}", parts.join(", ")),
    }
}

/// What a process does with the signal, in a word.
fn disposition(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Caught => "caught",
        Disposition::Blocked => "signalfd",
        Disposition::Waiting => "sigwait",
        Disposition::Ignored => "ignored",
        Disposition::Default => "default",
        Disposition::Hidden => "hidden",
        Disposition::Unreadable => "unreadable",
    }
}

/// One line of the tree, 80 columns at the most.
fn row(process: &Process, depth: usize, role: &str, when: &str) -> String {
    let name = format!("{}{}", " ".repeat(depth.min(12)), process.name);
    let name: String = name.chars().take(23).collect();
    let line = format!(
        "{:>7} {name:<23} {:<10} {role:<10} {when}",
        process.id.pid,
        disposition(process.disposition)
    );
    line.trim_end().to_owned()
}

/// Breaks a text wherever it has to.
fn hard_wrap(text: &str, width: usize) -> impl Iterator<Item = String> {
    let mut rest = text.chars();
    std::iter::from_fn(move || {
        let part: String = rest.by_ref().take(width).collect();
        (!part.is_empty()).then_some(part)
    })
}

/// Breaks a text at blanks.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Typed;
    use crate::decide::role::tests::{process, question, snapshot};

    fn explained(top: Top, root: Process, below: Vec<Process>) -> Explained {
        let snapshot = snapshot(below);
        let verdicts = role::assign(&snapshot, &question(), |_| None);
        let signal = Signal::TERM;
        let zombies = Vec::new();
        Explained {
            signal,
            delivered: Some(signal),
            root,
            root_is_init: true,
            hidden_settings: false,
            explains_within: false,
            main: 2,
            top,
            snapshot,
            verdicts,
            zombies,
        }
    }

    fn adieu() -> Top {
        Top::Adieu(Box::new(settings::resolve(&Typed::default(), |_| None).expect("defaults")))
    }

    fn pipeline() -> Vec<Process> {
        let mut tee = process(13, 7, "tee", Disposition::Default);
        tee.reads_pipe = true;
        let mut sh = process(7, 1, "sh", Disposition::Default);
        sh.parent = 1;
        vec![sh, process(12, 7, "java", Disposition::Caught), tee]
    }

    fn root(name: &str, disposition: Disposition) -> Process {
        process(1, 0, name, disposition)
    }

    #[test]
    fn adieu_waits_shields_and_lets_readers_end() {
        let verdict = explained(adieu(), root("adieu", Disposition::Blocked), pipeline()).verdict();
        assert_eq!(
            verdict,
            "A SIGTERM would be waited for by java (12); sh (7) is shielded; tee (13) ends at end of file."
        );
    }

    #[test]
    fn where_nothing_handles_it_the_stop_takes_no_time() {
        let below = vec![
            process(2, 1, "sh", Disposition::Default),
            process(3, 2, "sleep", Disposition::Default),
        ];
        let verdict = explained(adieu(), root("adieu", Disposition::Blocked), below).verdict();
        assert_eq!(verdict, "Nothing here handles SIGTERM: the container would stop at once.");
    }

    #[test]
    fn whoever_ignores_it_is_named() {
        let ignoring = |pids: &[i32]| {
            let below =
                pids.iter().map(|pid| process(*pid, 1, "sleep", Disposition::Ignored)).collect();
            explained(adieu(), root("adieu", Disposition::Blocked), below).verdict()
        };
        let nothing = "Nothing here handles SIGTERM, but";
        assert_eq!(
            ignoring(&[2]),
            format!("{nothing} sleep (2) would be waited for: it ignores it.")
        );
        assert_eq!(
            ignoring(&[2, 3]),
            format!("{nothing} sleep (2) and sleep (3) would be waited for: they ignore it.")
        );
    }

    #[test]
    fn a_bare_shell_as_pid_1_hears_nothing() {
        let verdict = explained(Top::Bare, root("sh", Disposition::Default), pipeline()).verdict();
        assert_eq!(
            verdict,
            "PID 1 is sh, which has no handler: SIGTERM would be ignored until SIGKILL. java (12) would not hear of it."
        );
        let from_the_host =
            explained(Top::Bare, process(77, 0, "sh", Disposition::Default), Vec::new()).verdict();
        assert_eq!(
            from_the_host,
            "sh (77) is PID 1 of its container and has no handler: SIGTERM would be ignored until SIGKILL."
        );
    }

    #[test]
    fn tini_ends_with_the_shell_and_the_server_is_killed() {
        let tini = Top::TellsChild("tini".to_owned());
        let verdict = explained(tini, root("tini", Disposition::Waiting), pipeline()).verdict();
        assert_eq!(
            verdict,
            "tini (1) would pass SIGTERM to sh (7) alone and end with it: sh dies at once, and the kernel would then \
             kill java (12)."
        );
    }

    #[test]
    fn every_line_fits_80_columns_and_colours_only_when_asked() {
        let mut deep = pipeline();
        for pid in 20..60 {
            deep.push(process(
                pid,
                if pid == 20 { 12 } else { pid - 1 },
                "a-name-of-16-chr",
                Disposition::Default,
            ));
        }
        let explained = explained(adieu(), root("adieu", Disposition::Blocked), deep);
        let text = explained.to_text(false);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(!text.contains('\x1b') && explained.to_text(true).contains('\x1b'));
    }
}
