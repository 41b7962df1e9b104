//! Who is below whom.

use crate::printable::printable;
use crate::process::{ProcId, Snapshot};
use crate::procfs::files::{NoDescriptor, Proc, is_exhausted};
use crate::procfs::parse::Stat;
use crate::system::sys;
use std::collections::{BTreeMap, BinaryHeap};

/// The parents among the root and these processes that leave zombies behind, with their names and
/// how many. Looks twice: every child is a zombie for the moment until its parent has waited for
/// it.
pub(crate) fn zombies(root: i32, below: &Snapshot) -> Vec<(i32, String, usize)> {
    const LONGER: std::time::Duration = std::time::Duration::from_millis(100);
    let pids: Vec<i32> =
        [root].into_iter().chain(below.processes.iter().map(|p| p.id.pid)).collect();
    let proc = &mut Proc::default();
    let Ok(first) = Table::all(proc) else { return Vec::new() };
    if pids.iter().all(|pid| first.zombies_of(*pid).next().is_none()) {
        return Vec::new();
    }
    sys::pause(LONGER);
    let Ok(second) = Table::all(proc) else { return Vec::new() };
    let found = pids.into_iter().filter_map(|pid| {
        let still = |id: &ProcId| second.zombies_of(pid).any(|other| other == *id);
        let count = first.zombies_of(pid).filter(still).count();
        (count > 0).then_some((pid, printable(&second.stats.get(&pid)?.name), count))
    });
    found.collect()
}

/// The cheap part of every process that matters: who is whose child.
pub(super) struct Table {
    pub(super) stats: BTreeMap<i32, Stat>,
    /// Parents, each with a child, in order.
    pub(super) children: Vec<(i32, i32)>,
}

/// How often a tree is gone down that changes meanwhile, before the whole machine is listed
/// instead.
pub(super) const DESCENTS: usize = 3;

impl Table {
    /// At least the process and everything below it. The init of a PID namespace has most of the
    /// namespace below it and lists that; whoever shares its namespace with others goes down from
    /// parent to child, so that a look costs what its own tree does, not what the machine has.
    pub(super) fn below(proc: &mut Proc, root: i32) -> Result<Self, NoDescriptor> {
        if root == 1 {
            return Self::all(proc);
        }
        for _ in 0..DESCENTS {
            match Self::descend(proc, root)? {
                Descent::Whole(stats) => return Ok(Self::of(stats)),
                Descent::Changed => {}
                Descent::Unknown => break,
            }
        }
        Self::all(proc)
    }

