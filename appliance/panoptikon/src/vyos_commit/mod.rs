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
    if let Some(port) = wanted.port.filter(|port| *port < FIRST_OPEN_PORT) {
        verdict.refusals.push(if port == HTTPS {
            "port 443 is that of VyOS's own web server (service https); set another, such as 8443"
                .to_owned()
        } else {
            format!("port {port} is not open to the service; set one from {FIRST_OPEN_PORT} on")
        });
    } else {
        for (endpoint, holder) in ports::taken(&wanted.listen, &machine.listeners, machine.own) {
            let text = format!(
                "port {} is taken: {} listens on {}; set another, or stop that program",
                endpoint.port(),
                holder.name(),
                holder.address,
            );
            if !verdict.refusals.contains(&text) {
                later(&mut verdict, text);
            }
        }
    }
    for endpoint in &wanted.listen {
        let ip = endpoint.ip();
        if !ip.is_unspecified() && !machine.addresses.contains(&ip) {
            verdict.warnings.push(format!(
                "listen-address {ip} is not assigned to this router; the pages appear there once it \
                 is"
            ));
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
