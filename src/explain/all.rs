//! `--explain all`: every container of the machine, a line each.

use crate::error::Error;
use crate::explain::look::{Explained, judge, sent};
use crate::explain::show::{SCHEMA, wrap};
use crate::explain::top::{Top, top};
use crate::explain::verdict::{Outcome, shortly};
use crate::process::Process;
use crate::procfs::NoDescriptor;
use crate::procfs::machine::{Container, First, Machine, hostname, is_machines_own};
use crate::procfs::place::Place;
use crate::signal::Signal;
use serde_json::{Value, json};

/// How wide the text is.
const WIDTH: usize = 100;

/// What is said of all containers.
pub(super) struct All {
    signal: Signal,
    /// Each behind the one that it is within.
    rows: Vec<Row>,
}

/// What is said of one container.
struct Row {
    pid: i32,
    /// The pid of the first process of the container that this one is within, or whose PID
    /// namespace it shares.
    parent: Option<i32>,
    /// In how many containers it is.
    depth: usize,
    place: Place,
    hostname: String,
    program: String,
    arguments: String,
    init: String,
    class: Class,
    /// The verdict in a few words.
    short: String,
    /// The programs that it names.
    programs: Vec<(i32, String)>,
    /// The same as `--explain PID` says.
    verdict: String,
}

/// What comes of the signal, from the worst on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Ignores,
    CutsOff,
    Depends,
    Unreadable,
    NoStop,
    Waits,
    Stops,
}

const CLASSES: [Class; 7] = [
    Class::Ignores,
    Class::CutsOff,
    Class::Depends,
    Class::Unreadable,
    Class::NoStop,
    Class::Waits,
    Class::Stops,
];

impl Class {
    pub(super) fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::Ignores(_) => Self::Ignores,
            Outcome::CutsOff(_) => Self::CutsOff,
            Outcome::Depends(_) => Self::Depends,
            Outcome::Unreadable => Self::Unreadable,
            Outcome::NoStop(_) => Self::NoStop,
            Outcome::Waits(_) => Self::Waits,
            Outcome::Stops => Self::Stops,
        }
    }

    /// As JSON has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ignores => "ignores",
            Self::CutsOff => "cuts_off",
            Self::Depends => "not_certain",
            Self::Unreadable => "unreadable",
            Self::NoStop => "no_stop",
            Self::Waits => "waits",
            Self::Stops => "stops",
        }
    }

    /// How many of it there are, for the last line.
    fn counted(self, count: usize, signal: Signal) -> String {
        let s = if count == 1 { "s" } else { "" };
        match self {
            Self::Ignores => format!("{count} ignore{s} {signal}"),
            Self::CutsOff => format!("{count} cut{s} programs off"),
            Self::Depends => format!("{count} not certain"),
            Self::Unreadable => format!("{count} not readable"),
            Self::NoStop => format!("{count} would not stop"),
            Self::Waits => format!("{count} wait{s}"),
            Self::Stops => format!("{count} stop{s} at once"),
        }
    }

    /// The exit status of `--check`: whether it is bad, or not known.
    pub(super) fn check(classes: impl Iterator<Item = Self> + Clone) -> Checked {
        if classes.clone().any(|class| matches!(class, Self::Ignores | Self::CutsOff)) {
            Checked::Bad
        } else if classes.clone().any(|class| class == Self::Unreadable) {
            Checked::Unknown
        } else {
            Checked::Good
        }
    }
}

/// What `--check` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The signal is ignored, or a program that handles it cut off.
    Bad,
    /// What may not be read could be bad.
    Unknown,
    /// Neither.
    Good,
}

/// The outcome in a few words.
fn briefly(outcome: &Outcome<'_>, signal: Signal) -> String {
    match outcome {
        Outcome::Ignores(cut) if cut.is_empty() => format!("ignores {signal} until SIGKILL"),
        Outcome::Ignores(cut) => format!("ignores {signal}, cuts {} off", shortly(cut)),
        Outcome::CutsOff(whom) => format!("cuts {} off", shortly(whom)),
        Outcome::Depends(on) => format!("not certain: {on}"),
        Outcome::Unreadable => "may not be read".to_owned(),
        Outcome::NoStop(what) => what.clone(),
        Outcome::Waits(whom) => format!("waits for {}", shortly(whom)),
        Outcome::Stops => "stops at once".to_owned(),
    }
}

