//! Where the agent keeps what: as root or its own user for the whole host, otherwise for one person.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// The name of folders, user and unit.
pub(crate) const NAME: &str = "panoptikon-agent";

/// Configuration and state.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The folder of `agent.toml`.
    pub(crate) config: PathBuf,
    /// Identity, buffer and newer programs.
    pub(crate) state: PathBuf,
    /// The installed program.
    pub(crate) program: PathBuf,
    /// For the whole host.
    pub(crate) whole_host: bool,
}

impl Places {
    /// Those of who runs this: the unit and tests name them by `PANOPTIKON_AGENT_CONFIG` and
    /// `PANOPTIKON_AGENT_STATE`, folders both.
    pub(crate) fn find() -> Self {
        Self::from(|name| std::env::var_os(name).map(PathBuf::from), geteuid().is_root())
    }

    fn from(variable: impl Fn(&str) -> Option<PathBuf>, root: bool) -> Self {
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let home = || absolute("HOME").unwrap_or_else(|| PathBuf::from("/nonexistent"));
        let one_of = |named: &str, system: &str, xdg: &str, below: &str| {
            absolute(named).unwrap_or_else(|| {
                if root {
                    return Path::new(system).join(NAME);
                }
                absolute(xdg).unwrap_or_else(|| home().join(below)).join(NAME)
            })
        };
        Self {
            config: one_of("PANOPTIKON_AGENT_CONFIG", "/etc", "XDG_CONFIG_HOME", ".config"),
            state: one_of("PANOPTIKON_AGENT_STATE", "/var/lib", "XDG_STATE_HOME", ".local/state"),
            program: if root {
                Path::new("/usr/local/bin").join(NAME)
            } else {
                home().join(".local/bin").join(NAME)
            },
            whole_host: root,
        }
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("agent.toml")
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.state.join("identity.json")
    }

    pub(crate) fn book(&self) -> PathBuf {
        self.state.join("state.json")
    }

    pub(crate) fn buffer(&self) -> PathBuf {
        self.state.join("buffer")
    }

    /// How the running agent is, for `status`.
    pub(crate) fn pulse(&self) -> PathBuf {
        self.state.join("pulse.json")
    }

    /// Newer programs than the installed one.
    pub(crate) fn programs(&self) -> PathBuf {
        self.state.join("bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_things_for_the_host_and_others_in_their_home() {
        let places = Places::from(|_| None, true);
        assert_eq!(places.config_file(), Path::new("/etc/panoptikon-agent/agent.toml"));
        assert_eq!(places.state, Path::new("/var/lib/panoptikon-agent"));
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/ann"));
        let places = Places::from(home, false);
        assert_eq!(places.config, Path::new("/home/ann/.config/panoptikon-agent"));
        assert_eq!(places.state, Path::new("/home/ann/.local/state/panoptikon-agent"));
        assert_eq!(places.program, Path::new("/home/ann/.local/bin/panoptikon-agent"));
        let named = |name: &str| (name != "HOME").then(|| PathBuf::from("/x"));
        assert_eq!(Places::from(named, false).config, Path::new("/x"));
    }
}
