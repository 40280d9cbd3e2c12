//! All traffic of some hours in one answer, by protocol, by networks and by locations, and how the
//! collectors do.

use std::collections::BTreeMap;

use ::flows::collect::{ExporterStatus, KernelStatus, UdpStatus};
use ::flows::query::Range;
use ::flows::rollup::{Amounts, Kind, Scope};
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::locations::{MappingShown, end_schema, pair_shown};
use super::sums_schema;
use super::traffic::{AmountsShown, amounts_schema};
use crate::api::{Params, answer};
use crate::http::{Failure, Route, Routes, Schema};
use crate::pages::flows::{LOOK, located, names};
use crate::site::Site;

const HOUR_MS: i64 = 3_600_000;
/// A month.
const MOST_HOURS: i64 = 744;
/// Rows of each list.
const ROWS: usize = 50;
const ALL: [Scope; 4] = [Scope::Internet, Scope::Local, Scope::Router, Scope::Transit];

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(
            Route::new(
                Method::GET,
                "/api/v1/traffic/summary",
                LOOK,
                summary,
                "All traffic of some hours: by protocol, by pairs of networks and of locations",
            )
            .query("hours", "integer", "How far back, 1 to 744; 24 if absent.")
            .gives(summary_schema()),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/flows/sources",
                LOOK,
                sources,
                "How the collectors do: connections, exporters, what was lost and why",
            )
            .gives(sources_schema()),
        )
}

fn number(about: &str) -> Schema {
    Schema::value("integer", about)
}

fn summary_schema() -> Schema {
    let mut protocol = vec![
        ("protocol", number("IP protocol (IANA).")),
        ("name", Schema::value("string", "What people call it.")),
    ];
    protocol.extend(amounts_schema());
    let mut pair = vec![("from", end_schema()), ("to", end_schema())];
    let seen = || {
        [
            ("sums", sums_schema()),
            ("first_seen", number("When first, within the time.")),
            ("last_seen", number("When last, within the time.")),
        ]
    };
    pair.extend(seen());
    pair.extend([
        ("networks", number("Networks of both ends that were seen.")),
        ("mappings", number("Pairs of such networks that were seen.")),
    ]);
    let text = |about: &str| Schema::value("string", about);
    let mut networks = vec![
        ("from", text("The sender's network (/24 or /64).")),
        ("to", text("The receiver's.")),
        ("from_place", end_schema()),
        ("to_place", end_schema()),
    ];
    networks.extend(seen());
    Schema::object(&[
        ("from", number("When the first hour began.")),
        ("to", number("Until when.")),
        ("total", Schema::object(&amounts_schema())),
        ("protocols", Schema::list(Schema::object(&protocol))),
        ("locations", Schema::list(Schema::object(&pair))),
        ("location_pairs", number("How many pairs of locations there are.")),
        ("subnets", Schema::list(Schema::object(&networks))),
        ("subnet_pairs", number("How many pairs of networks there are, at least.")),
        (
            "kept_from?",
            number("The earliest flow that is kept: before it only protocols and total are known."),
        ),
    ])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    hours: Option<i64>,
}

async fn summary(
    State(site): State<Site>,
    Params(asked): Params<Asked>,
) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Row {
        protocol: u8,
        name: String,
        #[serde(flatten)]
        amounts: AmountsShown,
    }
    #[derive(Serialize)]
    struct Summary<L> {
        from: Timestamp,
        to: Timestamp,
        total: AmountsShown,
        protocols: Vec<Row>,
        locations: Vec<L>,
        location_pairs: usize,
        subnets: Vec<MappingShown>,
        subnet_pairs: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        kept_from: Option<Timestamp>,
    }
    let now = Timestamp::now();
    let hours = asked.hours.unwrap_or(24);
    if !(1..=MOST_HOURS).contains(&hours) {
        return Err(Failure::invalid(format!("hours: give 1 to {MOST_HOURS}.")));
    }
    let range = Range { from: Timestamp(now.0.saturating_sub(hours * HOUR_MS)), to: now };
    let all = located::all(&site).await?;
    let sites = located::sites(&all);
    let asked = site.flows.ask(now, move |desk| {
        let (services, total) = desk.sums(Kind::Service, &ALL, range, usize::MAX)?;
        Ok((services, total, desk.places(range, &sites)?))
    });
    let (services, total, places) = asked.await?;
    let mut protocols: BTreeMap<u8, Amounts> = BTreeMap::new();
    for row in &services {
        let number = u8::try_from(row.key.div_euclid(65_536)).unwrap_or(u8::MAX);
        protocols.entry(number).or_default().add(&row.amounts);
    }
    let protocol = |(protocol, amounts): (&u8, &Amounts)| Row {
        protocol: *protocol,
        name: names::protocol(*protocol),
        amounts: amounts.into(),
    };
    let mut protocols: Vec<Row> = protocols.iter().map(protocol).collect();
    protocols.sort_by_key(|one| std::cmp::Reverse(one.amounts.octets()));
    answer(&Summary {
        from: range.from,
        to: range.to,
        total: (&total).into(),
        protocols,
        locations: places.pairs.iter().take(ROWS).map(|pair| pair_shown(pair, &all)).collect(),
        location_pairs: places.pairs.len(),
        subnets: places.mappings.iter().take(ROWS).map(|m| MappingShown::new(m, &all)).collect(),
        subnet_pairs: places.mappings.len(),
        kept_from: places.evidence.kept.map(|(first, _)| first),
    })
}

