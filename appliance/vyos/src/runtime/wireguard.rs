//! `WireGuard` as it runs, from `wg show all dump` (see wg(8)). The private and pre-shared keys in
//! it are dropped at once.

use serde::Serialize;

use super::RuntimeError;

/// A `WireGuard` interface as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WgInterface {
    /// `wg0`.
    pub name: String,
    /// Its own public key, to give to peers; none while it has no private key.
    pub public_key: Option<String>,
    /// UDP; none while it listens nowhere.
    pub port: Option<u16>,
    /// Its peers.
    pub peers: Vec<WgPeer>,
}

/// A peer as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WgPeer {
    /// By which it is known in the configuration.
    pub public_key: String,
    /// Address and port that it was last heard from.
    pub endpoint: Option<String>,
    /// Prefixes behind it.
    pub allowed_ips: Vec<String>,
    /// Seconds since 1970; none if there was none yet.
    pub last_handshake: Option<u64>,
    /// Bytes received from it.
    pub received: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// In seconds.
    pub keepalive: Option<u16>,
}

/// After so many seconds without a handshake a session has ended (three minutes by the protocol,
/// `REJECT_AFTER_TIME`).
const SESSION: u64 = 180;

impl WgPeer {
    /// It has a session, `now` in seconds since 1970.
    pub fn is_connected(&self, now: u64) -> bool {
        self.last_handshake.is_some_and(|at| now.saturating_sub(at) < SESSION)
    }
}

/// Reads the text of `wg show all dump`: tabs between fields, five to an interface, nine to a peer.
pub fn parse_wg_dump(text: &str) -> Result<Vec<WgInterface>, RuntimeError> {
    let mut all: Vec<WgInterface> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        // Never the line itself: it holds keys.
        let failed = |problem: &str| RuntimeError::Form {
            what: "wg's dump",
            problem: format!("line {}: {problem}", at + 1),
        };
        let said = |text: &str| Some(text.to_owned()).filter(|t| t != "(none)" && t != "off");
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            [name, _private, public, port, _mark] => all.push(WgInterface {
                name: (*name).to_owned(),
                public_key: said(public),
                port: port.parse().ok().filter(|port| *port > 0),
                peers: Vec::new(),
            }),
            [name, public, _preshared, endpoint, ips, handshake, received, sent, keepalive] => {
                let interface = all.iter_mut().rfind(|one| one.name == *name);
                let interface = interface.ok_or_else(|| failed("a peer without an interface"))?;
                let number = |text: &str| text.parse::<u64>().map_err(|_| failed("no number"));
                interface.peers.push(WgPeer {
                    public_key: (*public).to_owned(),
                    endpoint: said(endpoint),
                    allowed_ips: said(ips)
                        .map(|ips| ips.split(',').map(str::to_owned).collect())
                        .unwrap_or_default(),
                    last_handshake: Some(number(handshake)?).filter(|at| *at > 0),
                    received: number(received)?,
                    sent: number(sent)?,
                    keepalive: said(keepalive).and_then(|text| text.parse().ok()),
                });
            }
            [""] => {}
            _ => return Err(failed("neither five nor nine fields")),
        }
    }
    Ok(all)
}
