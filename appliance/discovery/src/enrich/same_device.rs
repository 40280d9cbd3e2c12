//! Whether a randomised MAC address belongs to a device that is known already.
//!
//! In: the traces of the address that appeared, and of the devices it could be. Out: the one
//! device to merge it with and the reason for people, or nothing. Merging two devices wrongly does
//! more harm than showing one twice, hence:
//!
//! - both addresses are locally administered, and they differ;
//! - the known device is not online: one device does not speak from two addresses here;
//! - either both sent the same stable DHCP client identifier and no two different host names, or
//!   both have the same host name, one that is somebody's own, and the same DHCP fingerprint;
//! - exactly one device fits.

use model::{DeviceId, Mac};

use super::names::clean_hostname;

/// What one address showed of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The address.
    pub mac: Mac,
    /// DHCP client identifier, option 61, type octet first.
    pub client_id: Option<Vec<u8>>,
    /// Host name as it was sent.
    pub hostname: Option<String>,
    /// DHCP parameter request list, option 55.
    pub parameters: Vec<u8>,
    /// DHCP vendor class, option 60.
    pub vendor_class: Option<String>,
}

impl Trace {
    /// An address of which nothing is known yet.
    pub const fn new(mac: Mac) -> Self {
        Self { mac, client_id: None, hostname: None, parameters: Vec::new(), vendor_class: None }
    }
}

/// A known device that the address may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub device: DeviceId,
    /// It is online now.
    pub online: bool,
    /// What its last address showed.
    pub trace: Trace,
}

/// The address belongs to this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Which one.
    pub device: DeviceId,
    /// Why, for people.
    pub reason: String,
}

/// The one known device that a newly seen address belongs to, if that is safe to say.
///
/// `candidates` may hold several traces of one device, and the newcomer's own.
pub fn same_device(newcomer: &Trace, candidates: &[Candidate]) -> Option<Merge> {
    if !newcomer.mac.is_locally_administered() || !newcomer.mac.is_station() {
        return None;
    }
    the_only(newcomer, candidates, same_client_id)
        .or_else(|| the_only(newcomer, candidates, same_name_and_fingerprint))
}

/// The only device that fits. One that fits but may not be merged (it is online, its address is
/// its maker's) shows that several devices fit, and stops the merge.
fn the_only(
    newcomer: &Trace,
    candidates: &[Candidate],
    fits: impl Fn(&Trace, &Trace) -> Option<String>,
) -> Option<Merge> {
    let mut found: Option<Merge> = None;
    for candidate in candidates.iter().filter(|other| other.trace.mac != newcomer.mac) {
        let Some(reason) = fits(newcomer, &candidate.trace) else {
            continue;
        };
        let another = found.as_ref().is_some_and(|merge| merge.device != candidate.device);
        if another || candidate.online || !candidate.trace.mac.is_locally_administered() {
            return None;
        }
        found.get_or_insert(Merge { device: candidate.device, reason });
    }
    // Another address of the same device may be online.
    found.filter(|merge| !candidates.iter().any(|c| c.device == merge.device && c.online))
}

