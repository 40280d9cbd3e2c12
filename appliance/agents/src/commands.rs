//! What a host can be asked for: a short list, each with its own right, limits and line in the
//! audit log. Nothing that is sent is ever run as text by the host.

mod answers;

use std::net::IpAddr;

use access::audit::{Entry, Outcome};
use access::{Caller, Permission as P};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::command;

pub use answers::{Answers, Piece};

use crate::agents::subject;
use crate::host::Invalid;
use crate::{AgentId, Agents, AgentsError};

/// The longest that following a log may take.
const LONGEST: u32 = 600;

/// Something to ask of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Lines of a unit's journal or of a log file.
    Tail {
        /// The unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// Or the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// How many lines: 1 to 1000.
        lines: u32,
        /// Whether to go on with what comes.
        #[serde(default)]
        follow: bool,
    },
    /// The processes that use most.
    Processes {
        /// How many: 1 to 200.
        n: u32,
    },
    /// Round trips.
    Ping {
        /// An address or a name.
        to: String,
        /// How many: 1 to 20.
        count: u32,
    },
    /// The routers on the way.
    Trace {
        /// An address or a name.
        to: String,
    },
    /// Hosts on a link of its own.
    Scan {
        /// The network, at most a /24.
        network: String,
    },
    /// Its program anew.
    Restart,
    /// A newer program, which it fetches here.
    Update,
}

impl Command {
    /// The command of a word and what it is about, as people choose them.
    pub fn of_words(word: &str, about: &str) -> Option<Self> {
        let is_file = about.starts_with('/');
        let to = about.to_owned();
        let tail = |follow, lines| Self::Tail {
            unit: (!is_file).then(|| to.clone()),
            file: is_file.then(|| to.clone()),
            lines,
            follow,
        };
        Some(match word {
            "processes" => Self::Processes { n: 30 },
            "tail" => tail(false, 200),
            "follow" => tail(true, 20),
            "ping" => Self::Ping { to, count: 4 },
            "trace" => Self::Trace { to },
            "scan" => Self::Scan { network: to },
            "update" => Self::Update,
            "restart" => Self::Restart,
            _ => return None,
        })
    }

    /// The word on the wire.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Tail { .. } => command::TAIL,
            Self::Processes { .. } => command::PROCESSES,
            Self::Ping { .. } => command::PING,
            Self::Trace { .. } => command::TRACE,
            Self::Scan { .. } => command::SCAN,
            Self::Restart => command::RESTART,
            Self::Update => command::UPDATE,
        }
    }

    /// What is needed to ask for it.
    pub const fn permission(&self) -> P {
        match self {
            Self::Tail { .. } => P::AgentsLogs,
            Self::Processes { .. } => P::AgentsProcesses,
            Self::Ping { .. } | Self::Trace { .. } => P::AgentsProbe,
            Self::Scan { .. } => P::AgentsScan,
            Self::Restart | Self::Update => P::AgentsUpdate,
        }
    }

    /// Whether it makes the host send probes, which a passive one does not.
    const fn is_probe(&self) -> bool {
        matches!(self, Self::Ping { .. } | Self::Trace { .. } | Self::Scan { .. })
    }

    /// Seconds and octets that it may take.
    const fn limits(&self) -> (u32, u64) {
        match self {
            Self::Tail { follow: true, .. } => (LONGEST, 4 << 20),
            Self::Tail { .. } => (20, 2 << 20),
            Self::Processes { .. } | Self::Restart => (15, 256 << 10),
            Self::Ping { .. } => (40, 64 << 10),
            Self::Trace { .. } => (60, 64 << 10),
            Self::Scan { .. } => (180, 512 << 10),
            Self::Update => (120, 64 << 10),
        }
    }

    /// Checks the arguments.
    fn check(&self) -> Result<(), Invalid> {
        let within = |field, n: u32, most: u32| {
            if (1..=most).contains(&n) {
                Ok(())
            } else {
                Err(Invalid::new(field, format!("give 1 to {most}")))
            }
        };
        match self {
            Self::Tail { unit, file, lines, .. } => {
                within("lines", *lines, 1_000)?;
                match (unit, file) {
                    (Some(unit), None) if is_unit(unit) => Ok(()),
                    (None, Some(file)) if is_log(file) => Ok(()),
                    (Some(_), None) => {
                        Err(Invalid::new("unit", "give the name of a unit, such as ssh.service"))
                    }
                    _ => Err(Invalid::new("file", "give a unit, or a file below /var/log")),
                }
            }
            Self::Processes { n } => within("n", *n, 200),
            Self::Ping { to, count } => {
                within("count", *count, 20)?;
                is_target(to)
            }
            Self::Trace { to } => is_target(to),
            Self::Scan { network } => is_network(network),
            Self::Restart | Self::Update => Ok(()),
        }
    }

    fn args(&self) -> Value {
        match self {
            Self::Tail { unit: Some(unit), lines, follow, .. } => {
                json!({ "unit": unit, "lines": lines, "follow": follow })
            }
            Self::Tail { file, lines, follow, .. } => {
                json!({ "file": file, "lines": lines, "follow": follow })
            }
            Self::Processes { n } => json!({ "n": n }),
            Self::Ping { to, count } => json!({ "to": to, "count": count }),
            Self::Trace { to } => json!({ "to": to }),
            Self::Scan { network } => json!({ "network": network }),
            Self::Restart | Self::Update => json!({}),
        }
    }
}

