//! `panoptikon flows query`: asks about flows in a folder of day files, without the appliance.

use std::path::Path;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, ValueHint};
use flows::Flow;
use flows::filter::{Filter, parse};
use flows::query::{
    Archive, Dimension, Evidence, Key, ListQuery, Measure, Range, SeriesQuery, Sums, TopQuery,
};
use flows::world::{NoGeo, Ours};
use model::Timestamp;
use serde_json::{Value, json};

use super::CliError;
use super::offline::{print, print_json};
use super::table::table;

/// By what flows can be put together, by the word for it.
const DIMENSIONS: [(&str, Dimension); 16] = [
    ("source", Dimension::Source),
    ("destination", Dimension::Destination),
    ("host", Dimension::Host),
    ("remote", Dimension::Remote),
    ("local", Dimension::Local),
    ("service", Dimension::Service),
    ("source-port", Dimension::SourcePort),
    ("destination-port", Dimension::DestinationPort),
    ("protocol", Dimension::Protocol),
    ("input", Dimension::Input),
    ("output", Dimension::Output),
    ("country", Dimension::Country),
    ("as", Dimension::System),
    ("pair", Dimension::Pair),
    ("conversation", Dimension::Conversation),
    ("tuple", Dimension::Tuple),
];

pub(super) fn command() -> Command {
    let value = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(name).help(help)
    };
    Command::new("query")
        .about("Ask about flows in a folder of day files")
        .arg(
            Arg::new("DIR")
                .required(true)
                .value_hint(ValueHint::DirPath)
                .help("Where the day files are"),
        )
        .arg(Arg::new("FILTER").num_args(0..).help(
            "Which flows, such as src 10.0.0.5 and dport 443 (docs/flow-filters.md); all if absent",
        ))
        .arg(
            value("top", "WHAT", "Rank by this [source]")
                .value_parser(DIMENSIONS.map(|(word, _)| word)),
        )
        .arg(
            Arg::new("list")
                .long("list")
                .action(ArgAction::SetTrue)
                .help("List flows, latest first"),
        )
        .arg(
            value("series", "SECONDS", "Sum over time, in steps of so many seconds")
                .value_parser(clap::value_parser!(u32).range(1..)),
        )
        .group(ArgGroup::new("question").args(["top", "list", "series"]))
        .arg(
            value("by", "MEASURE", "Rank by bytes, packets or flows [bytes]")
                .value_parser(["bytes", "packets", "flows"]),
        )
        .arg(
            value("limit", "NUMBER", "How many [10]")
                .value_parser(clap::value_parser!(u32).range(1..)),
        )
        .arg(value("from", "TIME", "Not before, such as 2026-11-22T10:00:00Z"))
        .arg(value("to", "TIME", "Before; now if absent"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let text = |id| text(matches, id);
    let dir = Path::new(text("DIR").unwrap_or_default());
    if !dir.is_dir() {
        return Err(CliError::Failed(format!("{} is no folder", dir.display())));
    }
    let words: Vec<&str> =
        matches.get_many::<String>("FILTER").into_iter().flatten().map(String::as_str).collect();
    let words = words.join(" ");
    let filter = parse(&words, &|_| None)
        .map_err(|error| CliError::Failed(format!("filter: {words}\n{error}")))?;
    let now = Timestamp::now();
    let from = time(text("from"))?.unwrap_or_default();
    let range = Range { from, to: time(text("to"))?.unwrap_or(now) };
    let archive = Archive::new(dir, Ours::default(), &NoGeo);
    let limit = matches.get_one::<u32>("limit").map_or(10, |limit| *limit as usize);
    let json = matches.get_flag("json");
    if matches.get_flag("list") {
        let query = ListQuery { range, filter, after: None, limit };
        let listed = archive.list(&query, now).map_err(failed)?;
        return show(json, &listed.evidence, list_of(&listed.flows));
    }
    if let Some(seconds) = matches.get_one::<u32>("series") {
        return series(&archive, (range, filter), i64::from(*seconds) * 1_000, now, json);
    }
    let asked = text("top").unwrap_or("source");
    let known = DIMENSIONS.into_iter().find(|(word, _)| *word == asked);
    let (by, dimension) = known.unwrap_or(("source", Dimension::Source));
    let measure = match text("by") {
        Some("packets") => Measure::Packets,
        Some("flows") => Measure::Flows,
        _ => Measure::Bytes,
    };
    let query = TopQuery { range, filter, by: dimension, measure, limit };
    let top = archive.top(&query, now).map_err(failed)?;
    let mut rows: Vec<Row> = Vec::new();
    for row in &top.rows {
        let mut its = sums(&row.sums);
        its.insert(0, (by, Value::from(name(row.key))));
        if top.unlisted > 0 {
            its.push(("missed", Value::from(row.missed)));
        }
        rows.push(its);
    }
    let mut total = sums(&top.total);
    total.insert(0, (by, Value::from("total")));
    rows.push(total);
    show(json, &top.evidence, rows)
}

fn text<'a>(matches: &'a ArgMatches, id: &str) -> Option<&'a str> {
    matches.get_one::<String>(id).map(String::as_str)
}

