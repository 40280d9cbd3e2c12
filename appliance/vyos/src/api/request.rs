//! One request: where it goes, what it says, and whether it is harmless.

use serde_json::{Value, json};

use super::{ApiKey, Harm, check_command, check_words};
use crate::config::Command;

/// The most that one body may hold, in bytes: the router's own web server takes 1 MiB, and the
/// envelope needs some of it.
pub const MOST_BYTES: usize = 1_000_000;

/// Something to ask of the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The whole configuration that the API's session works on, as JSON.
    Config,
    /// The same as text with remarks, each line with a column for marks in front.
    RawConfig,
    /// Changes as one commit. None at all is a commit of nothing: a way to wait for the commits
    /// before it.
    Configure {
        /// What changes, in this order.
        commands: Vec<Command>,
        /// After how many minutes the router takes it back by itself unless [`Request::Confirm`]
        /// follows; only where the router offers that.
        confirm_minutes: Option<u32>,
    },
    /// Ends the router's own waiting for a confirmation.
    Confirm,
    /// Makes the API's session forget what it holds uncommitted: a command that it does not know.
    Discard,
    /// Writes what runs to the file that the router starts with.
    Save,
    /// Loads a file that lies on the router.
    Load(String),
    /// An op-mode command such as `show version`.
    Op(OpVerb, Vec<String>),
    /// The list of endpoints; needs no key.
    Endpoints,
    /// Version, host name and banner; needs no key and exists in newer releases only.
    Info,
}

/// The first word of an op-mode command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpVerb {
    /// Looks.
    Show,
    /// Makes something, such as keys.
    Generate,
    /// Sets something back, such as a connection.
    Reset,
    /// Starts the router anew.
    Reboot,
}

impl OpVerb {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Generate => "generate",
            Self::Reset => "reset",
            Self::Reboot => "reboot",
        }
    }
}

impl Request {
    /// Changes as one commit, without the router's own timer.
    pub fn configure(commands: Vec<Command>) -> Self {
        Self::Configure { commands, confirm_minutes: None }
    }

    /// Refuses what would harm the router or arrive changed.
    pub fn check(&self) -> Result<(), Harm> {
        match self {
            Self::Configure { commands, .. } => commands.iter().try_for_each(check_command),
            Self::Op(verb, words) => match (verb, words.is_empty()) {
                (OpVerb::Reboot, true) => Ok(()),
                _ => check_words(words),
            },
            Self::Load(file) => check_words(std::slice::from_ref(file)),
            _ => Ok(()),
        }
    }

    /// Whether it changes anything, so that sending it twice is not the same as once.
    pub fn writes(&self) -> bool {
        match self {
            Self::Config | Self::RawConfig | Self::Endpoints | Self::Info => false,
            Self::Op(verb, _) => !matches!(verb, OpVerb::Show),
            Self::Configure { commands, .. } => !commands.is_empty(),
            Self::Confirm | Self::Discard | Self::Save | Self::Load(_) => true,
        }
    }

    /// Whether it is asked with GET.
    pub(crate) fn is_get(&self) -> bool {
        matches!(self, Self::Endpoints | Self::Info)
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &'static str {
        match self {
            Self::Config | Self::RawConfig => "/retrieve",
            Self::Configure { .. } | Self::Confirm | Self::Discard => "/configure",
            Self::Save | Self::Load(_) => "/config-file",
            Self::Op(OpVerb::Show, _) => "/show",
            Self::Op(OpVerb::Generate, _) => "/generate",
            Self::Op(OpVerb::Reset, _) => "/reset",
            Self::Op(OpVerb::Reboot, _) => "/reboot",
            Self::Endpoints => "/openapi.json",
            Self::Info => "/info",
        }
    }

