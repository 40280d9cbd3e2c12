//! The NetBIOS name service (RFC 1002, 4.2), by which older Windows and Samba hosts tell names.

use std::net::Ipv4Addr;

use model::Mac;

use super::Why;
use super::dns::{Header, Name};
use super::read::{Reader, text};

/// A NetBIOS name service message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetBios {
    /// What it is for.
    pub operation: NetBiosOperation,
    /// True for a response, false for a request.
    pub response: bool,
    /// The names spoken of, at most 64. They are the sender's own except in a query's request,
    /// where they are those asked for.
    pub names: Vec<NetBiosName>,
    /// Addresses given for them, at most 16.
    pub addresses: Vec<Ipv4Addr>,
    /// The MAC address in a node status response.
    pub mac: Option<Mac>,
}

/// What a NetBIOS name service message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetBiosOperation {
    /// Who has the name?
    Query,
    /// Which names do you have? Asked by a query of type NBSTAT.
    NodeStatus,
    /// I take the name, or keep it.
    Registration,
    /// I give the name up.
    Release,
}

/// A NetBIOS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetBiosName {
    /// At most 15 characters, such as `ANNAS-PC`.
    pub name: String,
    /// Its 16th octet: 0x00 workstation or domain, 0x03 messenger, 0x1b–0x1e domain and browser
    /// roles, 0x20 file server.
    pub suffix: u8,
    /// It names a group of hosts, such as a workgroup.
    pub group: bool,
}

const MOST_NAMES: usize = 64;
const MOST_ADDRESSES: usize = 16;
const MOST_RECORDS: u16 = 32;
const NB: u16 = 0x20;
const NBSTAT: u16 = 0x21;
const GROUP: u16 = 0x8000;

/// Decodes the payload of a UDP datagram of port 137.
pub fn decode(bytes: &[u8]) -> Result<NetBios, Why> {
    let mut r = Reader::new(bytes);
    let header = Header::read(&mut r)?;
    let operation = match header.opcode() {
        0 => NetBiosOperation::Query,
        5 | 8 | 9 | 15 => NetBiosOperation::Registration,
        6 => NetBiosOperation::Release,
        _ => return Err(Why::Unsupported),
    };
    let mut message = NetBios {
        operation,
        response: header.is_response(),
        names: Vec::new(),
        addresses: Vec::new(),
        mac: None,
    };
    for _ in 0..header.questions.min(MOST_RECORDS) {
        let name = read_name(&mut r, bytes)?;
        let kind = r.be16()?;
        let _class = r.be16()?;
        if kind == NBSTAT {
            message.operation = NetBiosOperation::NodeStatus;
        }
        message.add(name, false);
    }
    let records =
        header.answers.saturating_add(header.authorities).saturating_add(header.additionals);
    for _ in 0..records.min(MOST_RECORDS) {
        let name = read_name(&mut r, bytes)?;
        let kind = r.be16()?;
        let _class_and_ttl = r.array::<6>()?;
        let length = usize::from(r.be16()?);
        let data = Reader::new(r.take(length)?);
        match kind {
            NB => message.take_addresses(name, data)?,
            NBSTAT => message.take_status(data)?,
            _ => {}
        }
    }
    Ok(message)
}

impl NetBios {
    fn add(&mut self, name: Option<(String, u8)>, group: bool) {
        let Some((name, suffix)) = name else { return };
        let known = self.names.iter_mut().find(|n| n.name == name && n.suffix == suffix);
        if let Some(known) = known {
            known.group |= group;
        } else if self.names.len() < MOST_NAMES {
            self.names.push(NetBiosName { name, suffix, group });
        }
    }

    fn take_addresses(
        &mut self,
        name: Option<(String, u8)>,
        mut data: Reader<'_>,
    ) -> Result<(), Why> {
        let mut group = false;
        while !data.is_empty() {
            group |= data.be16()? & GROUP != 0;
            let address = data.ipv4()?;
            if self.addresses.len() < MOST_ADDRESSES && !address.is_unspecified() {
                self.addresses.push(address);
            }
        }
        self.add(name, group);
        Ok(())
    }

    fn take_status(&mut self, mut data: Reader<'_>) -> Result<(), Why> {
        self.operation = NetBiosOperation::NodeStatus;
        for _ in 0..data.u8()? {
            let name = plain(data.array()?);
            let group = data.be16()? & GROUP != 0;
            self.add(name, group);
        }
        // Some hosts leave the statistics out.
        self.mac = data.mac().ok().filter(|mac| mac.is_station());
        Ok(())
    }
}

/// Reads a name in first-level encoding (RFC 1001, 14.1): two letters from `A` to `P` an octet.
fn read_name<'a>(r: &mut Reader<'a>, message: &'a [u8]) -> Result<Option<(String, u8)>, Why> {
    let name = Name::read(r, message)?;
    let letters: &[u8; 32] =
        name.labels.first().and_then(|label| (*label).try_into().ok()).ok_or(Why::BadLength)?;
    let mut octets = [0; 16];
    for (octet, pair) in octets.iter_mut().zip(letters.chunks_exact(2)) {
        let nibble = |letter: u8| match letter {
            b'A'..=b'P' => Ok(letter - b'A'),
            _ => Err(Why::BadValue),
        };
        *octet = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(plain(octets))
}

fn plain(octets: [u8; 16]) -> Option<(String, u8)> {
    let [name @ .., suffix] = octets;
    text(&name, 45).map(|name| (name, suffix))
}
