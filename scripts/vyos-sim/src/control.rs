//! The knobs for other programs: lines of text over a unix socket of their own, apart from the
//! router's API. One line asks, one line or more answers, and a line with a dot ends an answer.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use vyos::config::commands;

use crate::{Sim, SimError, words};

/// No line is longer.
const LONGEST: u64 = 256 * 1024;

const HELP: &str = "commit-takes MS | hold on|off | lock MS | down MS | reboot | lose | fail PATH... | pass | \
                    only-key KEY | rest on|off | outside set|delete|comment PATH... | answer \
                    WORDS... = TEXT | requests | running | saved | help";

impl Sim {
    /// Obeys lines on a unix socket until it fails; one client at a time.
    pub async fn obey(&self, socket: &Path) -> Result<(), SimError> {
        let _ = std::fs::remove_file(socket);
        let failed = |source| SimError::file("listening on", socket, source);
        let listener = UnixListener::bind(socket).map_err(failed)?;
        loop {
            let (stream, _) = listener.accept().await.map_err(failed)?;
            // A client that goes away is its own business.
            let _ = self.obey_one(stream).await;
        }
    }

    async fn obey_one(&self, stream: UnixStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        loop {
            let mut line = String::new();
            if (&mut read).take(LONGEST).read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let answer = match self.knob(line.trim()).await {
                Ok(text) => text,
                Err(problem) => format!("error: {problem}"),
            };
            write.write_all(format!("{}\n.\n", answer.trim_end()).as_bytes()).await?;
        }
    }

    /// Turns one knob.
    async fn knob(&self, line: &str) -> Result<String, String> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let time =
            || rest.parse().map(Duration::from_millis).map_err(|_| format!("`{rest}` is no time"));
        match name {
            "commit-takes" => self.commit_takes(time()?),
            "hold" => self.hold_commits(rest == "on"),
            "lock" => self.lock_for(time()?),
            "down" => self.down_for(time()?),
            "reboot" => self.reboot().await,
            "lose" => self.lose_next_answer(),
            "fail" => self.fail_commit_under(Some(words(rest))),
            "pass" => self.fail_commit_under(None),
            "only-key" => self.only_key(rest),
            "rest" => self.rest(rest == "on"),
            "outside" => {
                self.change_outside(&commands::parse(rest).map_err(|error| error.to_string())?);
            }
            "answer" => {
                let (path, text) = rest.split_once(" = ").ok_or("` = ` is missing")?;
                self.op_answer(&path.split(' ').collect::<Vec<_>>(), text);
            }
            "requests" => {
                let requests = self.requests();
                let lines: Vec<_> = requests.iter().map(|seen| format!("{seen:?}")).collect();
                let (count, most) = (self.request_count(), self.most_at_once());
                return Ok(format!("{count} in all, {most} at once\n{}", lines.join("\n")));
            }
            "running" => return Ok(lines(&self.running())),
            "saved" => return Ok(lines(&self.saved())),
            "help" => return Ok(HELP.to_owned()),
            _ => return Err(format!("`{name}` is no knob; there are {HELP}")),
        }
        Ok("ok".to_owned())
    }
}

fn lines(node: &vyos::config::Node) -> String {
    node.commands().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