    /// The JSON body, with the key in it.
    pub(crate) fn body(&self, key: &ApiKey) -> Vec<u8> {
        let mut body = match self {
            Self::Config => json!({ "op": "showConfig", "path": [] }),
            Self::RawConfig => json!({ "op": "showConfig", "path": [], "configFormat": "raw" }),
            Self::Configure { commands, confirm_minutes } => {
                let list: Vec<Value> = commands.iter().map(as_json).collect();
                let mut body = json!({ "commands": list });
                if let Some(minutes) = confirm_minutes {
                    body["confirm_time"] = json!(minutes);
                }
                body
            }
            Self::Confirm => json!({ "op": "confirm", "path": [] }),
            Self::Discard => json!({ "op": "forget", "path": ["system"] }),
            Self::Save => json!({ "op": "save" }),
            Self::Load(file) => json!({ "op": "load", "file": file }),
            Self::Op(verb, words) => json!({ "op": verb.as_str(), "path": words }),
            Self::Endpoints | Self::Info => return Vec::new(),
        };
        body["key"] = Value::from(key.expose());
        body.to_string().into_bytes()
    }
}

/// A change as the API takes it. The value is the last word of the path, which all releases take;
/// given apart it would be joined to the path anyway.
fn as_json(command: &Command) -> Value {
    match command {
        Command::Set(path) => json!({ "op": "set", "path": path }),
        Command::Delete(path) => json!({ "op": "delete", "path": path }),
        Command::Comment(path, text) => json!({ "op": "comment", "path": path, "value": text }),
    }
}

/// A list of changes in parts that each fit into one request.
pub struct Batches<'a> {
    rest: &'a [Command],
    most: usize,
}

impl<'a> Batches<'a> {
    /// Parts of at most `most` bytes; a change that alone is longer is a part of its own.
    pub fn new(commands: &'a [Command], most: usize) -> Self {
        Self { rest: commands, most }
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = &'a [Command];

    fn next(&mut self) -> Option<&'a [Command]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut bytes = 0;
        let fit = self.rest.iter().take_while(|command| {
            bytes += as_json(command).to_string().len() + 1;
            bytes <= self.most
        });
        let (part, rest) = self.rest.split_at(fit.count().max(1));
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_change_is_one_list_with_the_key_inside() {
        let commands = vec![
            Command::Delete(words("system name-server 9.9.9.9")),
            Command::Set(words("system host-name edge")),
        ];
        let body = Request::configure(commands).body(&ApiKey::new("k").unwrap());
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!({ "key": "k", "commands": [
                { "op": "delete", "path": ["system", "name-server", "9.9.9.9"] },
                { "op": "set", "path": ["system", "host-name", "edge"] },
            ]})
        );
    }

    #[test]
    fn the_routers_own_timer_is_asked_for_only_where_given() {
        let key = ApiKey::new("k").unwrap();
        let request = Request::Configure { commands: vec![], confirm_minutes: Some(3) };
        assert_eq!(
            serde_json::from_slice::<Value>(&request.body(&key)).unwrap()["confirm_time"],
            json!(3)
        );
        let body = Request::configure(vec![]).body(&key);
        assert!(!String::from_utf8(body).unwrap().contains("confirm_time"));
    }

    #[test]
    fn what_is_too_long_goes_in_parts_that_together_are_the_whole() {
        let commands: Vec<_> = (0..1000)
            .map(|n| {
                Command::Set(words(&format!("firewall group address-group A address 10.0.0.{n}")))
            })
            .collect();
        let parts: Vec<_> = Batches::new(&commands, 4000).collect();
        assert!(parts.len() > 10);
        for part in &parts {
            let bytes: usize = part.iter().map(|c| as_json(c).to_string().len() + 1).sum();
            assert!(bytes <= 4000);
        }
        assert_eq!(parts.concat(), commands);
    }

    #[test]
    fn a_change_longer_than_a_request_is_still_a_part() {
        let commands = [Command::Set(vec!["x".repeat(100)]), Command::Set(words("a b"))];
        assert_eq!(Batches::new(&commands, 10).count(), 2);
    }
}
