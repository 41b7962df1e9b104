//! The tree as text for a person and as JSON for a program.

use crate::decide::role::Role;
use crate::explain::all::{Class, init_name};
use crate::explain::look::Explained;
use crate::explain::verdict::names;
use crate::process::{Disposition, Process};
use crate::report::words::role;
use serde_json::{Value, json};

/// The version of the forms of `--format json`.
pub(super) const SCHEMA: i32 = 2;

impl Explained {
    pub(super) fn to_text(&self, colour: bool) -> String {
        let paint = |text: String, role: Role| match (colour, role) {
            (false, _) => text,
            (true, Role::Handler) => format!("\x1b[1;32m{text}\x1b[0m"),
            (true, Role::Foreground) => format!("\x1b[32m{text}\x1b[0m"),
            (true, Role::Shielded) => format!("\x1b[36m{text}\x1b[0m"),
            (true, Role::Worker | Role::Bystander) => format!("\x1b[2m{text}\x1b[0m"),
        };
        let acts = self.has_roles();
        let mut lines = Vec::new();
        let head = format!(
            "{:>7} {:<22} {:<10} {:<10} {}",
            "PID",
            "PROCESS",
            self.sent.unwrap_or(self.signal).to_string(),
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
                "{name} ({pid}) leaves {zombies} behind ({count}): \
                 it does not wait for its children."
            );
            lines.extend(wrap(&text, 80));
        }
        if self.hidden_settings {
            let text = "adieu's environment may not be read, so its settings (ADIEU_TIMEOUT ...) \
                        are not counted. Run --explain as adieu's user, or as root with \
                        CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.";
            lines.extend(wrap(text, 80));
        }
        let unread: Vec<&Process> =
            self.rows().map(|(p, _)| p).filter(|p| is_unreadable(p)).collect();
        if !unread.is_empty() {
            let text = format!(
                "May not be read in full: {}. Run --explain as their user, or as root with \
                 CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.",
                names(&unread)
            );
            lines.extend(wrap(&text, 80));
        }
        lines.join("\n") + "\n"
    }

    pub(super) fn to_json(&self) -> Value {
        let acts = self.has_roles();
        let processes = self.rows().map(|(process, verdict)| {
            let mut fields = fields(process);
            if let (true, Value::Object(fields)) = (acts, &mut fields) {
                fields.insert("role".to_owned(), role(verdict.role).into());
                fields.insert("when".to_owned(), self.when(process, verdict).into());
            }
            fields
        });
        let judgement = self.judgement();
        let zombies = self
            .zombies
            .iter()
            .map(|(pid, name, count)| json!({ "parent": pid, "name": name, "count": count }));
        json!({
            "schema": SCHEMA,
            "signal": self.signal.to_string(),
            "delivered": self.sent.map(|signal| signal.to_string()),
            "init": init_name(&self.top),
            "root": fields(&self.root),
            "outcome": Class::of(&judgement.outcome).name(),
            "verdict": judgement.text,
            "processes": processes.collect::<Value>(),
            "zombies": zombies.collect::<Value>(),
        })
    }
}

/// The fields of any process.
fn fields(process: &Process) -> Value {
    let mut fields = json!({
        "pid": process.id.pid,
        "parent": process.parent,
        "name": process.name,
        "disposition": disposition(process.disposition),
        "stopped": process.stopped,
    });
    if let (false, Value::Object(fields)) = (process.arguments.is_empty(), &mut fields) {
        fields.insert("command".to_owned(), process.arguments.as_str().into());
    }
    fields
}

fn is_unreadable(process: &Process) -> bool {
    matches!(process.disposition, Disposition::Hidden | Disposition::Unreadable)
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

/// One line of the tree, at most 80 columns wide.
fn row(process: &Process, depth: usize, role: &str, when: &str) -> String {
    let name = format!("{}{}", " ".repeat(depth.min(12)), process.name);
    let name: String = name.chars().take(22).collect();
    let line = format!(
        "{:>7} {name:<22} {:<10} {role:<10} {when}",
        process.id.pid,
        disposition(process.disposition)
    );
    line.trim_end().to_owned()
}

/// Breaks a text at exactly this width.
fn hard_wrap(text: &str, width: usize) -> impl Iterator<Item = String> {
    let mut rest = text.chars();
    std::iter::from_fn(move || {
        let part: String = rest.by_ref().take(width).collect();
        (!part.is_empty()).then_some(part)
    })
}

/// Breaks a text at blanks.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
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
    use crate::decide::tests::process;
    use crate::explain::look::tests::{adieu, explained, pipeline, root};

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
