//! What can be asked, and how each is written as an HTTP request.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use model::Explained;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::update::Ended;

/// Events that are given when nobody says how many.
pub const LATEST_EVENTS: usize = 30;

/// What the rooms answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The token for the first sign-in: `{token}`.
    SetupToken,
    /// All devices: `{devices: [{name, mac, vendor, addresses, online, last_seen}]}`, the time in
    /// milliseconds since 1970.
    Devices,
    /// One device with its open alerts and latest events: `{device, addresses, alerts, events}`.
    Device {
        /// Its name, an address, its MAC address or its number.
        word: String,
    },
    /// Alerts that are not resolved: `{alerts: [..], open}`, the latest first, at most 200.
    Alerts,
    /// Events, the latest last: `{events: [..], cursor, cut}`, at most 200; cut when there were more
    /// after the one that was given.
    Events {
        /// Only those after this event.
        after: Option<i64>,
        /// The most of them.
        limit: usize,
    },
    /// What may be typed where a device or an interface is asked for: `{words: [..]}`.
    Words(Words),
    /// How often what happened and was done: `{events: {kind: n}, audit: {action: n}}`.
    Counts,
    /// Read the configuration again: `{applied: [..], restart: [..], message}`.
    Reload,
    /// Sweep now, on one interface or on all: `{message}`.
    Scan {
        /// The interface; all of them if absent.
        interface: Option<String>,
    },
    /// Back up the database now: `{path, bytes, message}`.
    Backup,
    /// End all sessions and make a new setup token: `{token, message}`.
    ResetAuth,
    /// Go through the audit chain: `{intact, message}`.
    VerifyAudit,
    /// How things stand with the router: `{link, host_name, version, unsaved, changes: [{number,
    /// actor, why, state, seconds, problem}]}`.
    Router,
    /// Settle changes of the router that wait: `{message}`.
    Settle {
        /// Keep them; undo them otherwise.
        keep: bool,
        /// One change; all that wait if absent.
        number: Option<i64>,
    },
    /// Make what the router runs what it starts with: `{message}`.
    SaveRouter,
    /// Something about hosts with agents; answers differ, all that change something have `message`.
    Agents(HostDeed),
    /// Write down how an update ended: `{message}`.
    Updated(Ended),
}

/// What is asked about hosts with agents. A `host` is its name or id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum HostDeed {
    /// All of them: `{hosts: [..]}`.
    List,
    /// One with all that is known: `{host}`.
    Show {
        /// Which.
        host: String,
    },
    /// A token for another: `{token, line, until}`.
    Token {
        /// Its name; empty for its own.
        name: String,
        /// How long the token is good.
        minutes: u64,
    },
    /// Let its agent in no more.
    Revoke {
        /// Which.
        host: String,
    },
    /// Let it in again though its identity was seen twice.
    Trust {
        /// Which.
        host: String,
    },
    /// Delete it with all that it reported.
    Delete {
        /// Which.
        host: String,
    },
    /// Call it otherwise.
    Rename {
        /// Which.
        host: String,
        /// How.
        name: String,
    },
    /// Ask it for something: `{parts, done}`.
    Ask {
        /// Which.
        host: String,
        /// What.
        what: String,
        /// About what; may be empty.
        about: String,
    },
}

/// What words are wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Devices.
    Devices,
    /// LAN interfaces.
    Interfaces,
}

/// All that the socket understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How all parts are doing; answered without the async side.
    Status,
    /// End the appliance.
    Stop,
    /// End it and start it anew.
    Restart,
    /// Put a backup in the place of the database and start anew.
    Restore {
        /// The backup, an absolute path.
        file: PathBuf,
    },
    /// Remove all data but the backups and start anew.
    ResetDatabase,
    /// Something for the rooms.
    Ask(Command),
}

impl Command {
    /// How long the answer may take.
    pub fn time_out(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Agents(HostDeed::Ask { .. }) => 240,
            Self::SetupToken
            | Self::Devices
            | Self::Device { .. }
            | Self::Alerts
            | Self::Events { .. }
            | Self::ResetAuth
            | Self::Router
            | Self::Agents(_)
            | Self::Updated(_) => 10,
            // Somebody has pressed Tab and waits.
            Self::Words(_) => 2,
            Self::Counts | Self::Reload => 30,
            // The kernel asks 64 addresses a second; both others read the whole database.
            Self::Scan { .. } | Self::Backup | Self::VerifyAudit => 300,
            // Commits of large routers.
            Self::Settle { .. } | Self::SaveRouter => 900,
        })
    }
}

