//! The parts of a device's page that show what is known.

use std::net::IpAddr;
use std::time::Duration;

use discovery::enrich::{Finding, Source};
use discovery::ports::Risk;
use discovery::{Device, DiscoveryError, PortScan, PortState};
use model::{Event, Timestamp};

use crate::pages::{recent, rows};
use crate::site::Site;
use crate::view::{
    AddressLine, Evidence, Moment, PortLine, Presence, PresenceView, ServiceLine, StoryLine, Strip,
    TimelineRange, Tone, percent, span,
};

/// Spells of presence that the table twin lists.
const SPELLS: usize = 50;
/// A device is not scanned again within this time.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What it is thought to be, and why.
pub(super) fn identity(device: &Device) -> Vec<Evidence> {
    let (found, corrected) =
        (&device.identity, device.person.corrected.clone().unwrap_or_default());
    let mut all = Vec::new();
    let mut add = |label: &str, value: Option<String>, by_person: bool, grounds: Grounds| {
        let Some(value) = value else { return };
        let (reason, confidence) = match grounds {
            _ if by_person => ("A person said so.".to_owned(), String::new()),
            Some((source, sure)) => (because(source).to_owned(), confidence(sure).to_owned()),
            None => (String::new(), String::new()),
        };
        let label = label.to_owned();
        all.push(Evidence { label, value, reason, confidence, by_person });
    };
    let named = device.person.name.is_some();
    let hostname = device.hostname().map(str::to_owned);
    let heard = device.evidence.dhcp.hostname.is_some();
    let by_name = if heard { Source::Dhcp } else { Source::Mdns };
    add("Name", Some(device.name()).filter(|_| named), true, None);
    add("Host name", hostname, false, Some((by_name, 100)));
    let kind = device.device_type().map(rows::kind);
    add("Type", kind, corrected.device_type.is_some(), grounds(found.device_type.as_ref()));
    let os: Vec<_> = device.os_family().into_iter().chain(device.os_version()).collect();
    let os = Some(os.join(" ")).filter(|os| !os.is_empty());
    add("Operating system", os, corrected.os_family.is_some(), grounds(found.os_family.as_ref()));
    let brand = device.brand().map(str::to_owned);
    add("Brand", brand, corrected.brand.is_some(), grounds(found.brand.as_ref()));
    let model = device.model().map(str::to_owned);
    add("Model", model, corrected.model.is_some(), grounds(found.model.as_ref()));
    if device.evidence.randomised_mac {
        all.push(Evidence {
            label: "Hardware address".to_owned(),
            value: "Made up by the device".to_owned(),
            reason: "Its local bit is set. Phones and laptops do so against being followed; the \
                     address says nothing about the maker and may change."
                .to_owned(),
            confidence: "sure".to_owned(),
            by_person: false,
        });
    }
    let earlier: Vec<_> =
        device.macs.iter().filter(|m| **m != device.mac).map(ToString::to_string).collect();
    if !earlier.is_empty() {
        all.push(Evidence {
            label: "Earlier addresses".to_owned(),
            value: earlier.join(", "),
            reason: "Hardware addresses that it used before, recognised by its DHCP client \
                     identifier and host name."
                .to_owned(),
            confidence: String::new(),
            by_person: false,
        });
    }
    if !found.because.is_empty() {
        all.push(Evidence {
            label: "Reasons".to_owned(),
            value: found.because.join("; "),
            reason: format!("All in all {} % sure.", found.confidence),
            confidence: String::new(),
            by_person: false,
        });
    }
    all
}

type Grounds = Option<(Source, u8)>;

fn grounds<T>(finding: Option<&Finding<T>>) -> Grounds {
    finding.map(|f| (f.source, f.confidence))
}

const fn confidence(percent: u8) -> &'static str {
    match percent {
        85.. => "sure",
        60..=84 => "likely",
        _ => "a guess",
    }
}

const fn because(source: Source) -> &'static str {
    match source {
        Source::Usual => "Usual for what else is known.",
        Source::Oui => "The owner of its hardware address block.",
        Source::Ttl => "The initial time to live of its packets.",
        Source::Netbios => "It speaks LLMNR or NetBIOS.",
        Source::Ssdp => "It announces so by SSDP.",
        Source::Mdns => "It announces so by mDNS.",
        Source::Hostname => "Its host name.",
        Source::Dhcp => "What it tells the DHCP server.",
        Source::Link => "It says so by LLDP or CDP.",
        Source::Role => "Its place in the network.",
    }
}