fn is_unit(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"@._:-\\".contains(&b);
    (1..=256).contains(&text.len()) && text.bytes().all(fine) && !text.starts_with('-')
}

fn is_log(text: &str) -> bool {
    text.len() <= 256
        && text.starts_with("/var/log/")
        && !text.split('/').any(|part| part == "..")
        && !text.chars().any(model::is_hidden)
}

fn is_target(text: &str) -> Result<(), Invalid> {
    let is_name = (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.starts_with(['-', '.']);
    if text.parse::<IpAddr>().is_ok() || is_name {
        Ok(())
    } else {
        Err(Invalid::new("to", "give an address or a host name"))
    }
}

fn is_network(text: &str) -> Result<(), Invalid> {
    let network = text.split_once('/').and_then(|(address, length)| {
        Some((address.parse::<std::net::Ipv4Addr>().ok()?, length.parse::<u8>().ok()?))
    });
    match network {
        Some((_, 24..=32)) => Ok(()),
        _ => {
            Err(Invalid::new("network", "give a network of at most 256 addresses: 192.168.1.0/24"))
        }
    }
}

impl Agents {
    /// Asks a host for something.
    pub async fn ask(
        &self,
        by: &Caller,
        id: AgentId,
        command: Command,
        now: Timestamp,
    ) -> Result<Answers, AgentsError> {
        let asked = self.ask_now(by, id, &command).await;
        let detail = match &asked {
            Ok(_) => json!({ "command": command }),
            Err(error) => json!({ "command": command, "why": error.to_string() }),
        };
        let outcome = match &asked {
            Ok(_) => Outcome::Ok,
            Err(AgentsError::Access(_) | AgentsError::NotAllowed { .. }) => Outcome::Refused,
            Err(_) => Outcome::Failed,
        };
        let entry = Entry::new(by, "agent.ask", subject(id), now).with(detail).ended(outcome);
        self.0.store.write_synced("audit", move |w| access::audit::record(w, entry)).await?;
        asked
    }

    async fn ask_now(
        &self,
        by: &Caller,
        id: AgentId,
        command: &Command,
    ) -> Result<Answers, AgentsError> {
        by.require(command.permission())?;
        command.check()?;
        let host = self.may_be_asked(id, command.word(), command.is_probe())?;
        let args = match command {
            Command::Update => self.update_args(&host.hello.arch, &host.name).await?,
            other => other.args(),
        };
        self.send(&host, command.word(), args, command.limits()).await
    }

    async fn update_args(&self, arch: &str, host: &str) -> Result<Value, AgentsError> {
        let (files, wanted) = (self.0.shelf.clone(), arch.to_owned());
        let file = tokio::task::spawn_blocking(move || files.file(&wanted)).await.ok().flatten();
        let complete = file.and_then(|file| Some((file.version?, file.sha256, file.signature?)));
        let Some((version, sha256, minisig)) = complete else {
            return Err(AgentsError::Failed {
                host: host.to_owned(),
                code: "no_file".to_owned(),
                say: format!(
                    "there is no signed agent for {arch:?} in {}",
                    self.files_dir().display()
                ),
            });
        };
        Ok(json!({ "version": version, "sha256": sha256, "minisig": minisig }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_could_mean_something_else_are_refused() {
        let tail = |unit: Option<&str>, file: Option<&str>| Command::Tail {
            unit: unit.map(str::to_owned),
            file: file.map(str::to_owned),
            lines: 10,
            follow: false,
        };
        assert_eq!(tail(Some("ssh.service"), None).check(), Ok(()));
        assert_eq!(tail(None, Some("/var/log/syslog")).check(), Ok(()));
        for bad in [
            tail(Some("-x"), None),
            tail(Some("a b"), None),
            tail(None, Some("/etc/shadow")),
            tail(None, Some("/var/log/../../etc/shadow")),
            tail(Some("a"), Some("/var/log/b")),
            tail(None, None),
            Command::Ping { to: "-f".into(), count: 1 },
            Command::Ping { to: "a;b".into(), count: 1 },
            Command::Ping { to: "a".into(), count: 21 },
            Command::Scan { network: "10.0.0.0/8".into() },
            Command::Processes { n: 0 },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_command_is_read_with_its_word_and_nothing_unknown() {
        let read: Command =
            serde_json::from_str(r#"{"command":"ping","to":"a","count":2}"#).unwrap();
        assert_eq!(read, Command::Ping { to: "a".into(), count: 2 });
        let odd = serde_json::from_str::<Command>(r#"{"command":"ping","to":"a","count":2,"x":1}"#);
        assert!(odd.is_err());
    }
}
