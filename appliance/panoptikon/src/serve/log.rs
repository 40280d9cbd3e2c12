//! The log: standard error, panics included. Its level may change while the program runs.

use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// The environment variable that says the level by module, and wins.
const BY_MODULE: &str = "RUST_LOG";

/// What sets another level, whatever the log looks like.
type Set = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// Sets another level.
#[derive(Clone)]
pub(super) struct LogLevel(Arc<Set>);

impl LogLevel {
    /// From now on this level; without effect where the environment says it by module.
    pub(super) fn set(&self, level: &str) -> Result<(), String> {
        (self.0)(level)
    }
}

fn filter(level: &str) -> EnvFilter {
    match std::env::var(BY_MODULE) {
        Ok(_) => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level)),
        Err(_) => EnvFilter::new(level),
    }
}

/// Begins to log.
pub(super) fn start(config: &Config) -> LogLevel {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(config.log_level))
        .with_writer(std::io::stderr);
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let (set, level) = match config.log_format {
        LogFormat::Text => {
            let builder = builder.with_ansi(colour).with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |level: &str| handle.reload(filter(level)).map_err(|e| e.to_string());
            (builder.try_init(), LogLevel(Arc::new(set)))
        }
        LogFormat::Json => {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |level: &str| handle.reload(filter(level)).map_err(|e| e.to_string());
            (builder.try_init(), LogLevel(Arc::new(set)))
        }
    };
    if let Err(error) = set {
        eprintln!("logging as configured is not possible: {error}");
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
    }));
    level
}
