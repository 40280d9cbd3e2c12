//! What each kind of device says about itself. Pure data; `{host}`, `{mac}`, `{MAC}`, `{Mac}` and
//! `{ip}` stand for host name, MAC without colons (lower, upper), MAC with colons, and address.

mod computers;
mod things;

/// How an open TCP port greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// Says nothing.
    Silent,
    /// Speaks first.
    Text(&'static str),
    /// Answers a request with this `Server` header.
    Http(&'static str),
}

/// A DNS-SD service (RFC 6763).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) kind: &'static str,
    pub(crate) instance: &'static str,
    pub(crate) port: u16,
    pub(crate) txt: &'static [&'static str],
}

/// A `UPnP` root device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ssdp {
    pub(crate) server: &'static str,
    pub(crate) target: &'static str,
    pub(crate) location: &'static str,
}

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) services: &'static [Service],
    /// Service types it looks for now and then.
    pub(crate) browses: &'static [&'static str],
    pub(crate) ssdp: Option<Ssdp>,
    /// Answers LLMNR for its name.
    pub(crate) llmnr: bool,
    /// Answers NetBIOS name queries, and registers its name.
    pub(crate) netbios: bool,
    /// Has a host record in mDNS even without services.
    pub(crate) mdns: bool,
    /// Asks for DHCPv6 information, with this vendor class.
    pub(crate) dhcpv6: Option<&'static str>,
    pub(crate) ports: &'static [(u16, Greeting)],
}

const MUTE: Kind = Kind {
    name: "mute",
    services: &[],
    browses: &[],
    ssdp: None,
    llmnr: false,
    netbios: false,
    mdns: false,
    dhcpv6: None,
    ports: &[],
};

const SPEAKING: Kind = Kind { mdns: true, ..MUTE };

const fn service(kind: &'static str, port: u16, txt: &'static [&'static str]) -> Service {
    Service { kind, instance: "{host}", port, txt }
}

/// All kinds; the name is the persona column of the host table.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    computers::KINDS.iter().chain(things::KINDS)
}

/// The kind of this name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_the_table_is_of_a_known_kind() {
        let table = include_str!("../../../home/hosts.tsv");
        let personas =
            table.lines().filter(|l| !l.starts_with('#')).map(|l| l.split('\t').nth(3).unwrap());
        for persona in personas {
            assert!(kind(persona).is_some(), "{persona}");
        }
    }

    #[test]
    fn the_table_has_forty_hosts_on_the_lan_and_no_address_twice() {
        let table = include_str!("../../../home/hosts.tsv");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.split('\t').collect())
            .collect();
        assert!(rows.iter().all(|row| row.len() == 10));
        assert_eq!(rows.iter().filter(|row| row[1] == "lan0").count(), 40);
        let macs: std::collections::HashSet<&str> = rows.iter().map(|row| row[2]).collect();
        assert_eq!(macs.len(), rows.len());
    }

    #[test]
    fn no_kind_is_named_twice() {
        let mut names = std::collections::HashSet::new();
        assert!(all().all(|kind| names.insert(kind.name)));
    }
}
