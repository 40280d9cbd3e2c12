//! `panoptikon support-bundle`: what helps to find a fault, in one file, without secrets.
//!
//! Nothing is read from the folders of keys and tables; what is in the bundle stands in [`CONTENTS`]
//! and, for whoever opens it, in its first file.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, ExitCode, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use nix::unistd::{Gid, Uid, fchown};
use serde_json::{Value, json};
use system::logs::Redactor;

use super::CliError;
use super::offline::{print, print_json};
use super::report::list;
use super::tar::Tar;
use crate::config::{Resolved, Setting};
use crate::control::{self, Command, Request};
use crate::{doctor, version};

/// The files of a bundle, and what is in each.
const CONTENTS: [(&str, &str); 7] = [
    ("version.txt", "version, commit and day of the build; VyOS, kernel, memory"),
    ("configuration.txt", "every setting and where it comes from"),
    ("doctor.json", "what the router offers and lacks"),
    ("status.json", "how each part of the running service is doing"),
    ("events.json", "the latest events: time, source, kind and severity, without what they say"),
    ("counts.json", "how many events of each kind and how many actions of each sort there were"),
    ("log.txt", "the last lines of the service's log"),
];

/// Lines of the log.
const LOG_LINES: &str = "500";

/// The latest events.
const EVENTS: usize = 200;

/// Writes a bundle into a folder.
pub(super) fn write(resolved: &Resolved, folder: &str, json: bool) -> Result<ExitCode, CliError> {
    let now = Timestamp::now();
    let mut redactor = Redactor::default();
    let name = format!("panoptikon-support-{}", now.rfc3339().replace([':', '.'], "-"));
    let mut tar = Tar::default();
    let seconds = u64::try_from(now.0 / 1000).unwrap_or(0);
    tar.add(&format!("{name}/README.txt"), readme().as_bytes(), seconds);
    for (file, _) in CONTENTS {
        let text = content(file, resolved, now);
        let text: String = text.lines().map(|line| redactor.line(line) + "\n").collect();
        tar.add(&format!("{name}/{file}"), text.as_bytes(), seconds);
    }
    let path = Path::new(folder).join(format!("{name}.tar.gz"));
    save(&path, &tar.finish()).map_err(|source| {
        let what = format!("writing the support bundle {}", path.display());
        CliError::Io { what, source }
    })?;
    if json {
        let files: Vec<&str> = CONTENTS.iter().map(|(file, _)| *file).collect();
        print_json(&json!({ "path": path, "files": files }))?;
    } else {
        print(&format!("{}\nLook into it before you give it away.\n", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn readme() -> String {
    let mut text = "\
What helps to find a fault in Panoptikon.

Addresses and MAC addresses are replaced by words such as <address 1>, the same one by the same word
in all files. Keys, passwords and certificates are left out. Names of devices are in here only where
the service's log tells of one.

"
    .to_owned();
    for (file, what) in CONTENTS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{file:<20} {what}");
    }
    text
}

fn content(file: &str, resolved: &Resolved, now: Timestamp) -> String {
    let config = &resolved.config;
    let asked = |request: Request| {
        control::ask(&config.control_socket, &request)
            .unwrap_or_else(|error| json!({ "not_available": error.to_string() }))
    };
    match file {
        "version.txt" => machine(now),
        "configuration.txt" => {
            let line = |s: &Setting| format!("{} = {}    # {}", s.key, s.value, s.place);
            resolved.settings.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        "doctor.json" => pretty(&json!(doctor::examine(config, &doctor::RouterApi::ask(config)))),
        "status.json" => pretty(&asked(Request::Status)),
        "events.json" => {
            let answer = asked(Request::Ask(Command::Events { after: None, limit: EVENTS }));
            pretty(&bare_events(&answer))
        }
        "counts.json" => pretty(&asked(Request::Ask(Command::Counts))),
        _ => log(),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Events without their sentences, which name devices and people.
fn bare_events(answer: &Value) -> Value {
    if answer["events"].is_null() {
        return answer.clone();
    }
    list(&answer["events"])
        .map(|event| {
            let at = event["at"].as_i64().map(|ms| Timestamp(ms).rfc3339());
            json!({ "at": at, "source": event["source"], "kind": event["kind"],
                    "severity": event["severity"] })
        })
        .collect()
}

fn machine(now: Timestamp) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory: Vec<String> = read("/proc/meminfo").lines().take(3).map(str::to_owned).collect();
    let up = read("/proc/uptime");
    let up = up.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    format!(
        "panoptikon {}\nVyOS       {}\nkernel     {}\nmachine    {}, up {}\nwritten    {}\n\n{}\n",
        version::LINE,
        doctor::vyos_version().unwrap_or_else(|| "none".to_owned()),
        read("/proc/sys/kernel/osrelease").trim(),
        std::env::consts::ARCH,
        model::human_age(Duration::from_secs(up)),
        now.rfc3339(),
        memory.join("\n"),
    )
}

/// What the journal has of the service.
fn log() -> String {
    let words =
        ["--no-pager", "--no-hostname", "--boot", "--lines", LOG_LINES, "--output=short-iso"];
    let shown = Program::new("journalctl")
        .args(words)
        .args(["--unit", "panoptikon.service"])
        .stdin(Stdio::null())
        .output();
    match shown {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        Ok(output) => format!("journalctl: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => format!("running journalctl failed: {error}"),
    }
}

/// A new file, for root and for whoever called it by sudo.
fn save(path: &PathBuf, tar: &[u8]) -> io::Result<()> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(tar)?;
    let bytes = gzip.finish()?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    if let (true, Some(uid)) = (Uid::effective().is_root(), number("SUDO_UID")) {
        fchown(&file, Some(Uid::from_raw(uid)), number("SUDO_GID").map(Gid::from_raw))?;
    }
    file.sync_all()
}
