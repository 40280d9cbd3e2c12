//! The kernel's connections, with what NAT makes of them: one message in, one connection out.

mod decode;

use std::net::IpAddr;

use serde::Serialize;

pub use decode::{DESTROYED, ENTRY, GET, HEADER, connection};

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Tuple {
    /// Who sends.
    pub source: IpAddr,
    /// Who receives.
    pub destination: IpAddr,
    /// The sender's port; of ICMP, the number of the echo.
    pub source_port: Option<u16>,
    /// The receiver's port.
    pub destination_port: Option<u16>,
    /// Of ICMP, type × 256 + code; else 0.
    #[serde(skip)]
    pub icmp: u16,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// TCP: nothing was seen.
    None,
    /// TCP: one side has asked for it.
    SynSent,
    /// TCP: the other has answered.
    SynReceived,
    /// TCP: it stands.
    Established,
    /// TCP: one side has said its last.
    FinWait,
    /// TCP: the other has heard that.
    CloseWait,
    /// TCP: both have said their last.
    LastAck,
    /// TCP: it is over, late packets may come.
    TimeWait,
    /// TCP: it is over.
    Close,
    /// TCP: both sides have asked for it.
    SynSent2,
    /// Not TCP: one side has spoken only.
    Unreplied,
    /// Not TCP: both sides have spoken.
    Replied,
    /// Not TCP: it goes both ways for some time.
    Assured,
}

impl State {
    /// A word for people, as conntrack(8) has it where it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::SynSent2 => "SYN_SENT2",
            Self::Unreplied => "UNREPLIED",
            Self::Replied => "REPLIED",
            Self::Assured => "ASSURED",
        }
    }
}

/// What went in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// An entry of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// The kernel's number of it.
    pub id: u32,
    /// The IP protocol's number, 6 for TCP.
    pub protocol: u8,
    /// As its first packet came.
    pub original: Tuple,
    /// As answers come. It differs from the turned-round original where NAT is at work.
    pub reply: Tuple,
    /// How far it is.
    pub state: State,
    /// Seconds until it is forgotten; None of an offloaded one.
    pub timeout: Option<u32>,
    /// The mark that rules have given it.
    pub mark: u32,
    /// The zone, 0 for the usual one.
    pub zone: u16,
    /// Its packets bypass the firewall's rules (flowtable), in software or hardware.
    pub is_offloaded: bool,
    /// What went from who began it; None where the kernel does not count
    /// (`net.netfilter.nf_conntrack_acct`).
    pub sent: Option<Amount>,
    /// What came back.
    pub received: Option<Amount>,
    /// When it began and ended, in nanoseconds since the Unix epoch; None where the kernel does not
    /// note it (`net.netfilter.nf_conntrack_timestamp`), or it has not ended.
    #[serde(skip)]
    pub began: Option<u64>,
    /// See `began`.
    #[serde(skip)]
    pub ended: Option<u64>,
}

impl Connection {
    /// The sender that the other side sees, if NAT has changed it.
    pub fn source_nat(&self) -> Option<(IpAddr, Option<u16>)> {
        let port =
            if self.is_echo() { self.reply.source_port } else { self.reply.destination_port };
        let seen = (self.reply.destination, port);
        (seen != (self.original.source, self.original.source_port)).then_some(seen)
    }

    /// The receiver that the packets really go to, if NAT has changed it.
    pub fn destination_nat(&self) -> Option<(IpAddr, Option<u16>)> {
        let port = if self.is_echo() { None } else { self.reply.source_port };
        let real = (self.reply.source, port);
        (real != (self.original.destination, self.original.destination_port)).then_some(real)
    }

    /// Echoes have one number for both directions, which stands at the sender's port.
    pub fn is_echo(&self) -> bool {
        matches!(self.protocol, 1 | 58)
    }

    /// Bytes in both directions, where they are counted.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.sent?.bytes.saturating_add(self.received?.bytes))
    }

    /// The protocol's name, or its number.
    pub fn protocol_name(&self) -> String {
        protocol_name(self.protocol)
    }
}

/// The name of an IP protocol, or its number.
pub fn protocol_name(number: u8) -> String {
    let name = match number {
        1 => "icmp",
        2 => "igmp",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        89 => "ospf",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        _ => return number.to_string(),
    };
    name.to_owned()
}
