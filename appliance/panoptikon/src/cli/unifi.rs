//! `panoptikon unifi`: what UniFi consoles tell, without the appliance.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, ValueHint};
use unifi::offline::{LONGEST_FILE, decode};

use super::CliError;

pub(super) fn command() -> Command {
    Command::new("unifi")
        .about("Read recorded packets and frames of UniFi consoles, without the appliance")
        .subcommand_required(true)
        .subcommand(
            Command::new("decode")
                .about("Print each packet and frame in a recording as a line of JSON")
                .long_about(
                    "Prints a line of JSON for each packet and frame in a recording: \
                     {\"ok\":true,\"action\":…,\"data\":…} or {\"ok\":false,\"error\":…}. A \
                     recording is a list of packets of Protect as {\"raw_b64\":…}, or of frames of \
                     the other sockets as they came, or one of them a line. What could not be \
                     decoded is counted on standard error.",
                )
                .arg(
                    Arg::new("FILE")
                        .value_name("FILE")
                        .required(true)
                        .value_hint(ValueHint::FilePath)
                        .help("A recording, at most 64 MiB; - reads standard input"),
                ),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let name = matches.subcommand().and_then(|(_, matches)| matches.get_one::<String>("FILE"));
    let name = name.map(String::as_str).unwrap_or_default();
    let file = read(name)?;
    let mut out = BufWriter::new(io::stdout().lock());
    // Whoever read the lines may go away (`| head`).
    let count = decode(&file, &mut |line| writeln!(out, "{line}").is_ok());
    let _ = out.flush();
    if count.bad > 0 {
        eprintln!("{} of {} could not be decoded", count.bad, count.good + count.bad);
    }
    if count.cut {
        let whole = count.good + count.bad;
        return Err(CliError::Failed(format!("{name}: no JSON, or cut off, after {whole} parts")));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(name: &str) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::Io { what: format!("reading {name}"), source };
    let mut input: Box<dyn Read> = match name {
        "-" => Box::new(io::stdin()),
        name => Box::new(File::open(name).map_err(failed)?),
    };
    let mut file = Vec::new();
    input.by_ref().take(LONGEST_FILE + 1).read_to_end(&mut file).map_err(failed)?;
    if file.len() as u64 > LONGEST_FILE {
        return Err(CliError::Failed(format!(
            "{name} is longer than {} MiB: cut it into several recordings",
            LONGEST_FILE >> 20
        )));
    }
    Ok(file)
}
