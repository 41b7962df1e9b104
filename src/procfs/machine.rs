//! The containers of a machine: where each begins, and one look at each.
//!
//! The process table is listed once. From its top down, `status` of each process shows how many PID
//! namespaces it is below this one. What is found to be the first process of a container is
//! remembered, and what is below it is read when that container is looked at: so each file of a
//! process is read once, and no more than one container's processes are held at a time.

use crate::printable::printable;
use crate::process::{Process, Snapshot};
use crate::procfs::descent::Table;
use crate::procfs::disposition::read_status;
use crate::procfs::files::{NoDescriptor, Proc};
use crate::procfs::parse::{Stat, Status};
use crate::procfs::place::Place;
use crate::procfs::{
    Detail, Observer, is_our_own_proc, living, observe_living, of_stat, pipes, tick,
};
use crate::signal::Signal;
use crate::system::sys;
use std::cell::OnceCell;
#[cfg(test)]
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// The process table of the whole machine, as far as this PID namespace shows it.
pub(crate) struct Machine {
    proc: Proc,
    table: Table,
    show_arguments: bool,
}

/// The first process of a container.
#[derive(Clone, Debug)]
pub(crate) struct First {
    /// Its pid.
    pub(crate) pid: i32,
    /// It is PID 1 of a PID namespace: its end is the end of everything there. Otherwise the
    /// container shares the PID namespace of another, or of the machine.
    pub(crate) is_init: bool,
    /// In how many PID namespaces it is, counted from this one.
    depth: usize,
    /// Its cgroups.
    pub(crate) place: Place,
}

/// What one process shows of the namespace that it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Depth {
    /// In how many PID namespaces it is, counted from this one.
    depth: usize,
    /// It is PID 1 of the innermost.
    is_init: bool,
}

/// A container as it was read.
pub(crate) struct Container {
    /// Its first process.
    pub(crate) root: Process,
    /// What is below that.
    pub(crate) below: Snapshot,
    /// The signal that it was read with regard to.
    signal: Signal,
}

/// How a walk through the table reads a process; `None` where it has ended.
trait Read {
    fn depth(&mut self, pid: i32) -> Result<Option<Depth>, NoDescriptor>;
    fn place(&mut self, pid: i32) -> Result<Place, NoDescriptor>;
}

impl Read for Proc {
    fn depth(&mut self, pid: i32) -> Result<Option<Depth>, NoDescriptor> {
        let status = self.listed(|proc| read_status(proc, pid))?;
        // One that may not be read is walked past: what is below it may be.
        let unreadable = Depth { depth: 1, is_init: false };
        let shown = |it: Status| Depth { depth: it.depth, is_init: it.innermost == Some(1) };
        Ok(status.map(|status| status.map_or(unreadable, shown)))
    }

    fn place(&mut self, pid: i32) -> Result<Place, NoDescriptor> {
        let text = self.listed(|proc| proc.start_of(format_args!("{pid}/cgroup")))?;
        Ok(Place::parse(&text.unwrap_or_default()))
    }
}

impl Machine {
    /// Lists the processes. `None` where there is no /proc, or one of another PID namespace, or
    /// where it may not be read whole (`hidepid`, `proc(5)`).
    ///
    /// # Errors
    /// [`NoDescriptor`] where not a single one is to be had.
    pub(crate) fn read(show_arguments: bool) -> Result<Option<Self>, NoDescriptor> {
        if !is_our_own_proc() {
            return Ok(None);
        }
        let mut proc = Proc::open();
        let table = Table::all(&mut proc)?;
        let myself = i32::try_from(std::process::id()).unwrap_or(0);
        let is_read = proc.listed(|proc| read_status(proc, myself))?.flatten().is_some();
        let is_whole = is_read && table.has(myself) && table.has(1);
        Ok(is_whole.then_some(Self { proc, table, show_arguments }))
    }

    /// The first process of each container that is not within another one.
    ///
    /// # Errors
    /// [`NoDescriptor`] as above.
    pub(crate) fn firsts(&mut self) -> Result<Vec<First>, NoDescriptor> {
        let myself = i32::try_from(std::process::id()).unwrap_or(0);
        let mut firsts = firsts(&self.table, &mut self.proc)?;
        // A container that shares the machine's PID namespace to look at it is none that is asked
        // about.
        firsts.retain(|first| first.pid != myself);
        Ok(firsts)
    }

