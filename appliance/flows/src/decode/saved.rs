//! Templates, sampling and interface names as octets, so that they survive a restart: otherwise
//! everything is undecodable until the exporter repeats them, which takes up to half an hour.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Timestamp;

use super::layout::{Field, Head, MAX_FIELDS};
use super::options::{InterfaceName, MAX_NAME, MAX_NAMES};
use super::sampling::{Scope, sound};
use super::wire::Reader;
use super::{Decoder, MAX_EXPORTERS, Version, domain, exporter};
use super::{Moment, Pass};

/// The first octets; the last of them is the format's version.
const MAGIC: &[u8; 4] = b"pft\x01";

const TEMPLATE: u8 = 1;
const SAMPLER: u8 = 2;
const STARTED: u8 = 3;
const NAME: u8 = 4;

/// Why saved templates were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// They are something else, or of another release.
    #[error("reading saved flow templates: these are none of this release")]
    Foreign,
    /// They end too early or hold what cannot be.
    #[error("reading saved flow templates: damaged at octet {0}")]
    Damaged(usize),
}

impl Decoder {
    /// What must survive a restart, as octets. Little: some kilobytes an exporter.
    pub fn save(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (address, exporter) in &self.exporters {
            for domain in &exporter.domains {
                let lead = |out: &mut Vec<u8>, kind: u8| {
                    out.push(kind);
                    put_address(out, *address);
                    out.push(domain.version.number() as u8);
                    out.extend(domain.id.to_be_bytes());
                };
                for template in &domain.templates {
                    lead(&mut out, TEMPLATE);
                    out.extend(template.head.id.to_be_bytes());
                    out.push(template.head.options.into());
                    out.extend(template.head.scopes.to_be_bytes());
                    out.extend((template.fields.len() as u16).to_be_bytes());
                    for field in &template.fields {
                        out.extend(field.pen.to_be_bytes());
                        out.extend(field.id.to_be_bytes());
                        out.extend(field.length.to_be_bytes());
                    }
                }
                for (scope, rate) in domain.samplers.all() {
                    lead(&mut out, SAMPLER);
                    let (kind, id) = match scope {
                        Scope::All => (0, 0),
                        Scope::Sampler(id) => (1, id),
                        Scope::Selector(id) => (2, id),
                        Scope::Interface(id) => (3, id),
                        Scope::Template(id) => (4, id),
                    };
                    out.push(kind);
                    out.extend(id.to_be_bytes());
                    out.extend(rate.to_be_bytes());
                }
                if let Some(started) = domain.started {
                    lead(&mut out, STARTED);
                    out.extend(started.to_be_bytes());
                }
            }
            for (index, name) in &exporter.names {
                out.push(NAME);
                put_address(&mut out, *address);
                out.extend(index.to_be_bytes());
                for text in [&name.name, &name.description] {
                    out.push(text.len() as u8);
                    out.extend(text.as_bytes());
                }
            }
        }
        out
    }

    /// Takes over what [`Decoder::save`] gave; gives how many templates those were. What was
    /// learnt since stays, and so does what was read before damage.
    pub fn restore(&mut self, now: Timestamp, bytes: &[u8]) -> Result<usize, SavedError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SavedError::Foreign)?;
        let mut reader = Reader::new(rest);
        let mut templates = 0;
        while reader.len() > 0 {
            let at = bytes.len() - reader.len();
            templates += self.entry(now, &mut reader).ok_or(SavedError::Damaged(at))?;
        }
        Ok(templates)
    }

    fn entry(&mut self, now: Timestamp, reader: &mut Reader<'_>) -> Option<usize> {
        let kind = reader.u8()?;
        let address = address(reader)?;
        if self.exporters.len() >= MAX_EXPORTERS && !self.exporters.contains_key(&address) {
            return None;
        }
        let known = exporter(&mut self.exporters, address, now, &mut self.held)?;
        if kind == NAME {
            let index = reader.be32()?;
            let (name, description) = (text(reader)?, text(reader)?);
            if known.names.len() < MAX_NAMES {
                known.names.entry(index).or_insert(InterfaceName { name, description });
            }
            return Some(0);
        }
        let version = match reader.u8()? {
            5 => Version::Netflow5,
            9 => Version::Netflow9,
            10 => Version::Ipfix,
            _ => return None,
        };
        let id = reader.be32()?;
        let mut pass = Pass {
            exporter: address,
            received: now,
            moment: Moment { sent: now, uptime: None, started: None },
            room: super::MAX_FIELDS,
            stats: &mut known.stats,
            names: &mut known.names,
            held: &mut self.held,
            sink: &mut |_: &crate::flow::Flow| {},
        };
        let domain = domain(&mut known.domains, version, id, known.ticks, &mut pass)?;
        match kind {
            TEMPLATE => {
                let head = Head {
                    id: reader.be16().filter(|id| *id >= 256)?,
                    options: reader.u8()? != 0,
                    scopes: reader.be16()?,
                    withdrawn: false,
                };
                let count = usize::from(reader.be16()?);
                let mut fields = Vec::new();
                for _ in 0..count {
                    let pen = reader.be32()?;
                    fields.push(Field { pen, id: reader.be16()?, length: reader.be16()? });
                }
                let sound = (1..=usize::from(u16::MAX)).contains(&super::layout::least(&fields));
                if count > MAX_FIELDS || !sound {
                    return None;
                }
                if domain.template(head.id).is_none() {
                    domain.keep(head, &fields, pass.room, pass.stats);
                }
                return Some(1);
            }
            SAMPLER => {
                let kind = reader.u8()?;
                let id = u64::from_be_bytes(reader.array()?);
                let rate = sound(reader.be32()?.into())?;
                let scope = match kind {
                    0 => Scope::All,
                    1 => Scope::Sampler(id),
                    2 => Scope::Selector(id),
                    3 => Scope::Interface(id),
                    4 => Scope::Template(id),
                    _ => return None,
                };
                if domain.samplers.all().all(|(known, _)| known != scope) {
                    domain.samplers.learn(scope, rate);
                }
            }
            STARTED => {
                let started = i64::from_be_bytes(reader.array()?);
                domain.started = domain.started.or(Some(started));
            }
            _ => return None,
        }
        Some(0)
    }
}

fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.push(4);
            out.extend(address.octets());
        }
        IpAddr::V6(address) => {
            out.push(6);
            out.extend(address.octets());
        }
    }
}

fn address(reader: &mut Reader<'_>) -> Option<IpAddr> {
    match reader.u8()? {
        4 => Some(Ipv4Addr::from(reader.array::<4>()?).into()),
        6 => Some(Ipv6Addr::from(reader.array::<16>()?).into()),
        _ => None,
    }
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    let length = usize::from(reader.u8()?);
    let bytes = reader.take(length).filter(|bytes| bytes.len() <= MAX_NAME)?;
    String::from_utf8(bytes.to_vec()).ok()
}
