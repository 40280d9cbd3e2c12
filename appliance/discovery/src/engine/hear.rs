//! What a frame adds to what is known.

use std::net::IpAddr;
use std::time::Duration;

use model::{DeviceId, Mac, Severity, Timestamp};
use serde_json::json;

use super::Engine;
use crate::decode::{
    Arp, Capabilities, Dhcp4, Dhcp4Kind, Dhcp6, Fact, Heard, Mdns, NetBios, NetBiosOperation,
};
use crate::enrich::{Evidence, Link, clean_hostname};
use crate::segment::Segment;

/// Bounds of what is remembered of one device: a hostile station must not fill the memory.
const MAX_NAMES: usize = 8;
const MAX_SERVICES: usize = 48;
const MAX_TXT: usize = 64;
const MAX_TEXTS: usize = 16;
/// An alarm that goes on is raised again after this time.
const ALARM_AGAIN: Duration = Duration::from_secs(3_600);
/// Alarms of one kind within that time.
const MAX_ALARMS: usize = 64;
/// RFC 2132 allows 255 octets; what systems use is 7 to 40.
const MAX_CLIENT_ID: usize = 128;
/// TXT keys that tell what a device is. Others may change by the minute and would only wear the flash.
const TELLING_KEYS: [&str; 16] = [
    "am",
    "ci",
    "fn",
    "manufacturer",
    "md",
    "mfg",
    "model",
    "name",
    "os",
    "osxvers",
    "product",
    "rpmd",
    "ty",
    "usb_mdl",
    "usb_mfg",
    "vendor",
];
/// The NetBIOS suffix of a workstation's own name (RFC 1001, Microsoft's use).
const NETBIOS_WORKSTATION: u8 = 0x00;

impl Engine {
    /// Takes in a frame that came in on an interface.
    pub fn hear(&mut self, now: Timestamp, segment: &Segment, heard: &Heard) {
        let speaker = match &heard.fact {
            Fact::Arp(arp) => arp.sender,
            // A relay speaks for its client; the client itself is elsewhere.
            Fact::Dhcp4(dhcp) if dhcp.from_client && dhcp.relay.is_none() => dhcp.client,
            _ => heard.source,
        };
        if !speaker.is_station() || self.own_macs.contains(&speaker) {
            return;
        }
        self.sight(now, segment, speaker);
        match &heard.fact {
            Fact::Arp(arp) => self.hear_arp(now, segment, arp),
            Fact::NeighbourAdvertisement(na) => self.claim(now, segment, speaker, na.target.into()),
            Fact::Dhcp4(dhcp) => self.hear_dhcp4(now, segment, speaker, heard, dhcp),
            _ => {
                if let Some(ip) = heard.ip {
                    self.claim(now, segment, speaker, ip);
                }
            }
        }
        if let (Fact::RouterAdvertisement(ra), Some(router)) = (&heard.fact, heard.ip)
            && ra.lifetime > 0
        {
            self.hear_router(now, segment, speaker, router);
        }
        self.learn_of(now, speaker, heard);
    }

    fn hear_arp(&mut self, now: Timestamp, segment: &Segment, arp: &Arp) {
        if arp.is_probe() {
            return;
        }
        let ip = IpAddr::from(arp.sender_ip);
        self.claim(now, segment, arp.sender, ip);
        if !segment.is_own(ip) {
            return;
        }
        // Who does this is told of at once, even if it may turn out to be a known phone.
        self.settle(arp.sender, now, true);
        if let Some(id) = self.by_mac.get(&arp.sender).copied()
            && self.is_fresh_alarm(now, ("arp_spoof", ip))
        {
            let (place, mac) = (segment.name.clone(), arp.sender);
            self.tell(id, now, "arp_spoof", Severity::Critical, |d| {
                let name = d.name();
                let text =
                    format!("{name} ({mac}) claims this router's own address {ip} on {place}");
                (text, json!({ "ip": ip, "mac": mac }))
            });
        }
    }

    /// On a router, whoever else announces itself as one is a stranger; elsewhere the first is not.
    fn hear_router(&mut self, now: Timestamp, segment: &Segment, speaker: Mac, router: IpAddr) {
        let trust_first = !self.settings.forwards_ipv6;
        let known = self.routers.entry(segment.index).or_default();
        if !known.is_new_stranger(now, router, trust_first) {
            return;
        }
        let kind = "router_advertisement_rogue";
        let Some(id) = self.by_mac.get(&speaker).copied() else { return };
        if !self.is_fresh_alarm(now, (kind, router)) {
            return;
        }
        self.routers.entry(segment.index).or_default().note(now, router);
        let place = segment.name.clone();
        self.tell(id, now, kind, Severity::High, |d| {
            let text =
                format!("{} announces itself as an IPv6 router ({router}) on {place}", d.name());
            (text, json!({ "router": router }))
        });
    }