    /// Reads a container with regard to a signal; `None` where its first process has ended.
    ///
    /// # Errors
    /// [`NoDescriptor`] as above.
    pub(crate) fn look(
        &mut self,
        first: &First,
        signal: Signal,
    ) -> Result<Option<Container>, NoDescriptor> {
        let observer = Observer::of(first.pid, self.show_arguments);
        let observer = Observer { depth: OnceCell::from(first.depth), ..observer };
        let Some(stat) = self.table.stat_of(first.pid) else { return Ok(None) };
        let root = of_stat(&mut self.proc, &observer, stat, signal);
        let tree = self.table.tree(first.pid);
        let mut observed = Vec::with_capacity(tree.len());
        for member in &tree {
            observed.push(observe_living(&mut self.proc, member.stat, signal)?);
        }
        let processes =
            living(&mut self.proc, &observer, &tree, observed, (signal, Detail::Whole, true));
        let below = Snapshot { processes, tick: tick(), last_pid: 0 };
        Ok(root.map(|root| Container { root, below, signal }))
    }

    /// A container within one that was read: the processes below this one, which is among them.
    /// They are read again only where another signal is asked about.
    pub(crate) fn within(
        &mut self,
        outer: &Container,
        pid: i32,
        signal: Signal,
    ) -> Option<(First, Container)> {
        let depth = self.proc.depth(pid).ok().flatten()?.depth;
        let place = self.proc.place(pid).ok()?;
        let first = First { pid, is_init: true, depth, place };
        if signal != outer.signal {
            let container = self.look(&first, signal).ok().flatten()?;
            return Some((first, container));
        }
        let all = &outer.below.processes;
        let at = all.iter().position(|process| process.id.pid == pid)?;
        let root = all.get(at)?.clone();
        // Parents stand before their children, and all that is below one follows it.
        let below = all.get(at + 1..).unwrap_or_default().iter();
        let below = below.take_while(|process| process.above.is_some_and(|above| above >= at));
        let mut processes: Vec<Process> = below.cloned().collect();
        for process in &mut processes {
            process.above = process.above.and_then(|above| above.checked_sub(at + 1));
            process.own_child = process.parent == pid;
        }
        pipes::connect(&mut processes, pipes::stdin_of(pid).ok(), false);
        let below = Snapshot { processes, tick: outer.below.tick, last_pid: 0 };
        Some((first, Container { root, below, signal }))
    }

    /// The PID namespace of a process, by its inode.
    pub(crate) fn namespace(pid: i32) -> Option<u64> {
        fs::metadata(format!("/proc/{pid}/ns/pid")).ok().map(|it| it.ino())
    }
}

/// The first processes of the containers in a table, in its order.
///
/// That of a PID namespace is one. A container that shares a PID namespace has none such: its first
/// process is the oldest of those that are in its cgroup and whose parent is not. The others there
/// came by `docker exec`.
fn firsts(table: &Table, read: &mut impl Read) -> Result<Vec<First>, NoDescriptor> {
    let mut found: Vec<First> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    // Each with the id of the container that its parent is in.
    let mut queue: Vec<(i32, Option<String>)> = table.tops().map(|stat| (stat.pid, None)).collect();
    while !queue.is_empty() {
        let mut sharing: Vec<(First, u64)> = Vec::new();
        while let Some((pid, parents)) = queue.pop() {
            let Some(stat) = table.stat_of(pid).filter(|stat| !is_kthreadd(stat)) else { continue };
            let Some(Depth { depth, is_init }) = read.depth(pid)?.filter(|_| stat.alive) else {
                // Its children have another parent by now, which the next run finds.
                continue;
            };
            let is_init = is_init && depth > 1;
            let place = read.place(pid)?;
            let first = First { pid, is_init, depth, place };
            if is_init {
                known.extend(first.place.id.clone());
                found.push(first);
            } else if first.place.id.is_some() && first.place.id != parents {
                sharing.push((first, stat.start));
            } else {
                let id = first.place.id;
                queue.extend(table.children_of(pid).map(|child| (child.pid, id.clone())));
            }
        }
        sharing.sort_by_key(|(first, start)| (*start, first.pid));
        for (first, _) in sharing {
            let id = first.place.id.clone();
            if id.clone().is_some_and(|id| known.insert(id)) {
                found.push(first);
            } else {
                let children = table.children_of(first.pid);
                queue.extend(children.map(|child| (child.pid, id.clone())));
            }
        }
    }
    found.sort_by_key(|first| first.pid);
    Ok(found)
}

/// Whether a process that is no PID 1 is the first of a container, as [`Machine::firsts`] finds it.
pub(crate) fn is_first(pid: i32) -> bool {
    let in_container = |pid| Proc::default().place(pid).is_ok_and(|place| place.id.is_some());
    let firsts = || Machine::read(false).ok()??.firsts().ok();
    in_container(pid) && firsts().is_some_and(|all| all.iter().any(|first| first.pid == pid))
}

/// The parent of the kernel's threads.
fn is_kthreadd(stat: &Stat) -> bool {
    stat.pid == 2 && stat.parent == 0 && stat.name == b"kthreadd"
}

