//! `/etc/hosts` and `/etc/resolv.conf`, as far as they tell names of addresses and whom to ask.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

const PORT: u16 = 53;
/// What resolvers use themselves (resolv.conf(5): `MAXNS`).
const MOST_SERVERS: usize = 3;
const MOST_HOSTS: usize = 10_000;

/// The first name of each address in a hosts file (hosts(5)).
pub(super) fn hosts(text: &str) -> HashMap<IpAddr, String> {
    let mut names = HashMap::new();
    for line in text.lines().take(MOST_HOSTS) {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        if let (Some(Ok(ip)), Some(name)) = (words.next().map(str::parse), words.next()) {
            names.entry(ip).or_insert_with(|| name.trim_end_matches('.').to_owned());
        }
    }
    names
}

/// The name servers of a resolver's configuration (resolv.conf(5)). `index` turns an interface's
/// name into its number, for link-local servers.
pub(super) fn servers(text: &str, index: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == "nameserver").then(|| words.next())?
        })
        .filter_map(|server| match server.split_once('%') {
            None => Some(SocketAddr::new(server.parse().ok()?, PORT)),
            Some((ip, interface)) => {
                let scope = interface.parse().ok().or_else(|| index(interface))?;
                let ip: Ipv6Addr = ip.parse().ok()?;
                Some(SocketAddrV6::new(ip, PORT, 0, scope).into())
            }
        })
        .take(MOST_SERVERS)
        .collect()
}

/// True for addresses of a site of its own: RFC 1918, RFC 3927, RFC 4193, RFC 4291 link-local.
/// Others are never asked about, and never asked about ours.
pub(super) const fn is_inner(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_files_give_the_first_name_of_an_address() {
        let names = hosts("127.0.0.1 localhost\n192.168.1.5\tnas.lan. nas # the big one\n#x y\n\n");
        assert_eq!(
            names.get(&"192.168.1.5".parse().expect("valid")).map(String::as_str),
            Some("nas.lan")
        );
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn servers_are_read_with_their_interface() {
        let text = "# by hand\nsearch lan\nnameserver 192.168.1.1\nnameserver fe80::1%eth1\n\
                    nameserver fe80::2%gone\nnameserver nonsense\nnameserver ::1\n";
        let found = servers(text, |name| (name == "eth1").then_some(4));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.168.1.1:53", "[fe80::1%4]:53", "[::1]:53"]);
    }

    #[test]
    fn only_addresses_of_the_site_are_inner() {
        for (ip, inner) in [
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("192.168.0.1", true),
            ("169.254.9.9", true),
            ("fd12::1", true),
            ("fe80::1", true),
            ("8.8.8.8", false),
            ("172.32.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("2001:db8::1", false),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(is_inner(ip.parse().expect("valid")), inner, "{ip}");
        }
    }

    proptest! {
        #[test]
        fn no_file_panics(text: String) {
            let _ = (hosts(&text), servers(&text, |_| Some(1)));
        }
    }
}
