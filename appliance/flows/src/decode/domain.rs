//! One observation domain of an exporter: its templates, what waits for them, its sequence, clock
//! and sampling. In come sets, out go flows.

use std::mem;
use std::net::IpAddr;

use model::Timestamp;

use super::build::Builder;
use super::layout::{Field, Head, next, walk};
use super::options::{Facts, Names};
use super::plan::{Moment, Plan, Values};
use super::sampling::{Asked, Samplers, drawn, sound, spaced};
use super::sequence::{Sequence, Told, Unit};
use super::stats::{ExporterStats, Malformed};
use super::totals::Totals;
use super::waiting::Waiting;
use super::wire::Reader;
use super::{Record, Sink, Version, slot};
use crate::flow::Flow;

/// More templates than an exporter has; the one not used for longest makes room.
pub(crate) const MAX_TEMPLATES: usize = 256;

/// Withdrawals honoured in a minute; they have no business in UDP and empty the memory.
const MAX_WITHDRAWALS: u32 = 64;

/// What a message's sets are decoded with.
pub(crate) struct Pass<'a> {
    pub(crate) exporter: IpAddr,
    pub(crate) received: Timestamp,
    pub(crate) moment: Moment,
    /// How many fields the templates of the domain may have together.
    pub(crate) room: usize,
    pub(crate) stats: &'a mut ExporterStats,
    pub(crate) names: &'a mut Names,
    /// Octets that wait, of all exporters.
    pub(crate) held: &'a mut usize,
    pub(crate) sink: &'a mut dyn Sink,
}

impl Pass<'_> {
    /// Counts what a sequence number told.
    pub(crate) fn sequence(&mut self, told: Told) {
        self.stats.lost = self.stats.lost.saturating_add_signed(told.lost);
        self.stats.late += u64::from(told.late);
        self.stats.restarts += u64::from(told.restarted);
    }

    /// Notes how far the exporter's clock is from ours.
    pub(crate) fn clock(&mut self, sent: Timestamp) {
        self.stats.clock_ahead = sent.0.saturating_sub(self.received.0);
    }
}

#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) head: Head,
    pub(crate) fields: Box<[Field]>,
    plan: Plan,
    used: u64,
}

#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) version: Version,
    pub(crate) id: u32,
    /// When it was last heard, in messages of its exporter.
    pub(crate) used: u64,
    pub(crate) sequence: Sequence,
    pub(crate) samplers: Samplers,
    /// When the exporter started, where options tell.
    pub(crate) started: Option<i64>,
    /// By number.
    pub(crate) templates: Vec<Template>,
    pub(crate) waiting: Waiting,
    /// When the exporter started as its headers have it, in ms, and its last uptime.
    boot: Option<i64>,
    uptime: u32,
    totals: Totals,
    withdrawals: (i64, u32),
    ticks: u64,
    fields: Vec<Field>,
}

/// A clock that jumped more than this was set, in ms; less is the header's lack of digits.
const CLOCK_STEP: i64 = 2_000;

impl Domain {
    pub(crate) fn new(version: Version, id: u32) -> Self {
        let unit = match version {
            Version::Netflow5 | Version::Ipfix => Unit::Records,
            Version::Netflow9 | Version::Sflow5 => Unit::Messages,
        };
        Self {
            version,
            id,
            used: 0,
            sequence: Sequence::new(unit),
            samplers: Samplers::default(),
            started: None,
            templates: Vec::new(),
            waiting: Waiting::default(),
            boot: None,
            uptime: 0,
            totals: Totals::default(),
            withdrawals: (0, 0),
            ticks: 0,
            fields: Vec::new(),
        }
    }

    /// The time of a v9 message, which has whole seconds only, by a boot time smoothed over
    /// messages. Also whether the exporter was started anew.
    pub(crate) fn clock(&mut self, seconds: u32, uptime: u32) -> (Timestamp, bool) {
        let told = i64::from(seconds) * 1000 - i64::from(uptime);
        let boot = match self.boot {
            // The seconds are cut off, so the latest boot time is nearest to the truth.
            Some(boot) if told > boot && told - boot <= CLOCK_STEP => told,
            Some(boot) if (0..=CLOCK_STEP).contains(&(boot - told)) => boot - (boot - told) / 64,
            _ => told,
        };
        let restarted = self.restarted(uptime);
        self.boot = Some(boot);
        (Timestamp(boot + i64::from(uptime)), restarted)
    }

