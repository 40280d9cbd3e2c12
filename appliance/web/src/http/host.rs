//! The names this appliance answers to. A page opened under any other name is refused, because
//! that is how DNS rebinding reaches a router: the attacker's name, our address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{PoisonError, RwLock};

/// The accepted names, which may change while the program runs. Address literals and `localhost` are always accepted: no name server
/// stands behind them, so nothing can be rebound.
#[derive(Debug, Default)]
pub struct Hosts(RwLock<Vec<String>>);

impl Hosts {
    /// Accepts these names, whatever their case.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let hosts = Self::default();
        hosts.set(names);
        hosts
    }

    /// Accepts these names from now on, and no others.
    pub fn set<T: AsRef<str>>(&self, names: impl IntoIterator<Item = T>) {
        let clean = |n: T| n.as_ref().trim_end_matches('.').to_ascii_lowercase();
        let names = names.into_iter().map(clean).filter(|n| !n.is_empty()).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// The accepted names, first the one to show.
    pub fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a `Host` header names this appliance; the port is not looked at.
    pub fn allows(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else {
            return false;
        };
        if let Some(v6) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
            return v6.parse::<Ipv6Addr>().is_ok();
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        name.parse::<IpAddr>().is_ok_and(|a| a.is_ipv4())
            || name.eq_ignore_ascii_case("localhost")
            || self.knows(name)
    }

    fn knows(&self, name: &str) -> bool {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}

/// The name without its port, if what follows it is a port at all.
fn name_of(host: &str) -> Option<&str> {
    let end = match host.find(']') {
        Some(bracket) if host.starts_with('[') => bracket + 1,
        Some(_) => return None,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let port_ok = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit()),
        None => port.is_empty(),
    };
    (port_ok && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_localhost_and_own_names_are_ours() {
        let hosts = Hosts::new(["Router.lan", "router.internal."]);
        for ours in [
            "192.168.1.1",
            "192.168.1.1:8443",
            "[fe80::1]:8443",
            "[::1]",
            "localhost:8443",
            "router.lan",
            "ROUTER.LAN:8443",
            "router.internal",
            "router.lan.:8443",
        ] {
            assert!(hosts.allows(ours), "{ours}");
        }
    }

    #[test]
    fn any_other_name_is_not() {
        let hosts = Hosts::new(["router.lan"]);
        for foreign in [
            "",
            "evil.example",
            "router.lan.evil.example",
            "xrouter.lan",
            "router.lan:port",
            "router.lan:99999",
            "router.lan:+80",
            "router.lan@evil.example",
            "192.168.1.1.evil.example",
            "0x7f.1",
            "[::1",
            "::1]",
            "[::1]x",
            "fe80::1",
            ":8443",
        ] {
            assert!(!hosts.allows(foreign), "{foreign}");
        }
    }

    #[test]
    fn another_set_of_names_replaces_the_old_one() {
        let hosts = Hosts::new(["old.lan"]);
        hosts.set(["new.lan"]);
        assert!(hosts.allows("new.lan") && !hosts.allows("old.lan"));
        assert_eq!(hosts.names(), ["new.lan"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = Hosts::new(["router.lan"]).allows(&text);
        }
    }
}
