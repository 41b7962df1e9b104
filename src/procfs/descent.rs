//! Who is below whom, by the parents in `stat`.

use crate::printable::printable;
use crate::process::{ProcId, Snapshot};
use crate::procfs::files::{NoDescriptor, Proc, is_exhausted};
use crate::procfs::parse::Stat;
use crate::system::sys;
use std::collections::BTreeMap;
use std::time::Duration;

/// Processes and their children.
pub(super) struct Table {
    stats: BTreeMap<i32, Stat>,
    /// The children of each process that has some, the oldest first.
    children: BTreeMap<i32, Vec<i32>>,
}

/// A process of a tree.
pub(super) struct Member<'a> {
    pub(super) stat: &'a Stat,
    /// Where its parent stands in the list of the tree; `None` where that is the root.
    pub(super) parent: Option<usize>,
}

/// How often a tree that changes meanwhile is read from parent to child, before the whole machine
/// is listed instead.
const DESCENTS: usize = 3;

impl Table {
    /// At least the process and everything below it. The init of a PID namespace has most of the
    /// namespace below it and lists that. A process that shares its namespace with others goes from
    /// parent to child, so that a look costs what its own tree does, not what the machine has.
    pub(super) fn below(proc: &mut Proc, root: i32) -> Result<Self, NoDescriptor> {
        if root == 1 {
            return Self::all(proc);
        }
        for _ in 0..DESCENTS {
            match descend(proc, root)? {
                Descent::Whole(stats) => return Ok(Self::of(stats)),
                Descent::Changed => {}
                Descent::Unknown => break,
            }
        }
        Self::all(proc)
    }

    /// Every process of this /proc.
    pub(super) fn all(proc: &mut Proc) -> Result<Self, NoDescriptor> {
        let pids = match proc.numbers("/proc") {
            Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
            pids => pids.unwrap_or_default(),
        };
        let mut stats: BTreeMap<i32, Stat> = BTreeMap::new();
        for pid in pids {
            stats.extend(proc.listed(|proc| proc.stat(pid))?.map(|stat| (pid, stat)));
        }
        // The parent of an orphan ended while /proc was being read, and the orphan has another one
        // by now. A parent that it still has is there, even if reading it failed.
        let orphans: Vec<i32> = stats
            .values()
            .filter(|stat| stat.parent != 0 && !stats.contains_key(&stat.parent))
            .map(|stat| stat.pid)
            .collect();
        for pid in orphans {
            let again = proc.listed(|proc| proc.stat(pid))?;
            let parent = again.as_ref().map_or(0, |stat| stat.parent);
            if parent != 0
                && !stats.contains_key(&parent)
                && let Some(stat) = proc.listed(|proc| proc.stat(parent))?
            {
                stats.insert(parent, stat);
            }
            if let Some(stat) = stats.get_mut(&pid) {
                match again {
                    Some(again) => *stat = again,
                    // It ended itself, and is in nobody's tree.
                    None => stat.parent = 0,
                }
            }
        }
        Ok(Self::of(stats))
    }

    pub(super) fn of(stats: BTreeMap<i32, Stat>) -> Self {
        let mut by_age: Vec<&Stat> = stats.values().collect();
        by_age.sort_by_key(|stat| (stat.start, stat.pid));
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for stat in by_age {
            children.entry(stat.parent).or_default().push(stat.pid);
        }
        Self { stats, children }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stats.is_empty()
    }

    pub(super) fn has(&self, pid: i32) -> bool {
        self.stats.contains_key(&pid)
    }

    pub(super) fn stat_of(&self, pid: i32) -> Option<&Stat> {
        self.stats.get(&pid)
    }

    /// Those whose parent is not in the table.
    pub(super) fn tops(&self) -> impl Iterator<Item = &Stat> {
        self.stats.values().filter(|stat| !self.stats.contains_key(&stat.parent))
    }

    pub(super) fn children_of(&self, pid: i32) -> impl DoubleEndedIterator<Item = &Stat> {
        let children = self.children.get(&pid).map(Vec::as_slice).unwrap_or_default();
        children.iter().filter_map(|child| self.stats.get(child))
    }

    fn zombies_of(&self, pid: i32) -> impl Iterator<Item = ProcId> {
        let dead = self.children_of(pid).filter(|stat| !stat.alive);
        dead.map(|stat| ProcId { pid: stat.pid, start: stat.start })
    }

    /// Everything below a process: parents before their children, older siblings before younger
    /// ones.
    pub(super) fn tree(&self, root: i32) -> Vec<Member<'_>> {
        let mut tree: Vec<Member<'_>> = Vec::new();
        // Taken from its end, so the oldest child comes last.
        let mut queue: Vec<Member<'_>> = Vec::new();
        let mut parent = (root, None);
        loop {
            let (pid, place) = parent;
            // A pid that was given anew between two readings must not make a ring.
            let children = self.children_of(pid).filter(|stat| stat.pid != root);
            queue.extend(children.rev().map(|stat| Member { stat, parent: place }));
            let Some(next) = queue.pop() else { return tree };
            parent = (next.stat.pid, Some(tree.len()));
            tree.push(next);
        }
    }
}