/// Whether this is the PID namespace that the machine began with, so that nothing is outside of it
/// (`PROC_PID_INIT_INO` of the kernel).
pub(crate) fn is_machines_own() -> bool {
    const FIRST: u64 = 0xEFFF_FFFC;
    fs::metadata("/proc/self/ns/pid").is_ok_and(|it| it.ino() == FIRST)
}

/// The name that a process's machine has for it: the hostname of its UTS namespace. Where that may
/// not be entered, what `HOSTNAME` in its environment says, as engines set it.
///
/// To be called from a process with one thread. It returns to its own namespace.
pub(crate) fn hostname(pid: i32) -> Option<String> {
    let entered = sys::hostname_of(&format!("/proc/{pid}/ns/uts")).ok();
    let name = entered.or_else(|| {
        let environment = Proc::default().start_of(format_args!("{pid}/environ")).ok()?;
        let mut entries = environment.split(|b| *b == 0);
        entries.find_map(|entry| entry.strip_prefix(b"HOSTNAME=").map(<[u8]>::to_vec))
    });
    // As long as one can be (`HOST_NAME_MAX`).
    let name = name.map(|name| printable(&name).chars().take(64).collect::<String>());
    name.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccdddd";
    const B: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

    /// A made-up machine: of each process its parent, in how many PID namespaces it is, whether it
    /// is PID 1 there, and its cgroup. The start is the pid.
    struct MadeUp(BTreeMap<i32, (i32, usize, bool, &'static str)>);

    impl Read for MadeUp {
        fn depth(&mut self, pid: i32) -> Result<Option<Depth>, NoDescriptor> {
            Ok(self.0.get(&pid).map(|it| Depth { depth: it.1, is_init: it.2 }))
        }

        fn place(&mut self, pid: i32) -> Result<Place, NoDescriptor> {
            let cgroup = self.0.get(&pid).map_or("", |it| it.3);
            let cgroup = cgroup.replace("A", A).replace("B", B);
            Ok(Place::parse(format!("0::{cgroup}\n").as_bytes()))
        }
    }

    fn found(processes: &[(i32, i32, usize, bool, &'static str)]) -> Vec<(i32, bool)> {
        let all = processes.iter().map(|it| (it.0, (it.1, it.2, it.3, it.4))).collect();
        let stats = processes.iter().map(|it| {
            let name = if it.0 == 2 && it.1 == 0 { "kthreadd" } else { "x" };
            let line =
                format!("{0} ({name}) S {1} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {0}", it.0, it.1);
            (it.0, Stat::parse(line.as_bytes()).expect("a line"))
        });
        let table = Table::of(stats.collect());
        let firsts = firsts(&table, &mut MadeUp(all)).expect("a descriptor");
        firsts.into_iter().map(|first| (first.pid, first.is_init)).collect()
    }

    #[test]
    fn each_init_of_a_pid_namespace_is_one_and_what_is_within_it_is_not_looked_for() {
        let machine = [
            (1, 0, 1, true, "/init.scope"),
            (2, 0, 1, false, "/"),
            (30, 2, 1, false, "/"),
            (100, 1, 1, false, "/system.slice/containerd.service"),
            (101, 100, 2, true, "/docker/A"),
            (102, 101, 2, false, "/docker/A"),
            // By `docker exec`.
            (103, 100, 2, false, "/docker/A"),
            (110, 1, 1, false, "/system.slice/containerd.service"),
            (111, 110, 2, true, "/default/by-ctr"),
            (112, 111, 3, true, "/default/by-ctr/within"),
        ];
        assert_eq!(found(&machine), [(101, true), (111, true)]);
    }

    #[test]
    fn a_container_that_shares_a_pid_namespace_is_known_by_its_cgroup() {
        let machine = [
            (1, 0, 1, true, "/init.scope"),
            (100, 1, 1, false, "/system.slice/containerd.service"),
            // In the machine's own, with a session of `docker exec`.
            (101, 100, 1, false, "/docker/A"),
            (102, 101, 1, false, "/docker/A"),
            (109, 100, 1, false, "/docker/A"),
            // In the one of a pod's first container, whose pause is PID 1.
            (120, 1, 1, false, "/kubepods/pod"),
            (121, 120, 2, true, "/kubepods/pod/pause"),
            (122, 120, 2, false, "/kubepods/pod/B"),
            (123, 122, 2, false, "/kubepods/pod/B"),
        ];
        assert_eq!(found(&machine), [(101, false), (121, true), (122, false)]);
    }

    #[test]
    fn a_container_that_was_started_by_a_session_within_another_is_found() {
        let machine = [
            (1, 0, 1, true, "/init.scope"),
            (100, 1, 1, false, "/system.slice/containerd.service"),
            (101, 100, 2, true, "/docker/A"),
            (103, 100, 2, false, "/docker/A"),
            (104, 103, 3, true, "/docker/A/docker/B"),
        ];
        assert_eq!(found(&machine), [(101, true), (104, true)]);
    }
}