impl Request {
    /// How long the answer may take, at either end.
    pub fn time_out(&self) -> Duration {
        match self {
            Self::Status | Self::Stop | Self::Restart => Duration::from_secs(5),
            Self::Restore { .. } | Self::ResetDatabase => Duration::from_secs(300),
            Self::Ask(command) => command.time_out(),
        }
    }

    /// Method, path and body.
    pub fn to_http(&self) -> (&'static str, &'static str, Value) {
        match self {
            Self::Status => ("GET", "/status", Value::Null),
            Self::Stop => ("POST", "/stop", Value::Null),
            Self::Restart => ("POST", "/restart", Value::Null),
            Self::Restore { file } => ("POST", "/restore", json!({ "file": file })),
            Self::ResetDatabase => ("POST", "/reset-database", Value::Null),
            Self::Ask(Command::SetupToken) => ("GET", "/setup-token", Value::Null),
            Self::Ask(Command::Devices) => ("GET", "/devices", Value::Null),
            Self::Ask(Command::Device { word }) => ("POST", "/device", json!({ "word": word })),
            Self::Ask(Command::Alerts) => ("GET", "/alerts", Value::Null),
            Self::Ask(Command::Events { after, limit }) => {
                let after = after.map(|id| id.to_string());
                ("POST", "/events", json!({ "after": after, "limit": limit.to_string() }))
            }
            Self::Ask(Command::Words(Words::Devices)) => ("GET", "/words/devices", Value::Null),
            Self::Ask(Command::Words(Words::Interfaces)) => {
                ("GET", "/words/interfaces", Value::Null)
            }
            Self::Ask(Command::Counts) => ("GET", "/counts", Value::Null),
            Self::Ask(Command::Reload) => ("POST", "/reload", Value::Null),
            Self::Ask(Command::Scan { interface }) => {
                ("POST", "/scan", json!({ "interface": interface }))
            }
            Self::Ask(Command::Backup) => ("POST", "/backup", Value::Null),
            Self::Ask(Command::ResetAuth) => ("POST", "/reset-auth", Value::Null),
            Self::Ask(Command::VerifyAudit) => ("POST", "/verify-audit", Value::Null),
            Self::Ask(Command::Router) => ("GET", "/router", Value::Null),
            Self::Ask(Command::Settle { keep, number }) => {
                let path = if *keep { "/router/keep" } else { "/router/undo" };
                ("POST", path, json!({ "number": number.map(|n| n.to_string()) }))
            }
            Self::Ask(Command::SaveRouter) => ("POST", "/router/save", Value::Null),
            Self::Ask(Command::Agents(deed)) => ("POST", "/agents", json!(deed)),
            Self::Ask(Command::Updated(ended)) => ("POST", "/updated", json!(ended)),
        }
    }