fn sources_schema() -> Schema {
    let text = |about: &str| Schema::value("string", about);
    let yes = |about: &str| Schema::value("boolean", about);
    let exporter = Schema::object(&[
        ("address", text("Who.")),
        ("version?", text("What it speaks.")),
        ("local", yes("It runs on this router.")),
        ("first_seen", number("When it was first heard.")),
        ("last_seen", number("When it was last heard.")),
        ("datagrams", number("Datagrams received.")),
        ("flows", number("Flows handed on.")),
        ("lost", number("Datagrams or records that never came, by sequence numbers.")),
        ("malformed", number("Datagrams, sets and records that break their protocol's rules.")),
        ("template_misses", number("Sets dropped because their template never came.")),
        ("waiting", number("Sets that were kept until their template came or still wait for it.")),
        ("templates", number("Templates received, repetitions among them.")),
        ("sampling", number("One packet in this many was looked at; 0 before the first flow.")),
    ]);
    let udp = Schema::object(&[
        ("listening", Schema::list(text("An address and a port."))),
        ("failing", Schema::list(text("Where it cannot be listened, and why."))),
        ("datagrams", number("Datagrams received.")),
        ("flows", number("Flows handed on.")),
        ("told_twice", number("Flows of exporters on this router that its connections tell of.")),
        ("refused", number("Datagrams of senders whose export traffic is not taken.")),
        ("unknown", number("Datagrams that were no export traffic.")),
        ("dropped", number("Datagrams for which there was no room.")),
        ("exporters", Schema::list(exporter)),
    ]);
    let kernel = Schema::object(&[
        ("counts", yes("Flows are made of the kernel's connections.")),
        ("accounting?", yes("The kernel counts octets; absent where it tracks no connections.")),
        ("connections", number("Connections that are there.")),
        ("flows", number("Flows told.")),
        ("uncounted", number("Connections that began before accounting was switched on.")),
        ("overruns", number("Times that the kernel told too fast.")),
        ("looked_at?", number("When the last whole look was.")),
    ]);
    Schema::object(&[
        ("running", yes("Flows are collected.")),
        ("source", text("Where flows are taken from: auto, conntrack, exporters or off.")),
        ("kernel?", kernel),
        ("udp?", udp),
        ("flows", number("Flows kept since the start.")),
        ("dropped", number("Flows that were lost because the disk was behind.")),
        ("written_bytes", number("Octets written since the start.")),
        ("summed", number("Flows summed up since the start.")),
        ("troubles", Schema::list(text("What a person should know and do, the worst first."))),
    ])
}

#[derive(Serialize)]
struct ExporterShown {
    address: std::net::IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    local: bool,
    first_seen: Timestamp,
    last_seen: Timestamp,
    datagrams: u64,
    flows: u64,
    lost: u64,
    malformed: u64,
    template_misses: u64,
    waiting: u64,
    templates: u64,
    sampling: u32,
}

impl From<&ExporterStatus> for ExporterShown {
    fn from(one: &ExporterStatus) -> Self {
        let stats = &one.stats;
        Self {
            address: one.address,
            version: stats.version.map(::flows::decode::Version::as_str),
            local: one.is_local,
            first_seen: stats.first_seen,
            last_seen: stats.last_seen,
            datagrams: stats.datagrams,
            flows: stats.flows,
            lost: stats.lost,
            malformed: stats.malformed_total(),
            template_misses: stats.undecoded,
            waiting: stats.held,
            templates: stats.templates,
            sampling: stats.sampling,
        }
    }
}

#[derive(Serialize)]
struct UdpShown {
    listening: Vec<String>,
    failing: Vec<String>,
    datagrams: u64,
    flows: u64,
    told_twice: u64,
    refused: u64,
    unknown: u64,
    dropped: u64,
    exporters: Vec<ExporterShown>,
}

impl From<&UdpStatus> for UdpShown {
    fn from(udp: &UdpStatus) -> Self {
        Self {
            listening: udp.listening.iter().map(|(at, _)| at.to_string()).collect(),
            failing: udp.failing.iter().map(|(at, why)| format!("{at}: {why}")).collect(),
            datagrams: udp.datagrams,
            flows: udp.flows,
            told_twice: udp.told_twice,
            refused: udp.refused,
            unknown: udp.unknown,
            dropped: udp.dropped.saturating_add(udp.beyond),
            exporters: udp.exporters.iter().map(ExporterShown::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct KernelShown {
    counts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    accounting: Option<bool>,
    connections: u64,
    flows: u64,
    uncounted: u64,
    overruns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_at: Option<Timestamp>,
}

impl From<&KernelStatus> for KernelShown {
    fn from(kernel: &KernelStatus) -> Self {
        Self {
            counts: kernel.counts,
            accounting: kernel.is_accounting,
            connections: kernel.account.known,
            flows: kernel.account.flows,
            uncounted: kernel.account.uncounted,
            overruns: kernel.overruns,
            looked_at: kernel.looked_at,
        }
    }
}

async fn sources(State(site): State<Site>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Sources {
        running: bool,
        source: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<KernelShown>,
        #[serde(skip_serializing_if = "Option::is_none")]
        udp: Option<UdpShown>,
        flows: u64,
        dropped: u64,
        written_bytes: u64,
        summed: u64,
        troubles: Vec<String>,
    }
    let status = site.collectors.status();
    answer(&Sources {
        running: status.is_running,
        source: status.source.as_str(),
        kernel: status.kernel.as_ref().map(KernelShown::from),
        udp: status.udp.as_ref().map(UdpShown::from),
        flows: status.kept.kept.flows,
        dropped: status.kept.dropped,
        written_bytes: status.kept.kept.written,
        summed: status.sums.counted,
        troubles: status.troubles(),
    })
}