    /// Reads a set of templates.
    pub(crate) fn learn(&mut self, bytes: &[u8], options: bool, pass: &mut Pass<'_>) {
        let mut reader = Reader::new(bytes);
        let mut fields = mem::take(&mut self.fields);
        while let Some(read) = next(&mut reader, self.version, options, &mut fields) {
            match read {
                Ok(head) if head.withdrawn => self.withdraw(head, pass),
                Ok(head) => {
                    pass.stats.templates += 1;
                    self.define(head, &fields, pass);
                }
                Err(Malformed::TooMany) => pass.stats.count(Malformed::TooMany),
                Err(malformed) => {
                    pass.stats.count(malformed);
                    break;
                }
            }
        }
        self.fields = fields;
    }

    /// Takes over a template and decodes what waited for it.
    fn define(&mut self, head: Head, fields: &[Field], pass: &mut Pass<'_>) {
        if !self.keep(head, fields, pass.room, pass.stats) {
            return;
        }
        let waited = self.waiting.take(head.id, pass.received, pass.held, pass.stats);
        if waited.is_empty() {
            return;
        }
        let now = pass.moment;
        for held in waited {
            pass.moment = held.moment;
            self.data(head.id, &held.bytes, pass);
        }
        pass.moment = now;
    }

    /// Keeps a template; those not used for longest make room. False if there is none.
    pub(crate) fn keep(
        &mut self,
        head: Head,
        fields: &[Field],
        room: usize,
        stats: &mut ExporterStats,
    ) -> bool {
        self.ticks += 1;
        let used = self.ticks;
        let at = self.templates.binary_search_by_key(&head.id, |template| template.head.id);
        if let Ok(at) = at {
            if let Some(known) = self.templates.get_mut(at)
                && known.head == head
                && *known.fields == *fields
            {
                known.used = used;
                return true;
            }
            self.templates.remove(at);
            stats.redefined += 1;
        }
        while self.templates.len() >= MAX_TEMPLATES || self.fields() + fields.len() > room {
            let oldest = self.templates.iter().enumerate().min_by_key(|(_, known)| known.used);
            let Some(oldest) = oldest.map(|(at, _)| at) else {
                stats.count(Malformed::TooMany);
                return false;
            };
            self.templates.remove(oldest);
            stats.evicted += 1;
        }
        let at = self.templates.partition_point(|known| known.head.id < head.id);
        let plan = Plan::compile(fields, self.version);
        self.templates.insert(at, Template { head, fields: fields.into(), plan, used });
        true
    }

    /// Fields of all its templates.
    pub(crate) fn fields(&self) -> usize {
        self.templates.iter().map(|template| template.fields.len()).sum()
    }

    /// The template of this number.
    pub(crate) fn template(&self, id: u16) -> Option<&Template> {
        let at = self.templates.binary_search_by_key(&id, |template| template.head.id).ok()?;
        self.templates.get(at)
    }

    /// Whether an exporter that has been up for this long was started anew.
    pub(crate) fn restarted(&mut self, uptime: u32) -> bool {
        let was = mem::replace(&mut self.uptime, uptime);
        let wrapped = was > u32::MAX - 3_600_000 && uptime < 3_600_000;
        uptime < was && was - uptime > 60_000 && !wrapped
    }

    fn withdraw(&mut self, head: Head, pass: &mut Pass<'_>) {
        let minute = pass.received.as_secs() / 60;
        if self.withdrawals.0 != minute {
            self.withdrawals = (minute, 0);
        }
        self.withdrawals.1 += 1;
        if self.withdrawals.1 > MAX_WITHDRAWALS {
            pass.stats.count(Malformed::TooMany);
            return;
        }
        let before = self.templates.len();
        let all = head.id < 256;
        self.templates
            .retain(|known| known.head.options != head.options || !all && known.head.id != head.id);
        pass.stats.withdrawn += (before - self.templates.len()) as u64;
    }

    /// Reads a set of data; gives how many records it held, or `None` if that cannot be known.
    pub(crate) fn data(&mut self, id: u16, bytes: &[u8], pass: &mut Pass<'_>) -> Option<u32> {
        let Ok(at) = self.templates.binary_search_by_key(&id, |template| template.head.id) else {
            self.waiting.hold(id, bytes, pass.received, pass.moment, pass.held, pass.stats);
            return None;
        };
        let template = self.templates.get_mut(at)?;
        self.ticks += 1;
        template.used = self.ticks;
        if template.head.options {
            let (samplers, started) = (&mut self.samplers, &mut self.started);
            return Some(options(template, bytes, samplers, started, pass));
        }
        let mut moment = pass.moment;
        moment.started = self.started;
        let plan = &template.plan;
        let builder = Builder { plan, moment, totals: &mut self.totals, odd_times: 0 };
        let source = Source { version: self.version, domain: self.id, samplers: &self.samplers };
        Some(flows(template, bytes, builder, &source, pass))
    }
}

