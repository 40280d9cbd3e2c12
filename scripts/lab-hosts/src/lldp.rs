//! The managed switch of the lab: an LLDP frame (IEEE 802.1AB) every few seconds from one of its ports.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use model::Mac;

use crate::link::Link;

/// "Nearest bridge": no switch passes it on.
const NEAREST_BRIDGE: Mac = Mac([0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e]);

/// What `lab-hosts lldp` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The port.
    #[arg(long)]
    interface: String,
    /// MAC of the switch.
    #[arg(long)]
    chassis: Mac,
    /// System name.
    #[arg(long)]
    name: String,
    /// Name of the port.
    #[arg(long)]
    port: String,
    /// System description.
    #[arg(long)]
    description: String,
    /// Management address.
    #[arg(long)]
    address: Ipv4Addr,
    /// Seconds between frames.
    #[arg(long, default_value_t = 10)]
    every: u64,
}

/// Sends until killed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let link = Link::open(&options.interface, &[])?;
    let frame = frame(link.mac(), options);
    loop {
        // A cable that is out for a moment is no reason to end.
        link.send(&frame);
        sleep(Duration::from_secs(options.every));
    }
}

fn frame(from: Mac, options: &Options) -> Vec<u8> {
    /// Bridge and router, as bits of the capability field.
    const BRIDGE: u16 = 1 << 2;
    let mut out = Vec::with_capacity(256);
    out.extend(NEAREST_BRIDGE.0);
    out.extend(from.0);
    out.extend([0x88, 0xcc]);
    let mut tlv = |kind: u8, value: &[u8]| {
        out.extend((u16::from(kind) << 9 | (value.len() as u16 & 0x1ff)).to_be_bytes());
        out.extend(value);
    };
    tlv(1, &[&[4], &options.chassis.0[..]].concat());
    tlv(2, &[&[5], options.port.as_bytes()].concat());
    tlv(3, &(options.every as u16 * 4).to_be_bytes());
    tlv(4, options.port.as_bytes());
    tlv(5, options.name.as_bytes());
    tlv(6, options.description.as_bytes());
    tlv(7, &[BRIDGE.to_be_bytes(), BRIDGE.to_be_bytes()].concat());
    tlv(8, &[&[5, 1], &options.address.octets()[..], &[2, 0, 0, 0, 1, 0]].concat());
    tlv(0, &[]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_a_chain_of_fields_that_ends() {
        let options = Options {
            interface: String::new(),
            chassis: Mac([0x78, 0x45, 0x58, 1, 2, 3]),
            name: "switch".into(),
            port: "Port 24".into(),
            description: "a switch".into(),
            address: Ipv4Addr::new(192, 168, 50, 2),
            every: 10,
        };
        let frame = frame(Mac([2; 6]), &options);
        let (mut at, mut kinds) = (14, Vec::new());
        while at < frame.len() {
            let head = u16::from_be_bytes([frame[at], frame[at + 1]]);
            kinds.push(head >> 9);
            at += 2 + usize::from(head & 0x1ff);
        }
        assert_eq!(at, frame.len());
        assert_eq!(kinds, [1, 2, 3, 4, 5, 6, 7, 8, 0]);
    }
}
