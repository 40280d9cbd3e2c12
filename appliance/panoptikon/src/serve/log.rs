//! The log: standard error and, where that is set, files; panics included. Its level may change while
//! the program runs.

use std::sync::Arc;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt, reload};

use super::log_file::Lines;
use super::rooms::MIB;
use crate::config::{Config, LogFormat};

/// The environment variable that says the level by module, and wins.
const BY_MODULE: &str = "RUST_LOG";

/// Sets another level.
#[derive(Clone)]
pub(super) struct LogLevel(Arc<reload::Handle<Targets, Registry>>);

impl LogLevel {
    /// From now on this level; without effect where the environment says it by module.
    pub(super) fn set(&self, level: &str) -> Result<(), String> {
        self.0.reload(filter(level)).map_err(|error| error.to_string())
    }
}

/// Both are `info`, or `panoptikon_web=debug,warn`. What is neither is not listened to.
fn filter(level: &str) -> Targets {
    let by_module = std::env::var(BY_MODULE).ok().and_then(|text| text.parse().ok());
    by_module.or_else(|| level.parse().ok()).unwrap_or_default()
}

/// Begins to log.
pub(super) fn start(config: &Config) -> LogLevel {
    let (filter, handle) = reload::Layer::new(filter(config.log_level));
    let out = Lines::new(config.log_dir.as_deref(), config.log_max_mb * MIB);
    // Colours are for a terminal, and a file is none.
    let colours = out.is_plain() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = fmt::layer().with_writer(out);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    if let Err(error) = Registry::default().with(filter).with(lines).try_init() {
        eprintln!("logging as configured is not possible: {error}");
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
    }));
    LogLevel(Arc::new(handle))
}
