//! Records of options (RFC 3954, 6; RFC 7011, 3.4.2.2): in come their fields, out go rates of
//! sampling, names of interfaces and when the exporter started.

use std::collections::BTreeMap;

use model::is_hidden;

use super::layout::Field;
use super::sampling::{Samplers, Scope, drawn, sound, spaced};
use super::wire::number;

/// What an exporter calls an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceName {
    /// Short, such as `eth0`; empty if not told.
    pub name: String,
    /// Longer, such as what the operator wrote; empty if not told.
    pub description: String,
}

/// Names of interfaces by index.
pub(crate) type Names = BTreeMap<u32, InterfaceName>;

/// More interfaces than a router exports.
pub(crate) const MAX_NAMES: usize = 4096;
/// Octets of a name.
pub(crate) const MAX_NAME: usize = 64;

/// What one record of options tells.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    sampler: Option<u64>,
    selector: Option<u64>,
    interface: Option<u64>,
    template: Option<u64>,
    rate: Option<u64>,
    interval: Option<u64>,
    space: Option<u64>,
    size: Option<u64>,
    population: Option<u64>,
    probability: Option<f64>,
    pub(crate) started: Option<i64>,
    name: Option<String>,
    description: Option<String>,
}

impl Facts {
    pub(crate) fn take(&mut self, field: Field, bytes: &[u8]) {
        if field.pen != 0 || bytes.is_empty() {
            return;
        }
        match field.id {
            82 => self.name = text(bytes),
            83 => self.description = text(bytes),
            311 if bytes.len() == 8 => self.probability = Some(f64::from_bits(number(bytes))),
            311 if bytes.len() == 4 => {
                self.probability = Some(f32::from_bits(number(bytes) as u32).into());
            }
            _ if bytes.len() > 8 => {}
            id => self.number(id, number(bytes)),
        }
    }

    fn number(&mut self, id: u16, value: u64) {
        let place = match id {
            48 => &mut self.sampler,
            302 => &mut self.selector,
            10 | 14 | 252 | 253 => &mut self.interface,
            145 => &mut self.template,
            34 | 50 => &mut self.rate,
            // Of packets and, where flows are sampled, of flows.
            305 | 396 => &mut self.interval,
            306 | 397 => &mut self.space,
            309 => &mut self.size,
            310 => &mut self.population,
            160 => {
                self.started = i64::try_from(value).ok().filter(|started| *started > 0);
                return;
            }
            _ => return,
        };
        *place = Some(value);
    }

    /// One packet in this many, in whichever way it is told.
    fn rate(&self) -> Option<u32> {
        let probability = self.probability.filter(|p| *p > 0.0 && *p <= 1.0);
        self.rate
            .and_then(sound)
            .or_else(|| spaced(self.interval?, self.space.unwrap_or(0)))
            .or_else(|| drawn(self.size?, self.population?))
            .or_else(|| sound(probability?.recip().round() as u64))
    }

    /// Keeps what was told; false if there was no room.
    pub(crate) fn keep(self, samplers: &mut Samplers, names: &mut Names) -> bool {
        let mut room = true;
        if let Some(rate) = self.rate() {
            let scope = match (self.sampler, self.selector, self.interface, self.template) {
                (Some(id), ..) => Scope::Sampler(id),
                (None, Some(id), ..) => Scope::Selector(id),
                (None, None, Some(index), _) if index != 0 => Scope::Interface(index),
                (None, None, _, Some(id)) if id != 0 => Scope::Template(id),
                _ => Scope::All,
            };
            room = samplers.learn(scope, rate);
        }
        let index = self.interface.and_then(|index| u32::try_from(index).ok());
        let Some(index) = index.filter(|_| self.name.is_some() || self.description.is_some())
        else {
            return room;
        };
        if names.len() >= MAX_NAMES && !names.contains_key(&index) {
            return false;
        }
        let known = names.entry(index).or_default();
        known.name = self.name.unwrap_or(std::mem::take(&mut known.name));
        known.description = self.description.unwrap_or(std::mem::take(&mut known.description));
        room
    }
}

/// A name made fit to be kept and shown; `None` when nothing is left.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.get(..2 * MAX_NAME).unwrap_or(bytes);
    let mut kept = String::new();
    for c in String::from_utf8_lossy(bytes).chars().filter(|c| !is_hidden(*c)) {
        if kept.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        kept.push(c);
    }
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}
