//! Units that are watched, and what may be done to each. Pure; a unit that no line names is neither
//! shown, nor read, nor acted upon.

use std::fmt;
use std::str::FromStr;

/// How much care a unit wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Whoever may act on services.
    Free,
    /// It carries people or traffic: its name is to be typed.
    Typed,
    /// It is the appliance itself: it may be restarted, and its name is to be typed.
    Own,
    /// It is only looked at.
    HandsOff,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// The unit; one `*` stands for anything.
    pub pattern: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// How much care it wants.
    pub guard: Guard,
}

const fn free(pattern: &'static str, label: &'static str) -> Watched {
    Watched { pattern, label, guard: Guard::Free }
}

const fn typed(pattern: &'static str, label: &'static str) -> Watched {
    Watched { pattern, label, guard: Guard::Typed }
}

/// All of them; the first that fits counts. Names are those of VyOS 1.4 and later (vyos-1x).
pub const WATCHED: &[Watched] = &[
    Watched { pattern: "panoptikon.service", label: "Panoptikon", guard: Guard::Own },
    free("panoptikon-agent.service", "Panoptikon's agent"),
    typed("frr.service", "Routing (FRR)"),
    typed("ssh.service", "SSH"),
    typed("ssh@*.service", "SSH in a VRF"),
    typed("networking.service", "Network"),
    typed("nginx.service", "Web server"),
    free("kea-dhcp4-server.service", "DHCP server"),
    free("kea-dhcp6-server.service", "DHCPv6 server"),
    free("kea-dhcp-ddns-server.service", "DHCP names in DNS"),
    free("kea-ctrl-agent.service", "DHCP control"),
    free("isc-dhcp-server.service", "DHCP server"),
    free("isc-dhcp-server6.service", "DHCPv6 server"),
    free("isc-dhcp-relay.service", "DHCP relay"),
    free("isc-dhcp-relay6.service", "DHCPv6 relay"),
    free("pdns-recursor.service", "DNS forwarding"),
    free("chrony.service", "Time"),
    free("radvd.service", "IPv6 router announcements"),
    free("ndppd.service", "NDP proxy"),
    typed("dhclient@*.service", "DHCP client"),
    typed("dhcp6c@*.service", "DHCPv6 client"),
    typed("ppp@*.service", "PPPoE line"),
    typed("hostapd@*.service", "Access point"),
    typed("wpa_supplicant@*.service", "Wireless client"),
    typed("openvpn@*.service", "OpenVPN"),
    typed("openvpn.service", "OpenVPN"),
    typed("strongswan.service", "IPsec"),
    typed("strongswan-starter.service", "IPsec"),
    typed("ipsec.service", "IPsec"),
    typed("ocserv.service", "OpenConnect"),
    typed("accel-ppp@*.service", "Dial-in"),
    typed("keepalived.service", "VRRP"),
    typed("conntrackd.service", "Shared connections"),
    free("haproxy.service", "Load balancer"),
    free("squid.service", "Web proxy"),
    free("stunnel.service", "TLS tunnels"),
    free("snmpd.service", "SNMP"),
    free("lldpd.service", "LLDP"),
    free("ddclient.service", "Dynamic DNS"),
    free("avahi-daemon.service", "mDNS repeater"),
    free("miniupnpd.service", "UPnP"),
    free("igmpproxy.service", "IGMP proxy"),
    free("tftpd@*.service", "TFTP"),
    free("suricata.service", "Intrusion detection"),
    free("uacctd.service", "Flow export"),
    free("telegraf.service", "Telegraf"),
    free("node_exporter.service", "Node exporter"),
    free("frr_exporter.service", "FRR exporter"),
    free("fastnetmon.service", "FastNetMon"),
    free("salt-minion.service", "Salt"),
    free("zabbix-agent2.service", "Zabbix"),
    free("rsyslog.service", "System log"),
    free("cron.service", "Scheduled tasks"),
    free("hysteria-server.service", "Hysteria"),
    free("hysteria.service", "Hysteria"),
    free("xray.service", "Xray"),
    free("vless.service", "VLESS"),
    free("proxyvault.service", "ProxyVault"),
    free("vyos-container-*.service", "Container"),
    typed("vyos-http-api.service", "The router's API"),
    typed("vyos-router.service", "VyOS"),
    typed("vyos-configd.service", "VyOS's configuration"),
    free("vyos-*.service", "A part of VyOS"),
    Watched { pattern: "systemd-journald.service", label: "Journal", guard: Guard::HandsOff },
    Watched { pattern: "dbus.service", label: "D-Bus", guard: Guard::HandsOff },
];

