//! `panoptikon vyos`: `VyOS` configurations as files, without a router.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};
use vyos::config::{Command, Document, Node, diff};

use super::CliError;
use super::offline::{print, print_json};

/// Larger than any configuration.
const LARGEST: u64 = 16 << 20;

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(CliError::Failed("no command given; see panoptikon vyos --help".to_owned()));
    };
    let file =
        |name: &str| read(matches.get_one::<String>(name).map(String::as_str).unwrap_or_default());
    let json = matches.get_flag("json");
    match name {
        "parse" => show(&file("FILE")?, json, matches.get_flag("boot"))?,
        "diff" => list(&diff(&file("FROM")?.root, &file("TO")?.root), json)?,
        other => return Err(CliError::Failed(format!("no such command: {other}"))),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(document: &Document, json: bool, boot: bool) -> Result<(), CliError> {
    if json {
        print_json(&document.root.to_json())
    } else if boot {
        print(&document.print());
        Ok(())
    } else {
        list(&document.root.commands(), false)
    }
}

fn list(commands: &[Command], json: bool) -> Result<(), CliError> {
    if json {
        return print_json(&commands.iter().map(as_json).collect::<Vec<_>>());
    }
    let mut lines = String::new();
    for command in commands {
        let _ = writeln!(lines, "{command}");
    }
    print(&lines);
    Ok(())
}

fn as_json(command: &Command) -> Value {
    match command {
        Command::Set(path) => json!({ "op": "set", "path": path }),
        Command::Delete(path) => json!({ "op": "delete", "path": path }),
        Command::Comment(path, text) => json!({ "op": "comment", "path": path, "value": text }),
    }
}

/// A configuration from a file or, for `-`, from standard input: as `VyOS` keeps it, or as JSON.
fn read(name: &str) -> Result<Document, CliError> {
    let failed = |source| CliError::Io { what: format!("reading {name}"), source };
    let mut text = String::new();
    let input: Box<dyn io::Read> = match name {
        "-" => Box::new(io::stdin()),
        name => Box::new(File::open(name).map_err(failed)?),
    };
    input.take(LARGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LARGEST {
        return Err(CliError::Failed(format!("{name} is larger than 16 MiB: no configuration is")));
    }
    let wrong = |why: String| CliError::Failed(format!("{name} is no VyOS configuration: {why}"));
    if text.trim_start().starts_with('{') {
        let json: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let root = Node::from_json(&json).map_err(|error| wrong(error.to_string()))?;
        return Ok(Document { root, footer: Vec::new() });
    }
    Document::parse(&text).map_err(|error| wrong(error.to_string()))
}
