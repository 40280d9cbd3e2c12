//! Runs `journalctl` and reads lines as they come. The program is killed when nobody reads any more.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines, Take};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use super::journal::{self, LogLine, LogSource, MOST_LINES};
use crate::SystemError;
use crate::edge;
use crate::services::Programs;

/// A journal on slow flash takes some seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// Octets of an answer that are read: 5 000 lines of the longest kind.
const LONGEST: u64 = 48 << 20;
/// What to do without the program.
const REMEDY: &str = "logs are read where systemd keeps a journal";

/// What is wanted of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The newest so many lines, 1 to [`MOST_LINES`].
    pub lines: usize,
    /// Only lines with this text, whatever its case; looked for in the newest [`MOST_LINES`].
    pub search: String,
}

/// Reads the newest lines, oldest first.
pub(crate) async fn read(
    programs: &Programs,
    source: &LogSource,
    query: &LogQuery,
) -> Result<Vec<LogLine>, SystemError> {
    let wanted = query.lines.clamp(1, MOST_LINES);
    let search = query.search.to_lowercase();
    let asked = if search.is_empty() { wanted } else { MOST_LINES };
    let program = &programs.journalctl;
    let mut child = edge::start(program, &source.arguments(asked, false), REMEDY)?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let mut found: VecDeque<LogLine> = VecDeque::new();
    let mut said = String::new();
    let read = async {
        if let Some(output) = output {
            let mut lines = BufReader::new(output.take(LONGEST)).lines();
            while let Some(text) = lines.next_line().await? {
                let line = journal::line(&text);
                found.extend(line.filter(|line| fits(line, &search)));
                if found.len() > wanted {
                    found.pop_front();
                }
            }
        }
        if let Some(errors) = errors {
            errors.take(1_024).read_to_string(&mut said).await?;
        }
        child.wait().await
    };
    let what = || program.display().to_string();
    let seconds = PATIENCE.as_secs();
    let ended = timeout(PATIENCE, read).await;
    let ended = ended.map_err(|_| SystemError::TimedOut { what: what(), seconds })?;
    let status = ended.map_err(SystemError::io("read what comes of", what()))?;
    if !status.success() && found.is_empty() {
        let said = said.lines().next().unwrap_or("it failed without a word");
        return Err(SystemError::Failed { what: what(), said: edge::told(said) });
    }
    Ok(found.into())
}

fn fits(line: &LogLine, search: &str) -> bool {
    search.is_empty()
        || line.message.to_lowercase().contains(search)
        || line.program.to_lowercase().contains(search)
}

/// Lines as they are written. Ends the program when it is dropped.
pub struct Following {
    lines: Lines<BufReader<Take<ChildStdout>>>,
    _child: Child,
}

impl Following {
    pub(crate) fn start(programs: &Programs, source: &LogSource) -> Result<Self, SystemError> {
        let program = &programs.journalctl;
        let mut child = edge::start(program, &source.arguments(0, true), REMEDY)?;
        // Nobody reads what it complains of, and it must not wait for that.
        drop(child.stderr.take());
        let output = child.stdout.take();
        let output = output.ok_or_else(|| SystemError::malformed("journalctl", "no output"))?;
        Ok(Self { lines: BufReader::new(output.take(u64::MAX)).lines(), _child: child })
    }

    /// The next line; None when the program has ended. May be left and asked again.
    pub async fn next(&mut self) -> Option<LogLine> {
        while let Ok(Some(text)) = self.lines.next_line().await {
            if let Some(line) = journal::line(&text) {
                return Some(line);
            }
        }
        None
    }
}
