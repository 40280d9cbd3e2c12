//! From evidence to identity.
//!
//! Every trace that a rule matches becomes a claim; then each field is decided by itself. Among
//! the claims that fill a field the firm ones (confidence 50 and more) go before the hints, then
//! the better [`Source`], then the higher confidence, then the more specific pattern. A version
//! counts only with its own operating system and a model only with its own brand, so that no
//! device is put together from two; and for a model mDNS goes before host names, which name
//! a product's line at best.

use std::cmp::Reverse;

use super::apple::apple_model;
use super::evidence::Evidence;
use super::identity::{DeviceType, Finding, Identity, Source};
use super::names::clean_hostname;
use super::pattern::subject;
use super::rules::{FIRM, On, Rule, Rules};

/// What a device is, by the rules compiled in.
pub fn identify(evidence: &Evidence) -> Identity {
    identify_with(Rules::built_in(), evidence)
}

/// What a device is, by other rules.
pub fn identify_with(rules: &Rules, evidence: &Evidence) -> Identity {
    let mut claims = Claims { rules, all: Vec::new() };
    claims.gather(evidence);
    let mut identity = decide(&claims.all);
    if identity.device_type.as_ref().is_none_or(|found| found.confidence < FIRM)
        && let Some(os) = identity.os_family.as_ref().map(|found| found.value.clone())
    {
        claims.match_rules(On::Usual, Source::Usual, &os);
        identity = decide(&claims.all);
    }
    refine_apple(&mut identity);
    identity
}

/// What one trace says.
#[derive(Debug, Clone, Default)]
struct Claim {
    source: Option<Source>,
    confidence: u8,
    weight: usize,
    device_type: Option<DeviceType>,
    os: Option<String>,
    version: Option<String>,
    brand: Option<String>,
    model: Option<String>,
    /// The trace, for the reason.
    trace: String,
}

impl Claim {
    fn rank(&self) -> (bool, Option<Source>, u8, usize) {
        (self.confidence >= FIRM, self.source, self.confidence, self.weight)
    }

    /// The reason for people: what it says of that which was concluded; nothing if it says none.
    fn because(&self, identity: &Identity) -> Option<String> {
        let kind = self.device_type.filter(|kind| Some(*kind) == identity.kind());
        let os = same(self.os.as_ref(), identity.os_family.as_ref());
        let os = match (os, same(self.version.as_ref(), identity.os_version.as_ref())) {
            (Some(os), Some(version)) => Some(format!("{os} {version}")),
            (os, _) => os.map(Into::into),
        };
        let told: Vec<String> = [
            same(self.brand.as_ref(), identity.brand.as_ref()).map(Into::into),
            same(self.model.as_ref(), identity.model.as_ref()).map(Into::into),
            kind.map(|kind| kind.for_people().to_owned()),
            os,
        ]
        .into_iter()
        .flatten()
        .collect();
        let verb = if self.confidence >= FIRM { "says" } else { "hints at" };
        (!told.is_empty()).then(|| format!("{} {verb} {}", self.trace, told.join(", ")))
    }

    fn agrees(&self, identity: &Identity) -> bool {
        self.device_type.is_some_and(|kind| Some(kind) == identity.kind())
            || same(self.os.as_ref(), identity.os_family.as_ref()).is_some()
            || same(self.brand.as_ref(), identity.brand.as_ref()).is_some()
    }
}

/// The claimed value if it is the concluded one.
fn same<'a>(own: Option<&'a String>, chosen: Option<&Finding<String>>) -> Option<&'a str> {
    own.map(String::as_str).filter(|own| chosen.is_some_and(|chosen| chosen.value == *own))
}

struct Claims<'a> {
    rules: &'a Rules,
    all: Vec<Claim>,
}

