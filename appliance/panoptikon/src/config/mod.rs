//! Configuration: what a person sets before the start.
//!
//! In come the text of a TOML file, what `VyOS` was told, environment variables and flags; out
//! comes a [`Config`] or the
//! list of everything that is wrong, each with its place and the accepted values. Precedence grows
//! in that order. All of it follows from one table, [`DEFINITIONS`]. Nothing here reads a file or
//! the clock. What people change while the appliance runs (scan interval, grace, retention) is
//! kept in the database instead.

mod definitions;
mod near;
mod reference;
mod sources;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use definitions::{DEFINITIONS, Definition, Shape, definition};
pub use reference::reference;
pub use sources::{FileText, Place, Problem, Problems, Resolved, Setting, Sources, resolve};
pub use values::{LogFormat, MetricsAccess, RouterApi};
pub use vyos::client::Fingerprint;
pub use web::http::{Guests, Network};

/// The file that is read when neither `--config` nor `PANOPTIKON_CONFIG` names one; it may be
/// absent.
pub const DEFAULT_FILE: &str = "/config/panoptikon/panoptikon.toml";

/// The environment variable that names the configuration file.
pub const FILE_VARIABLE: &str = "PANOPTIKON_CONFIG";

/// What `set service panoptikon` says, written by `panoptikon vyos-commit`; absent where nothing is
/// set, and elsewhere than on `VyOS`.
pub const VYOS_FILE: &str = "/run/panoptikon/vyos.toml";

/// The environment variable that names another one.
pub const VYOS_FILE_VARIABLE: &str = "PANOPTIKON_VYOS_FILE";

/// What every environment variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "PANOPTIKON_";

/// All settings, checked. Field by field described in [`DEFINITIONS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Database, partitions and backups.
    pub data_dir: PathBuf,
    /// Keys, certificates and the setup token.
    pub config_dir: PathBuf,
    /// Where the HTTPS front door listens.
    pub listen: Vec<SocketAddr>,
    /// A second front door without TLS, loopback only.
    pub plain_listen: Option<SocketAddr>,
    /// The unix socket of the command line.
    pub control_socket: PathBuf,
    /// The least urgent level that is logged: error, warn, info, debug or trace.
    pub log_level: &'static str,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// Folder for files of the log; none if absent.
    pub log_dir: Option<PathBuf>,
    /// The size of these at which the oldest goes, in MiB.
    pub log_max_mb: u64,
    /// The name in the certificate and in links; the system's host name if absent.
    pub hostname: Option<String>,
    /// Who may read `/metrics` without a key.
    pub metrics_access: MetricsAccess,
    /// The operator's own certificate; the appliance makes one if absent.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key.
    pub tls_key: Option<PathBuf>,
    /// The size at which the oldest data goes, in MiB.
    pub database_max_mb: u64,
    /// How many hourly backups are kept.
    pub backup_keep: u32,
    /// Whose connections are taken.
    pub allow_clients: Guests,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The interfaces to discover on; all LAN interfaces if absent.
    pub interfaces: Option<Vec<String>>,
    /// Interfaces that are left alone in any case.
    pub exclude_interfaces: Vec<String>,
    /// Whether names of addresses are taken from what name servers answer to the LAN.
    pub dns_names: bool,
    /// Where traffic is counted.
    pub flows_source: flows::collect::Source,
    /// Where export traffic is received.
    pub flows_listen: Vec<SocketAddr>,
    /// Whose.
    pub flows_exporters: flows::collect::Exporters,
    /// For how many days single flows are kept.
    pub flows_keep_days: u32,
    /// The size of all flows at which the oldest day goes, in MiB.
    pub flows_max_mb: u64,
    /// Where agents are let in.
    pub agents_listen: Vec<SocketAddr>,
    /// Folder of agents' files.
    pub agents_dir: PathBuf,
    /// Where the router's API is.
    pub router_api: RouterApi,
    /// A file with the API's key; what the API server itself was started with if absent.
    pub router_key_file: Option<PathBuf>,
    /// SHA-256 of the certificate of the router's web server; the first one seen if absent.
    pub router_fingerprint: Option<Fingerprint>,
    /// The file that the router starts with.
    pub router_boot_file: Option<PathBuf>,
    /// Folder of databases of addresses; None means `geoip` in `config_dir`.
    pub geoip_dir: Option<PathBuf>,
    /// Worker threads of the async runtime; one a core if absent.
    pub threads: Option<usize>,
}