/// Looks at every container of the machine.
pub(super) fn all(signal: Signal, show_arguments: bool) -> Result<All, Error> {
    let exhausted = |_: NoDescriptor| {
        Error::System("--explain all: no file descriptor is left to read /proc with".to_owned())
    };
    let mut machine = Machine::read(show_arguments).map_err(exhausted)?.ok_or_else(|| {
        Error::System(
            "--explain all: /proc cannot be read here, or not whole, or belongs to another PID \
             namespace; run it on the machine, as root: adieu --explain all"
                .to_owned(),
        )
    })?;
    let firsts = machine.firsts().map_err(exhausted)?;
    let mut groups: Vec<Vec<Row>> = Vec::new();
    for first in &firsts {
        let own = sent(signal, &top(first.pid).0).unwrap_or(signal);
        if let Some(container) = machine.look(first, own).map_err(exhausted)? {
            let mut rows = vec![row(signal, first, &container, None)];
            within(signal, &mut machine, &container, &mut rows);
            groups.push(rows);
        }
    }
    if groups.is_empty() && !is_machines_own() {
        return Err(Error::System(
            "--explain all: this is a container itself, and there is none within it; run it in \
             the machine's PID namespace: docker run --rm --pid=host --cap-add SYS_PTRACE \
             --cap-add DAC_READ_SEARCH IMAGE --explain all"
                .to_owned(),
        ));
    }
    Ok(All { signal, rows: sorted(joined(groups, &firsts)) })
}

/// Adds the containers within one, each behind the one that it is within.
fn within(signal: Signal, machine: &mut Machine, outer: &Container, rows: &mut Vec<Row>) {
    // The containers that the process at hand is in: each with its place and its number in `rows`.
    let processes = &outer.below.processes;
    let mut inside: Vec<Option<i32>> = Vec::with_capacity(processes.len());
    for process in processes {
        let parent = process.above.and_then(|at| inside.get(at).copied().flatten());
        let mut of_children = parent;
        if process.nested_init {
            let pid = process.id.pid;
            let own = sent(signal, &top(pid).0).unwrap_or(signal);
            if let Some((first, container)) = machine.within(outer, pid, own) {
                let parent = parent.or_else(|| rows.first().map(|row| row.pid));
                let row = row(signal, &first, &container, parent);
                rows.push(row);
                of_children = Some(pid);
            }
        }
        inside.push(of_children);
    }
}

fn row(signal: Signal, first: &First, container: &Container, parent: Option<i32>) -> Row {
    let pid = first.pid;
    let (top, _) = top(pid);
    let init = init_name(&top);
    let (root, below) = (container.root.clone(), container.below.clone());
    let explained = judge(signal, top, root, first.is_init, below).with_hidden_waits();
    let explained = Explained { shares: !first.is_init, ..explained };
    let judgement = explained.judgement();
    let programs = match &judgement.outcome {
        Outcome::Ignores(whom) | Outcome::CutsOff(whom) | Outcome::Waits(whom) => whom.as_slice(),
        _ => &[],
    };
    let named = |process: &&Process| (process.id.pid, process.name.clone());
    Row {
        pid,
        parent,
        depth: 0,
        place: first.place.clone(),
        hostname: hostname(pid).unwrap_or_default(),
        program: explained.root.name.clone(),
        arguments: explained.root.arguments.clone(),
        init,
        class: Class::of(&judgement.outcome),
        short: briefly(&judgement.outcome, signal),
        programs: programs.iter().map(named).collect(),
        verdict: judgement.text,
    }
}

/// What is at the top, as `--explain PID` has it.
pub(super) fn init_name(top: &Top) -> String {
    match top {
        Top::Adieu(_) => "adieu".to_owned(),
        Top::SignalsChild(name)
        | Top::SignalsGroup(name)
        | Top::Rewrites(name)
        | Top::OwnRules(name) => name.clone(),
        Top::Bare => "none".to_owned(),
    }
}

/// Puts a container that shares the PID namespace of another one into that one's group.
fn joined(groups: Vec<Vec<Row>>, firsts: &[First]) -> Vec<Vec<Row>> {
    let shares = |pid: i32| firsts.iter().any(|first| first.pid == pid && !first.is_init);
    let is_sharing =
        |group: &Vec<Row>| group.first().is_some_and(|row| row.parent.is_none() && shares(row.pid));
    let (sharing, mut groups): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_sharing);
    if sharing.is_empty() {
        return groups;
    }
    let inits: Vec<Option<u64>> = groups
        .iter()
        .map(|group| group.first().and_then(|row| Machine::namespace(row.pid)))
        .collect();
    for mut rows in sharing {
        let namespace = rows.first().and_then(|row| Machine::namespace(row.pid));
        let host = inits.iter().position(|init| init.is_some() && *init == namespace);
        match host.and_then(|at| groups.get_mut(at)) {
            Some(group) => {
                let parent = group.first().map(|row| row.pid);
                if let Some(row) = rows.first_mut() {
                    row.parent = parent;
                }
                group.extend(rows);
            }
            None => groups.push(rows),
        }
    }
    groups
}