impl Claims<'_> {
    fn gather(&mut self, evidence: &Evidence) {
        if evidence.is_gateway {
            self.all.push(Claim {
                source: Some(Source::Role),
                confidence: 96,
                device_type: Some(DeviceType::Router),
                trace: "Being the gateway of the network".to_owned(),
                ..Claim::default()
            });
        }
        self.link(evidence);
        self.dhcp(evidence);
        for name in evidence.dhcp.hostname.iter().chain(&evidence.hostnames) {
            if let Some(name) = clean_hostname(name) {
                self.match_rules(On::Name, Source::Hostname, &name);
            }
        }
        self.mdns(evidence);
        for server in &evidence.ssdp.servers {
            self.match_rules(On::SsdpServer, Source::Ssdp, server);
        }
        for target in &evidence.ssdp.targets {
            self.match_rules(On::SsdpTarget, Source::Ssdp, target);
        }
        self.ttl_and_names(evidence);
        if let Some(vendor) = evidence.vendor.as_deref().filter(|_| !evidence.randomised_mac) {
            self.match_rules(On::Vendor, Source::Oui, vendor);
        }
    }

    fn match_rules(&mut self, on: On, source: Source, text: &str) {
        let text = subject(text);
        if text.is_empty() {
            return;
        }
        for rule in self.rules.on(on) {
            if let Some(claim) = claim_of(rule, source, &text) {
                self.all.push(claim);
            }
        }
    }

    fn link(&mut self, evidence: &Evidence) {
        let Some(link) = &evidence.link else { return };
        let before = self.all.len();
        self.match_rules(On::Link, Source::Link, &link.description);
        // Servers with containers announce themselves as bridge and router; their description
        // names a general operating system and no type.
        let general = self.all[before..].iter().any(|c| c.os.is_some() && c.device_type.is_none());
        let role = match (link.telephone, link.access_point, link.bridge || link.router) {
            (true, ..) => Some((DeviceType::Phone, "telephone", 72)),
            (_, true, _) if !general => Some((DeviceType::Network, "access point", 75)),
            (_, _, true) if !general => Some((DeviceType::Network, "bridge or router", 60)),
            _ => None,
        };
        if let Some((kind, word, confidence)) = role {
            self.all.push(Claim {
                source: Some(Source::Link),
                confidence,
                device_type: Some(kind),
                trace: format!("The LLDP or CDP capability {word}"),
                ..Claim::default()
            });
        }
    }

    fn dhcp(&mut self, evidence: &Evidence) {
        if let Some(class) = &evidence.dhcp.vendor_class {
            self.match_rules(On::DhcpClass, Source::Dhcp, class);
        }
        if !evidence.dhcp.parameters.is_empty() {
            let numbers: Vec<_> = evidence.dhcp.parameters.iter().map(u8::to_string).collect();
            self.match_rules(On::DhcpParams, Source::Dhcp, &numbers.join(" "));
        }
        if let Some(class) = &evidence.dhcp6_vendor_class {
            self.match_rules(On::Dhcp6Class, Source::Dhcp, class);
        }
    }

    fn mdns(&mut self, evidence: &Evidence) {
        let services: Vec<String> = evidence
            .mdns
            .services
            .iter()
            .map(|service| {
                let service = service.trim().trim_end_matches('.').to_ascii_lowercase();
                service.strip_suffix(".local").unwrap_or(&service).to_owned()
            })
            .collect();
        let has = |start: &str| services.iter().any(|service| service.starts_with(start));
        // A computer that shares a printer is no printer.
        let shares = has("_workstation.") || has("_companion-link.") || has("_rfb.");
        let prints = has("_pdl-datastream.") || has("_printer.") && !has("_workstation.");
        for service in &services {
            if shares && !prints && (service.starts_with("_ipp") || service.starts_with("_univ")) {
                continue;
            }
            self.match_rules(On::MdnsService, Source::Mdns, service);
        }
        for (key, value) in &evidence.mdns.txt {
            match key.trim().to_ascii_lowercase().as_str() {
                "model" | "md" | "am" | "ty" | "product" | "usb_mdl" | "rpmd" | "rpmd2" => {
                    self.mdns_model(evidence, value);
                }
                "manufacturer" | "usb_mfg" | "integrator" | "vendor" | "mfg" => {
                    self.match_rules(On::MdnsMaker, Source::Mdns, value);
                }
                "ci" if has("_hap.") => self.match_rules(On::MdnsCategory, Source::Mdns, value),
                _ => {}
            }
        }
    }

    fn mdns_model(&mut self, evidence: &Evidence, value: &str) {
        // `md=0,1,2` of AirPlay lists metadata kinds, `product=(GPL Ghostscript)` is in brackets.
        let value = subject(value);
        let value = value.trim_matches(['(', ')', '"']);
        if value.len() < 2 || !value.chars().any(char::is_alphabetic) {
            return;
        }
        let vendor = evidence.vendor.as_deref().filter(|_| !evidence.randomised_mac);
        if let Some(apple) = apple_model(value) {
            if !imitates_apple(value, vendor) {
                self.all.push(Claim {
                    source: Some(Source::Mdns),
                    confidence: 96,
                    weight: value.len(),
                    device_type: Some(apple.device_type),
                    os: Some(apple.os.to_owned()),
                    brand: Some("Apple".to_owned()),
                    model: Some(apple.name.unwrap_or_else(|| value.to_owned())),
                    trace: format!("mDNS model \"{value}\""),
                    ..Claim::default()
                });
            }
            return;
        }
        let before = self.all.len();
        self.match_rules(On::MdnsModel, Source::Mdns, value);
        // Names that file servers borrow are no models.
        let borrowed = ["macsamba", "rackmac", "xserve"]
            .iter()
            .any(|name| value.to_ascii_lowercase().starts_with(name));
        if borrowed {
            return;
        }
        for claim in &mut self.all[before..] {
            claim.model.get_or_insert_with(|| value.to_owned());
        }
        if self.all.len() == before {
            self.all.push(Claim {
                source: Some(Source::Mdns),
                confidence: 70,
                model: Some(value.to_owned()),
                trace: format!("mDNS model \"{value}\""),
                ..Claim::default()
            });
        }
    }

    fn ttl_and_names(&mut self, evidence: &Evidence) {
        let ttl = evidence.ttl.unwrap_or_default();
        let unix = (57..=64).contains(&ttl);
        let (os, kind) = match ttl {
            57..=64 => (Some("Unix-like"), None),
            121..=128 => (Some("Windows"), None),
            248..=255 => (None, Some(DeviceType::Network)),
            _ => (None, None),
        };
        if os.is_some() || kind.is_some() {
            self.all.push(Claim {
                source: Some(Source::Ttl),
                confidence: if os.is_some() { 40 } else { 30 },
                os: os.map(Into::into),
                device_type: kind,
                trace: format!("TTL {ttl}"),
                ..Claim::default()
            });
        }
        // Samba and systemd speak these as well; a Unix TTL gives them away.
        if evidence.netbios && !unix {
            self.all.push(Claim {
                source: Some(Source::Netbios),
                confidence: if evidence.llmnr { 45 } else { 35 },
                os: Some("Windows".to_owned()),
                trace: "Speaking NetBIOS".to_owned(),
                ..Claim::default()
            });
        }
    }
}

