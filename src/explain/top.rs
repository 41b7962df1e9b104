//! Which init is at the top of a tree, and what does it do with a signal?

use crate::cli::settings::{self, Settings};
use crate::cli::{self, Request};
use crate::procfs;
use crate::programs::{self, ContainerInit, base_name};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// What is at the top of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Top {
    /// adieu, with the settings that its command line and environment show.
    Adieu(Box<Settings>),
    /// An init that signals its direct child only, and ends with it.
    SignalsChild(String),
    /// An init that signals its child's process group or session, and ends with its direct child.
    SignalsGroup(String),
    /// An init that sends other signals than it gets.
    Rewrites(String),
    /// A program that stops what it runs by rules that only its configuration shows.
    OwnRules(String),
    /// Anything else.
    Bare,
}

/// What kind of init a process is, by its command line and environment; and whether it is an adieu
/// whose environment may not be read.
pub(super) fn top(pid: i32) -> (Top, bool) {
    let read = |file: &str| procfs::read_file(pid, file);
    let words = |bytes: Vec<u8>| -> Vec<OsString> {
        let trimmed = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        trimmed.split(|b| *b == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
    };
    let command = words(read("cmdline").unwrap_or_default());
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = executable.as_deref().or_else(|| command.first().map(AsRef::as_ref));
    let name = file.and_then(std::path::Path::file_name).map(|n| n.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let init = programs::container_init(&name);
    let of_rules = |name: &str| programs::has_own_rules(name).then(|| name.to_owned());
    let mut first_words = command.iter().map(|word| base_name(word.as_encoded_bytes()));
    let first_word = first_words.next().unwrap_or_default();
    let script = first_words.next().filter(|_| programs::runs_scripts(first_word));
    let own_rules = [Some(&*name), Some(first_word), script].into_iter().flatten();
    let own_rules = own_rules.filter_map(of_rules).next();
    // Engines take adieu in place of their own init, under that one's name.
    let renamed = (init.is_some() || own_rules.is_some()) && procfs::blocks_every_signal(pid);
    let is_adieu = init == Some(ContainerInit::Adieu) || renamed || procfs::runs_this_program(pid);
    if !is_adieu && (init.is_none() || own_rules.is_some()) {
        return (own_rules.map_or(Top::Bare, Top::OwnRules), false);
    }
    let environment = read("environ");
    let hidden = environment.is_err();
    let environment = words(environment.unwrap_or_default());
    let variable = |name: &str| {
        let value = |entry: &OsString| {
            let bytes = entry.as_encoded_bytes().strip_prefix(name.as_bytes())?;
            Some(OsString::from_vec(bytes.strip_prefix(b"=")?.to_vec()))
        };
        environment.iter().find_map(value)
    };
    let options: Vec<OsString> = command.into_iter().skip(1).collect();
    let top = match init {
        _ if is_adieu => match cli::parse(options) {
            Ok(Request::Run(typed)) => {
                let settings = settings::resolve(&typed, variable);
                return (
                    settings.map_or(Top::Bare, |settings| Top::Adieu(Box::new(settings))),
                    hidden,
                );
            }
            _ => Top::Bare,
        },
        Some(ContainerInit::Tini)
            if has_flag(&options, 'g', "", "pe")
                || variable("TINI_KILL_PROCESS_GROUP").is_some() =>
        {
            Top::SignalsGroup(name)
        }
        Some(ContainerInit::Tini) => Top::SignalsChild(name),
        // It then sends another signal.
        Some(ContainerInit::DumbInit) if has_flag(&options, 'r', "--rewrite", "") => {
            Top::Rewrites(name)
        }
        Some(ContainerInit::DumbInit)
            if has_flag(&options, 'c', "--single-child", "r")
                || variable("DUMB_INIT_SETSID").is_some_and(|v| v == "0") =>
        {
            Top::SignalsChild(name)
        }
        Some(ContainerInit::DumbInit) => Top::SignalsGroup(name),
        Some(ContainerInit::Catatonit) if has_flag(&options, 'g', "", "") => {
            Top::SignalsGroup(name)
        }
        Some(ContainerInit::Catatonit) => Top::SignalsChild(name),
        _ => Top::Bare,
    };
    (top, false)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str, flag: char, long: &str, with_value: &str) -> bool {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        has_flag(&words, flag, long, with_value)
    }

    #[test]
    fn a_flag_of_tini_is_found_among_its_options_only() {
        let group = |line| found(line, 'g', "", "pe");
        for line in ["-g -- sh", "-vg sh", "-e 143 -g sh", "-pTERM -g sh"] {
            assert!(group(line), "{line}");
        }
        for line in ["-- sh -g", "sh -g", "-p g sh", "-pg sh", "-e g -- sh", "--g sh"] {
            assert!(!group(line), "{line}");
        }
    }

    #[test]
    fn a_flag_of_dumb_init_is_found_behind_a_rewriting() {
        let single = |line| found(line, 'c', "--single-child", "r");
        for line in ["-c sh", "--single-child sh", "-r 15:2 -c sh", "--rewrite 15:2 -c -- sh"] {
            assert!(single(line), "{line}");
        }
        for line in ["-- sh -c x", "-r c sh", "--rewrite -c sh", "-rc sh"] {
            assert!(!single(line), "{line}");
        }
        assert!(found("--rewrite=15:2 sh", 'r', "--rewrite", ""));
    }
}
