//! The texts of /proc as plain values. The parsers take bytes, since names can hold any.

#[cfg(any(test, fuzzing))]
use crate::printable::is_unfit;
use crate::printable::printable;
#[cfg(any(test, fuzzing))]
use crate::programs::kind;
use crate::signal::SignalSet;

/// What a process does with each signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signals {
    pub(super) blocked: SignalSet,
    pub(super) ignored: SignalSet,
    pub(super) caught: SignalSet,
}

/// What is used of `/proc/<pid>/stat` (`proc_pid_stat(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) name: Vec<u8>,
    pub(super) alive: bool,
    pub(super) stopped: bool,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) threads: u64,
    pub(super) start: u64,
}

impl Stat {
    /// The name is in brackets. It may hold brackets, blanks and newlines itself, so it ends at the
    /// last bracket of the text.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|b| *b == b'(')?;
        let close = bytes.iter().rposition(|b| *b == b')').filter(|at| *at > open)?;
        let small = |text: &[u8]| i32::try_from(decimal(text)?).ok();
        let pid = small(bytes.get(..open)?.trim_ascii())?;
        // The third field of the text comes next.
        let mut fields = bytes
            .get(close + 1..)?
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty());
        let state = fields.next()?;
        let parent = small(fields.next()?)?;
        let group = fields.next().and_then(small).unwrap_or(0);
        let threads = fields.nth(14).and_then(decimal).unwrap_or(1);
        let start = fields.nth(1).and_then(decimal).unwrap_or(0);
        Some(Self {
            pid,
            name: bytes.get(open + 1..close)?.to_vec(),
            alive: is_alive(state, threads),
            stopped: state == b"T",
            parent,
            group,
            threads,
            start,
        })
    }
}

/// Whether a process in this state lives. One whose first thread has ended is shown as a zombie
/// while its other threads go on.
fn is_alive(state: &[u8], threads: u64) -> bool {
    !matches!(state, b"Z" | b"X" | b"x") || threads > 1
}

/// A number as the kernel writes it.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |number: u64, byte| number.checked_mul(10)?.checked_add(digit(byte)?);
    text.iter().try_fold(0, add).filter(|_| !text.is_empty())
}

/// What is used of `/proc/<pid>/status` (`proc_pid_status(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) alive: bool,
    /// The first thread has a processor, or waits for nothing else.
    pub(super) running: bool,
    pub(super) threads: u64,
    pub(super) signals: Signals,
    /// The signals that are pending for the first thread or for the process.
    pub(super) pending: SignalSet,
    /// In how many PID namespaces the process is, from the one of this /proc on.
    pub(super) depth: usize,
    /// Its pid in its own PID namespace.
    pub(super) innermost: Option<i32>,
    /// How often the first thread has given up its processor, or was made to.
    pub(super) switches: u64,
}

impl Status {
    /// `None` where a signal set is missing: then nothing is known.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut blocked, mut ignored, mut caught) = (None, None, None);
        let (mut state, mut threads) = (&b""[..], 1);
        let (mut depth, mut innermost) = (1, None);
        let (mut pending, mut switches) = (SignalSet::EMPTY, 0);
        // The kernel escapes newlines in the Name line, so no name can pose as one of these lines.
        for line in bytes.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let (key, value) = line.split_at(colon);
            let value = || value.get(1..).unwrap_or_default().trim_ascii();
            let set = || {
                let value = std::str::from_utf8(value()).ok()?;
                u64::from_str_radix(value, 16).ok().map(SignalSet)
            };
            match key {
                // One letter, and a word for it in brackets.
                b"State" => state = value().get(..1).unwrap_or_default(),
                b"Threads" => threads = decimal(value()).unwrap_or(1),
                b"SigPnd" | b"ShdPnd" => {
                    pending = SignalSet(pending.0 | set().unwrap_or(SignalSet::EMPTY).0)
                }
                b"SigBlk" => blocked = set(),
                b"SigIgn" => ignored = set(),
                b"SigCgt" => caught = set(),
                b"voluntary_ctxt_switches" | b"nonvoluntary_ctxt_switches" => {
                    switches = decimal(value()).map_or(switches, |it| it.saturating_add(switches));
                }
                b"NSpid" => {
                    let pids = || value().split(u8::is_ascii_whitespace);
                    depth = pids().count();
                    let last = pids().next_back().and_then(decimal);
                    innermost = last.and_then(|pid| i32::try_from(pid).ok());
                }
                _ => {}
            }
        }
        let signals = Signals { blocked: blocked?, ignored: ignored?, caught: caught? };
        let (alive, running) = (is_alive(state, threads), state == b"R");
        Some(Self { alive, running, threads, signals, pending, depth, innermost, switches })
    }
}