/// Sums over time, from the first flow that is kept.
fn series(
    archive: &Archive<'_>,
    (range, filter): (Range, Filter),
    step: i64,
    now: Timestamp,
    json: bool,
) -> Result<ExitCode, CliError> {
    let mut query = SeriesQuery { range, step, filter, hosts: Vec::new() };
    if range.from == Timestamp::default() {
        let nothing = Range { from: range.from, to: range.from };
        let probe = SeriesQuery { range: nothing, ..query.clone() };
        let kept = archive.series(&probe, now).map_err(failed)?.evidence.kept;
        let (first, last) = kept.unwrap_or((now, now));
        query.range.from = Timestamp(first.0 - first.0.rem_euclid(step));
        query.range.to = range.to.min(Timestamp(last.0.saturating_add(1))).max(query.range.from);
    }
    let series = archive.series(&query, now).map_err(failed)?;
    let mut at = series.from.0;
    let mut rows = Vec::new();
    for point in &series.points {
        let mut row = sums(&point.sent);
        row.insert(0, ("at", Value::from(Timestamp(at).rfc3339())));
        rows.push(row);
        at += step;
    }
    show(json, &series.evidence, rows)
}

/// A line of a table: what each column is called and what is in it.
type Row = Vec<(&'static str, Value)>;

fn sums(sums: &Sums) -> Row {
    vec![
        ("bytes", Value::from(sums.bytes)),
        ("packets", Value::from(sums.packets)),
        ("flows", Value::from(sums.flows)),
    ]
}

fn list_of(flows: &[Flow]) -> Vec<Row> {
    let row = |flow: &Flow| {
        let nat = flow.nat.map(|nat| {
            let (from, to) = (nat.source_port, nat.destination_port);
            format!("{}:{from} {}:{to}", nat.source, nat.destination)
        });
        vec![
            ("start", Value::from(flow.start.rfc3339())),
            ("end", Value::from(flow.end.rfc3339())),
            ("protocol", Value::from(flow.protocol)),
            ("source", Value::from(flow.source.to_string())),
            ("source_port", Value::from(flow.source_port)),
            ("destination", Value::from(flow.destination.to_string())),
            ("destination_port", Value::from(flow.destination_port)),
            ("bytes", Value::from(flow.bytes)),
            ("packets", Value::from(flow.packets)),
            ("flags", Value::from(flow.tcp_flags)),
            ("input", Value::from(flow.input)),
            ("output", Value::from(flow.output)),
            ("nat", Value::from(nat.unwrap_or_default())),
        ]
    };
    flows.iter().map(row).collect()
}

fn name(key: Key) -> String {
    match key {
        Key::Address(address) => address.to_string(),
        Key::Port(port) => port.to_string(),
        Key::Protocol(protocol) => protocol.to_string(),
        Key::Service(protocol, port) => format!("{protocol}/{port}"),
        Key::Interface(number) | Key::System(number) => number.to_string(),
        Key::Country(code) => code.map_or_else(
            || "unknown".to_owned(),
            |code| code.iter().map(|letter| char::from(*letter)).collect(),
        ),
        Key::Pair(one, other) => format!("{one} {other}"),
        Key::Tuple(from, to, from_port, to_port, protocol) => {
            format!("{protocol} {from} {from_port} {to} {to_port}")
        }
    }
}

/// A table or JSON, then what it rests on.
fn show(json: bool, evidence: &Evidence, rows: Vec<Row>) -> Result<ExitCode, CliError> {
    let kept = evidence.kept.map(|(first, last)| [first.rfc3339(), last.rfc3339()]);
    if json {
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            .collect();
        let evidence = json!({
            "kept": kept,
            "flows": evidence.flows,
            "blocks_read": evidence.read,
            "blocks_passed": evidence.passed,
        });
        print_json(&json!({ "rows": rows, "evidence": evidence }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(first) = rows.first() {
        let head: Vec<&str> = first.iter().map(|(name, _)| *name).collect();
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|(_, value)| plain(value)).collect()).collect();
        print(&table(&head, &cells));
    }
    match kept {
        Some([first, last]) => print(&format!(
            "Flows are kept from {first} to {last}; {} were looked at.\n",
            evidence.flows
        )),
        None => print("No flows are kept there.\n"),
    }
    Ok(ExitCode::SUCCESS)
}

fn time(text: Option<&str>) -> Result<Option<Timestamp>, CliError> {
    let read = |text: &str| {
        Timestamp::parse_rfc3339(text).ok_or_else(|| {
            let what = format!("{text} is not a time: give one such as 2026-11-22T10:00:00Z");
            CliError::Failed(what)
        })
    };
    text.map(read).transpose()
}

fn failed(error: flows::query::QueryError) -> CliError {
    CliError::Failed(error.to_string())
}
