//! Another configuration for the running appliance.
//!
//! All sources are read again; what is wrong changes nothing. What can be applied at once is, and
//! open connections stay; the rest is named, and takes a restart.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use discovery::LanOptions;
use model::Explained;
use serde_json::{Value, json};
use store::{Bounds, Store};
use tokio::sync::{Mutex, watch};

use super::front::{self, Door};
use super::log::LogLevel;
use super::rooms::MIB;
use crate::config::{Config, Resolved, definition};

/// Reads all sources again, or says what is wrong.
pub type Reread = Arc<dyn Fn() -> Result<Resolved, String> + Send + Sync>;

/// The configuration that is in force.
#[derive(Clone)]
pub(super) struct Current(Arc<RwLock<Resolved>>);

impl Current {
    pub(super) fn new(resolved: Resolved) -> Self {
        Self(Arc::new(RwLock::new(resolved)))
    }

    pub(super) fn config(&self) -> Config {
        self.get().config
    }

    fn get(&self) -> Resolved {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What reloading reaches.
pub(super) struct Reload {
    pub(super) reread: Reread,
    pub(super) current: Current,
    pub(super) log: LogLevel,
    pub(super) store: Store,
    pub(super) lan: watch::Sender<LanOptions>,
    pub(super) flows: watch::Sender<flows::Options>,
    pub(super) agents: watch::Sender<Vec<SocketAddr>>,
    pub(super) door: Door,
    /// One at a time.
    pub(super) busy: Mutex<()>,
}

impl Reload {
    /// Reads and applies: `{applied, restart, message}`, both lists of settings.
    pub(super) async fn run(self: &Arc<Self>) -> Result<Value, Explained> {
        let _alone = self.busy.lock().await;
        match self.take_over().await {
            Ok((applied, restart)) => {
                tracing::info!(
                    applied = applied.join(","),
                    restart = restart.join(","),
                    "reloaded"
                );
                let message = told(&applied, &restart);
                Ok(json!({ "applied": applied, "restart": restart, "message": message }))
            }
            Err(why) => {
                tracing::warn!("nothing was reloaded: {why}");
                Err(Explained::new("refused", format!("nothing was changed: {why}")))
            }
        }
    }

    /// Settings that are in force now, and those that take a restart. What may fail comes first.
    async fn take_over(self: &Arc<Self>) -> Result<(Vec<&'static str>, Vec<&'static str>), String> {
        let (reread, old) = (Arc::clone(&self.reread), self.current.get());
        // Files are read, certificates most of all.
        let new = tokio::task::spawn_blocking(move || reread()).await;
        let new = new.unwrap_or_else(|error| Err(error.to_string()))?;
        if !front::is_same_door(&old.config, &new.config) {
            self.door.listen(&new.config).await.map_err(|error| format!("{error:#}"))?;
        }
        let (here, taken) = (Arc::clone(self), new.clone());
        let outcome = tokio::task::spawn_blocking(move || here.apply(&taken)).await;
        let outcome = outcome.unwrap_or_else(|error| Err(error.to_string()));
        if outcome.is_err() && !front::is_same_door(&old.config, &new.config) {
            let back = self.door.listen(&old.config).await;
            back.map_err(|error| format!("listening as before failed as well: {error:#}"))?;
        }
        outcome
    }

    fn apply(&self, new: &Resolved) -> Result<(Vec<&'static str>, Vec<&'static str>), String> {
        let old = self.current.get();
        let changed: Vec<&'static str> = new
            .settings
            .iter()
            .filter(|s| old.settings.iter().any(|o| o.key == s.key && o.value != s.value))
            .map(|s| s.key)
            .collect();
        let is_live = |key: &&str| definition(key).is_some_and(|d| d.live);
        let (applied, restart) = changed.into_iter().partition::<Vec<_>, _>(is_live);

        self.door.apply(&new.config).map_err(|error| format!("{error:#}"))?;
        if applied.contains(&"log_level") {
            self.log.set(new.config.log_level)?;
        }
        self.store.set_bounds(Bounds {
            max_bytes: new.config.database_max_mb * MIB,
            keep_backups: new.config.backup_keep as usize,
        });
        let lan = lan_options(&new.config);
        self.lan.send_if_modified(|now| {
            let is_new = *now != lan;
            *now = lan;
            is_new
        });
        let flows = flows_options(&new.config);
        self.flows.send_if_modified(|now| {
            let is_new = *now != flows;
            *now = flows;
            is_new
        });
        self.agents.send_if_modified(|now| {
            let is_new = *now != new.config.agents_listen;
            now.clone_from(&new.config.agents_listen);
            is_new
        });
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = merged(&old, new);
        Ok((applied, restart))
    }
}

/// What is in force afterwards: of settings that take a restart the old ones, so that the next
/// reload names them again.
fn merged(old: &Resolved, new: &Resolved) -> Resolved {
    let mut settings = new.settings.clone();
    for setting in &mut settings {
        if definition(setting.key).is_some_and(|d| !d.live)
            && let Some(kept) = old.settings.iter().find(|o| o.key == setting.key)
        {
            setting.clone_from(kept);
        }
    }
    let config = Config {
        listen: new.config.listen.clone(),
        plain_listen: new.config.plain_listen,
        log_level: new.config.log_level,
        hostname: new.config.hostname.clone(),
        metrics_access: new.config.metrics_access,
        tls_certificate: new.config.tls_certificate.clone(),
        tls_key: new.config.tls_key.clone(),
        database_max_mb: new.config.database_max_mb,
        backup_keep: new.config.backup_keep,
        allow_clients: new.config.allow_clients.clone(),
        trusted_proxies: new.config.trusted_proxies.clone(),
        interfaces: new.config.interfaces.clone(),
        exclude_interfaces: new.config.exclude_interfaces.clone(),
        dns_names: new.config.dns_names,
        flows_source: new.config.flows_source,
        flows_listen: new.config.flows_listen.clone(),
        flows_exporters: new.config.flows_exporters.clone(),
        flows_keep_days: new.config.flows_keep_days,
        flows_max_mb: new.config.flows_max_mb,
        agents_listen: new.config.agents_listen.clone(),
        ..old.config.clone()
    };
    Resolved { config, settings }
}

fn told(applied: &[&str], restart: &[&str]) -> String {
    match (applied, restart) {
        ([], []) => "Nothing has changed.".to_owned(),
        (applied, []) => format!("In force now: {}.", applied.join(", ")),
        ([], restart) => format!("These take a restart: {}.", restart.join(", ")),
        (applied, restart) => format!(
            "In force now: {}. These take a restart: {}.",
            applied.join(", "),
            restart.join(", ")
        ),
    }
}

/// On which interfaces devices are looked for.
pub(super) fn lan_options(config: &Config) -> LanOptions {
    LanOptions {
        interfaces: config.interfaces.clone().unwrap_or_default(),
        exclude: config.exclude_interfaces.clone(),
        dns_names: config.dns_names,
    }
}

/// How flows come in, and how much of them is kept.
pub(super) fn flows_options(config: &Config) -> flows::Options {
    flows::Options {
        source: config.flows_source,
        listen: config.flows_listen.clone(),
        exporters: config.flows_exporters.clone(),
        keep: flows::days::Retention {
            days: config.flows_keep_days,
            bytes: config.flows_max_mb * MIB,
        },
        event_room: flows::EVENT_ROOM,
        // On the router that folder is memory.
        memory: config.control_socket.parent().map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DEFINITIONS, Sources, resolve};

    fn with(flags: &[(&'static str, &str)]) -> Resolved {
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        resolve(&Sources { flags, ..Sources::default() }).expect("a configuration")
    }

    #[test]
    fn what_takes_a_restart_stays_as_it_is_and_all_else_is_taken_over() {
        let old = with(&[]);
        for d in DEFINITIONS {
            let other = match d.key {
                "listen" | "plain_listen" => "127.0.0.1:9000",
                "log_level" => "debug",
                "log_format" => "json",
                "metrics_access" => "key",
                "allow_clients" | "flows_exporters" => "any",
                "trusted_proxies" => "10.0.0.1",
                "interfaces" | "exclude_interfaces" => "eth7",
                "router_fingerprint" => &"ab".repeat(32),
                "database_max_mb" | "backup_keep" | "threads" | "flows_keep_days"
                | "flows_max_mb" | "log_max_mb" => "33",
                "flows_source" => "off",
                "dns_names" => "false",
                "flows_listen" | "agents_listen" => "127.0.0.1:2056",
                "hostname" => "other.example",
                _ => "/other",
            };
            let mut flags = vec![(d.key, other)];
            match d.key {
                "tls_certificate" => flags.push(("tls_key", "/key")),
                "tls_key" => flags.push(("tls_certificate", "/certificate")),
                _ => {}
            }
            let new = with(&flags);
            let merged = merged(&old, &new);
            let expected = if d.live { &new } else { &old };
            assert_eq!(&merged, expected, "{}", d.key);
        }
    }
}
