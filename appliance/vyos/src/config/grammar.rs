//! What a configuration alone does not show, for the parts that the appliance changes: which names
//! are settings with a value and which stand for many things of a kind. Facts of the public
//! definitions of 1.4, 1.5 and rolling.

/// Nodes by their paths (`*`: any name; `**`: any path before it), each with the settings with a
/// value that it has; `+`: one with many values.
const NODES: &[(&str, &str)] = &[
    (
        "interfaces * <>",
        "address+ description mtu mac vrf hw-id duplex speed port private-key fwmark \
                        redirect source-interface mode primary",
    ),
    ("interfaces * <> vif <>", "address+ description mtu mac vrf redirect"),
    ("interfaces * <> vif-s <>", "address+ description mtu mac vrf protocol redirect"),
    ("interfaces * <> vif-s <> vif-c <>", "address+ description mtu mac vrf redirect"),
    ("interfaces bonding <> member", "interface+"),
    ("interfaces bridge <> member interface <>", "cost priority native-vlan allowed-vlan+"),
    (
        "interfaces wireguard <> peer <>",
        "address allowed-ips+ description persistent-keepalive port preshared-key public-key",
    ),
    (
        "interfaces openvpn <>",
        "device-type hash ip-version local-host local-port openvpn-option+ protocol \
         remote-address+ remote-host+ remote-port shared-secret-key",
    ),
    ("interfaces openvpn <> authentication", "username password"),
    ("interfaces openvpn <> encryption", "cipher data-ciphers+ ncp-ciphers+"),
    (
        "interfaces openvpn <> tls",
        "auth-key ca-certificate+ certificate crypt-key dh-params tls-version-min role",
    ),
    ("pki ca <>", "certificate crl+ description"),
    ("pki ca <> private", "key"),
    ("pki certificate <>", "certificate description"),
    ("pki certificate <> private", "key"),
    ("pki openvpn shared-secret <>", "key version"),
    ("protocols static", "route-map"),
    ("protocols static table <>", "description"),
    ("** route <>", "description dhcp-interface"),
    ("** route6 <>", "description"),
    ("protocols static ** next-hop <>", "distance interface vrf segments"),
    ("protocols static ** interface <>", "distance vrf segments"),
    ("protocols static ** blackhole", "distance tag"),
    ("protocols static ** reject", "distance tag"),
    ("vrf name <> protocols static", "route-map"),
    ("vrf name <> protocols static ** next-hop <>", "distance interface vrf segments"),
    ("vrf name <> protocols static ** interface <>", "distance vrf segments"),
    ("vrf name <> protocols static ** blackhole", "distance tag"),
    ("vrf name <> protocols static ** reject", "distance tag"),
    ("service dhcp-server", "listen-address+ listen-interface+"),
    (
        "service dhcp-server shared-network-name <>",
        "description domain-name domain-search+ name-server+ ntp-server+ shared-network-parameters+",
    ),
    (
        "service dhcp-server shared-network-name <> subnet <>",
        "description default-router domain-name domain-search+ exclude+ lease name-server+ \
         ntp-server+ subnet-id bootfile-name bootfile-server tftp-server-name wins-server+ \
         server-identifier subnet-parameters+",
    ),
    ("service dhcp-server shared-network-name <> subnet <> range <>", "start stop"),
    (
        "service dhcp-server shared-network-name <> subnet <> static-mapping <>",
        "description duid ip-address mac mac-address static-mapping-parameters+",
    ),
    (
        "service dhcp-server ** option",
        "default-router domain-name domain-search+ name-server+ ntp-server+ bootfile-name \
         bootfile-server tftp-server-name wins-server+ server-identifier",
    ),
    (
        "service dhcpv6-server shared-network-name <> subnet <>",
        "domain-search+ name-server+ subnet-id interface",
    ),
    (
        "service dhcpv6-server shared-network-name <> subnet <> lease-time",
        "default maximum minimum",
    ),
    ("service dhcpv6-server shared-network-name <> subnet <> range <>", "start stop prefix"),
    ("service dhcpv6-server shared-network-name <> subnet <> address-range start <>", "stop"),
    (
        "service dhcpv6-server shared-network-name <> subnet <> static-mapping <>",
        "description duid mac identifier mac-address ipv6-address ipv6-prefix",
    ),
    ("service dhcpv6-server ** option", "domain-search+ name-server+"),
    (
        "service dns forwarding",
        "allow-from+ cache-size dhcp+ dnssec listen-address+ negative-ttl port source-address+ timeout",
    ),
    ("service dns forwarding name-server <>", "port"),
    ("service dns forwarding domain <>", ""),
    ("service dns forwarding domain <> name-server <>", "port"),
    ("service dns forwarding authoritative-domain <> records a <>", "address+ ttl"),
    ("service dns forwarding authoritative-domain <> records aaaa <>", "address+ ttl"),
    ("service dns forwarding authoritative-domain <> records cname <>", "target ttl"),
    ("service dns forwarding authoritative-domain <> records txt <>", "value+ ttl"),
    ("service ssh", "port+ listen-address+ loglevel client-keepalive-interval vrf+"),
    ("service ntp", "listen-address+ leap-second interface vrf"),
    ("service ntp server <>", ""),
    ("service ntp allow-client", "address+"),
    ("service https", "listen-address+ port vrf request-body-size-limit tls-version+"),
    ("service https allow-client", "address+"),
    ("service https certificates", "certificate ca-certificate dh-params"),
    ("service https api rest", ""),
    ("service https api graphql", ""),
    ("service https api keys id <>", "key"),
    ("system", "host-name domain-name domain-search+ time-zone name-server+"),
    ("system conntrack", "expect-table-size hash-size table-size"),
    ("system static-host-mapping host-name <>", "inet+ alias+"),
    ("system login user <>", "full-name home-directory"),
    ("firewall group dynamic-group * <>", "description"),
    (
        "firewall group * <>",
        "address+ network+ port+ mac-address+ interface+ include+ description url",
    ),
    ("firewall flowtable <>", "description interface+ offload"),
    ("firewall zone <>", "default-action description interface+"),
    ("firewall zone <> from <> firewall", "name ipv6-name"),
    ("firewall zone <> intra-zone-filtering", "action"),
    ("firewall zone <> intra-zone-filtering firewall", "name ipv6-name"),
    ("firewall zone <> member", "interface+ vrf+"),
    ("firewall * name <>", "default-action default-jump-target description"),
    ("firewall * * filter", "default-action description"),
    ("firewall * * raw", "default-action description"),
    ("firewall global-options state-policy *", "action log-level"),
    (
        "** rule <>",
        "action description protocol state+ connection-mark+ dscp+ jump-target mark offload-target \
         packet-length+ packet-type queue queue-options+ ethernet-type \
         conntrack-helper+ dscp-exclude+ packet-length-exclude+",
    ),
    ("** rule <> source", "address address-mask fqdn mac-address port prefix"),
    ("** rule <> destination", "address address-mask fqdn mac-address port prefix"),
    ("** rule <> source group", GROUPS),
    ("** rule <> destination group", GROUPS),
    ("** rule <> source geoip", "country-code+"),
    ("** rule <> destination geoip", "country-code+"),
    ("** rule <> inbound-interface", "name group"),
    ("** rule <> outbound-interface", "name group"),
    ("** rule <> icmp", "code type type-name"),
    ("** rule <> icmpv6", "code type type-name"),
    ("** rule <> limit", "rate burst"),
    ("** rule <> recent", "count time"),
    ("** rule <> time", "startdate starttime stopdate stoptime weekdays monthdays"),
    ("** rule <> connection-status", "nat"),
    ("** rule <> log-options", "group level queue-threshold snapshot-length"),
    ("** rule <> set", "table vrf mark connection-mark dscp tcp-mss ttl hop-limit"),
    ("** rule <> tcp", "mss"),
    ("** rule <> tcp flags not", ""),
    ("** rule <> gre", "inner-proto key version"),
    ("** rule <> gre flags *", ""),
    ("** rule <> fragment", ""),
    ("** rule <> ipsec", ""),
    ("** rule <> ttl", "eq gt lt"),
    ("** rule <> hop-limit", "eq gt lt"),
    ("** rule <> vlan", "id priority ethernet-type"),
    ("** rule <> synproxy tcp", "mss window-scale"),
    ("** rule <> add-address-to-group *", "address-group timeout"),
    ("** rule <> translation", "address port"),
    ("** rule <> translation options", "address-mapping port-mapping"),
    ("** rule <> translation redirect", "port"),
    ("** rule <> load-balance", "hash+"),
    ("** rule <> load-balance backend <>", "weight"),
    ("policy route <>", "description interface+"),
    ("policy route6 <>", "description interface+"),
    (
        "container name <>",
        "image description host-name memory restart command arguments entrypoint \
                          cpu-quota shared-memory capability+",
    ),
];

