//! `service panoptikon` of `VyOS`: what a commit hands over becomes a layer of the configuration.
//!
//! In comes the node as JSON, with the certificates that it names; out go settings in TOML,
//! certificate and key, or every reason to refuse. Nothing here touches the system but [`place`] and
//! what [`ports`] and [`machine`] look at.

mod machine;
mod node;
mod pki;
mod place;
mod ports;

use std::net::SocketAddr;
use std::path::Path;

pub use machine::{Machine, look};
pub use node::{NODES, Wanted, read};
pub use pki::Pair;
pub use place::{PlaceError, Placed, place};
pub use ports::{Listener, listeners};

/// The first port that needs no privilege.
const FIRST_OPEN_PORT: u16 = 1024;

/// The port of VyOS's own web server.
const HTTPS: u16 = 443;

/// What is said about a node that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why it is refused.
    pub refusals: Vec<String>,
    /// What may be meant so, but is unusual.
    pub warnings: Vec<String>,
}

/// Holds what is wanted against the machine. While the router starts, what may come later is a
/// warning: a refusal then would lose the whole node.
pub fn judge(wanted: &Wanted, machine: &Machine, booting: bool) -> Verdict {
    let mut verdict = Verdict::default();
    let later = |verdict: &mut Verdict, text: String| {
        if booting { &mut verdict.warnings } else { &mut verdict.refusals }.push(text);
    };
    let doors =
        [("", wanted.port, &wanted.listen), ("agent ", wanted.agents_port, &wanted.agents_listen)];
    for (what, port, listen) in doors {
        if let Some(port) = port.filter(|port| *port < FIRST_OPEN_PORT) {
            verdict.refusals.push(if port == HTTPS {
                format!(
                    "{what}port 443 is that of VyOS's own web server (service https); set another, \
                     such as 8443"
                )
            } else {
                format!(
                    "{what}port {port} is not open to the service; set one from {FIRST_OPEN_PORT} on"
                )
            });
            continue;
        }
        for (endpoint, holder) in ports::taken(listen, &machine.listeners, machine.own) {
            let text = format!(
                "{what}port {} is taken: {} listens on {}; set another, or stop that program",
                endpoint.port(),
                holder.name(),
                holder.address,
            );
            if !verdict.refusals.contains(&text) {
                later(&mut verdict, text);
            }
        }
    }
    // Where the node says nothing, the doors are where they usually are.
    let pages = node::doors(&wanted.listen, &node::PAGES);
    let agents = node::doors(&wanted.agents_listen, &node::AGENTS);
    let is_taken = |at: &&SocketAddr| pages.iter().any(|other| ports::collide(**at, *other));
    if let Some(both) = agents.iter().find(is_taken) {
        verdict.refusals.push(format!("agent port: {both} is where the pages are; set another"));
    }
    let pages = ("the pages appear", &wanted.listen);
    for (what, listen) in [pages, ("agents are let in", &wanted.agents_listen)] {
        for ip in listen.iter().map(SocketAddr::ip) {
            if !ip.is_unspecified() && !machine.addresses.contains(&ip) {
                verdict.warnings.push(format!(
                    "listen-address {ip} is not assigned to this router; {what} there once it is"
                ));
            }
        }
    }
    for name in &wanted.interfaces {
        if !machine.interfaces.contains(name) {
            later(&mut verdict, format!("there is no interface {name}"));
        }
    }
    for name in &wanted.excluded {
        if !machine.interfaces.contains(name) {
            verdict.warnings.push(format!("there is no interface {name} to leave alone"));
        }
    }
    verdict
}

/// The names under which certificate and key are kept beside the layer.
pub(crate) fn beside(layer: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    (layer.with_file_name("vyos-certificate.pem"), layer.with_file_name("vyos-key.pem"))
}
