//! A command on a terminal of its own.
#![allow(unsafe_code, reason = "gives a session its terminal, and sets the terminal's size")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, tcgetpgrp};

use super::process::{Process, descendants};
use super::scratch::{DEADLINE, lock};
use super::start::set_signals;
use super::started::{Shared, Started, exit_code, update, wait_until};

#[derive(Default)]
struct Screen {
    text: String,
    hung_up: bool,
    ended: bool,
}

/// A command on a terminal of its own.
pub(crate) struct Pty {
    started: Started,
    master: File,
    screen: Shared<Screen>,
    /// How far [`Self::wait_text`] has read.
    read: usize,
}

impl Pty {
    /// Any command, such as an interactive shell, as the leader of a new session whose terminal
    /// this is.
    pub(crate) fn spawn(mut command: Command) -> Self {
        // SAFETY: as in `Adieu::into_command`.
        unsafe { command.pre_exec(|| set_signals(&[], &[])) };
        Self::start(command, false, DEADLINE)
    }

    /// Takes the command by value: while it lives, it keeps the terminal open.
    pub(super) fn start(mut command: Command, pid1: bool, deadline: Duration) -> Self {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ptsname_r(&master).unwrap();
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(terminal)
            .unwrap();
        command.stdin(terminal.try_clone().unwrap());
        command.stdout(terminal.try_clone().unwrap());
        command.stderr(terminal);
        if pid1 {
            // The terminal goes to PID 1's session, where setsid(1) acquires it.
            command.process_group(0);
        } else {
            let acquire_terminal = || {
                // SAFETY: system calls without pointers; stdin is the terminal by now.
                unsafe {
                    Errno::result(libc::setsid())?;
                    Errno::result(libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0))?;
                }
                Ok(())
            };
            // SAFETY: between fork and exec; two system calls, no allocation.
            unsafe { command.pre_exec(acquire_terminal) };
        }
        let started = Started::spawn(&mut command, pid1, deadline);
        drop(command);

        let master = File::from(OwnedFd::from(master));
        let screen = Shared::<Screen>::default();
        let (mut keys, shared) = (master.try_clone().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO is the hang-up: no process has the terminal open any more.
            while let Ok(length @ 1..) = keys.read(&mut bytes) {
                let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default())
                    .replace('\r', "");
                update(&shared, |screen| screen.text.push_str(&text));
            }
            update(&shared, |screen| screen.hung_up = true);
        });
        let shared = Arc::clone(&screen);
        started.on_end(move |_| update(&shared, |screen| screen.ended = true));
        Self { started, master, screen, read: 0 }
    }

    /// `"\x03"` is Ctrl-C, `"\x1a"` Ctrl-Z, `"\x1c"` Ctrl-\, `"\x04"` the end of file.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for `text` after what the last such wait has found. Carriage returns are left out.
    pub(crate) fn wait_text(&mut self, text: &str) {
        let read = self.read;
        let found = |screen: &Screen| {
            let unread = screen.text.get(read..).unwrap_or_default();
            unread.find(text).map(|at| read + at + text.len())
        };
        let found = wait_until(&self.screen, self.started.deadline, found, |screen| screen.hung_up);
        self.read = found.unwrap_or_else(|| self.fail(&format!("gave up waiting for {text:?}")));
    }

    /// Everything shown until now.
    pub(crate) fn text(&self) -> String {
        lock(&self.screen.0).text.clone()
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads the winsize that it is given.
        Errno::result(unsafe {
            libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size)
        })
        .unwrap();
    }

    /// The process group in the foreground.
    pub(crate) fn foreground(&self) -> Pid {
        tcgetpgrp(&self.master).unwrap()
    }

    /// As [`Running::pid`].
    pub(crate) fn pid(&self) -> Pid {
        self.started.adieu().unwrap_or_else(|| self.fail("it has ended already"))
    }

    /// As [`Running::tree`].
    pub(crate) fn tree(&self) -> Vec<Process> {
        descendants(self.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end; the exit status, 128+n for signal n.
    pub(crate) fn exit(&mut self) -> i32 {
        let ended = |screen: &Screen| screen.ended.then_some(());
        if wait_until(&self.screen, self.started.deadline, ended, |_| false).is_none() {
            self.fail("gave up waiting for its end");
        }
        exit_code(self.started.child.wait().unwrap())
    }

    fn fail(&self, why: &str) -> ! {
        let below = descendants(self.started.child_pid());
        panic!("{why}\n{}\nit {}; below it: {below:#?}", self.text(), self.started.state());
    }
}
