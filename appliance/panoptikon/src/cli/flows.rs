//! `panoptikon flows`: export traffic of flows in captures, and kept flows, without the appliance.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::ArgMatches;
use flows::Flow;
use flows::decode::{Decoder, ExporterStats, Malformed, Record, Sink, looks_like_export};
use flows::pcap::{Capture, Datagrams, PcapError, UdpCounts};

use super::CliError;

/// Ports of exporters. What arrives there is export traffic, also if it is malformed.
const PORTS: [u16; 7] = [2055, 4739, 6343, 9555, 9995, 9996, 9997];

/// Lines are written in pieces of this many octets.
const PIECE: usize = 64 << 10;

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    match matches.subcommand() {
        Some(("decode", matches)) => decode(matches),
        Some(("import", matches)) => super::flows_import::run(matches),
        Some(("query", matches)) => super::flows_query::run(matches),
        _ => Err(CliError::Failed("no command given; see panoptikon flows --help".to_owned())),
    }
}

/// What was found in a capture, and whether it was read to its end.
pub(super) struct Walk {
    report: String,
    ended: Result<(), CliError>,
}

impl Walk {
    /// Says what was found; fails where the capture was cut off.
    pub(super) fn tell(self) -> Result<(), CliError> {
        eprint!("{}", self.report);
        self.ended
    }
}

/// A capture by its name.
pub(super) type Opened<'a> = (&'a str, Capture<BufReader<Box<dyn Read>>>);

/// Opens the capture that was named.
pub(super) fn open(matches: &ArgMatches) -> Result<Opened<'_>, CliError> {
    let name = matches.get_one::<String>("FILE").map(String::as_str).unwrap_or_default();
    let failed = |source| CliError::Io { what: format!("reading {name}"), source };
    let input: Box<dyn Read> = match name {
        "-" => Box::new(io::stdin()),
        name => Box::new(File::open(name).map_err(failed)?),
    };
    let capture = Capture::open(BufReader::with_capacity(PIECE, input));
    Ok((name, capture.map_err(|error| wrong(name, &error))?))
}

fn wrong(name: &str, error: &PcapError) -> CliError {
    CliError::Failed(format!("{name}: {error}"))
}

/// Hands all export traffic of a capture to `sink`, and calls `each` after every datagram. None
/// where that has had enough.
pub(super) fn walk<S: Sink>(
    (name, mut capture): Opened<'_>,
    sink: &mut S,
    each: impl Fn(&mut S) -> Result<ControlFlow<()>, CliError>,
) -> Result<Option<Walk>, CliError> {
    let mut decoder = Decoder::default();
    let mut datagrams = Datagrams::default();
    let mut other = 0;
    let ended = loop {
        match capture.next_frame() {
            Ok(Some(frame)) => {
                let Some(datagram) = datagrams.take(&frame) else { continue };
                let payload = datagram.payload;
                if PORTS.contains(&datagram.destination_port) || looks_like_export(payload) {
                    decoder.datagram(datagram.source, datagram.time, payload, sink);
                } else {
                    other += 1;
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(wrong(name, &error)),
        }
        if each(sink)?.is_break() {
            return Ok(None);
        }
    };
    // What still waits for its template waits in vain.
    decoder.expire(model::Timestamp(i64::MAX));
    Ok(Some(Walk { report: summary(&decoder, &datagrams.counts(), other), ended }))
}

fn decode(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let mut lines = Lines { text: String::new(), gone: false };
    let walk = walk(open(matches)?, &mut lines, |lines| {
        lines.write(PIECE);
        // Whoever read the lines went away (`| head`).
        Ok(if lines.gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    lines.write(0);
    walk.map_or(Ok(()), Walk::tell)?;
    Ok(ExitCode::SUCCESS)
}

/// Records as lines, on their way to standard output.
struct Lines {
    text: String,
    gone: bool,
}

impl Lines {
    fn write(&mut self, least: usize) {
        if self.text.len() > least {
            self.gone |= io::stdout().write_all(self.text.as_bytes()).is_err();
            self.text.clear();
        }
    }
}

impl Sink for Lines {
    fn flow(&mut self, _: &Flow) {}

    fn complete(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        record.write_json(&mut self.text);
        self.text.push('\n');
    }
}

/// What was found, and what was wrong with it.
fn summary(decoder: &Decoder, counts: &UdpCounts, other: u64) -> String {
    let mut text = String::new();
    let mut exporters: Vec<_> = decoder.exporters().collect();
    model::sort_by_key(&mut exporters, |(address, _)| *address);
    if exporters.is_empty() {
        let _ = writeln!(text, "no export traffic in {} frames", counts.frames);
    }
    for (address, stats) in exporters {
        let version = stats.version.map_or("unknown", flows::decode::Version::as_str);
        let _ = writeln!(
            text,
            "{address}: {version}, {} datagrams, {} records, {} templates",
            stats.datagrams, stats.records, stats.templates
        );
        for (count, what) in wrongs(stats) {
            if count > 0 {
                let _ = writeln!(text, "{address}: {count} {what}");
            }
        }
    }
    for (count, what) in [
        (decoder.unknown(), "datagrams to ports of exporters that are no export traffic"),
        (decoder.refused(), "datagrams of more exporters than are kept"),
        (counts.unknown_link, "frames of a kind of link that is not understood"),
        (counts.truncated, "packets of which only the beginning was captured"),
        (counts.incomplete, "datagrams of which pieces are missing"),
        (other, "other UDP datagrams"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{count} {what}");
        }
    }
    text
}

fn wrongs(stats: &ExporterStats) -> impl Iterator<Item = (u64, &'static str)> {
    let malformed = Malformed::ALL.into_iter().zip(stats.malformed).map(|(what, count)| {
        let text = match what {
            Malformed::Header => "malformed headers",
            Malformed::Length => "messages longer than their datagram",
            Malformed::Set => "sets of impossible length or number",
            Malformed::Template => "malformed templates",
            Malformed::TooMany => "templates, domains or names too many",
            Malformed::Record => "records that are cut off",
            Malformed::Sample => "malformed samples",
        };
        (count, text)
    });
    malformed.chain([
        (stats.undecoded, "sets without a template"),
        (stats.lost, "datagrams or records lost, by their sequence numbers"),
        (stats.late, "datagrams out of order"),
        (stats.restarts, "times the sequence began anew"),
        (stats.odd_times, "impossible times"),
        (stats.samples_dropped, "samples dropped by the agent"),
        (stats.not_ip, "samples of something else than IP"),
    ])
}
