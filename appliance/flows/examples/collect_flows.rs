//! Receives NetFlow at a port of the kernel's choice and keeps it in a folder until it is killed.
//! Prints the port. Used by the test of kill -9.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use model::Timestamp;
use panoptikon_flows::collect::{Exporters, Source};
use panoptikon_flows::days::Retention;
use panoptikon_flows::rollup::{AddressBook, Whose};
use panoptikon_flows::{EVENT_ROOM, Flows, Options};

struct Nobody;

impl AddressBook for Nobody {
    fn whose(&self, _: IpAddr, _: Timestamp) -> Whose {
        Whose::Remote
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: collect_flows FOLDER");
    let flows = Flows::new(Path::new(&folder), Arc::new(Nobody));
    let options = Options {
        source: Source::Exporters,
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        exporters: Exporters::Lan,
        keep: Retention { days: 3_660, bytes: u64::MAX },
        event_room: EVENT_ROOM,
        memory: None,
    };
    flows.start(&options).expect("it starts");
    let udp = flows.status().udp.expect("it receives");
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", udp.listening[0].0.port()).expect("somebody listens");
    out.flush().expect("somebody listens");
    // Until it is killed.
    loop {
        std::thread::park();
    }
}