/// All addresses, current ones first.
pub(super) fn addresses(site: &Site, device: &Device, now: Timestamp) -> Vec<AddressLine> {
    let segments = site.discovery.segments();
    let mut addresses: Vec<_> = device.addresses.iter().collect();
    model::sort_by_key(&mut addresses, |a| {
        (!a.current, a.ip.is_ipv6(), std::cmp::Reverse(a.last_seen))
    });
    let line = |a: &discovery::Address| {
        let segment = segments.iter().find(|s| s.name == a.interface);
        let network = segment.and_then(|s| s.network_of(a.ip));
        AddressLine {
            address: a.ip.to_string(),
            kind: kind(a.ip).to_owned(),
            subnet: network.map(discovery::Network::cidr).unwrap_or_default(),
            interface: a.interface.clone(),
            current: a.current,
            since: Moment::ago(a.first_seen, now),
            seen: Moment::ago(a.last_seen, now),
        }
    };
    addresses.into_iter().map(line).collect()
}

const fn kind(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(ip) if ip.is_link_local() => "IPv4, link-local",
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(ip) if ip.is_unicast_link_local() => "IPv6, link-local",
        IpAddr::V6(ip) if ip.is_unique_local() => "IPv6, unique local",
        IpAddr::V6(_) => "IPv6",
    }
}

/// A range of the presence timeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    key: &'static str,
    hours: u64,
    cells: usize,
    ticks: &'static [&'static str],
}

impl Range {
    const ALL: [Self; 3] = [
        Self {
            key: "24h",
            hours: 24,
            cells: 96,
            ticks: &["24 h ago", "18 h", "12 h", "6 h", "now"],
        },
        Self {
            key: "7d",
            hours: 7 * 24,
            cells: 168,
            ticks: &["7 d ago", "6 d", "5 d", "4 d", "3 d", "2 d", "1 d", "now"],
        },
        Self {
            key: "30d",
            hours: 30 * 24,
            cells: 180,
            ticks: &["30 d ago", "20 d", "10 d", "now"],
        },
    ];

    /// By its word in the query; a day when it names none.
    pub(super) fn of(word: Option<&str>) -> Self {
        let named = Self::ALL.into_iter().find(|range| Some(range.key) == word);
        named.unwrap_or(Self::ALL[0])
    }
}

/// When it was there.
pub(super) async fn presence(
    site: &Site,
    device: &Device,
    range: Range,
    now: Timestamp,
) -> Result<PresenceView, DiscoveryError> {
    let from = now.minus(Duration::from_secs(range.hours * 3_600));
    let uptime = if device.manual {
        discovery::uptime::Uptime::default()
    } else {
        site.discovery.uptime(device.id, from, now).await?
    };
    let first = device.presence.first_seen;
    let cells = recent::cells(&uptime.stretches, first, from, now, range.cells);
    let share = uptime.percent.map_or_else(|| "\u{2013}".to_owned(), |p| percent(p / 100.0));
    let changes = uptime.stretches.len().saturating_sub(1);
    let spells = uptime.stretches.iter().rev().take(SPELLS).map(|s| {
        let state = if s.online { Presence::Online } else { Presence::Offline };
        (Moment::exact(s.from), state, span(s.to.since(s.from)))
    });
    Ok(PresenceView {
        ranges: TimelineRange::all(device.id.0, range.key),
        strip: Strip::new(
            &cells,
            format!("there {share} of {}", range.ticks[0].replace(" ago", "")),
        ),
        uptime: share,
        changes: if changes == 1 { "once".to_owned() } else { format!("{changes} times") },
        ticks: range.ticks.iter().map(|t| (*t).to_owned()).collect(),
        spells: spells.collect(),
    })
}

/// What it announces.
pub(super) fn services(device: &Device, now: Timestamp) -> Vec<ServiceLine> {
    let evidence = &device.evidence;
    let line = |service: &str, detail: &str, via: &str| ServiceLine {
        service: service.to_owned(),
        meaning: meaning(service).to_owned(),
        detail: detail.to_owned(),
        via: via.to_owned(),
        seen: Moment::ago(device.presence.last_seen, now),
    };
    let mdns = device.services().iter().map(|s| line(s, "", "mDNS"));
    let server = evidence.ssdp.servers.first().map(String::as_str).unwrap_or_default();
    let ssdp = evidence.ssdp.targets.iter().map(|t| line(t, server, "SSDP"));
    let mut all: Vec<_> = mdns.chain(ssdp).collect();
    if evidence.ssdp.targets.is_empty() && !server.is_empty() {
        all.push(line("UPnP", server, "SSDP"));
    }
    if evidence.llmnr {
        all.push(line("LLMNR", "Answers for its own name", "LLMNR"));
    }
    if evidence.netbios {
        all.push(line("NetBIOS", "Answers for its own name", "NetBIOS"));
    }
    if let Some(link) = &evidence.link {
        all.push(line("LLDP or CDP", &link.description, "the link"));
    }
    all
}