fn same_client_id(new: &Trace, old: &Trace) -> Option<String> {
    let id = new.client_id.as_deref()?;
    let names_agree = match (own_name(new), own_name(old)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    (old.client_id.as_deref() == Some(id) && is_stable_client_id(id) && names_agree).then(|| {
        format!(
            "A randomised address with the same DHCP client identifier as {} before, which is \
             not online now",
            old.mac
        )
    })
}

fn same_name_and_fingerprint(new: &Trace, old: &Trace) -> Option<String> {
    let name = own_name(new)?;
    if own_name(old)? != name || is_generic_name(&name) {
        return None;
    }
    // Different stable identifiers are two systems, whatever they call themselves.
    if let (Some(a), Some(b)) = (&new.client_id, &old.client_id)
        && is_stable_client_id(a)
        && is_stable_client_id(b)
        && a != b
    {
        return None;
    }
    let same_fingerprint = !new.parameters.is_empty()
        && new.parameters == old.parameters
        && new.vendor_class == old.vendor_class;
    same_fingerprint.then(|| {
        format!(
            "A randomised address with the same host name \"{name}\" and the same DHCP \
             fingerprint as {} before, which is not online now",
            old.mac
        )
    })
}

fn own_name(trace: &Trace) -> Option<String> {
    clean_hostname(trace.hostname.as_deref()?).map(|name| name.to_lowercase())
}

/// Whether a client identifier outlives a change of the MAC address: type 255 with IAID and DUID
/// (RFC 4361, section 6.1), and not type 1, which only repeats the address.
pub fn is_stable_client_id(id: &[u8]) -> bool {
    // Type, four octets IAID, then a DUID (RFC 8415, section 11).
    let [0xff, _, _, _, _, kind_high, kind_low, body @ ..] = id else {
        return false;
    };
    let shortest = match u16::from_be_bytes([*kind_high, *kind_low]) {
        1 => 2 + 4 + 6, // hardware type, time, address
        2 => 4 + 1,     // enterprise number, identifier
        3 => 2 + 6,     // hardware type, address
        4 => 16,        // UUID
        _ => return false,
    };
    let varies = body.windows(2).any(|pair| pair[0] != pair[1]);
    body.len() >= shortest && body.len() <= 128 && varies
}

/// Whether a host name is one that many devices have: a product's name or a maker's default.
pub fn is_generic_name(name: &str) -> bool {
    let name = name.to_lowercase();
    if GENERIC_STARTS.iter().any(|start| name.starts_with(start)) {
        return true;
    }
    let own = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !is_product_word(word))
        .map(|word| word.chars().filter(|c| c.is_alphabetic()).count())
        .sum::<usize>();
    own < 3
}

/// Defaults that many devices of one house share.
const GENERIC_STARTS: &[&str] = &[
    "esp_",
    "esp-",
    "esp32",
    "esp8266",
    "espressif",
    "localhost",
    "tuya",
    "wlan",
    "lwip",
    "unknown",
];

/// Words of product names, which say what a device is and not whose.
const PRODUCT_WORDS: &[&str] = &[
    "5g",
    "air",
    "amazon",
    "android",
    "apple",
    "book",
    "chromebook",
    "chromecast",
    "client",
    "computer",
    "desktop",
    "device",
    "dhcp",
    "echo",
    "edge",
    "fe",
    "fire",
    "fold",
    "flip",
    "galaxy",
    "google",
    "handy",
    "home",
    "honor",
    "host",
    "huawei",
    "imac",
    "ipad",
    "iphone",
    "ipod",
    "kindle",
    "laptop",
    "lite",
    "linux",
    "mac",
    "macbook",
    "mate",
    "max",
    "mbp",
    "mi",
    "mini",
    "mobile",
    "moto",
    "motorola",
    "my",
    "nokia",
    "nord",
    "note",
    "notebook",
    "oneplus",
    "oppo",
    "pc",
    "phone",
    "pixel",
    "plus",
    "poco",
    "pro",
    "raspberry",
    "raspberrypi",
    "realme",
    "redmi",
    "samsung",
    "se",
    "smart",
    "smartphone",
    "sony",
    "surface",
    "switch",
    "tab",
    "tablet",
    "test",
    "the",
    "tv",
    "ubuntu",
    "debian",
    "fedora",
    "ultra",
    "user",
    "vivo",
    "watch",
    "windows",
    "workstation",
    "xiaomi",
    "xperia",
    "xr",
    "xs",
];

/// A product's word, or a model number such as `s23` or `a54`.
fn is_product_word(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    PRODUCT_WORDS.contains(&word)
        || PRODUCT_WORDS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()))
        || letters <= 2 && digits > 0 && word.len() <= 6
        || is_samsung_code(word)
}

/// `g991b` of `SM-G991B`.
fn is_samsung_code(word: &str) -> bool {
    let bytes = word.as_bytes();
    matches!(bytes, [a, b, c, d, ..] if a.is_ascii_alphabetic()
        && b.is_ascii_digit() && c.is_ascii_digit() && d.is_ascii_digit())
        && bytes.len() <= 6
}

#[cfg(test)]
mod tests;
