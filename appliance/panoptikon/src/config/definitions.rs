//! The one table of settings, from which parsing, flags, errors and the reference come.

use super::values::{self, Refusal};
use super::{Config, LogFormat, MetricsAccess};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A TOML string.
    Text,
    /// A TOML integer.
    Number,
    /// A TOML boolean, or the same as a string.
    Switch,
    /// A TOML array of strings, or one string; with commas in between in variables and flags.
    List,
}

/// One setting.
pub struct Definition {
    /// Its name in the file.
    pub key: &'static str,
    /// Its name in the environment.
    pub variable: &'static str,
    /// Its name on the command line, without the two hyphens.
    pub flag: &'static str,
    /// How a value is written.
    pub shape: Shape,
    /// The value if none is given, written as in a variable.
    pub default: &'static str,
    /// What is accepted, in words.
    pub accepts: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether a running appliance takes another value without a restart.
    pub live: bool,
    pub(super) set: fn(&mut Config, &[&str]) -> Result<(), Refusal>,
}

/// The definition of a key.
pub fn definition(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.key == key)
}

/// Every setting there is.
pub static DEFINITIONS: &[Definition] = &[
    Definition {
        key: "data_dir",
        variable: "PANOPTIKON_DATA_DIR",
        flag: "data-dir",
        shape: Shape::Text,
        default: "/var/lib/panoptikon",
        accepts: "an absolute path",
        help: "Where the database, its day partitions and the backups are kept. On VyOS this \
               belongs on the persistence partition, outside the image.",
        live: false,
        set: |config, v| values::path(v).map(|path| config.data_dir = path),
    },
    Definition {
        key: "config_dir",
        variable: "PANOPTIKON_CONFIG_DIR",
        flag: "config-dir",
        shape: Shape::Text,
        default: "/config/panoptikon",
        accepts: "an absolute path",
        help: "Where keys, certificates and the setup token are kept; VyOS carries /config over \
               into a new image.",
        live: false,
        set: |config, v| values::path(v).map(|path| config.config_dir = path),
    },
    Definition {
        key: "listen",
        variable: "PANOPTIKON_LISTEN",
        flag: "listen",
        shape: Shape::List,
        default: "0.0.0.0:8443,[::]:8443",
        accepts: "one or more ADDRESS:PORT, such as 192.168.1.1:8443 or [::]:8443",
        help: "The addresses at which pages and API are served over HTTPS.",
        live: true,
        set: |config, v| values::endpoints(v).map(|list| config.listen = list),
    },
    Definition {
        key: "plain_listen",
        variable: "PANOPTIKON_PLAIN_LISTEN",
        flag: "plain-listen",
        shape: Shape::Text,
        default: "",
        accepts: "a loopback ADDRESS:PORT, such as 127.0.0.1:8080, or nothing",
        help: "Serves the same over plain HTTP as well, for a proxy or a measurement on the \
               router itself. Off when empty.",
        live: true,
        set: |config, v| values::loopback(v).map(|endpoint| config.plain_listen = endpoint),
    },
    Definition {
        key: "control_socket",
        variable: "PANOPTIKON_CONTROL_SOCKET",
        flag: "control-socket",
        shape: Shape::Text,
        default: "/run/panoptikon/control.sock",
        accepts: "an absolute path of at most 100 bytes",
        help: "The unix socket by which the command line speaks to the running appliance; only \
               its owner may use it.",
        live: false,
        set: |config, v| {
            let path = values::path(v)?;
            // sun_path holds 108 bytes, and a lock file of a longer name lies beside the socket.
            if path.as_os_str().len() > 100 {
                return Err("is too long for a unix socket".to_owned());
            }
            config.control_socket = path;
            Ok(())
        },
    },
    Definition {
        key: "log_level",
        variable: "PANOPTIKON_LOG_LEVEL",
        flag: "log-level",
        shape: Shape::Text,
        default: "info",
        accepts: "error, warn, info, debug or trace",
        help: "The least urgent level that is logged. RUST_LOG, where set, says it by module and \
               wins.",
        live: true,
        set: |config, v| {
            let words = ["error", "warn", "info", "debug", "trace"].map(|word| (word, word));
            values::choice(v, &words).map(|level| config.log_level = level)
        },
    },
    Definition {
        key: "log_format",
        variable: "PANOPTIKON_LOG_FORMAT",
        flag: "log-format",
        shape: Shape::Text,
        default: "text",
        accepts: "text or json",
        help: "How a log line on standard error looks: for people, or one JSON object a line.",
        live: false,
        set: |config, v| {
            let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
            values::choice(v, &words).map(|format| config.log_format = format)
        },
    },
    Definition {
        key: "log_dir",
        variable: "PANOPTIKON_LOG_DIR",
        flag: "log-dir",
        shape: Shape::Text,
        default: "",
        accepts: "an absolute path, or nothing",
        help: "Folder for files of the log, one a day, such as /var/lib/panoptikon/log. With nothing \
               the log goes to standard error alone, which the system's journal keeps.",
        live: false,
        set: |config, v| values::optional_path(v).map(|path| config.log_dir = path),
    },
    Definition {
        key: "log_max_mb",
        variable: "PANOPTIKON_LOG_MAX_MB",
        flag: "log-max-mb",
        shape: Shape::Number,
        default: "32",
        accepts: "a whole number of MiB from 4 to 512",
        help: "The size of all files in log_dir together at which the oldest is removed.",
        live: false,
        set: |config, v| values::number(v, 4, 512).map(|megabytes| config.log_max_mb = megabytes),
    },
    Definition {
        key: "hostname",
        variable: "PANOPTIKON_HOSTNAME",
        flag: "hostname",
        shape: Shape::Text,
        default: "",
        accepts: "a host name, such as router.home.arpa, or nothing",
        help: "The name people type to reach the appliance; it stands in the certificate. The \
               system's host name when empty.",
        live: true,
        set: |config, v| values::host_name(v).map(|name| config.hostname = name),
    },
    Definition {
        key: "metrics_access",
        variable: "PANOPTIKON_METRICS_ACCESS",
        flag: "metrics-access",
        shape: Shape::Text,
        default: "loopback",
        accepts: "loopback, lan or key",
        help: "Who may read /metrics: programs on the router, private addresses as well, or nobody. \
               Whoever has an API key that may read metrics can do so in any case.",
        live: true,
        set: |config, v| {
            let words = [
                ("loopback", MetricsAccess::Loopback),
                ("lan", MetricsAccess::Lan),
                ("key", MetricsAccess::Key),
            ];
            values::choice(v, &words).map(|access| config.metrics_access = access)
        },
    },
    Definition {
        key: "tls_certificate",
        variable: "PANOPTIKON_TLS_CERTIFICATE",
        flag: "tls-certificate",
        shape: Shape::Text,
        default: "",
        accepts: "an absolute path, or nothing",
        help: "A certificate of your own in PEM, followed by those that link it to a root; read \
               again when the file changes. The appliance makes its own when empty.",
        live: true,
        set: |config, v| values::optional_path(v).map(|path| config.tls_certificate = path),
    },
    Definition {
        key: "tls_key",
        variable: "PANOPTIKON_TLS_KEY",
        flag: "tls-key",
        shape: Shape::Text,
        default: "",
        accepts: "an absolute path, or nothing",
        help: "The private key of tls_certificate, in PEM.",
        live: true,
        set: |config, v| values::optional_path(v).map(|path| config.tls_key = path),
    },
    Definition {
        key: "database_max_mb",
        variable: "PANOPTIKON_DATABASE_MAX_MB",
        flag: "database-max-mb",
        shape: Shape::Number,
        default: "256",
        accepts: "a whole number of MiB from 32 to 1048576",
        help: "The size of all database files together at which the oldest data is removed.",
        live: true,
        set: |config, v| {
            values::number(v, 32, 1_048_576).map(|megabytes| config.database_max_mb = megabytes)
        },
    },
    Definition {
        key: "backup_keep",
        variable: "PANOPTIKON_BACKUP_KEEP",
        flag: "backup-keep",
        shape: Shape::Number,
        default: "24",
        accepts: "a whole number from 1 to 1000",
        help: "How many of the hourly backups are kept.",
        live: true,
        set: |config, v| values::number(v, 1, 1000).map(|n| config.backup_keep = n as u32),
    },
    Definition {
        key: "allow_clients",
        variable: "PANOPTIKON_ALLOW_CLIENTS",
        flag: "allow-clients",
        shape: Shape::List,
        default: "private",
        accepts: "private, any, and addresses or networks such as 203.0.113.7 or 2001:db8::/48",
        help: "Who may connect to the pages and the API; the router itself always may. private are \
               private addresses and those of the networks on the LAN interfaces: the Internet \
               stays outside even where the firewall lets it in.",
        live: true,
        set: |config, v| values::guests(v).map(|list| config.allow_clients = list),
    },
    Definition {
        key: "trusted_proxies",
        variable: "PANOPTIKON_TRUSTED_PROXIES",
        flag: "trusted-proxies",
        shape: Shape::List,
        default: "",
        accepts: "addresses and networks, such as 127.0.0.1 or 10.0.0.0/8, or nothing",
        help: "Proxies whose X-Forwarded-For header is believed; from all others it is ignored.",
        live: true,
        set: |config, v| values::networks(v).map(|list| config.trusted_proxies = list),
    },
    Definition {
        key: "interfaces",
        variable: "PANOPTIKON_INTERFACES",
        flag: "interfaces",
        shape: Shape::List,
        default: "auto",
        accepts: "auto, or names of interfaces, such as eth1 or eth1.20",
        help: "The interfaces on which devices are discovered; auto takes all that lead to a LAN.",
        live: true,
        set: |config, v| values::interfaces(v).map(|list| config.interfaces = list),
    },
    Definition {
        key: "exclude_interfaces",
        variable: "PANOPTIKON_EXCLUDE_INTERFACES",
        flag: "exclude-interfaces",
        shape: Shape::List,
        default: "",
        accepts: "names of interfaces, such as eth0, or nothing",
        help: "Interfaces that are left alone whatever interfaces says.",
        live: true,
        set: |config, v| values::interface_names(v).map(|list| config.exclude_interfaces = list),
    },
    Definition {
        key: "dns_names",
        variable: "PANOPTIKON_DNS_NAMES",
        flag: "dns-names",
        shape: Shape::Switch,
        default: "true",
        accepts: "true or false",
        help: "Whether remote addresses are shown by the names under which somebody on the LAN asked \
               for them, as answers of name servers (UDP port 53) to the LAN tell. The last name of \
               an address is held in memory for a day; who asked is not noted, and nothing of it is \
               written to disk or log. Names asked for over TLS or HTTPS are not seen. With false \
               such answers are not looked at.",
        live: true,
        set: |config, v| {
            let words = [("true", true), ("false", false)];
            values::choice(v, &words).map(|wanted| config.dns_names = wanted)
        },
    },
    Definition {
        key: "flows_source",
        variable: "PANOPTIKON_FLOWS_SOURCE",
        flag: "flows-source",
        shape: Shape::Text,
        default: "auto",
        accepts: "auto, conntrack, exporters or off",
        help: "Where traffic is counted: in the kernel's connections, which needs no exporter, or \
               as exporters of NetFlow, IPFIX and sFlow tell. auto takes the connections, and \
               leaves them as soon as an exporter on the router itself tells of the same traffic. \
               With conntrack such an exporter is not counted; those elsewhere always are.",
        live: true,
        set: |config, v| {
            use flows::collect::Source::{Auto, Conntrack, Exporters, Off};
            let words = [Auto, Conntrack, Exporters, Off].map(|source| (source.as_str(), source));
            values::choice(v, &words).map(|source| config.flows_source = source)
        },
    },
    Definition {
        key: "flows_listen",
        variable: "PANOPTIKON_FLOWS_LISTEN",
        flag: "flows-listen",
        shape: Shape::List,
        default: "[::]:2055,[::]:9995,[::]:6343",
        accepts: "ADDRESS:PORT, such as 127.0.0.1:2055 or [::]:6343, or nothing",
        help: "Where exporters send NetFlow v5 and v9, IPFIX and sFlow v5 to, over UDP. Which of \
               them a datagram is, is seen by itself. [::] is all addresses of both families.",
        live: true,
        set: |config, v| values::flow_endpoints(v).map(|list| config.flows_listen = list),
    },
    Definition {
        key: "flows_exporters",
        variable: "PANOPTIKON_FLOWS_EXPORTERS",
        flag: "flows-exporters",
        shape: Shape::List,
        default: "lan",
        accepts: "lan, any, or addresses and networks such as 192.0.2.7 or 10.8.0.0/16",
        help: "Whose flows are taken: the router's own always, with lan those of the networks on \
               the LAN interfaces. All others are counted as refused, because a sender's address \
               is all that speaks for it.",
        live: true,
        set: |config, v| values::exporters(v).map(|exporters| config.flows_exporters = exporters),
    },
    Definition {
        key: "flows_keep_days",
        variable: "PANOPTIKON_FLOWS_KEEP_DAYS",
        flag: "flows-keep-days",
        shape: Shape::Number,
        default: "30",
        accepts: "a whole number from 1 to 3660",
        help: "For how many days single flows are kept. Sums by hour are kept for two months and \
               sums by day for ten years in any case.",
        live: true,
        set: |config, v| {
            values::number(v, 1, 3_660).map(|days| config.flows_keep_days = days as u32)
        },
    },
    Definition {
        key: "flows_max_mb",
        variable: "PANOPTIKON_FLOWS_MAX_MB",
        flag: "flows-max-mb",
        shape: Shape::Number,
        default: "512",
        accepts: "a whole number of MiB from 16 to 1048576",
        help: "The size of all files of flows together at which the oldest day of single flows is \
               removed. Their sums count too, for up to half of it; what database_max_mb bounds \
               comes on top.",
        live: true,
        set: |config, v| {
            values::number(v, 16, 1_048_576).map(|megabytes| config.flows_max_mb = megabytes)
        },
    },
    Definition {
        key: "agents_listen",
        variable: "PANOPTIKON_AGENTS_LISTEN",
        flag: "agents-listen",
        shape: Shape::List,
        default: "0.0.0.0:8444,[::]:8444",
        accepts: "ADDRESS:PORT, such as 192.168.1.1:8444 or [::]:8444, or nothing",
        help: "The addresses at which agents on hosts are let in, from where allow_clients says. \
               Nothing lets none in.",
        live: true,
        set: |config, v| values::flow_endpoints(v).map(|list| config.agents_listen = list),
    },
    Definition {
        key: "agents_dir",
        variable: "PANOPTIKON_AGENTS_DIR",
        flag: "agents-dir",
        shape: Shape::Text,
        default: "/usr/share/panoptikon/agents",
        accepts: "an absolute path",
        help: "Folder of the agents that hosts can fetch here: x86_64 and aarch64, and the \
               signature of each beside it (x86_64.minisig). A file that is put there or changed \
               is taken up by itself.",
        live: false,
        set: |config, v| values::path(v).map(|path| config.agents_dir = path),
    },
    Definition {
        key: "router_api",
        variable: "PANOPTIKON_ROUTER_API",
        flag: "router-api",
        shape: Shape::Text,
        default: "/run/api.sock",
        accepts: "an absolute path of a unix socket, or https://ADDRESS or https://ADDRESS:PORT",
        help: "Where the router's HTTP API is. The socket is best; a container reaches the router's \
               web server at https://127.0.0.1 instead.",
        live: false,
        set: |config, v| values::router_api(v).map(|api| config.router_api = api),
    },
    Definition {
        key: "router_key_file",
        variable: "PANOPTIKON_ROUTER_KEY_FILE",
        flag: "router-key-file",
        shape: Shape::Text,
        default: "",
        accepts: "an absolute path, or nothing",
        help: "A file that holds the key of the router's API and nothing else, or that the router's \
               API server keeps its own state in. When empty that is /run/http-api-state, which \
               needs root.",
        live: false,
        set: |config, v| values::optional_path(v).map(|path| config.router_key_file = path),
    },
    Definition {
        key: "router_fingerprint",
        variable: "PANOPTIKON_ROUTER_FINGERPRINT",
        flag: "router-fingerprint",
        shape: Shape::Text,
        default: "",
        accepts: "the SHA-256 of a certificate in hexadecimal digits, or nothing",
        help: "The certificate of the router's web server, where router_api is an https address. \
               When empty the first one seen is trusted, and no other until the next start.",
        live: false,
        set: |config, v| values::fingerprint(v).map(|pin| config.router_fingerprint = pin),
    },
    Definition {
        key: "router_boot_file",
        variable: "PANOPTIKON_ROUTER_BOOT_FILE",
        flag: "router-boot-file",
        shape: Shape::Text,
        default: "/config/config.boot",
        accepts: "an absolute path, or nothing",
        help: "The file that the router starts with: by it unsaved changes are seen.",
        live: false,
        set: |config, v| values::optional_path(v).map(|path| config.router_boot_file = path),
    },
    Definition {
        key: "geoip_dir",
        variable: "PANOPTIKON_GEOIP_DIR",
        flag: "geoip-dir",
        shape: Shape::Text,
        default: "",
        accepts: "an absolute path, or nothing",
        help: "Folder of databases (`.mmdb`) that tell where addresses are and who runs them, such \
               as GeoLite2 or DB-IP (countries, towns, autonomous systems); nothing means `geoip` \
               in `config_dir`. A file that is put there or changed is taken up by itself.",
        live: false,
        set: |config, v| values::optional_path(v).map(|path| config.geoip_dir = path),
    },
    Definition {
        key: "threads",
        variable: "PANOPTIKON_THREADS",
        flag: "threads",
        shape: Shape::Number,
        default: "0",
        accepts: "a whole number from 0 to 64",
        help: "Worker threads of the async side; 0 means one a core.",
        live: false,
        set: |config, v| {
            values::number(v, 0, 64).map(|n| config.threads = (n > 0).then_some(n as usize))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_and_flag_follow_from_the_key() {
        for d in DEFINITIONS {
            assert_eq!(d.variable, format!("PANOPTIKON_{}", d.key.to_uppercase()));
            assert_eq!(d.flag, d.key.replace('_', "-"));
        }
    }

    #[test]
    fn no_key_is_defined_twice() {
        let mut keys: Vec<_> = DEFINITIONS.iter().map(|d| d.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), DEFINITIONS.len());
    }
}