const GROUPS: &str = "address-group domain-group dynamic-address-group mac-group network-group \
                      port-group remote-group ipv4-address-group ipv4-network-group \
                      ipv6-address-group ipv6-network-group";

/// What a name at a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A setting that holds one value: a new one replaces it.
    Single,
    /// A setting that holds many values.
    Many,
    /// A group of nodes, or one of many things of a kind.
    Group,
    /// It stands for many things of a kind.
    Tag,
}

/// The role of the last name of a path; none where it is not known.
pub(crate) fn role(path: &[&str]) -> Option<Role> {
    let (last, parents) = path.split_last()?;
    let setting = |settings: &str| {
        settings.split_ascii_whitespace().find_map(|setting| match setting.strip_suffix('+') {
            Some(many) => (many == *last).then_some(Role::Many),
            None => (setting == *last).then_some(Role::Single),
        })
    };
    NODES.iter().find_map(|(pattern, settings)| {
        let pattern: Vec<&str> = pattern.split(' ').collect();
        if matches(&pattern, parents)
            && let Some(role) = setting(settings)
        {
            return Some(role);
        }
        (1..=pattern.len()).find_map(|end| {
            let (start, below) = pattern.split_at_checked(end)?;
            (start != ["**"] && start.last() != Some(&"**") && matches(start, path))
                .then(|| if below.first() == Some(&"<>") { Role::Tag } else { Role::Group })
        })
    })
}