    /// Every process of this /proc.
    fn all(proc: &mut Proc) -> Result<Self, NoDescriptor> {
        let pids = match proc.numbers("/proc") {
            Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
            pids => pids.unwrap_or_default(),
        };
        let mut stats: BTreeMap<i32, Stat> = BTreeMap::new();
        for pid in pids {
            stats.extend(proc.listed(|proc| proc.stat(pid))?.map(|stat| (pid, stat)));
        }
        // A parent that ended while we read: its child has another by now. One that is still its
        // parent is there, whatever reading it said.
        let orphans = stats.iter().filter(|(_, s)| s.parent != 0 && !stats.contains_key(&s.parent));
        for pid in orphans.map(|(pid, _)| *pid).collect::<Vec<_>>() {
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
                    // Gone itself, it is in nobody's tree.
                    None => stat.parent = 0,
                }
            }
        }
        Ok(Self::of(stats))
    }

    /// What is below a process, by `/proc/<pid>/task/<tid>/children`. The kernel leaves a child out
    /// of that list where the one before it ends while the list is being read
    /// (`proc_tid_children(5)`), so every child that was listed has to be there still when it is
    /// read itself. The children of one that ended come to the nearest subreaper above, which is
    /// the root or one between, whose list may have been read by then. So the lists of all that
    /// have children are read again, the lowest first, as children only ever move up, until that
    /// brings nobody new, or a few times: whoever is born that quickly is seen by the next look.
    pub(super) fn descend(proc: &mut Proc, root: i32) -> Result<Descent, NoDescriptor> {
        let mut stats: BTreeMap<i32, Stat> = BTreeMap::new();
        match proc.stat(root).ok() {
            Some(stat) => stats.insert(root, stat),
            None => return Ok(Descent::Unknown),
        };
        // Whom to read, and whether once more.
        let mut queue = vec![(root, false)];
        // Those that have children, each behind those above it.
        let mut parents: Vec<i32> = Vec::new();
        let mut returns = 0..DESCENTS;
        let mut news = true;
        loop {
            let Some((parent, again)) = queue.pop() else {
                if !news || returns.next().is_none() {
                    return Ok(Descent::Whole(stats));
                }
                news = false;
                queue.extend(parents.iter().map(|parent| (*parent, true)));
                continue;
            };
            let threads = stats.get(&parent).map_or(1, |stat| stat.threads);
            let children = match proc.children_of(parent, threads) {
                Ok(children) => children,
                Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
                Err(_) if parent == root => return Ok(Descent::Unknown),
                // Gone since: what it had is below one of those that come next.
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
                        // The dead have nobody below them. In a storm of forks there are thousands
                        // that adieu reaps after the look, and the longer it takes the more they
                        // are.
                        queue.extend(stat.alive.then_some((child, false)));
                        stats.insert(child, stat);
                        news = true;
                    }
                    _ => return Ok(Descent::Changed),
                };
            }
        }
    }

    pub(super) fn of(stats: BTreeMap<i32, Stat>) -> Self {
        let children = stats.iter().map(|(pid, stat)| (stat.parent, *pid));
        let children = children.collect::<BinaryHeap<_>>().into_sorted_vec();
        Self { stats, children }
    }

    pub(super) fn children_of(&self, pid: i32) -> impl Iterator<Item = &Stat> {
        let first = self.children.partition_point(|(parent, _)| *parent < pid);
        let from_there = self.children.get(first..).unwrap_or_default().iter();
        let children = from_there.take_while(move |(parent, _)| *parent == pid);
        children.filter_map(|(_, child)| self.stats.get(child))
    }

    pub(super) fn zombies_of(&self, pid: i32) -> impl Iterator<Item = ProcId> {
        let dead = self.children_of(pid).filter(|stat| !stat.alive);
        dead.map(|stat| ProcId { pid: stat.pid, start: stat.start })
    }

    /// Everything below a process, parents before their children and older siblings before younger
    /// ones, each with the place of its parent in this list (`None` for the process itself).
    pub(super) fn tree(&self, root: i32) -> Vec<(&Stat, Option<usize>)> {
        let mut found = Vec::new();
        let mut queue: Vec<(i32, Option<usize>)> = vec![(root, None)];
        while let Some((pid, above)) = queue.pop() {
            let stat = self.stats.get(&pid).filter(|_| pid != root);
            found.extend(stat.map(|stat| (stat, above)));
            let here = if stat.is_some() { Some(found.len() - 1) } else { above };
            // A number that was given anew between two reads must not make a ring.
            let children = self.children_of(pid).filter(|stat| stat.pid != root);
            let by_age = children.map(|stat| (stat.start, stat.pid));
            // Oldest last: the queue is taken from its end. (A heap, since std's sort is 8 kB.)
            let by_age = by_age.collect::<BinaryHeap<_>>().into_sorted_vec();
            queue.extend(by_age.into_iter().rev().map(|(_, pid)| (pid, here)));
        }
        found
    }
}

/// What came of going down a tree.
pub(super) enum Descent {
    Whole(BTreeMap<i32, Stat>),
    /// Somebody ended meanwhile, so others may have been left out.
    Changed,
    /// This kernel shows nobody's children (`CONFIG_PROC_CHILDREN`), or not the root.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn going_down_the_tree_finds_what_the_list_of_the_machine_has() {
        // Ten that stay, in two generations and one of them an orphan by now, while others come and
        // go.
        let script = "for i in 1 2 3; do sleep 1000 & done
            (sleep 1000 & sleep 1000 & (sleep 1000 & sleep 1000 & echo go; sleep 1000) & sleep 1000) &
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
                .map(|(stat, _)| *stat)
                .filter(|s| s.name == b"sleep" && s.alive)
                .map(|s| s.pid)
                .collect();
            pids.sort_unstable();
            pids
        };
        let settled = || lasting(Table::all(&mut Proc::open()).expect("a descriptor").stats);
        while settled().len() < 9 {
            std::thread::yield_now();
        }
        let all = settled();
        let (mut whole, mut changed) = (0, 0);
        while whole < 100 && changed < 100_000 {
            match Table::descend(&mut Proc::open(), root).expect("a descriptor") {
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
