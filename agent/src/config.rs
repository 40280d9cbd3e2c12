//! `agent.toml`: what the host's owner decides. No secret stands in it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::files::{self, FileError};

/// No such file comes near, octets.
const LARGEST: u64 = 64 * 1024;

/// What is in the file; what is not has these defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)] // each is a key of the file
pub(crate) struct Config {
    /// Addresses of the appliance with ports, tried in this order.
    pub(crate) servers: Vec<String>,
    /// Commands that the appliance may ask for.
    pub(crate) allow: Vec<String>,
    /// No probes: neither ping, trace, latency, throughput, jitter nor scan, whatever `allow` says.
    pub(crate) passive: bool,
    /// The least time between two reports that the appliance may set, seconds.
    pub(crate) fastest_s: u32,
    /// The disk buffer's size, MiB.
    pub(crate) buffer_mb: u64,
    /// Folders beside `/var/log` whose files may be shown and watched.
    pub(crate) folders: Vec<PathBuf>,
    /// Ask docker and podman for containers where their sockets can be opened.
    pub(crate) containers: bool,
    /// Programs that may be run for what no file shows: `smartctl`, `zpool`, `nvidia-smi`.
    pub(crate) programs: Vec<String>,
    /// Watch sign-ins even if the appliance does not ask for it.
    pub(crate) watch_auth: bool,
    /// Files and folders to watch for changes; folders with everything below.
    pub(crate) watch_files: Vec<PathBuf>,
    /// Tell of processes with their command lines, if the appliance asks for it.
    pub(crate) watch_processes: bool,
}

/// Programs that may stand in `programs`.
pub(crate) const PROGRAMS: [&str; 3] = ["smartctl", "zpool", "nvidia-smi"];

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            allow: wire::command::ALL.map(str::to_owned).to_vec(),
            passive: false,
            fastest_s: 1,
            buffer_mb: 64,
            folders: Vec::new(),
            containers: true,
            programs: Vec::new(),
            watch_auth: false,
            watch_files: Vec::new(),
            watch_processes: false,
        }
    }
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It is not there.
    #[error("{0} is missing: enrol this host first (panoptikon-agent enrol)")]
    Missing(PathBuf),
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no such file.
    #[error("{path}, line {line}: {detail}")]
    Bad {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// A value is out of its range.
    #[error("{path}: {detail}")]
    Value {
        /// The file.
        path: PathBuf,
        /// What is wrong and what may stand there.
        detail: String,
    },
}

impl Config {
    /// Reads and checks the file.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let content =
            files::read(path, LARGEST)?.ok_or_else(|| ConfigError::Missing(path.to_owned()))?;
        Self::parse(path, &String::from_utf8_lossy(&content))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            ConfigError::Bad { path: path.to_owned(), line, detail: error.message().to_owned() }
        })?;
        let wrong = |detail| Err(ConfigError::Value { path: path.to_owned(), detail });
        if config.servers.is_empty() || config.servers.len() > 8 {
            return wrong(
                "servers needs one to eight addresses, such as [\"192.0.2.1:8444\"]".into(),
            );
        }
        if let Some(bad) = config.servers.iter().find(|server| split_server(server).is_none()) {
            return wrong(format!("servers: {bad:?} is no address with a port"));
        }
        let known = |name: &String| wire::command::ALL.contains(&name.as_str());
        if let Some(bad) = config.allow.iter().find(|name| !known(name)) {
            let all = wire::command::ALL.join(", ");
            return wrong(format!("allow: there is no command {bad:?}; there are {all}"));
        }
        if let Some(bad) = config.programs.iter().find(|name| !PROGRAMS.contains(&name.as_str())) {
            let all = PROGRAMS.join(", ");
            return wrong(format!("programs: {bad:?} is never run; there are {all}"));
        }
        if !wire::limits::INTERVAL_S.contains(&config.fastest_s) {
            return wrong("fastest_s is from 1 to 300".into());
        }
        if !(1..=10_240).contains(&config.buffer_mb) {
            return wrong("buffer_mb is from 1 to 10240".into());
        }
        let mut paths = config.folders.iter().chain(&config.watch_files);
        if let Some(bad) = paths.find(|path| !path.is_absolute()) {
            return wrong(format!("{} does not begin with a slash", bad.display()));
        }
        Ok(config)
    }
}

/// Host and port of a server; an IPv6 address stands in brackets.
pub(crate) fn split_server(server: &str) -> Option<(&str, u16)> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok()?)
        }
        None => (server, wire::PORT),
        Some(_) => return None,
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => host,
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '%' | '_');
    (!host.is_empty() && host.len() <= 253 && host.chars().all(fits) && port > 0)
        .then_some((host, port))
}

/// The text of a new file, which [`Config::load`] reads.
pub(crate) fn first_text(servers: &[String]) -> String {
    let servers: Vec<String> = servers.iter().map(|server| format!("{server:?}")).collect();
    let allow = wire::command::ALL.map(|name| format!("{name:?}")).join(", ");
    format!(
        "# What this host tells the appliance, and what that may ask of it.\n\
         # All keys and their meaning: panoptikon-agent help\n\
         servers = [{}]\n\
         # Take out what the appliance must not do here.\n\
         allow = [{allow}]\n",
        servers.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("agent.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_file_is_what_the_agent_reads() {
        let config = parse(&first_text(&["192.0.2.1:8444".into(), "[2001:db8::1]:9".into()]));
        let expected = Config {
            servers: vec!["192.0.2.1:8444".into(), "[2001:db8::1]:9".into()],
            ..Config::default()
        };
        assert_eq!(config, Ok(expected));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_names_that_are_known() {
        let error = parse("servers = [\"a:1\"]\n\nserver_url = \"x\"\n").unwrap_err();
        assert!(error.starts_with("agent.toml, line 3: unknown field `server_url`"), "{error}");
        assert!(error.contains("`servers`") && error.contains("`buffer_mb`"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (text, part) in [
            ("", "servers needs"),
            ("servers = [\"a b:1\"]", "no address"),
            ("servers = [\"a\"]\nallow = [\"shell\"]", "no command \"shell\""),
            ("servers = [\"a\"]\nbuffer_mb = 0", "buffer_mb"),
            ("servers = [\"a\"]\nprograms = [\"sh\"]", "never run"),
            ("servers = [\"a\"]\nfolders = [\"x\"]", "slash"),
            ("servers = 3", "line 1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_server_is_a_host_and_a_port() {
        assert_eq!(split_server("router:1"), Some(("router", 1)));
        assert_eq!(split_server("192.0.2.1"), Some(("192.0.2.1", 8444)));
        assert_eq!(split_server("[2001:db8::1]:8"), Some(("2001:db8::1", 8)));
        for bad in ["", ":1", "a:0", "a:70000", "2001:db8::1", "[::1:3", "a/b:1", "a@b:1"] {
            assert_eq!(split_server(bad), None, "{bad}");
        }
    }
}