/// Whether the last name of a path stands for many things of a kind.
pub(crate) fn is_tag(path: &[&str]) -> bool {
    role(path) == Some(Role::Tag)
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            (0..=path.len()).any(|from| path.get(from..).is_some_and(|path| matches(rest, path)))
        }
        (Some((word, rest)), Some((name, below))) => {
            (["*", "<>"].contains(word) || word == name) && matches(rest, below)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_roles_that_the_definitions_give_them() {
        for (path, wanted) in [
            ("interfaces", Some(Role::Group)),
            ("interfaces ethernet", Some(Role::Tag)),
            ("interfaces ethernet eth0", Some(Role::Group)),
            ("interfaces ethernet eth0 address", Some(Role::Many)),
            ("interfaces ethernet eth0 vif", Some(Role::Tag)),
            ("interfaces ethernet eth0 vif 7 mtu", Some(Role::Single)),
            ("interfaces bridge br0 member interface", Some(Role::Tag)),
            ("interfaces bonding bond0 member interface", Some(Role::Many)),
            ("interfaces wireguard wg0 peer address address", Some(Role::Single)),
            ("firewall group", Some(Role::Group)),
            ("firewall group address-group", Some(Role::Tag)),
            ("firewall group dynamic-group", Some(Role::Group)),
            ("firewall group dynamic-group address-group", Some(Role::Tag)),
            ("firewall ipv4 name", Some(Role::Tag)),
            ("firewall ipv4 forward filter", Some(Role::Group)),
            ("firewall ipv4 forward filter default-action", Some(Role::Single)),
            ("firewall ipv4 forward filter rule", Some(Role::Tag)),
            ("firewall ipv4 name rule rule 10 source group", Some(Role::Group)),
            ("firewall zone LAN interface", Some(Role::Many)),
            ("protocols static route 10.0.0.0/8 interface", Some(Role::Tag)),
            ("protocols static table 7 route 0.0.0.0/0 next-hop", Some(Role::Tag)),
            ("policy route PBR interface", Some(Role::Many)),
            ("policy route PBR rule 10 set table", Some(Role::Single)),
            ("service https api rest", Some(Role::Group)),
            ("service ssh port", Some(Role::Many)),
            ("service ssh disable-host-validation", None),
            ("something else", None),
        ] {
            assert_eq!(role(&path.split(' ').collect::<Vec<_>>()), wanted, "{path}");
        }
    }
}