/// What can be done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it and start it again.
    Restart,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Restart, Self::Start, Self::Stop];

    /// The word for systemd, the API and the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

impl FromStr for Verb {
    type Err = Refusal;

    fn from_str(word: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word).ok_or(Refusal::Unknown)
    }
}

/// Why something is not done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody watches it, or there is no such deed.
    #[error("this is no service that is watched here, or nothing that can be done to it")]
    Unknown,
    /// It is only looked at.
    #[error("this service is only looked at: what it does, everything else needs")]
    HandsOff,
    /// It would end what was asked for.
    #[error("the appliance can be restarted here, but not stopped; use the router's console")]
    Own,
}

/// Whether text may be the name of a service's unit (systemd.unit(5)): no path, no flag, no pattern.
pub fn is_unit(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(fits)
        && name.ends_with(".service")
}

/// The line for a unit; None for one that is not watched.
pub fn watched(unit: &str) -> Option<&'static Watched> {
    is_unit(unit).then_some(())?;
    WATCHED.iter().find(|line| fits(line.pattern, unit))
}

fn fits(pattern: &str, unit: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == unit,
        Some((head, tail)) => {
            unit.len() > head.len() + tail.len() && unit.starts_with(head) && unit.ends_with(tail)
        }
    }
}

/// The line for a unit to which this may be done.
///
/// # Errors
/// [`Refusal`].
pub fn allowed(verb: Verb, unit: &str) -> Result<&'static Watched, Refusal> {
    let line = watched(unit).ok_or(Refusal::Unknown)?;
    match line.guard {
        Guard::HandsOff => Err(Refusal::HandsOff),
        Guard::Own if verb != Verb::Restart => Err(Refusal::Own),
        _ => Ok(line),
    }
}

impl Guard {
    /// The unit's name is to be typed.
    pub const fn is_typed(self) -> bool {
        matches!(self, Self::Typed | Self::Own)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_units_of_the_list_are_watched() {
        for unit in ["frr.service", "ssh@red.service", "vyos-container-web.service"] {
            assert!(watched(unit).is_some(), "{unit}");
        }
        for wrong in [
            "getty@tty1.service",
            "frr",
            "frr.socket",
            "--now.service",
            "../frr.service",
            "vyos-*.service",
            "ssh@.service",
            "frr.service; reboot",
            "frr.service\n",
            "",
        ] {
            assert!(watched(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_carries_people_wants_its_name_and_what_all_need_is_left_alone() {
        for unit in ["ssh.service", "frr.service", "networking.service", "dhclient@eth0.service"] {
            assert!(allowed(Verb::Restart, unit).expect("allowed").guard.is_typed(), "{unit}");
        }
        assert!(!allowed(Verb::Stop, "chrony.service").expect("allowed").guard.is_typed());
        assert_eq!(allowed(Verb::Restart, "dbus.service"), Err(Refusal::HandsOff));
        assert_eq!(allowed(Verb::Stop, "panoptikon.service"), Err(Refusal::Own));
        assert!(allowed(Verb::Restart, "panoptikon.service").is_ok());
        assert_eq!(allowed(Verb::Stop, "getty@tty1.service"), Err(Refusal::Unknown));
        assert_eq!("reload".parse::<Verb>(), Err(Refusal::Unknown));
    }

    proptest! {
        #[test]
        fn what_is_watched_is_one_harmless_word(unit in "\\PC{0,40}(\\.service)?") {
            if watched(&unit).is_some() {
                prop_assert!(!unit.contains(['/', ' ', '*', ';', '\n']) && !unit.starts_with('-'));
            }
        }
    }
}