/// What a template's records have in common.
struct Source<'a> {
    version: Version,
    domain: u32,
    samplers: &'a Samplers,
}

fn flows(
    template: &Template,
    bytes: &[u8],
    mut builder: Builder<'_>,
    source: &Source<'_>,
    pass: &mut Pass<'_>,
) -> u32 {
    let plan = &template.plan;
    let complete = pass.sink.complete();
    let sampled = !source.samplers.is_empty() || tells_rate(plan);
    let mut reader = Reader::new(bytes);
    let mut values = Values::EMPTY;
    let mut flow = Flow { sensor: pass.exporter, ..Flow::UNKNOWN };
    let (mut records, mut flows, mut traffic) = (0_u32, 0_u64, 0_u32);
    // What is left after the last record is padding.
    while reader.len() >= plan.least {
        let Some(record) = plan.read(&template.fields, &mut reader, &mut values) else {
            pass.stats.count(Malformed::Record);
            break;
        };
        records += 1;
        let rate = if sampled { rate(plan, &values, source.samplers, template) } else { 1 };
        builder.forward(&values, rate, &mut flow);
        let forward = flow.bytes != 0 || flow.packets != 0;
        if forward {
            flows += 1;
            pass.sink.flow(&flow);
        }
        let mut back = None;
        if plan.backward != super::plan::Counters::None {
            let mut reverse = Flow::UNKNOWN;
            if builder.backward(&values, &flow, &mut reverse) {
                flows += 1;
                pass.sink.flow(&reverse);
                back = Some(reverse);
            }
        }
        traffic += u32::from(forward || back.is_some());
        if complete {
            pass.sink.record(&Record {
                exporter: pass.exporter,
                version: source.version,
                domain: source.domain,
                template: template.head.id,
                flow: &flow,
                reverse: back.as_ref(),
                fields: &template.fields,
                bytes: record,
            });
        }
    }
    let stats = &mut *pass.stats;
    if flows > 0 {
        stats.sampling = flow.sampling;
    }
    stats.records += u64::from(records);
    stats.without_traffic += u64::from(records - traffic);
    stats.flows += flows;
    stats.odd_times += builder.odd_times;
    records
}

fn tells_rate(plan: &Plan) -> bool {
    use slot::{INTERVAL, POPULATION, RATE, SAMPLER, SELECTOR, SIZE};
    plan.has(RATE)
        || plan.has(INTERVAL)
        || plan.has(SIZE) && plan.has(POPULATION)
        || plan.has(SAMPLER)
        || plan.has(SELECTOR)
}

fn rate(plan: &Plan, values: &Values, samplers: &Samplers, template: &Template) -> u32 {
    let told = |slot| plan.has(slot).then(|| values.number(slot));
    let own = told(slot::RATE)
        .and_then(sound)
        .or_else(|| spaced(told(slot::INTERVAL)?, told(slot::SPACE).unwrap_or(0)))
        .or_else(|| drawn(told(slot::SIZE)?, told(slot::POPULATION)?));
    own.unwrap_or_else(|| {
        samplers.rate(Asked {
            sampler: told(slot::SAMPLER),
            selector: told(slot::SELECTOR),
            input: values.number(slot::INPUT),
            output: values.number(slot::OUTPUT),
            template: template.head.id,
        })
    })
}

fn options(
    template: &Template,
    bytes: &[u8],
    samplers: &mut Samplers,
    started: &mut Option<i64>,
    pass: &mut Pass<'_>,
) -> u32 {
    let mut reader = Reader::new(bytes);
    let mut records = 0;
    while reader.len() >= template.plan.least {
        let mut facts = Facts::default();
        let whole = walk(&template.fields, &mut reader, |index, bytes| {
            if let Some(field) = template.fields.get(index) {
                facts.take(*field, bytes);
            }
        });
        if whole.is_none() {
            pass.stats.count(Malformed::Record);
            break;
        }
        records += 1;
        *started = facts.started.or(*started);
        if !facts.keep(samplers, pass.names) {
            pass.stats.count(Malformed::TooMany);
        }
    }
    pass.stats.options += u64::from(records);
    records
}