/// The worst first; what is within a container stays behind it.
fn sorted(mut groups: Vec<Vec<Row>>) -> Vec<Row> {
    // Those that cut a program off are the worst of those that ignore it.
    let badness = |row: &Row| (row.class, row.programs.is_empty());
    groups.sort_by_key(|rows| {
        (rows.iter().map(badness).min(), rows.first().map_or(0, |row| row.pid))
    });
    for rows in &mut groups {
        let mut done: Vec<Row> = Vec::with_capacity(rows.len());
        let mut left = std::mem::take(rows);
        // From the outermost in: what is within which is known by then.
        while !left.is_empty() {
            let place = |pid: i32| done.iter().position(|row| row.pid == pid);
            let next = left.iter().position(|row| row.parent.is_none_or(|it| place(it).is_some()));
            let mut row = left.remove(next.unwrap_or(0));
            let parent = row.parent.and_then(place);
            row.depth = parent.and_then(|at| done.get(at)).map_or(0, |parent| parent.depth + 1);
            let depth = row.depth;
            // Behind its parent, and behind what is within that and no better.
            let at = parent.map_or(done.len(), |parent| {
                let mut at = parent + 1;
                while let Some(other) = done.get(at).filter(|other| other.depth >= depth) {
                    if other.depth == depth
                        && (badness(&row), row.pid) < (badness(other), other.pid)
                    {
                        break;
                    }
                    at += 1;
                }
                at
            });
            done.insert(at, row);
        }
        *rows = done;
    }
    groups.into_iter().flatten().collect()
}

impl Row {
    /// The name of the container: its id as engines shorten it, or the last part of its cgroup.
    fn container(&self) -> String {
        match &self.place.id {
            Some(id) => id.chars().take(12).collect(),
            None => {
                self.place.path.rsplit('/').next().unwrap_or_default().chars().take(20).collect()
            }
        }
    }

    /// Enough of its pod's uid to find it.
    fn pod(&self) -> String {
        self.place.pod.as_deref().unwrap_or_default().chars().take(8).collect()
    }

    /// The verdict in this many columns: without the pid, or with the number of programs alone,
    /// where that is needed.
    fn verdict_within(&self, columns: usize, signal: Signal) -> String {
        let fits = |text: &String| text.chars().count() <= columns;
        let with = |programs: &str| match self.class {
            Class::Ignores => format!("ignores {signal}, cuts {programs} off"),
            Class::CutsOff => format!("cuts {programs} off"),
            Class::Waits => format!("waits for {programs}"),
            _ => self.short.clone(),
        };
        let count = self.programs.len();
        let Some((_, name)) = self.programs.first() else {
            return self.short.chars().take(columns).collect();
        };
        let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let variants = [
            self.short.clone(),
            with(&format!("{name}{others}")),
            with(&format!("{count} programs")),
        ];
        let fitting = variants.into_iter().find(fits);
        let shortest = with("programs");
        fitting.unwrap_or(shortest).chars().take(columns).collect()
    }

    fn program(&self) -> String {
        let name = format!("{}{}", " ".repeat(self.depth.min(6)), self.program);
        name.chars().take(16).collect()
    }
}

impl All {
    pub(super) fn checked(&self) -> Checked {
        Class::check(self.rows.iter().map(|row| row.class))
    }

