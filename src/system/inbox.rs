//! Turns everything that adieu waits for into one event at a time, and is the only place that
//! blocks.
//!
//! All signals are blocked in adieu and read from a signalfd, so nothing can arrive between a check
//! and a wait. While nothing is pending the wait has no timeout, and nothing else wakes adieu. A
//! process deeper in the tree is watched by its pidfd. Where no descriptor is to be had,
//! `rt_sigtimedwait` waits for the signals, and whoever needs more looks.

use crate::decide::{Input, Time};
use crate::process::ProcId;
use crate::procfs;
use crate::signal::{Signal, SignalSet};
use crate::system::sys::{self, Arrived, Waited};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Every signal that can be blocked. The kernel leaves KILL and STOP out by itself.
pub(crate) const ALL_SIGNALS: SignalSet = SignalSet(u64::MAX);

/// After this many children in a row that ended or were stopped the signals are read again, so that
/// a flood of orphans delays no stop, nor does a child that stops and continues without end.
const REAPED_IN_A_ROW: u32 = 64;

/// After this many waits in a row that ended early without a reason, adieu waits in another way.
const FAILURES_IN_A_ROW: u32 = 64;

/// The interval at which adieu asks whether a process has ended that it can no longer watch.
const UNWATCHED_LOOK: Duration = Duration::from_millis(100);

/// How many descriptors are kept free: for epoll, a pidfd and a file of /proc.
const KEPT_FREE: u64 = 4;

/// Where events come from.
pub(crate) struct Inbox {
    started: Instant,
    own_pid: i32,
    /// `None` where there is no descriptor for it.
    signals: Option<OwnedFd>,
    arrived: VecDeque<Arrived>,
    /// How many children in a row were reported; `None` once all that had changed were.
    reaping: Option<u32>,
    watched: Option<Watched>,
    ended: VecDeque<ProcId>,
    /// The last event was the deadline, so another one comes next.
    was_deadline: bool,
    /// How many descriptors adieu may have; `None` before the first stop.
    limit: Option<u64>,
    /// The processes that were watched when the descriptors had to be closed.
    unwatched: Vec<ProcId>,
    /// How often in a row the wait itself failed.
    failures: u32,
}

/// The watched processes, and what waits for all of them at once.
struct Watched {
    epoll: Epoll,
    /// Each keeps its place until it ends. A pid does not name it: the pid can be given to another
    /// process before this one's end is reported.
    processes: Vec<Option<(ProcId, OwnedFd)>>,
}

/// What epoll returns for the signalfd. For a process it returns the place of the process.
const SIGNALS_MARK: u64 = u64::MAX;

impl Inbox {
    /// Opens the inbox. All signals have to be blocked already.
    pub(crate) fn open(started: Instant) -> Self {
        Self {
            started,
            own_pid: i32::try_from(std::process::id()).unwrap_or(0),
            signals: sys::signal_fd(ALL_SIGNALS).ok(),
            arrived: VecDeque::new(),
            // A child that the program before adieu's exec had may have ended by now.
            reaping: Some(0),
            watched: None,
            ended: VecDeque::new(),
            was_deadline: false,
            limit: None,
            unwatched: Vec::new(),
            failures: 0,
        }
    }

    /// Raises adieu's limit of descriptors as far as it may, for one of each watched process. The
    /// child has been started with the old limit by now.
    pub(crate) fn raise_limit(&mut self) {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        if self.limit.is_none()
            && let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        {
            // If this is refused there are fewer descriptors and more looks.
            let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
            self.limit = Some(if raised { hard } else { soft });
        }
    }

    /// Closes every descriptor; from now on adieu waits without. Signals that are pending stay so,
    /// since they are blocked. Whether the watched processes have ended is asked at short
    /// intervals.
    pub(crate) fn close(&mut self) {
        self.signals = None;
        let watched = self.watched.take().into_iter().flat_map(|watched| watched.processes);
        self.unwatched.extend(watched.flatten().map(|(id, _)| id));
    }