    /// True unless the same alarm was raised within the hour.
    fn is_fresh_alarm(&mut self, now: Timestamp, alarm: (&'static str, IpAddr)) -> bool {
        self.alarms.retain(|_, at| now.since(*at) < ALARM_AGAIN);
        // Of each kind so many: a flood of one must not silence the others.
        let alike = self.alarms.keys().filter(|(kind, _)| *kind == alarm.0).count();
        alike < MAX_ALARMS && self.alarms.insert(alarm, now).is_none()
    }

    fn hear_dhcp4(
        &mut self,
        now: Timestamp,
        segment: &Segment,
        speaker: Mac,
        heard: &Heard,
        dhcp: &Dhcp4,
    ) {
        if dhcp.from_client {
            if let Some(ip) = dhcp.current.filter(|ip| !ip.is_unspecified()) {
                self.claim(now, segment, speaker, ip.into());
            }
            if let Some(client_id) = dhcp.client_id.as_ref().filter(|id| id.len() <= MAX_CLIENT_ID)
            {
                self.note_client_id(now, speaker, client_id);
            }
            return;
        }
        if let Some(ip) = heard.ip {
            self.claim(now, segment, speaker, ip);
        }
        let acknowledged = dhcp.kind == Some(Dhcp4Kind::Ack);
        if let (true, Some(given)) = (acknowledged, dhcp.given)
            && self.by_mac.contains_key(&dhcp.client)
        {
            self.claim(now, segment, dhcp.client, given.into());
        }
        if matches!(dhcp.kind, Some(Dhcp4Kind::Offer | Dhcp4Kind::Ack)) {
            let server = dhcp.server.map(IpAddr::from).or(heard.ip);
            self.hear_dhcp_server(now, segment, speaker, server);
        }
    }

    fn note_client_id(&mut self, now: Timestamp, mac: Mac, client_id: &[u8]) {
        let known = self.by_mac.get(&mac).copied();
        let device = match self.waiting.get_mut(&mac) {
            Some(waiting) => Some(&mut waiting.device),
            None => known.and_then(|id| self.devices.get_mut(&id)),
        };
        let Some(device) = device else { return };
        if device.client_id.as_deref() != Some(client_id) {
            device.client_id = Some(client_id.to_owned());
            if let Some(id) = known {
                self.store_said(id, now);
            }
        }
    }

    /// The first server of a link is taken for the right one, unless the router serves itself.
    fn hear_dhcp_server(
        &mut self,
        now: Timestamp,
        segment: &Segment,
        speaker: Mac,
        server: Option<IpAddr>,
    ) {
        let Some(server) = server else { return };
        let trust_first = !self.settings.serves_dhcp;
        let known = self.dhcp_servers.entry(segment.index).or_default();
        if !known.is_new_stranger(now, server, trust_first) {
            return;
        }
        // One that still waits to become a device is told of when it speaks again.
        let Some(id) = self.by_mac.get(&speaker).copied() else { return };
        if !self.is_fresh_alarm(now, ("dhcp_rogue", server)) {
            return;
        }
        self.dhcp_servers.entry(segment.index).or_default().note(now, server);
        let place = segment.name.clone();
        self.tell(id, now, "dhcp_rogue", Severity::High, |d| {
            let text = format!("{} answers as a DHCP server ({server}) on {place}", d.name());
            (text, json!({ "server": server }))
        });
    }

    /// Adds to what a station has shown, whether it is a device already or waits to become one.
    fn learn_of(&mut self, now: Timestamp, mac: Mac, heard: &Heard) {
        if matches!(&heard.fact, Fact::Dhcp4(dhcp) if dhcp.from_client && dhcp.relay.is_some()) {
            return; // What the client says of itself is not the relay's.
        }
        // A client identifier was noted already.
        let asks = matches!(&heard.fact, Fact::Dhcp4(dhcp) if dhcp.from_client);
        if let Some(waiting) = self.waiting.get_mut(&mac) {
            if add(&mut waiting.device.evidence, heard) || asks {
                self.settle(mac, now, false);
            }
            return;
        }
        let Some(id) = self.by_mac.get(&mac).copied() else {
            return;
        };
        let shown = self.learn(now, id, |evidence| add(evidence, heard));
        if shown || asks && self.reindex(id) {
            self.reconsider(id, now);
        }
    }

    /// What the DHCP server knows: a name for a station, which may be heard only later.
    pub fn leased(&mut self, now: Timestamp, mac: Mac, name: &str) {
        if let Some(id) = self.by_mac.get(&mac).copied() {
            self.learn(now, id, |e| set_name(&mut e.dhcp.hostname, name));
        } else if self.leased.len() < super::MAX_DEVICES || self.leased.contains_key(&mac) {
            self.leased.insert(mac, name.chars().take(super::MAX_LEASED_NAME).collect());
        }
    }

    /// Gives a device that is about to be the name under which its address was leased.
    pub(super) fn take_lease(&mut self, device: &mut crate::device::Device) {
        if let Some(name) = self.leased.remove(&device.mac)
            && device.evidence.dhcp.hostname.is_none()
        {
            set_name(&mut device.evidence.dhcp.hostname, &name);
        }
    }

    /// The device of a station.
    pub fn id_of(&self, mac: Mac) -> Option<DeviceId> {
        self.by_mac.get(&mac).copied()
    }
}

/// Adds a frame's contents to what is known. True when something was news.
fn add(evidence: &mut Evidence, heard: &Heard) -> bool {
    match &heard.fact {
        Fact::Dhcp4(dhcp) if dhcp.from_client => add_dhcp4(evidence, dhcp),
        Fact::Dhcp6(dhcp) => add_dhcp6(evidence, dhcp),
        Fact::Mdns(mdns) => add_mdns(evidence, mdns, heard.ip),
        Fact::Ssdp(ssdp) => {
            let server = ssdp.server.as_deref();
            let mut news =
                server.is_some_and(|s| push_new(&mut evidence.ssdp.servers, s, MAX_TEXTS));
            // A search names what is looked for, not what the searcher is.
            if !matches!(ssdp.kind, crate::decode::SsdpKind::Search) {
                let target = ssdp.target.as_deref();
                news |=
                    target.is_some_and(|t| push_new(&mut evidence.ssdp.targets, t, MAX_SERVICES));
            }
            news
        }
        Fact::Llmnr(llmnr) => {
            let name = llmnr
                .addresses
                .iter()
                .find(|(_, ip)| Some(*ip) == heard.ip)
                .and_then(|(name, _)| clean_hostname(name));
            let news = name.is_some_and(|n| push_new(&mut evidence.hostnames, &n, MAX_NAMES));
            news | set(&mut evidence.llmnr)
        }
        Fact::NetBios(netbios) => add_netbios(evidence, netbios, heard),
        Fact::Lldp(lldp) => {
            let caps = lldp.capabilities;
            let link = Link {
                description: lldp.system_description.clone().unwrap_or_default(),
                bridge: caps.is_some_and(Capabilities::is_bridge),
                router: caps.is_some_and(Capabilities::is_router),
                access_point: caps.is_some_and(Capabilities::is_access_point),
                telephone: caps.is_some_and(Capabilities::is_telephone),
            };
            let name = lldp.system_name.as_deref().and_then(clean_hostname);
            let named = name.is_some_and(|n| push_new(&mut evidence.hostnames, &n, MAX_NAMES));
            replace(&mut evidence.link, Some(link)) | named
        }
        Fact::Cdp(cdp) => {
            let words = [cdp.platform.as_deref(), cdp.version.as_deref()];
            let description = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
            // Capability bits of CDP: 0x01 router, 0x08 and 0x02 switch, 0x80 telephone.
            let link = Link {
                description,
                router: cdp.capabilities & 0x01 != 0,
                bridge: cdp.capabilities & 0x0a != 0,
                access_point: false,
                telephone: cdp.capabilities & 0x80 != 0,
            };
            // LLDP says more exactly what it is; where both are spoken it stays.
            let news = evidence.link.is_none() && replace(&mut evidence.link, Some(link));
            let name = cdp.device_id.as_deref().and_then(clean_hostname);
            name.is_some_and(|n| push_new(&mut evidence.hostnames, &n, MAX_NAMES)) | news
        }
        Fact::RouterAdvertisement(ra) if ra.lifetime > 0 => set(&mut evidence.is_gateway),
        // Only the kernel's own answers carry the initial TTL of the system.
        Fact::EchoReply => replace(&mut evidence.ttl, heard.hop_limit),
        _ => false,
    }
}

fn add_dhcp4(evidence: &mut Evidence, dhcp: &Dhcp4) -> bool {
    let name = dhcp.host_name.as_deref().or(dhcp.fqdn.as_deref());
    let mut news = name.is_some_and(|n| set_name(&mut evidence.dhcp.hostname, n));
    if dhcp.vendor_class.is_some() {
        news |= replace(&mut evidence.dhcp.vendor_class, dhcp.vendor_class.clone());
    }
    if !dhcp.parameters.is_empty() {
        news |= replace(&mut evidence.dhcp.parameters, dhcp.parameters.clone());
    }
    news
}

fn add_dhcp6(evidence: &mut Evidence, dhcp: &Dhcp6) -> bool {
    let class = dhcp.vendor_class.as_ref().map(|(_, text)| text.clone());
    let mut news = class.is_some() && replace(&mut evidence.dhcp6_vendor_class, class);
    if let Some(name) = dhcp.fqdn.as_deref().and_then(clean_hostname) {
        news |= push_new(&mut evidence.hostnames, &name, MAX_NAMES);
    }
    news
}

/// An mDNS responder may speak for others (a sleep proxy does): only what leads back to the
/// sender's own address counts.
fn add_mdns(evidence: &mut Evidence, mdns: &Mdns, sender: Option<IpAddr>) -> bool {
    if !mdns.response {
        return false;
    }
    let own_names: Vec<&str> = mdns
        .addresses
        .iter()
        .filter(|(_, ip)| Some(*ip) == sender)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut news = false;
    if let Some(name) = own_names.first().and_then(|n| clean_hostname(n)) {
        news |= push_new(&mut evidence.hostnames, &name, MAX_NAMES);
    }
    for instance in &mdns.instances {
        let ours = instance.target.as_deref().is_none_or(|target| {
            own_names.is_empty() || own_names.iter().any(|n| n.eq_ignore_ascii_case(target))
        });
        if !ours {
            continue;
        }
        news |= push_new(&mut evidence.mdns.services, &instance.service, MAX_SERVICES);
        for (key, value) in &instance.properties {
            if !TELLING_KEYS.iter().any(|k| k.eq_ignore_ascii_case(key)) {
                continue;
            }
            news |= set_pair(&mut evidence.mdns.txt, key, value);
        }
    }
    for service in &mdns.services {
        news |= push_new(&mut evidence.mdns.services, service, MAX_SERVICES);
    }
    news
}

fn add_netbios(evidence: &mut Evidence, netbios: &NetBios, heard: &Heard) -> bool {
    let mut news = set(&mut evidence.netbios);
    let own = netbios.response || netbios.operation == NetBiosOperation::Registration;
    let name = netbios.names.iter().find(|n| n.suffix == NETBIOS_WORKSTATION && !n.group);
    if let (true, Some(name)) = (own, name.and_then(|n| clean_hostname(&n.name))) {
        news |= push_new(&mut evidence.hostnames, &name.to_lowercase(), MAX_NAMES);
    }
    if netbios.response {
        news |= replace(&mut evidence.ttl, heard.hop_limit);
    }
    news
}

pub(super) fn push_new(list: &mut Vec<String>, text: &str, most: usize) -> bool {
    if text.is_empty() || list.len() >= most || list.iter().any(|t| t.eq_ignore_ascii_case(text)) {
        return false;
    }
    list.push(text.to_owned());
    true
}

fn set_pair(list: &mut Vec<(String, String)>, key: &str, value: &str) -> bool {
    if let Some((_, old)) = list.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(key)) {
        return replace(old, value.to_owned());
    }
    if list.len() >= MAX_TXT {
        return false;
    }
    list.push((key.to_owned(), value.to_owned()));
    true
}

