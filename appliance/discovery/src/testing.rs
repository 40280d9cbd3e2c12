//! A handle on tables of its own, for tests.

use std::sync::Arc;

use events::Events;
use model::{DeviceId, Mac, Timestamp};
use store::{Options, Store};

use crate::device::Device;
use crate::discovery::Discovery;
use crate::segment::{Network, Segment};
use crate::tables;

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) struct Lan {
    pub(crate) discovery: Discovery,
    _dir: tempfile::TempDir,
}

/// Runs a test that waits.
pub(crate) fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test)
}

/// Discovery that knows these devices and interfaces.
pub(crate) fn lan(devices: &[Device], segments: Vec<Segment>) -> Lan {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(Options {
        dir: dir.path().to_owned(),
        rooms: vec![events::ROOM, crate::ROOM],
        built: Timestamp(0),
        max_bytes: u64::MAX,
        keep_backups: 0,
    })
    .expect("tables");
    let stored = devices.to_vec();
    store
        .write_blocking("devices", move |w| {
            for device in &stored {
                tables::upsert(w.main(), device, true)?;
            }
            Ok::<_, store::StoreError>(())
        })
        .expect("stored");
    let events = Events::new(store.clone());
    let discovery = Discovery::open(store, events, NOW).expect("opens");
    discovery.inner.segments.send_replace(Arc::new(segments));
    Lan { discovery, _dir: dir }
}

pub(crate) fn device(id: i64, ip: &str, interface: &str) -> Device {
    let [.., a, b] = id.to_be_bytes();
    let mac = Mac([0x00, 0x11, 0x22, 0, a, b]);
    let mut device = Device::first_heard(DeviceId(id), mac, interface, NOW);
    device.hold(ip.parse().expect("an address"), interface, NOW);
    device
}

pub(crate) fn segment(index: u32, name: &str, own: &str) -> Segment {
    let (own, prefix) = own.split_once('/').expect("a network");
    Segment {
        index,
        name: name.to_owned(),
        mac: Mac([2, 0, 0, 0, 1, index as u8]),
        networks: vec![Network {
            own: own.parse().expect("an address"),
            prefix: prefix.parse().expect("a length"),
        }],
    }
}

/// Runs a test on a thread in a new, empty network namespace.
///
/// Without the right to make one the test fails, unless `PANOPTIKON_NO_NETNS=1` says that this
/// machine cannot have any.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if std::env::var("PANOPTIKON_NO_NETNS").is_ok_and(|value| value == "1") {
        eprintln!("skipped: PANOPTIKON_NO_NETNS=1");
        return;
    }
    let run = std::thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
            .expect("a new network namespace: run as root, or set PANOPTIKON_NO_NETNS=1");
        test();
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the namespace and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    let output =
        std::process::Command::new("ip").args(arguments.split(' ')).output().expect("iproute2");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The index of an interface of the namespace.
pub(crate) fn index(name: &str) -> u32 {
    let line = ip(&format!("-o link show {name}"));
    let number = line.split(':').next().and_then(|n| n.parse().ok());
    number.expect("an index")
}