/// The number at the start of `/proc/<pid>/syscall`; a running process has none.
pub(super) fn system_call(text: &[u8]) -> Option<libc::c_long> {
    std::str::from_utf8(text).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// The stack pointer in `/proc/<pid>/syscall`, the last but one of its words. A running process has
/// none (`proc_pid_syscall(5)`).
pub(super) fn stack_pointer(text: &[u8]) -> Option<u64> {
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace().rev();
    let pointer = words.nth(1)?.strip_prefix("0x")?;
    u64::from_str_radix(pointer, 16).ok()
}

/// How much of a command line is kept.
pub(super) const LONGEST_COMMAND: usize = 1_000;

/// A command line (words with a zero byte behind each) as one line, cut at [`LONGEST_COMMAND`].
pub(super) fn words(command_line: &[u8]) -> String {
    let words = command_line.split(|b| *b == 0).map(printable);
    let text = words.collect::<Vec<_>>().join(" ");
    text.trim_end().chars().take(LONGEST_COMMAND).collect()
}

/// Asserts what holds for any bytes: no parser panics, no name forges a field, and what is shown is
/// bounded and fit for a log. For the unit tests here and the fuzz target `proc`; no part of adieu.
#[cfg(any(test, fuzzing))]
pub fn check_parsers(bytes: &[u8]) {
    let wrappers = crate::programs::Wrappers::default();
    let _ = (Stat::parse(bytes), Status::parse(bytes), kind(bytes, bytes, &wrappers));
    let _ = (system_call(bytes), stack_pointer(bytes));
    let shown = words(bytes);
    assert!(shown.chars().count() <= LONGEST_COMMAND && !shown.chars().any(is_unfit), "{shown:?}");
    assert!(!printable(bytes).chars().any(is_unfit));
    // As the kernel writes it: the name as it is, in brackets.
    let line = [
        b"42 (",
        bytes,
        b") S 7 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 0 0 0 0 0 0 0 0 0 4 2 16384 0\n",
    ]
    .concat();
    let stat = Stat::parse(&line);
    assert_eq!(stat.as_ref().map(|s| s.name.as_slice()), Some(bytes));
    let fields = stat.map(|s| (s.pid, s.parent, s.group, s.threads, s.start, s.alive, s.stopped));
    assert_eq!(fields, Some((42, 7, 40, 3, 987_654, true, false)));
    // Here the kernel escapes newlines, and nothing else matters.
    let name: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\n').collect();
    let text = [
        b"Name:\t",
        &*name,
        b"\nState:\tR (running)\nNSpid:\t42\t1\nThreads:\t3\n",
        b"SigBlk:\t1\nSigIgn:\t0002\nSigCgt:\tffffffffffffffff\n",
        b"voluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n",
    ]
    .concat();
    let status = Status::parse(&text);
    let sets = status.as_ref().map(|s| s.signals);
    let sets = sets.map(|s| (s.blocked.0, s.ignored.0, s.caught.0));
    assert_eq!(sets, Some((1, 2, u64::MAX)));
    let fields = status.map(|s| (s.running, s.threads, s.depth, s.innermost, s.switches));
    assert_eq!(fields, Some((true, 3, 2, Some(1), 42)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Disposition;
    use crate::signal::Signal;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        for name in ["sh", "a b", "a) R 1", "((", ")", "x\ny", "\u{1b}[31m", ""] {
            let line = format!(
                "42 ({name}) S 7 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0 \
                 18446744073709551615"
            );
            let stat = Stat::parse(line.as_bytes()).expect(name);
            assert_eq!((stat.pid, stat.parent, stat.group, stat.start), (42, 7, 40, 987_654));
            assert_eq!(stat.name, name.as_bytes());
            assert!(stat.alive && !stat.stopped);
        }
    }

    #[test]
    fn a_zombie_is_gone_unless_its_threads_go_on() {
        let stat = |state: &str, threads: u32| {
            let line = format!("42 (a) {state} 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 {threads} 0 9");
            Stat::parse(line.as_bytes()).expect("a stat line")
        };
        assert!(!stat("Z", 1).alive && !stat("X", 1).alive);
        assert!(stat("Z", 2).alive && stat("D", 1).alive);
        assert!(stat("T", 1).stopped && !stat("t", 1).stopped);
    }

    #[test]
    fn a_stat_line_that_breaks_off_is_none_or_short() {
        let whole = "42 (a) S 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 0 0";
        for end in 0..whole.len() {
            let _ = Stat::parse(&whole.as_bytes()[..end]);
        }
        // gVisor ends the line early.
        let short = Stat::parse(b"42 (a) S 7").expect("pid, state and parent are enough");
        assert_eq!((short.parent, short.group, short.start), (7, 0, 0));
        assert_eq!(Stat::parse(b"42 )a( S 7"), None);
    }

    #[test]
    fn a_status_says_what_the_process_does_with_the_signal() {
        let status = |blocked: &str, ignored: &str, caught: &str| {
            let text = format!(
                "Name:\tx\nNSpid:\t9\nSigBlk:\t{blocked}\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n"
            );
            Status::parse(text.as_bytes()).expect("three sets").signals.disposition(Signal::TERM)
        };
        let (none, term) = ("0000000000000000", "0000000000004000");
        assert_eq!(status(none, none, term), Disposition::Caught);
        assert_eq!(status(term, none, none), Disposition::Blocked);
        assert_eq!(status(term, term, none), Disposition::Blocked);
        assert_eq!(status(none, term, none), Disposition::Ignored);
        assert_eq!(status(none, none, none), Disposition::Default);
        assert_eq!(Status::parse(b"Name:\tx\nSigCgt:\t0\n"), None);
        assert_eq!(Status::parse(b"SigBlk:\tzz\nSigIgn:\t0\nSigCgt:\t0\n"), None);
    }

    #[test]
    fn pending_are_the_signals_of_the_thread_and_of_the_process() {
        let text = b"SigPnd:\t0000000000004000\nShdPnd:\t0000000200000000\n\
              SigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n";
        let pending = Status::parse(text).expect("three sets").pending;
        assert!(
            pending.has(Signal::TERM) && pending.has(Signal::from_number(34).expect("a number"))
        );
        assert!(!pending.has(Signal::KILL));
    }

    #[test]
    fn a_nested_namespace_shows_in_nspid() {
        let parse = |line: &str| {
            let text = format!("NSpid:\t{line}\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n");
            Status::parse(text.as_bytes()).expect("three sets")
        };
        assert_eq!((parse("9").depth, parse("9").innermost), (1, Some(9)));
        assert_eq!((parse("9\t1").depth, parse("9\t1").innermost), (2, Some(1)));
    }

    #[test]
    fn a_running_process_is_in_no_system_call() {
        assert_eq!((system_call(b"running\n"), stack_pointer(b"running\n")), (None, None));
        assert_eq!(
            stack_pointer(b"61 0xffffffff 0x0 0x0 0x0 0x0 0x0 0x7ffd10 0x7f0e\n"),
            Some(0x7f_fd10)
        );
        assert_eq!(
            stack_pointer(b"-1 0x7ffd20 0x7f0e"),
            Some(0x7f_fd20),
            "in no call, but waiting"
        );
        assert_eq!(system_call(b"128 0x7f 0x0"), Some(128));
        assert_eq!(system_call(b"-1 0x7f"), Some(-1));
        assert_eq!(system_call(b""), None);
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(printable(b"a\nb\x1b[0m\xff"), "a?b?[0m\u{fffd}");
    }

    /// Names made of what could pass for a field.
    const NAMES: &str = concat!(
        "(\\) |\\(| |\n|\t|:|S|Z|1",
        "|SigCgt:\t|NSpid:\t|\u{0}|\u{1b}\\[2J|\u{202e}|é){0,12}"
    );

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_parsers(bytes: Vec<u8>) {
            check_parsers(&bytes);
        }

        #[test]
        fn no_name_forges_a_field(name in NAMES) {
            check_parsers(name.as_bytes());
        }

        #[test]
        fn what_breaks_off_or_is_huge_is_nothing_or_a_default(
            number in "[0-9]{1,40}|-[0-9]{1,40}|[a-f]{0,20}|\\PC{0,4}",
            cut in 0usize..400,
        ) {
            let stat = format!(
                "{number} (a) S {number} {number} 0 0 -1 0 1 2 3 4 5 6 7 8 20 0 {number} 0 {number}"
            );
            let status = format!(
                "Name:\ta\nNSpid:\t{number}\nSigBlk:\t{number}\nSigIgn:\t0\nSigCgt:\t{number}\n"
            );
            let _ = Stat::parse(stat.as_bytes().get(..cut).unwrap_or(stat.as_bytes()));
            if Stat::parse(stat.as_bytes()).is_some() {
                proptest::prop_assert!(number.parse::<i32>().is_ok(), "{}", stat);
            }
            let parsed = Status::parse(status.as_bytes().get(..cut).unwrap_or(status.as_bytes()));
            if parsed.is_some() {
                let is_set = u64::from_str_radix(number.trim(), 16).is_ok();
                proptest::prop_assert!(is_set, "{}", status);
            }
        }
    }
}