fn claim_of(rule: &Rule, source: Source, text: &str) -> Option<Claim> {
    let stars = rule.pattern.captures(text)?;
    let fill = |field: &Option<String>| {
        let field = field.as_deref()?;
        let Some((before, rest)) = field.split_once('$') else {
            return Some(field.to_owned());
        };
        let number = rest.chars().next()?.to_digit(10)? as usize;
        let star = text.get(stars.get(number.checked_sub(1)?)?.clone())?.trim();
        (!star.is_empty()).then(|| format!("{before}{star}{}", &rest[1..]))
    };
    let model = fill(&rule.model).map(|model| match apple_model(&model) {
        Some(apple) => apple.name.unwrap_or(model),
        None => model,
    });
    let claim = Claim {
        source: Some(source),
        confidence: rule.confidence,
        weight: rule.pattern.weight(),
        device_type: rule.device_type,
        os: fill(&rule.os),
        version: fill(&rule.version),
        brand: fill(&rule.brand),
        model,
        trace: format!("{} \"{text}\"", rule.on.for_people()),
    };
    let tells = claim.device_type.is_some()
        || claim.os.is_some()
        || claim.brand.is_some()
        || claim.model.is_some();
    tells.then_some(claim)
}

/// File servers announce themselves as a Mac or a Time Capsule, to get the icon.
fn imitates_apple(code: &str, vendor: Option<&str>) -> bool {
    let code = code.to_ascii_lowercase();
    let vendor = vendor.unwrap_or("apple").to_ascii_lowercase();
    let shown = ["timecapsule", "xserve", "rackmac", "macpro", "airport"];
    let makers = ["synology", "qnap", "netgear", "western digital", "asustor", "buffalo"];
    shown.iter().any(|name| code.starts_with(name)) && vendor != "apple"
        || makers.iter().any(|name| vendor.starts_with(name))
}

