//! A log without a reader, or one that is full, delays no stop.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::scenario::{assert_at_once, assert_each_signalled_once, stopped, through_sh, with};
use crate::support::runner::{Test, tests};
use crate::support::{Scratch, cpu_time};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::Signal::{SIGTERM, SIGUSR1, SIGUSR2};

/// Promise (Running): a stderr without a reader never delays a stop
fn a_log_without_a_reader_does_not_delay_the_stop() {
    // Kept open and never read.
    let (_unread, mut full) = io::pipe().unwrap();
    fill(&mut full);
    let dev_full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let words = ["-v", "cd / && server; echo after"];
    let closed = through_sh("exec 2>&-", &words);
    for adieu in [with(words).stderr(full), with(words).stderr(dev_full), closed] {
        let finished = stopped(adieu, 1, 0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "after"]);
        assert_at_once(&finished);
    }
}

/// Writes until nothing more fits.
fn fill(file: &mut (impl io::Write + AsFd)) {
    let flags = OFlag::from_bits_retain(fcntl(&*file, FcntlArg::F_GETFL).unwrap());
    fcntl(&*file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
    while file.write(b".").is_ok() {}
    fcntl(&*file, FcntlArg::F_SETFL(flags)).unwrap();
}

/// Promise (Running): a stderr without a reader never delays a stop
fn a_terminal_without_a_reader_does_not_delay_the_stop() {
    // Room for a part of a line is what poll calls writable, and a write would wait for the rest.
    for room in [0, 300, 850, 2_000] {
        let terminal = openpty(None, None).unwrap();
        let (mut master, mut slave) = (File::from(terminal.master), File::from(terminal.slave));
        fill(&mut slave);
        master.read_exact(&mut vec![0; room]).unwrap();
        let script = "i=0; while [ $((i += 1)) -le 20 ]; do \
            server --name a-long-name-for-a-server-$i --never & done; wait";
        let finished = stopped(with(["-t", "300ms", script]).stderr(slave), 20, 137);
        assert!(finished.took < Duration::from_secs(10), "{room}: {finished}");
    }
}

/// Promise (Running): a stderr without a reader never delays a stop
fn a_log_that_is_full_does_not_keep_adieu_busy() {
    let scratch = Scratch::new();
    let log = File::create(scratch.join("log")).unwrap();
    let running = through_sh("ulimit -f 0", &["server; :"]).stderr(log).start();
    running.wait_line("server ready");
    running.signal(SIGUSR2);
    running.signal(SIGUSR1);
    running.signal(SIGTERM);
    running.wait_line("server got TERM");
    let spent = cpu_time(running.pid()).unwrap();
    running.expect_exit(0).assert_order(["server done"]);
    assert!(spent < Duration::from_millis(200), "{spent:?} of CPU");
}

pub(super) const TESTS: &[Test] = tests![
    a_log_without_a_reader_does_not_delay_the_stop,
    a_terminal_without_a_reader_does_not_delay_the_stop,
    a_log_that_is_full_does_not_keep_adieu_busy
];
