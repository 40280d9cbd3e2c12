//! Ordinary LAN chatter at a steady rate: what a home's devices say when nothing happens.

use std::net::Ipv4Addr;

use model::Mac;

use super::model::Hosts;
use crate::dns::{Message, Record, name};
use crate::frame;
use crate::net::Dice;

/// A second in microseconds.
const SECOND: u64 = 1_000_000;

/// Frames to send, one after the other.
#[derive(Debug)]
pub(crate) struct Chatter {
    dice: Dice,
    gateway: Ipv4Addr,
    /// Microseconds between frames; `None` for silence.
    every: Option<u64>,
    due: u64,
}

impl Chatter {
    /// `rate` frames a second; hosts look for `gateway` as hosts do.
    pub(crate) fn new(seed: u64, gateway: Option<Ipv4Addr>, rate: u32) -> Self {
        let every = (rate > 0).then(|| (SECOND / u64::from(rate)).max(1));
        Self {
            dice: Dice::new(seed ^ 0xc4a7),
            gateway: gateway.unwrap_or(Ipv4Addr::new(10, 77, 0, 1)),
            every,
            due: 0,
        }
    }

    /// When the next frame is due.
    pub(crate) fn next(&self) -> Option<u64> {
        self.every.map(|_| self.due)
    }

    /// The frames that are due at `now`; after a long stall at most a tenth of a second is caught up.
    pub(crate) fn due(&mut self, now: u64, hosts: &Hosts) -> Vec<Vec<u8>> {
        let Some(every) = self.every else {
            return Vec::new();
        };
        if hosts.len() == 0 {
            self.due = now + SECOND;
            return Vec::new();
        }
        self.due = self.due.max(now.saturating_sub(SECOND / 10));
        let mut frames = Vec::new();
        while self.due <= now {
            self.due += every;
            frames.push(self.frame(hosts));
        }
        frames
    }

    /// Half ARP, a quarter mDNS, the rest SSDP and DHCP, from a host taken at random.
    fn frame(&mut self, hosts: &Hosts) -> Vec<u8> {
        let index = self.dice.below(hosts.len() as u64) as usize;
        let other = hosts.get(self.dice.below(hosts.len() as u64) as usize).address;
        let host = hosts.get(index);
        let me = (host.mac, host.address);
        match self.dice.below(100) {
            0..30 => frame::arp_request(me, self.gateway),
            30..45 => frame::arp_request(me, other),
            45..50 => frame::arp_request(me, me.1),
            50..75 => {
                let group = Ipv4Addr::new(224, 0, 0, 251);
                frame::udp(
                    frame::group_mac(group),
                    me,
                    group,
                    (5353, 5353),
                    &announcement(index, me),
                )
            }
            75..92 => {
                let group = Ipv4Addr::new(239, 255, 255, 250);
                frame::udp(
                    frame::group_mac(group),
                    me,
                    group,
                    (1900, 1900),
                    notify(index, me.1).as_bytes(),
                )
            }
            _ => {
                let nobody = (me.0, Ipv4Addr::UNSPECIFIED);
                frame::udp(
                    Mac::BROADCAST,
                    nobody,
                    Ipv4Addr::BROADCAST,
                    (68, 67),
                    &request(index, me),
                )
            }
        }
    }
}

fn announcement(index: usize, (mac, address): (Mac, Ipv4Addr)) -> Vec<u8> {
    let host = format!("host-{index}.local");
    let instance = format!("host-{index}._workstation._tcp.local");
    Message::response(0)
        .answer(Record::ptr(&name("_workstation._tcp.local"), &name(&instance), 4500))
        .answer(Record::a(&name(&host), address, 120))
        .answer(Record::aaaa(&name(&host), frame::link_local(mac), 120))
        .bytes()
}

fn notify(index: usize, address: Ipv4Addr) -> String {
    format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n\
         LOCATION: http://{address}:49152/rootDesc.xml\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\n\
         SERVER: Linux/4.9 UPnP/1.0 lab/1.0\r\nUSN: uuid:00000000-0000-4000-8000-{index:012x}::upnp:rootdevice\r\n\r\n"
    )
}

/// A DHCPREQUEST for the host's own address (RFC 2131, renewing after a reboot).
fn request(index: usize, host: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..4].copy_from_slice(&[1, 1, 6, 0]);
    message[4..8].copy_from_slice(&(index as u32).to_be_bytes());
    message[28..34].copy_from_slice(&host.0.0);
    message[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    message.extend([53, 1, 3, 50, 4]);
    message.extend(host.1.octets());
    let name = format!("host-{index}");
    message.extend([12, name.len() as u8]);
    message.extend(name.as_bytes());
    message.extend([55, 4, 1, 3, 6, 15, 255]);
    message
}

#[cfg(test)]
mod tests {
    use super::super::model::Manner;
    use super::*;

    fn hosts() -> Hosts {
        Hosts::settle("10.77.0.0/24".parse().unwrap(), 50, &[], Manner::CLEAN, 1)
    }

    #[test]
    fn two_hundred_frames_a_second_are_two_hundred_frames_in_a_second() {
        let hosts = hosts();
        let mut chatter = Chatter::new(1, None, 200);
        let sent: usize = (0..1000).map(|ms| chatter.due(ms * 1000, &hosts).len()).sum();
        assert_eq!(sent, 200);
    }

    #[test]
    fn a_long_stall_is_not_caught_up_in_one_burst() {
        let hosts = hosts();
        let mut chatter = Chatter::new(1, None, 200);
        assert!(chatter.due(60 * SECOND, &hosts).len() <= 21);
    }

    #[test]
    fn no_rate_means_silence() {
        let mut chatter = Chatter::new(1, None, 0);
        assert_eq!(chatter.next(), None);
        assert!(chatter.due(SECOND, &hosts()).is_empty());
    }

    #[test]
    fn every_frame_is_at_least_the_shortest_and_comes_from_a_host() {
        let hosts = hosts();
        let mut chatter = Chatter::new(1, None, 1000);
        for frame in chatter.due(SECOND / 10, &hosts) {
            assert!(frame.len() >= 60);
            assert!((0..50).any(|i| hosts.get(i).mac.0 == frame[6..12]));
        }
    }
}