    /// The time since adieu was started.
    pub(crate) fn now(&self) -> Time {
        self.started.elapsed()
    }

    /// From now on the end of this process, which is not adieu's child, is an event. `false` where
    /// there is no descriptor for it besides the few that the next look needs.
    pub(crate) fn watch(&mut self, id: ProcId, pidfd: OwnedFd) -> bool {
        let number = u64::try_from(pidfd.as_raw_fd()).unwrap_or(0);
        if self.limit.is_some_and(|limit| number + KEPT_FREE >= limit) {
            return false;
        }
        if self.watched.is_none() {
            self.watched = self.signals.as_ref().and_then(Watched::open);
        }
        self.watched.as_mut().is_some_and(|watched| watched.add(id, pidfd).is_ok())
    }

    /// Waits for the next event, at the latest until `deadline`.
    pub(crate) fn next(&mut self, deadline: Option<Time>) -> Input {
        // The deadline and other events take turns: a storm of signals must not delay the timeout.
        let due = deadline.is_some_and(|deadline| deadline <= self.now());
        self.was_deadline = due && !self.was_deadline;
        if self.was_deadline { Input::Deadline } else { self.wait(deadline) }
    }

    fn wait(&mut self, deadline: Option<Time>) -> Input {
        loop {
            while let Some((signal, sender)) = self.arrived.pop_front() {
                if signal == Signal::CHLD {
                    self.reaping = Some(0);
                } else if sender != self.own_pid
                    || !matches!(signal, Signal::PIPE | Signal::XFSZ | Signal::TSTP)
                {
                    return Input::Signal { signal, sender };
                }
                // adieu has sent these three itself: PIPE and XFSZ by writing to a log that nobody
                // reads or that is full, TSTP when it stopped its own group. (Other signals from
                // its own pid count: a shell may send itself a TERM before it executes adieu.)
            }
            // Processes further down come first: they end before their parents do.
            if let Some(id) = self.ended.pop_front() {
                return Input::Gone(id);
            }
            if let Some(reaped) = self.reaping {
                if reaped == REAPED_IN_A_ROW {
                    self.reaping = Some(0);
                    self.collect(Some(Duration::ZERO));
                    continue;
                }
                match sys::wait_any() {
                    Waited::Ended(pid, end) => {
                        self.reaping = Some(reaped + 1);
                        return Input::Ended(pid, end);
                    }
                    Waited::Stopped(pid, signal) => {
                        self.reaping = Some(reaped + 1);
                        return Input::Stopped(pid, signal);
                    }
                    waited @ (Waited::Nothing | Waited::NoChildren) => {
                        self.reaping = None;
                        return Input::Reaped { left: waited == Waited::Nothing };
                    }
                }
            }
            let limit = deadline.map(|deadline| deadline.saturating_sub(self.now()));
            self.collect(limit);
            if self.arrived.is_empty()
                && self.ended.is_empty()
                && deadline.is_some_and(|d| d <= self.now())
            {
                return Input::Deadline;
            }
        }
    }

    /// Waits at most this long and takes in what is there.
    fn collect(&mut self, limit: Option<Duration>) {
        let Some(signals) = &self.signals else {
            self.collect_without_descriptors(limit);
            return;
        };
        let began = self.started.elapsed();
        let waited = match &mut self.watched {
            Some(watched) if !watched.processes.is_empty() => watched.wait(limit, &mut self.ended),
            _ => wait_readable(signals, limit),
        };
        let read = waited.and_then(|()| sys::read_signals(signals, &mut self.arrived));
        let in_time = limit.is_none_or(|limit| self.now().saturating_sub(began) < limit);
        match read {
            // The wait ended early: SIGCONT after SIGSTOP, or a debugger.
            Ok(()) | Err(Errno::EINTR)
                if in_time
                    && self.arrived.is_empty()
                    && self.ended.is_empty()
                    && self.failures < FAILURES_IN_A_ROW =>
            {
                self.failures += 1;
            }
            Ok(()) | Err(Errno::EINTR)
                if !in_time || !self.arrived.is_empty() || !self.ended.is_empty() =>
            {
                self.failures = 0;
            }
            // No other reason is known why these calls fail. If one does, adieu waits without
            // descriptors from now on.
            _ => self.close(),
        }
    }