fn set_name(place: &mut Option<String>, name: &str) -> bool {
    clean_hostname(name).is_some_and(|name| replace(place, Some(name)))
}

fn set(flag: &mut bool) -> bool {
    !std::mem::replace(flag, true)
}

fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let news = *place != value;
    *place = value;
    news
}

impl Evidence {
    /// Takes over what another address of the same device has shown; the newer counts.
    pub(crate) fn absorb(&mut self, newer: &Self) {
        let keep = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
        self.dhcp.hostname = keep(&newer.dhcp.hostname, &self.dhcp.hostname);
        self.dhcp.vendor_class = keep(&newer.dhcp.vendor_class, &self.dhcp.vendor_class);
        if !newer.dhcp.parameters.is_empty() {
            self.dhcp.parameters.clone_from(&newer.dhcp.parameters);
        }
        self.dhcp6_vendor_class = keep(&newer.dhcp6_vendor_class, &self.dhcp6_vendor_class);
        for name in &newer.hostnames {
            push_new(&mut self.hostnames, name, MAX_NAMES);
        }
        for service in &newer.mdns.services {
            push_new(&mut self.mdns.services, service, MAX_SERVICES);
        }
        for (key, value) in &newer.mdns.txt {
            set_pair(&mut self.mdns.txt, key, value);
        }
        self.ttl = newer.ttl.or(self.ttl);
        self.llmnr |= newer.llmnr;
        self.netbios |= newer.netbios;
    }
}

impl crate::enrich::Mdns {
    /// The name for people that a device announces (`fn` of Google Cast and others).
    pub(crate) fn friendly_name(&self) -> Option<&str> {
        let wanted = |key: &str| key.eq_ignore_ascii_case("fn") || key.eq_ignore_ascii_case("name");
        self.txt
            .iter()
            .find(|(key, value)| wanted(key) && !value.is_empty())
            .map(|(_, v)| v.as_str())
    }
}
