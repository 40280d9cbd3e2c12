//! What the rooms answer to the control socket.

use std::path::PathBuf;
use std::sync::Arc;

use access::audit::{self, Verdict};
use model::{Explained, Severity, Timestamp};
use serde_json::{Value, json};
use vyos::{Link, State};

use super::reload::Reload;
use super::rooms::{House, console};
use crate::control::{Answer, Appliance, Command};
use crate::update::Ended;
use crate::update::machine::Outcome;

/// The rooms, and what reloads their configuration.
pub(super) struct Served {
    pub(super) house: House,
    pub(super) reload: Arc<Reload>,
}

impl Appliance for Served {
    fn answer(&self, command: Command) -> Answer {
        let (house, reload) = (self.house.clone(), Arc::clone(&self.reload));
        Box::pin(async move {
            match command {
                Command::Reload => reload.run().await,
                Command::Device { word } => house.device(&word).await,
                Command::Alerts => house.open_alerts().await,
                Command::Events { after, limit } => house.latest_events(after, limit).await,
                Command::Words(words) => Ok(house.words(words)),
                Command::Counts => house.counts().await,
                Command::SetupToken => house.setup_token().await,
                Command::Devices => Ok(house.devices()),
                Command::Scan { interface } => house.scan(interface).await,
                Command::Backup => house.back_up().await,
                Command::ResetAuth => house.reset_auth().await,
                Command::VerifyAudit => house.verify_audit().await,
                Command::Router => Ok(house.router_state()),
                Command::Settle { keep, number } => house.settle(keep, number).await,
                Command::SaveRouter => house.save_router().await,
                Command::Agents(deed) => house.about_hosts(deed).await,
                Command::Updated(ended) => house.updated(ended).await,
            }
        })
    }
}

impl House {
    async fn setup_token(&self) -> Result<Value, Explained> {
        let token = self.access.setup_token(Timestamp::now()).await.map_err(|e| e.explain())?;
        token.map(|token| json!({ "token": token.expose() })).ok_or_else(|| {
            let message = "The appliance is set up already. To make a new token that ends all \
                           sessions: panoptikon reset-auth";
            Explained::new("already_set_up", message)
        })
    }

    fn router_state(&self) -> Value {
        let status = self.router.status().borrow().clone();
        let link = match &status.link {
            Link::Asking => json!({ "state": "asking" }),
            Link::Up => json!({ "state": "up" }),
            Link::Down(trouble) => json!({ "state": "down", "why": trouble.text }),
        };
        json!({
            "link": link,
            "host_name": status.host_name,
            "version": status.abilities.as_ref().and_then(|a| a.version.as_ref()),
            "unsaved": status.unsaved,
            "changes": self.router.unsettled(),
        })
    }

    /// Keeps or undoes one change, or all that wait.
    async fn settle(&self, keep: bool, number: Option<i64>) -> Result<Value, Explained> {
        let waiting = self.router.unsettled().into_iter().filter(|c| c.state == State::Waiting);
        let numbers = match number {
            Some(number) => vec![number],
            None => waiting.map(|change| change.number).collect(),
        };
        let by = console();
        for number in &numbers {
            let settled = if keep {
                self.router.keep(*number, &by).await
            } else {
                self.router.undo(*number, &by).await
            };
            settled.map_err(|error| Explained::new("router", error.to_string()))?;
        }
        let deed = if keep { "kept and saved" } else { "undone" };
        let message = match numbers.as_slice() {
            [] => "No change of the router waits.".to_owned(),
            [one] => format!("Change {one} is {deed}."),
            all => format!("{} changes are {deed}.", all.len()),
        };
        Ok(json!({ "message": message }))
    }

    async fn save_router(&self) -> Result<Value, Explained> {
        let saved = self.router.save(&console()).await;
        saved.map_err(|error| Explained::new("router", error.to_string()))?;
        Ok(json!({ "message": "The router starts with what it runs now." }))
    }

    /// Writes an update down, for those who look later.
    async fn updated(&self, ended: Ended) -> Result<Value, Explained> {
        let sentence = ended.sentence();
        let (kind, severity, outcome) = match ended.outcome {
            Outcome::Updated => ("appliance_updated", Severity::Info, audit::Outcome::Ok),
            _ if ended.was_wanted() => ("appliance_updated", Severity::Info, audit::Outcome::Ok),
            _ => ("update_failed", Severity::High, audit::Outcome::Failed),
        };
        let line = audit::Entry::new(&console(), "panoptikon.update", &*ended.to, Timestamp::now())
            .with(json!({ "from": ended.from, "to": ended.to, "why": ended.why }))
            .ended(outcome);
        self.access.audit().append(line).await.map_err(failed)?;
        self.tell(kind, severity, sentence.clone(), "version", &ended.to)
            .await
            .map_err(|error| Explained::new("failed", format!("{error:#}")))?;
        Ok(json!({ "message": sentence }))
    }

