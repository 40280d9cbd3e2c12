//! `panoptikon flows import`: export traffic in a capture becomes files of flows, as the service
//! keeps them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use flows::Flow;
use flows::days::Keeper;
use flows::decode::{Decoder, looks_like_export};
use flows::pcap::{Capture, Datagrams, PcapError};
use model::Timestamp;

use super::CliError;
use super::flows::{PIECE, PORTS, summary};

/// Flows that are handed on at once.
const BATCH: usize = 65_536;

pub(super) fn command() -> Command {
    Command::new("import")
        .about("Keep the flows in a capture of export traffic in a folder")
        .long_about(
            "Keeps every flow of NetFlow v5, v9, IPFIX and sFlow v5 in a capture in a folder, in \
             the file of the day in which it ended, to be asked with `panoptikon flows query`. \
             What was malformed or could not be decoded is counted on standard error. A capture \
             that is imported twice counts twice. The folder must not be the one that a running \
             appliance keeps.",
        )
        .arg(
            Arg::new("FILE")
                .value_name("FILE")
                .required(true)
                .value_hint(ValueHint::FilePath)
                .help("A capture, pcap or pcapng; - reads standard input"),
        )
        .arg(
            Arg::new("into")
                .long("into")
                .value_name("DIR")
                .required(true)
                .value_hint(ValueHint::DirPath)
                .value_parser(value_parser!(PathBuf))
                .help("The folder, which is made where there is none"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let name = matches.get_one::<String>("FILE").map(String::as_str).unwrap_or_default();
    let into = matches.get_one::<PathBuf>("into").map_or(Path::new("."), PathBuf::as_path);
    let failed = |source| CliError::Io { what: format!("reading {name}"), source };
    let input: Box<dyn Read> = match name {
        "-" => Box::new(io::stdin()),
        name => Box::new(File::open(name).map_err(failed)?),
    };
    let wrong = |error: PcapError| CliError::Failed(format!("{name}: {error}"));
    let kept = |error: flows::days::DaysError| CliError::Failed(error.to_string());
    let mut capture = Capture::open(BufReader::with_capacity(PIECE, input)).map_err(wrong)?;
    let now = Timestamp::now();
    let mut keeper = Keeper::open(into, now).map_err(kept)?;
    let mut decoder = Decoder::default();
    let mut datagrams = Datagrams::default();
    let mut batch: Vec<Flow> = Vec::new();
    let mut other = 0;
    let ended = loop {
        match capture.next_frame() {
            Ok(Some(frame)) => {
                let Some(datagram) = datagrams.take(&frame) else { continue };
                let payload = datagram.payload;
                if PORTS.contains(&datagram.destination_port) || looks_like_export(payload) {
                    let mut keep = |flow: &Flow| batch.push(*flow);
                    decoder.datagram(datagram.source, datagram.time, payload, &mut keep);
                } else {
                    other += 1;
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        if batch.len() >= BATCH {
            keeper.import(batch.drain(..), now).map_err(kept)?;
        }
    };
    // What came before the capture was cut off is kept.
    keeper.import(batch, now).map_err(kept)?;
    decoder.expire(Timestamp(i64::MAX));
    eprint!("{}", summary(&decoder, &datagrams.counts(), other));
    ended.map_err(wrong)?;
    let flows = keeper.kept().flows;
    println!("{flows} flows are kept in {}", into.display());
    Ok(ExitCode::SUCCESS)
}