    pub(super) fn to_text(&self, colour: bool) -> String {
        let width = |name: &str, of: &dyn Fn(&Row) -> String| {
            let longest = self.rows.iter().map(|row| of(row).chars().count()).max();
            longest.unwrap_or(0).max(name.len())
        };
        let has_pods = self.rows.iter().any(|row| row.place.pod.is_some());
        let (container, program) =
            (width("CONTAINER", &Row::container), width("PID 1", &Row::program));
        let verdict = width("", &|row| row.short.clone()).max(36);
        let others = 7 + 1 + container + 1 + if has_pods { 9 } else { 0 } + program + 1;
        // The hostname gets what the others leave; not less than half of what it may need.
        let longest_host = width("HOSTNAME", &|row| row.hostname.clone());
        let host = longest_host.min(WIDTH.saturating_sub(others + 1 + verdict)).max(8);
        let line = |pid: &str, id: &str, pod: &str, name: &str, pid1: &str, said: &str| {
            let pod = if has_pods { format!("{pod:<8} ") } else { String::new() };
            let name: String = name.chars().take(host).collect();
            let line =
                format!("{pid:>7} {id:<container$} {pod}{name:<host$} {pid1:<program$} {said}");
            line.trim_end().chars().take(WIDTH).collect::<String>()
        };
        let mut lines = Vec::new();
        if !self.rows.is_empty() {
            let said = format!("ON {}", self.signal);
            lines.push(line("PID", "CONTAINER", "POD", "HOSTNAME", "PID 1", &said));
        }
        let room = WIDTH.saturating_sub(others + host + 1);
        for row in &self.rows {
            let pid = row.pid.to_string();
            let said = row.verdict_within(room, self.signal);
            let (id, pod) = (row.container(), row.pod());
            let text = line(&pid, &id, &pod, &row.hostname, &row.program(), &said);
            lines.push(if colour { paint(&text, row.class) } else { text });
            if !row.arguments.is_empty() {
                let parts = row.arguments.chars().collect::<Vec<_>>();
                let parts = parts.chunks(WIDTH - 8);
                lines.extend(
                    parts.map(|part| format!("{:>8}{}", "", part.iter().collect::<String>())),
                );
            }
        }
        if self.count(Class::Unreadable) > 0 {
            let hint = "What may not be read is shown to root with CAP_SYS_PTRACE and \
                        CAP_DAC_READ_SEARCH.";
            lines.push(hint.to_owned());
        }
        if self.signal == Signal::TERM && self.count(Class::Ignores) > 0 {
            let hint = "This is about SIGTERM. If an image has another STOPSIGNAL, add it: \
                        --signal QUIT, for example.";
            lines.push(hint.to_owned());
        }
        lines.extend(wrap(&self.counts(), WIDTH));
        lines.join("\n") + "\n"
    }

    /// How many of each.
    fn counts(&self) -> String {
        let containers = match self.rows.len() {
            0 => return "No container runs here.".to_owned(),
            1 => "1 container".to_owned(),
            n => format!("{n} containers"),
        };
        let counted = CLASSES.into_iter().filter_map(|class| {
            let count = self.count(class);
            (count > 0).then(|| class.counted(count, self.signal))
        });
        format!("{containers}: {}", counted.collect::<Vec<_>>().join(", "))
    }

    fn count(&self, class: Class) -> usize {
        self.rows.iter().filter(|row| row.class == class).count()
    }

    pub(super) fn to_json(&self) -> Value {
        let containers = self.rows.iter().map(|row| {
            let programs = row.programs.iter();
            let programs = programs.map(|(pid, name)| json!({ "pid": pid, "name": name }));
            let mut fields = json!({
                "pid": row.pid,
                "parent": row.parent,
                "engine": row.place.engine,
                "id": row.place.id,
                "pod": row.place.pod,
                "cgroup": row.place.path,
                "hostname": row.hostname,
                "name": row.program,
                "init": row.init,
                "outcome": row.class.name(),
                "programs": programs.collect::<Value>(),
                "verdict": row.verdict,
            });
            if let (false, Value::Object(fields)) = (row.arguments.is_empty(), &mut fields) {
                fields.insert("command".to_owned(), row.arguments.as_str().into());
            }
            fields
        });
        let counts = CLASSES.into_iter().map(|class| (class.name(), self.count(class)));
        json!({
            "schema": SCHEMA,
            "signal": self.signal.to_string(),
            "containers": containers.collect::<Value>(),
            "counts": counts.collect::<std::collections::BTreeMap<_, _>>(),
        })
    }
}