    fn devices(&self) -> Value {
        let mut devices: Vec<_> = self.discovery.with_all(|all| {
            all.map(|d| {
                let addresses: Vec<_> =
                    d.addresses.iter().filter(|a| a.current).map(|a| a.ip).collect();
                let row = json!({
                    "id": d.id,
                    "name": d.name(),
                    "mac": d.mac,
                    "vendor": d.vendor(),
                    "type": d.device_type(),
                    "addresses": addresses,
                    "interface": d.interface,
                    "online": d.presence.online,
                    "last_seen": d.presence.last_seen,
                });
                (d.name().to_lowercase(), row)
            })
            .collect()
        });
        model::sort_by(&mut devices, |(a, _), (b, _)| a.cmp(b));
        let devices: Vec<Value> = devices.into_iter().map(|(_, row)| row).collect();
        json!({ "devices": devices })
    }

    async fn scan(&self, interface: Option<String>) -> Result<Value, Explained> {
        if let Some(name) = interface {
            let known: Vec<String> =
                self.discovery.segments().iter().map(|s| s.name.clone()).collect();
            if !known.contains(&name) {
                let message = format!(
                    "{name} is no LAN interface; devices are looked for on: {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                );
                return Err(Explained::new("not_found", message));
            }
            self.note(audit::Entry::new(
                &console(),
                "device.scan",
                name.as_str(),
                Timestamp::now(),
            ))
            .await?;
            return self.report(self.discovery.scan_interface(&name).await);
        }
        self.note(audit::Entry::new(&console(), "device.scan", "", Timestamp::now())).await?;
        self.report(self.discovery.scan_now().await)
    }

    fn report(
        &self,
        outcome: Result<discovery::ScanReport, discovery::DiscoveryError>,
    ) -> Result<Value, Explained> {
        let report = outcome.map_err(|e| e.explain())?;
        let tally = self.discovery.tally();
        let message = format!(
            "{} of {} addresses answered within {} ms; {} devices online, {} known",
            report.answered, report.asked, report.took_ms, tally.online, tally.devices
        );
        Ok(json!({ "message": message, "report": report }))
    }

    async fn back_up(&self) -> Result<Value, Explained> {
        let now = Timestamp::now();
        let line = audit::Entry::new(&console(), "backup.create", "", now);
        let made = match self.store.back_up(now).await {
            Ok(made) => made,
            Err(error) => {
                let line =
                    line.ended(audit::Outcome::Failed).with(json!({ "error": error.to_string() }));
                if let Err(error) = self.note(line).await {
                    tracing::warn!("a failure was not noted in the audit log: {}", error.message);
                }
                return Err(failed(error));
            }
        };
        let path: PathBuf = made.path;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.note(line.with(json!({ "file": file, "bytes": made.bytes }))).await?;
        let message = format!("{} ({} KiB)", path.display(), made.bytes / 1024);
        Ok(json!({ "path": path, "bytes": made.bytes, "message": message }))
    }

    async fn note(&self, line: audit::Entry) -> Result<(), Explained> {
        self.access.audit().append(line).await.map(|_| ()).map_err(failed)
    }

    async fn reset_auth(&self) -> Result<Value, Explained> {
        let token = self.access.reset_auth(&console(), Timestamp::now()).await;
        let token = token.map_err(|e| e.explain())?;
        let message = "All sessions are ended. Open the appliance's page and set it up again with \
                       this token";
        Ok(json!({ "token": token.expose(), "message": message }))
    }

    async fn verify_audit(&self) -> Result<Value, Explained> {
        let verdict = self.access.audit().verify(None).await.map_err(|e| e.explain())?;
        Ok(match verdict {
            Verdict::Intact { rows, .. } => json!({
                "intact": true,
                "message": format!("The audit log is intact: {rows} entries, unbroken chain"),
            }),
            Verdict::Broken(fault) => json!({
                "intact": false,
                "message": format!("The audit log was tampered with: {fault}"),
            }),
        })
    }
}

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Explained {
    Explained::new("failed", format!("{:#}", anyhow::Error::new(error)))
}