/// What came of going down a tree.
enum Descent {
    /// The processes of the tree, the root among them.
    Whole(BTreeMap<i32, Stat>),
    /// A process ended meanwhile, so others may have been left out.
    Changed,
    /// This kernel shows nobody's children (`CONFIG_PROC_CHILDREN`), or not the root.
    Unknown,
}

/// What is below a process, by `/proc/<pid>/task/<tid>/children`.
///
/// The kernel leaves a child out of that list where the child before it ends while the list is
/// being read (`proc_tid_children(5)`). So every child that was listed has to be there still when
/// its `stat` is read. The children of a process that ended come to the nearest subreaper above,
/// which is the root or one between, and whose list may have been read by then. So the lists of all
/// processes with children are read again, the lowest first, as children only ever move up, until
/// that finds nothing new, or a few times: a process that is started that quickly is seen by the
/// next look.
fn descend(proc: &mut Proc, root: i32) -> Result<Descent, NoDescriptor> {
    let Ok(stat) = proc.stat(root) else { return Ok(Descent::Unknown) };
    let mut stats = BTreeMap::from([(root, stat)]);
    // Whose children to read, and whether for another time.
    let mut queue = vec![(root, false)];
    // Those that have children, each behind those above it.
    let mut parents: Vec<i32> = Vec::new();
    let mut rounds = 0..DESCENTS;
    let mut found_new = true;
    loop {
        let Some((parent, again)) = queue.pop() else {
            if !found_new || rounds.next().is_none() {
                return Ok(Descent::Whole(stats));
            }
            found_new = false;
            queue.extend(parents.iter().map(|parent| (*parent, true)));
            continue;
        };
        let threads = stats.get(&parent).map_or(1, |stat| stat.threads);
        let children = match proc.children_of(parent, threads) {
            Ok(children) => children,
            Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
            Err(_) if parent == root => return Ok(Descent::Unknown),
            // It ended since: its children are below one of those that come next.
            Err(_) if again => continue,
            Err(_) => return Ok(Descent::Changed),
        };
        if !again && !children.is_empty() {
            parents.push(parent);
        }
        for child in children {
            if stats.get(&child).is_some_and(|stat| stat.parent == parent) {
                continue;
            }
            match proc.stat(child).ok() {
                Some(stat) if stat.parent == parent => {
                    // Zombies have nobody below them. In a storm of forks there are thousands that
                    // adieu reaps after the look, and more the longer the look takes.
                    queue.extend(stat.alive.then_some((child, false)));
                    stats.insert(child, stat);
                    found_new = true;
                }
                _ => return Ok(Descent::Changed),
            }
        }
    }
}

/// The parents among the root and these processes that leave zombies behind, with their names and
/// how many. Looks twice: every child is a zombie for the moment until its parent has waited for
/// it.
pub(crate) fn zombies(root: i32, below: &Snapshot) -> Vec<(i32, String, usize)> {
    const PAUSE: Duration = Duration::from_millis(100);
    let pids: Vec<i32> =
        [root].into_iter().chain(below.processes.iter().map(|p| p.id.pid)).collect();
    let proc = &mut Proc::default();
    let Ok(first) = Table::all(proc) else { return Vec::new() };
    if pids.iter().all(|pid| first.zombies_of(*pid).next().is_none()) {
        return Vec::new();
    }
    sys::pause(PAUSE);
    let Ok(second) = Table::all(proc) else { return Vec::new() };
    let found = pids.into_iter().filter_map(|pid| {
        let still = |id: &ProcId| second.zombies_of(pid).any(|other| other == *id);
        let count = first.zombies_of(pid).filter(still).count();
        (count > 0).then_some((pid, printable(&second.stats.get(&pid)?.name), count))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_descent_finds_what_the_list_of_the_whole_machine_has() {
        // Nine that stay, in two generations and one of them an orphan by now, while others come
        // and go.
        let script = "for i in 1 2 3; do sleep 1000 & done
            (
                sleep 1000 & sleep 1000 &
                (sleep 1000 & sleep 1000 & echo go; sleep 1000) &
                sleep 1000
            ) &
            while :; do /bin/true; /bin/true & done";
        let mut shell = std::process::Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = [0; 3];
        shell.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("go");
        let root = i32::try_from(shell.id()).expect("a pid");
        let lasting = |stats: BTreeMap<i32, Stat>| {
            let table = Table::of(stats);
            let tree = table.tree(root);
            let mut pids: Vec<i32> = tree
                .iter()
                .map(|member| member.stat)
                .filter(|s| s.name == b"sleep" && s.alive)
                .map(|s| s.pid)
                .collect();
            pids.sort_unstable();
            pids
        };
        let settled = || lasting(Table::all(&mut Proc::open()).expect("a descriptor").stats);
        let began = std::time::Instant::now();
        while settled().len() < 9 {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", settled());
            std::thread::yield_now();
        }
        let all = settled();
        let (mut whole, mut changed) = (0, 0);
        while whole < 100 && changed < 100_000 {
            match descend(&mut Proc::open(), root).expect("a descriptor") {
                Descent::Whole(stats) => {
                    whole += 1;
                    assert_eq!(lasting(stats), all);
                }
                Descent::Changed => changed += 1,
                // Not every kernel has the list.
                Descent::Unknown => break,
            }
        }
        for pid in all.into_iter().chain([root]) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
        shell.wait().expect("a child");
        assert!(whole > 0 || changed == 0, "{whole} whole, {changed} changed");
    }
}