fn paint(text: &str, class: Class) -> String {
    match class {
        Class::Ignores | Class::CutsOff => format!("\x1b[1;31m{text}\x1b[0m"),
        Class::Depends | Class::Unreadable => format!("\x1b[33m{text}\x1b[0m"),
        Class::Waits => format!("\x1b[32m{text}\x1b[0m"),
        Class::NoStop | Class::Stops => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: i32, parent: Option<i32>, class: Class, short: &str) -> Row {
        Row {
            pid,
            parent,
            depth: 0,
            place: Place::default(),
            hostname: "a-host".to_owned(),
            program: "server".to_owned(),
            arguments: String::new(),
            init: "none".to_owned(),
            class,
            short: short.to_owned(),
            programs: Vec::new(),
            verdict: String::new(),
        }
    }

    fn order(groups: Vec<Vec<Row>>) -> Vec<(i32, usize)> {
        sorted(groups).iter().map(|row| (row.pid, row.depth)).collect()
    }

    #[test]
    fn the_worst_comes_first_and_what_is_within_a_container_behind_it() {
        let waits = |pid, parent| row(pid, parent, Class::Waits, "waits");
        let ignores = |pid, parent| row(pid, parent, Class::Ignores, "ignores");
        let cuts = |pid| Row {
            programs: vec![(99, "java".to_owned())],
            ..row(pid, None, Class::Ignores, "ignores")
        };
        assert_eq!(
            order(vec![vec![waits(1, None)], vec![ignores(2, None)], vec![cuts(3)]]),
            [(3, 0), (2, 0), (1, 0)]
        );
        // One that waits, with a bad one two levels below it, and a good and a bad one beside.
        let group = vec![
            waits(10, None),
            waits(11, Some(10)),
            waits(12, Some(10)),
            ignores(13, Some(12)),
            ignores(14, Some(10)),
        ];
        assert_eq!(
            order(vec![vec![waits(1, None)], group]),
            [(10, 0), (14, 1), (11, 1), (12, 1), (13, 2), (1, 0)]
        );
        // The parent ended before it was read.
        assert_eq!(order(vec![vec![waits(21, Some(20))]]), [(21, 0)]);
    }

    #[test]
    fn whatever_is_shown_a_line_has_at_most_100_columns() {
        let long = |pid, class, short: &str| Row {
            place: Place {
                engine: Some("docker"),
                id: Some("0123456789abcdef".repeat(4)),
                pod: Some("3c0e8f5a-1b2c-4d5e-8f90-a1b2c3d4e5f6".to_owned()),
                path: "/a".repeat(200),
            },
            hostname: "h".repeat(64),
            program: "a-name-of-15-ch".to_owned(),
            arguments: "x ".repeat(500),
            ..row(pid, None, class, short)
        };
        let rows = vec![
            Row {
                programs: vec![(4_194_304, "a-name-of-15-ch".to_owned())],
                ..long(
                    4_194_304,
                    Class::Ignores,
                    "ignores SIGTERM, cuts a-name-of-15-ch (4194304) off",
                )
            },
            Row {
                programs: vec![(4_194_304, "a-name-of-15-ch".to_owned()); 1_000],
                ..long(
                    2,
                    Class::Ignores,
                    "ignores SIGTERM, cuts a-name-of-15-ch (4194304) and 999 more",
                )
            },
            long(2, Class::CutsOff, "cuts java (31) off"),
            row(3, Some(2), Class::Unreadable, "may not be read"),
        ];
        let all = All { signal: Signal::TERM, rows };
        let text = all.to_text(false);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(text.contains(" 0123456789a") && text.contains(" 3c0e8f5a "), "{text}");
        for verdict in [
            " ignores SIGTERM, cuts a-name-of-15-ch off\n",
            " ignores SIGTERM, cuts 1000 programs off\n",
            " cuts java (31) off\n",
        ] {
            assert!(text.contains(verdict), "{verdict}{text}");
        }
        assert!(text.contains("CAP_DAC_READ_SEARCH") && text.contains("STOPSIGNAL"), "{text}");
        let last = text.lines().last();
        assert_eq!(
            last,
            Some("4 containers: 2 ignore SIGTERM, 1 cuts programs off, 1 not readable")
        );
        assert!(all.to_text(true).contains('\x1b'));
        let asked = All { signal: Signal::QUIT, ..all };
        assert!(!asked.to_text(false).contains("STOPSIGNAL"), "it was asked about");
        let nothing = All { signal: Signal::TERM, rows: Vec::new() };
        assert_eq!(nothing.to_text(false), "No container runs here.\n");
    }

    #[test]
    fn what_is_bad_is_worse_than_what_is_not_known() {
        let check = |classes: &[Class]| Class::check(classes.iter().copied());
        assert_eq!(check(&[Class::Stops, Class::Waits, Class::Depends]), Checked::Good);
        assert_eq!(check(&[Class::Unreadable, Class::Waits]), Checked::Unknown);
        assert_eq!(check(&[Class::Unreadable, Class::CutsOff]), Checked::Bad);
        assert_eq!(check(&[Class::Ignores]), Checked::Bad);
        assert_eq!(check(&[]), Checked::Good);
    }
}