    /// The inverse of [`Request::to_http`].
    pub fn from_http(method: &str, path: &str, body: &[u8]) -> Result<Self, Explained> {
        let text = |key: &str| -> Result<Option<String>, Explained> {
            let body: Value = match body {
                [] => Value::Null,
                _ => serde_json::from_slice(body).map_err(|error| {
                    Explained::new("bad_request", format!("the body of {path} is no JSON: {error}"))
                })?,
            };
            match &body[key] {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                _ => Err(Explained::new("bad_request", format!("{path}: `{key}` is no string"))),
            }
        };
        Ok(match (method, path) {
            ("GET", "/status") => Self::Status,
            ("POST", "/stop") => Self::Stop,
            ("POST", "/restart") => Self::Restart,
            ("POST", "/restore") => {
                let file = text("file")?.map(PathBuf::from).filter(|file| file.is_absolute());
                let file = file.ok_or_else(|| {
                    Explained::new("bad_request", "/restore needs `file`, an absolute path")
                })?;
                Self::Restore { file }
            }
            ("POST", "/reset-database") => Self::ResetDatabase,
            ("GET", "/setup-token") => Self::Ask(Command::SetupToken),
            ("GET", "/devices") => Self::Ask(Command::Devices),
            ("POST", "/device") => {
                let word = text("word")?.ok_or_else(|| {
                    Explained::new("bad_request", "/device needs `word`, which names a device")
                })?;
                Self::Ask(Command::Device { word })
            }
            ("GET", "/alerts") => Self::Ask(Command::Alerts),
            ("POST", "/events") => {
                let after = text("after")?.map(|text| number(&text)).transpose()?;
                let limit = text("limit")?.map(|text| number(&text)).transpose()?;
                Self::Ask(Command::Events { after, limit: limit.unwrap_or(LATEST_EVENTS) })
            }
            ("GET", "/words/devices") => Self::Ask(Command::Words(Words::Devices)),
            ("GET", "/words/interfaces") => Self::Ask(Command::Words(Words::Interfaces)),
            ("GET", "/counts") => Self::Ask(Command::Counts),
            ("POST", "/reload") => Self::Ask(Command::Reload),
            ("POST", "/scan") => Self::Ask(Command::Scan { interface: text("interface")? }),
            ("POST", "/backup") => Self::Ask(Command::Backup),
            ("POST", "/reset-auth") => Self::Ask(Command::ResetAuth),
            ("POST", "/verify-audit") => Self::Ask(Command::VerifyAudit),
            ("GET", "/router") => Self::Ask(Command::Router),
            ("POST", "/router/keep" | "/router/undo") => {
                let number = text("number")?.map(|text| number(&text)).transpose()?;
                let keep = path == "/router/keep";
                Self::Ask(Command::Settle { keep, number })
            }
            ("POST", "/router/save") => Self::Ask(Command::SaveRouter),
            ("POST", "/agents") => {
                let deed = serde_json::from_slice(body).map_err(|error| {
                    Explained::new("bad_request", format!("the body of {path}: {error}"))
                })?;
                Self::Ask(Command::Agents(deed))
            }
            ("POST", "/updated") => {
                let ended = serde_json::from_slice(body).map_err(|error| {
                    Explained::new("bad_request", format!("the body of {path}: {error}"))
                })?;
                Self::Ask(Command::Updated(ended))
            }
            _ => {
                let message = format!("the control socket knows no {method} {path}");
                return Err(Explained::new("not_found", message));
            }
        })
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, Explained> {
    text.parse().map_err(|_| Explained::new("bad_request", format!("`{text}` is no number")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::update::machine::Outcome;

    fn any_ended() -> impl Strategy<Value = Ended> {
        let outcome = prop_oneof![Just(Outcome::Updated), Just(Outcome::RolledBack)];
        ("[0-9.]{1,9}", "[0-9.]{1,9}", outcome, proptest::option::of(".{0,30}"), "[0-9TZ:-]{0,30}")
            .prop_map(|(from, to, outcome, why, at)| Ended { from, to, outcome, why, at })
    }

    fn any_request() -> impl Strategy<Value = Request> {
        prop_oneof![
            Just(Request::Status),
            Just(Request::Stop),
            Just(Request::Restart),
            Just(Request::ResetDatabase),
            "/[ -~]{0,30}".prop_map(|file| Request::Restore { file: file.into() }),
            Just(Request::Ask(Command::SetupToken)),
            Just(Request::Ask(Command::Devices)),
            proptest::option::of("[a-z0-9.]{1,15}")
                .prop_map(|interface| Request::Ask(Command::Scan { interface })),
            "[ -~]{0,30}".prop_map(|word| Request::Ask(Command::Device { word })),
            Just(Request::Ask(Command::Alerts)),
            (proptest::option::of(any::<i64>()), 0_usize..1000)
                .prop_map(|(after, limit)| Request::Ask(Command::Events { after, limit })),
            Just(Request::Ask(Command::Words(Words::Devices))),
            Just(Request::Ask(Command::Words(Words::Interfaces))),
            Just(Request::Ask(Command::Counts)),
            Just(Request::Ask(Command::Reload)),
            Just(Request::Ask(Command::Backup)),
            Just(Request::Ask(Command::ResetAuth)),
            Just(Request::Ask(Command::VerifyAudit)),
            Just(Request::Ask(Command::Router)),
            (any::<bool>(), proptest::option::of(any::<i64>()))
                .prop_map(|(keep, number)| Request::Ask(Command::Settle { keep, number })),
            Just(Request::Ask(Command::SaveRouter)),
            Just(Request::Ask(Command::Agents(HostDeed::List))),
            (".{0,30}", ".{0,30}").prop_map(|(host, name)| {
                Request::Ask(Command::Agents(HostDeed::Rename { host, name }))
            }),
            any_ended().prop_map(|ended| Request::Ask(Command::Updated(ended))),
        ]
    }

    proptest! {
        #[test]
        fn every_request_survives_the_wire(request in any_request()) {
            let (method, path, body) = request.to_http();
            let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
            prop_assert_eq!(Request::from_http(method, path, &body), Ok(request));
        }

        #[test]
        fn no_body_makes_the_reader_panic(body: Vec<u8>) {
            let _ = Request::from_http("POST", "/restore", &body);
            let _ = Request::from_http("POST", "/scan", &body);
        }
    }

    #[test]
    fn a_restore_needs_an_absolute_path() {
        for body in [&b"{}"[..], b"{\"file\":\"x.db\"}", b"{\"file\":3}", b"[", b""] {
            let error = Request::from_http("POST", "/restore", body).expect_err("refused");
            assert_eq!(error.code, "bad_request");
        }
    }
}