fn decide(claims: &[Claim]) -> Identity {
    let mut order: Vec<&Claim> = claims.iter().collect();
    // Stable: of equals the earlier one stays first.
    model::sort_by_key(&mut order, |claim| Reverse(claim.rank()));

    let device_type = first(&order, |claim| claim.device_type);
    let os_family = first(&order, |claim| claim.os.clone());
    let brand = first(&order, |claim| claim.brand.clone());
    let os_version = first(&order, |claim| {
        let same = claim.os.as_deref() == os_family.as_ref().map(|os| os.value.as_str());
        claim.version.clone().filter(|_| same)
    });
    let fitting_model = |claim: &Claim| {
        let other_brand =
            claim.brand.is_some() && same(claim.brand.as_ref(), brand.as_ref()).is_none();
        let other_type = claim
            .device_type
            .zip(device_type.as_ref())
            .is_some_and(|(own, chosen)| own != chosen.value && claim.confidence >= FIRM);
        claim.model.clone().filter(|_| !other_brand && !other_type)
    };
    // People put a product's line into a host name; mDNS names the exact model.
    let exact =
        |claim: &Claim| matches!(claim.source, Some(Source::Mdns | Source::Link | Source::Dhcp));
    let model = first(&order, |claim| fitting_model(claim).filter(|_| exact(claim)))
        .or_else(|| first(&order, fitting_model));

    let mut identity =
        Identity { os_family, os_version, device_type, brand, model, ..Identity::default() };
    identity.confidence = confidence(&order, &identity);
    let mut reasons = Vec::new();
    for reason in order.iter().filter_map(|claim| claim.because(&identity)) {
        if reasons.len() < MAX_REASONS && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    identity.because = reasons;
    identity
}

/// More reasons than that are read by nobody.
const MAX_REASONS: usize = 6;

fn first<T>(order: &[&Claim], field: impl Fn(&Claim) -> Option<T>) -> Option<Finding<T>> {
    order.iter().find_map(|claim| {
        let source = claim.source?;
        field(claim).map(|value| Finding { value, source, confidence: claim.confidence })
    })
}

/// The confidence of the weightiest field; each further source that agrees on type, system or
/// brand adds 5, at most 15; each source that firmly names another type takes 10.
fn confidence(order: &[&Claim], identity: &Identity) -> u8 {
    let base = match (&identity.device_type, &identity.os_family, &identity.brand) {
        (Some(kind), ..) => (kind.confidence, kind.source),
        (None, Some(os), _) => (os.confidence, os.source),
        (None, None, Some(brand)) => (brand.confidence / 2, brand.source),
        (None, None, None) => return 0,
    };
    let mut agreeing = Vec::new();
    let mut against = Vec::new();
    for claim in order {
        let Some(source) = claim.source.filter(|s| *s != base.1 && *s != Source::Usual) else {
            continue;
        };
        let other = claim.device_type.is_some_and(|kind| Some(kind) != identity.kind());
        if other && claim.confidence >= FIRM {
            against.push(source);
        } else if !other && claim.agrees(identity) {
            agreeing.push(source);
        }
    }
    for sources in [&mut agreeing, &mut against] {
        sources.sort_unstable();
        sources.dedup();
    }
    let plus = (agreeing.len() * 5).min(15) as u8;
    let minus = (against.len() * 10).min(30) as u8;
    (base.0 + plus).min(99).saturating_sub(minus)
}

/// iPhone, iPad, Apple TV and `HomePod` ask for the same DHCP options; the type tells them apart.
fn refine_apple(identity: &mut Identity) {
    let os = match identity.kind() {
        Some(DeviceType::Tablet) => "iPadOS",
        Some(DeviceType::Tv) => "tvOS",
        Some(DeviceType::Speaker) => "audioOS",
        _ => return,
    };
    let apple = identity.brand.as_ref().is_some_and(|brand| brand.value == "Apple");
    if let Some(family) = &mut identity.os_family
        && apple
        && family.value == "iOS"
    {
        os.clone_into(&mut family.value);
    }
}
