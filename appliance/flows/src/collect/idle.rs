//! When the last packet of a connection passed. The kernel does not note it, but how long the
//! connection still has: it is given its state's whole time with every packet. Pure, but for
//! [`Timeouts::read`].

use std::fs;

use netlink::conntrack::{Connection, State};

const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// What the kernel calls the time of each state, with its own default in seconds.
const NAMES: [(&str, u32); 13] = [
    ("tcp_timeout_syn_sent", 120),
    ("tcp_timeout_syn_recv", 60),
    ("tcp_timeout_established", 432_000),
    ("tcp_timeout_fin_wait", 120),
    ("tcp_timeout_close_wait", 60),
    ("tcp_timeout_last_ack", 30),
    ("tcp_timeout_time_wait", 120),
    ("tcp_timeout_close", 10),
    ("udp_timeout", 30),
    ("udp_timeout_stream", 120),
    ("icmp_timeout", 30),
    ("icmpv6_timeout", 30),
    ("generic_timeout", 600),
];

/// How long the kernel keeps a connection after its last packet, by state, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timeouts([u32; NAMES.len()]);

impl Default for Timeouts {
    fn default() -> Self {
        Self(NAMES.map(|(_, seconds)| seconds))
    }
}

impl Timeouts {
    /// As they are set in this network namespace.
    pub(crate) fn read() -> Self {
        Self(NAMES.map(|(name, usual)| {
            let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
            let told = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
            told.unwrap_or(usual)
        }))
    }

    fn whole(&self, connection: &Connection) -> Option<u32> {
        let place = match (connection.state, connection.protocol) {
            (State::SynSent | State::SynSent2, _) => 0,
            (State::SynReceived, _) => 1,
            (State::Established, _) => 2,
            (State::FinWait, _) => 3,
            (State::CloseWait, _) => 4,
            (State::LastAck, _) => 5,
            (State::TimeWait, _) => 6,
            (State::Close, _) => 7,
            (_, TCP) | (State::None, _) => return None,
            (_, ICMP) => 10,
            (_, ICMP6) => 11,
            (State::Assured, 17) => 9,
            (_, 17) => 8,
            _ => 12,
        };
        self.0.get(place).copied()
    }

    /// For how long nothing has passed, in milliseconds. Of a connection without a time left: as
    /// if it had just run out. None where nothing is known.
    pub(crate) fn idle_ms(&self, connection: &Connection) -> Option<i64> {
        if connection.is_offloaded {
            return None;
        }
        let idle = self.whole(connection)?.checked_sub(connection.timeout.unwrap_or(0))?;
        Some(i64::from(idle) * 1_000)
    }
}
