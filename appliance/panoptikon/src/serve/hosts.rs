//! What the command line asks about hosts with agents.

use std::time::Duration;

use agents::{AgentsError, Command, Host, TokenWish};
use model::{Explained, Timestamp};
use serde_json::{Value, json};

use super::rooms::{House, console};
use crate::control::HostDeed;

impl House {
    /// Does one deed.
    pub(super) async fn about_hosts(&self, deed: HostDeed) -> Result<Value, Explained> {
        let (agents, by, now) = (&self.agents, console(), Timestamp::now());
        let explain = |error: AgentsError| error.explain();
        let message = |text: String| Ok(json!({ "message": text }));
        match deed {
            HostDeed::List => Ok(json!({ "hosts": agents.all() })),
            HostDeed::Show { host } => Ok(json!({ "host": self.host_named(&host)? })),
            HostDeed::Token { name, minutes } => {
                let lasts = Duration::from_secs(minutes.min(1 << 20) * 60);
                let wish = TokenWish { name, lasts, ..TokenWish::default() };
                let made = agents.make_token(&by, wish, now).await.map_err(explain)?;
                let line = web::pages::agent_line(&self.agents, &self.own_name());
                Ok(json!({ "token": made.text, "line": line, "until": made.row.until }))
            }
            HostDeed::Revoke { host } => {
                let host = self.host_named(&host)?;
                agents.revoke(&by, host.id, now).await.map_err(explain)?;
                message(format!("{} is revoked.", host.name))
            }
            HostDeed::Trust { host } => {
                let host = self.host_named(&host)?;
                agents.trust(&by, host.id, now).await.map_err(explain)?;
                message(format!("{} is trusted again.", host.name))
            }
            HostDeed::Delete { host } => {
                let host = self.host_named(&host)?;
                agents.delete(&by, host.id, now).await.map_err(explain)?;
                message(format!("{} was deleted.", host.name))
            }
            HostDeed::Rename { host, name } => {
                let host = self.host_named(&host)?;
                agents.rename(&by, host.id, &name, &host.note, now).await.map_err(explain)?;
                message(format!("{} is called {name} now.", host.name))
            }
            HostDeed::Ask { host, what, about } => {
                let host = self.host_named(&host)?;
                let command = Command::of_words(&what, &about);
                let command = command
                    .ok_or_else(|| Explained::new("bad_request", "there is no such question"))?;
                let asked = agents.ask(&by, host.id, command, now).await.map_err(explain)?;
                let (parts, done) = asked.all().await.map_err(explain)?;
                Ok(json!({ "parts": parts, "done": done }))
            }
        }
    }

    /// A host by its id or its name.
    fn host_named(&self, word: &str) -> Result<Host, Explained> {
        if let Some(host) = word.parse().ok().and_then(|id| self.agents.get(id)) {
            return Ok(host);
        }
        let mut found = self.agents.all();
        found.retain(|host| host.name.to_lowercase() == word.to_lowercase());
        match found.len() {
            0 => {
                let text = format!("no host is called {word:?}; see: panoptikon agents");
                Err(Explained::new("not_found", text))
            }
            1 => Ok(found.remove(0)),
            n => {
                let text = format!("{n} hosts are called {word:?}; give the id of one");
                Err(Explained::new("bad_request", text))
            }
        }
    }

    /// An address at which hosts reach this appliance: one of its own on a LAN, else its name.
    fn own_name(&self) -> String {
        let segments = self.discovery.segments();
        let mut own = segments.iter().flat_map(|s| &s.networks).map(|network| network.own);
        let v4 = own.find(std::net::IpAddr::is_ipv4).map(|ip| ip.to_string());
        let system = || nix::unistd::gethostname().ok()?.into_string().ok();
        v4.or_else(system).unwrap_or_else(|| "localhost".to_owned())
    }
}