/// What the better known services are to people; empty for others.
fn meaning(service: &str) -> &'static str {
    match service.trim_end_matches('.').trim_end_matches(".local") {
        "_airplay._tcp" => "AirPlay",
        "_raop._tcp" => "AirPlay audio",
        "_googlecast._tcp" => "Google Cast",
        "_ipp._tcp" | "_ipps._tcp" => "Printing (IPP)",
        "_printer._tcp" | "_pdl-datastream._tcp" => "Printing",
        "_scanner._tcp" | "_uscan._tcp" | "_uscans._tcp" => "Scanning",
        "_smb._tcp" => "Windows file sharing",
        "_afpovertcp._tcp" => "Apple file sharing",
        "_nfs._tcp" => "NFS file sharing",
        "_adisk._tcp" => "Time Machine",
        "_http._tcp" | "_https._tcp" => "Web page",
        "_ssh._tcp" => "Secure shell",
        "_sftp-ssh._tcp" => "File transfer (SFTP)",
        "_rfb._tcp" => "Screen sharing",
        "_hap._tcp" | "_hap._udp" => "HomeKit accessory",
        "_homekit._tcp" => "HomeKit hub",
        "_matter._tcp" | "_matterc._udp" => "Matter",
        "_mqtt._tcp" => "MQTT",
        "_hue._tcp" => "Philips Hue",
        "_sonos._tcp" => "Sonos",
        "_spotify-connect._tcp" => "Spotify Connect",
        "_companion-link._tcp" => "Apple companion link",
        "_workstation._tcp" => "Workstation",
        "_home-assistant._tcp" => "Home Assistant",
        _ => "",
    }
}

/// The last port scan, and how much of a risk the device is.
pub(super) fn ports(
    device: &Device,
    scan: Option<&PortScan>,
    now: Timestamp,
) -> crate::view::PortScan {
    let score = discovery::risk::risk(device, scan, now);
    let (tone, word) = risk(score.level);
    let reasons = score.reasons.iter().map(|reason| match reason.points {
        0 => format!("{}.", reason.text),
        points => format!("{points} points: {}.", reason.text.trim_end_matches('.')),
    });
    let mut view = crate::view::PortScan {
        risk: format!("{word} risk, {} of 100", score.score),
        tone,
        reasons: reasons.collect(),
        ..crate::view::PortScan::default()
    };
    let Some(scan) = scan else { return view };
    let wait = AGAIN_AFTER.saturating_sub(now.since(scan.at)).as_secs();
    if wait > 0 {
        view.wait = format!("Wait {wait} s between scans.");
    }
    view.at = Some(Moment::ago(scan.at, now));
    let lines = scan.ports.iter().map(|p| {
        let open = p.state == PortState::Open;
        let (tone, risk) = match p.state {
            PortState::Open => risk(p.risk),
            PortState::Closed => (Tone::Quiet, "Closed since"),
            PortState::Filtered => (Tone::Quiet, "Silent since"),
        };
        PortLine {
            port: format!("{}/{}", p.port, p.protocol),
            service: p.service.clone(),
            version: p.version.clone().unwrap_or_default(),
            risk: risk.to_owned(),
            tone,
            reason: if open { p.why.clone() } else { String::new() },
        }
    });
    view.lines = lines.collect();
    view
}

const fn risk(risk: Risk) -> (Tone, &'static str) {
    match risk {
        Risk::None => (Tone::Ok, "Low"),
        Risk::Amber => (Tone::Warn, "Medium"),
        Risk::Red => (Tone::Bad, "High"),
    }
}

/// What happened to it.
pub(super) fn story(events: &[Event], now: Timestamp) -> Vec<StoryLine> {
    events
        .iter()
        .map(|event| {
            let (icon, tone) = look(event);
            StoryLine {
                at: Moment::ago(event.at, now),
                text: event.summary.clone(),
                icon: icon.to_owned(),
                tone,
                href: rows::event_href(event.id),
            }
        })
        .collect()
}

fn look(event: &Event) -> (&'static str, Tone) {
    match event.kind.as_str() {
        "device_online" => ("up", Tone::Ok),
        "device_offline" => ("down", Tone::Quiet),
        "new_device" => ("plus", Tone::New),
        "address_changed" => ("network", Tone::Info),
        "device_merged" => ("link", Tone::Info),
        "wake_sent" => ("power", Tone::Info),
        kind if kind.starts_with("port") => ("scan", event.severity.into()),
        _ => ("info", event.severity.into()),
    }
}
