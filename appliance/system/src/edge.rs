//! Runs a program with fixed words, bounded in time and output, without a shell; it ends when nobody
//! waits for it any more.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::SystemError;

/// The longest piece of what a program says about its failure that is passed on, in characters.
const LONGEST_WORD: usize = 300;
/// The most that is read of it, in bytes.
const MOST_SAID: u64 = 4_096;

/// Bounds on a program.
pub(crate) struct Bounds {
    /// Bytes of output.
    pub(crate) longest: u64,
    /// How long it may take.
    pub(crate) patience: Duration,
    /// What to do where there is no such program.
    pub(crate) remedy: &'static str,
}

/// Starts a program whose output is read, in a group of its own; it is killed when the child is
/// dropped.
pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(
    program: &Path,
    arguments: &[S],
    remedy: &'static str,
) -> Result<Child, SystemError> {
    Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                SystemError::Missing { what: program.display().to_string(), remedy }
            }
            _ => SystemError::io("run", program.display().to_string())(error),
        })
}

/// Runs a program to its end and returns what it prints.
pub(crate) async fn run<S: AsRef<std::ffi::OsStr>>(
    program: &Path,
    arguments: &[S],
    bounds: Bounds,
) -> Result<String, SystemError> {
    let what = || program.display().to_string();
    let mut child = start(program, arguments, bounds.remedy)?;
    let (mut bytes, mut said) = (Vec::new(), Vec::new());
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let read = async {
        let out = async {
            if let Some(output) = output {
                output.take(bounds.longest + 1).read_to_end(&mut bytes).await?;
            }
            Ok::<_, io::Error>(())
        };
        let err = async {
            if let Some(errors) = errors {
                errors.take(MOST_SAID).read_to_end(&mut said).await?;
            }
            Ok::<_, io::Error>(())
        };
        tokio::try_join!(out, err)?;
        if bytes.len() as u64 > bounds.longest {
            return Ok(None);
        }
        child.wait().await.map(Some)
    };
    let seconds = bounds.patience.as_secs();
    let ended = timeout(bounds.patience, read).await;
    let ended = ended.map_err(|_| SystemError::TimedOut { what: what(), seconds })?;
    match ended.map_err(SystemError::io("read what comes of", what()))? {
        None => Err(SystemError::malformed(what(), "it says more than is read")),
        Some(status) if !status.success() => {
            let said = String::from_utf8_lossy(&said);
            let line = said.lines().find(|line| !line.trim().is_empty());
            let line = line.unwrap_or("it failed without a word");
            Err(SystemError::Failed { what: what(), said: told(line) })
        }
        Some(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// A program's words for people.
pub(crate) fn told(line: &str) -> String {
    line.trim().chars().filter(|c| !model::is_hidden(*c)).take(LONGEST_WORD).collect()
}
