//! `panoptikon flows import`: export traffic in a capture becomes files of flows, as the service
//! keeps them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use flows::Flow;
use flows::days::Keeper;
use flows::decode::Sink;
use model::Timestamp;

use super::CliError;
use super::flows::{Walk, open, walk};

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

/// Flows on their way into the folder.
struct Into {
    keeper: Keeper,
    batch: Vec<Flow>,
    now: Timestamp,
}

impl Into {
    fn keep(&mut self) -> Result<(), CliError> {
        let kept = self.keeper.import(self.batch.drain(..), self.now);
        kept.map_err(|error| CliError::Failed(error.to_string()))
    }
}

impl Sink for Into {
    fn flow(&mut self, flow: &Flow) {
        self.batch.push(*flow);
    }
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let folder = matches.get_one::<PathBuf>("into").map_or(Path::new("."), PathBuf::as_path);
    let capture = open(matches)?;
    let now = Timestamp::now();
    let opened = Keeper::open(folder, now);
    let keeper = opened.map_err(|error| CliError::Failed(error.to_string()))?;
    let mut into = Into { keeper, batch: Vec::new(), now };
    let walk = walk(capture, &mut into, |into| {
        if into.batch.len() >= BATCH {
            into.keep()?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // What came before the capture was cut off is kept.
    into.keep()?;
    walk.map_or(Ok(()), Walk::tell)?;
    println!("{} flows are kept in {}", into.keeper.kept().flows, folder.display());
    Ok(ExitCode::SUCCESS)
}
