//! A network namespace for one test, and patience.

#![allow(dead_code)] // each test file uses its part

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

/// Nothing takes as long; whoever waits longer has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test on a thread in a new, empty network namespace, which goes away with its last socket.
///
/// Without the right to make one the test fails, unless `PANOPTIKON_NO_NETNS=1` says that this
/// machine cannot have any.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let run = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("a new network namespace: run as root, or set PANOPTIKON_NO_NETNS=1");
        test();
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The same, with an async runtime whose threads are all in the namespace.
pub(crate) fn in_async_namespace<F: Future<Output = ()>>(
    test: impl FnOnce() -> F + Send + 'static,
) {
    in_namespace(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(test());
    });
}

/// Runs a program in the namespace and returns what it prints.
pub(crate) fn run(line: &str) -> String {
    let mut words = line.split(' ');
    let program = words.next().expect("a program");
    let output = Command::new(program).args(words).output().expect(program);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `ip` in the namespace and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    run(&format!("ip {arguments}"))
}

/// Whether a kind of interface can be made here: kernels differ.
pub(crate) fn can(arguments: &str) -> bool {
    let made = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2");
    made.status.success()
}

/// Tries until it holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