    fn collect_without_descriptors(&mut self, limit: Option<Duration>) {
        let limit = if self.unwatched.is_empty() {
            limit
        } else {
            Some(limit.unwrap_or(UNWATCHED_LOOK).min(UNWATCHED_LOOK))
        };
        match sys::wait_signal(ALL_SIGNALS, limit) {
            Ok(arrived) => {
                self.arrived.extend(arrived);
                self.failures = 0;
            }
            Err(Errno::EAGAIN) => self.failures = 0,
            Err(Errno::EINTR) if self.failures < FAILURES_IN_A_ROW => self.failures += 1,
            // There is no other way left to wait. adieu pauses, so as not to be busy, and then asks
            // for children.
            Err(_) => {
                sys::pause(limit.unwrap_or(UNWATCHED_LOOK).min(UNWATCHED_LOOK));
                self.reaping = Some(0);
            }
        }
        let (ended, left) = self.unwatched.iter().partition(|id| procfs::has_ended(**id));
        self.ended.extend::<Vec<ProcId>>(ended);
        self.unwatched = left;
    }
}

fn wait_readable(fd: &OwnedFd, limit: Option<Duration>) -> Result<(), Errno> {
    use nix::poll::{PollFd, PollFlags, ppoll};
    use std::os::fd::AsFd;
    let limit = limit.map(nix::sys::time::TimeSpec::from);
    ppoll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], limit, None).map(|_| ())
}

impl Watched {
    fn open(signals: &OwnedFd) -> Option<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).ok()?;
        epoll.add(signals, EpollEvent::new(EpollFlags::EPOLLIN, SIGNALS_MARK)).ok()?;
        Some(Self { epoll, processes: Vec::new() })
    }

    fn add(&mut self, id: ProcId, pidfd: OwnedFd) -> Result<(), Errno> {
        let place = u64::try_from(self.processes.len()).unwrap_or(SIGNALS_MARK);
        self.epoll.add(&pidfd, EpollEvent::new(EpollFlags::EPOLLIN, place))?;
        self.processes.push(Some((id, pidfd)));
        Ok(())
    }

    fn wait(&mut self, limit: Option<Duration>, ended: &mut VecDeque<ProcId>) -> Result<(), Errno> {
        let mut events = [EpollEvent::empty(); 64];
        // Whole milliseconds, rounded up: a wait that ends too early would spin until the deadline.
        let limit = match limit
            .map(|d| i32::try_from(d.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX))
        {
            None => EpollTimeout::NONE,
            Some(ms) => EpollTimeout::try_from(ms).unwrap_or(EpollTimeout::MAX),
        };
        let count = self.epoll.wait(&mut events, limit)?;
        for event in events.iter().take(count) {
            let place =
                usize::try_from(event.data()).ok().and_then(|place| self.processes.get_mut(place));
            // This closes the pidfd, which also removes it from epoll.
            ended.extend(place.and_then(Option::take).map(|(id, _)| id));
        }
        while let Some(None) = self.processes.last() {
            self.processes.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_a_pid_and_who_has_it_now_both_end() {
        let (signals, _writer) = nix::unistd::pipe().expect("a pipe");
        let mut watched = Watched::open(&signals).expect("an epoll");
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let pid = i32::try_from(child.id()).expect("a pid");
        for start in [1, 2] {
            watched
                .add(ProcId { pid: 7, start }, sys::pidfd_open(pid).expect("a pidfd"))
                .expect("room");
        }
        let mut ended = VecDeque::new();
        while ended.len() < 2 {
            watched.wait(None, &mut ended).expect("an end");
        }
        child.wait().expect("its end");
        ended.make_contiguous().sort_unstable();
        assert_eq!(ended, [1, 2].map(|start| ProcId { pid: 7, start }));
        assert!(watched.processes.is_empty());
    }
}
