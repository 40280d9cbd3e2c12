//! The appliance's own certificates: a small CA that can sign for this router only, and the
//! server's certificate under it.
//!
//! Pure: names, addresses and `now` in, PEM texts out. The CA carries name constraints
//! (RFC 5280, section 4.2.1.10), so that a person who trusts it trusts it for the router's names
//! and for addresses of private ranges, not for a bank's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use serde::{Deserialize, Serialize};

/// A name that is reserved for private use (ICANN, 2024) and so never anybody else's.
pub const FALLBACK_NAME: &str = "router.internal";

const DAY: Duration = Duration::from_secs(86_400);

/// Life of the CA; replacing it means that every browser has to trust a new one.
const CA_DAYS: u32 = 3650;

/// Life of the server's certificate. Apple refuses more than 398 days; this and the day of
/// backdating stay below.
const LEAF_DAYS: u32 = 396;

/// Clients' clocks may be behind by as much.
const BACKDATED: Duration = DAY;

/// A clock before this (1 November 2026) has not been set yet: certificates start here then.
const EARLIEST: Timestamp = Timestamp::from_secs(1_793_491_200);

/// Ranges that are nobody's on the Internet, with the length of their prefix.
const PRIVATE: [(IpAddr, u8); 7] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// Making a certificate failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {what}: {source}")]
pub struct IssueError {
    what: &'static str,
    source: rcgen::Error,
}

/// What a certificate is for: the names and addresses people type to reach this router.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subject {
    /// Host names, the first being the one to show.
    pub names: Vec<String>,
    /// Addresses of the LAN side.
    pub addresses: Vec<IpAddr>,
}

impl Subject {
    /// Sorted and without doubles or texts that are no host names; `localhost`, loopback and
    /// [`FALLBACK_NAME`] always belong to it.
    #[must_use]
    pub fn tidy(mut self) -> Self {
        for name in &mut self.names {
            *name = name.trim_end_matches('.').to_ascii_lowercase();
        }
        self.names.extend([FALLBACK_NAME.to_owned(), "localhost".to_owned()]);
        let mut seen = Vec::new();
        self.names.retain(|n| {
            let fresh = is_host_name(n) && !seen.contains(n);
            if fresh {
                seen.push(n.clone());
            }
            fresh
        });
        self.addresses.push(Ipv4Addr::LOCALHOST.into());
        self.addresses.push(Ipv6Addr::LOCALHOST.into());
        self.addresses = self.addresses.iter().map(IpAddr::to_canonical).collect();
        self.addresses.sort_unstable();
        self.addresses.dedup();
        self
    }
}

fn is_host_name(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label) && name.parse::<Ipv4Addr>().is_err()
}

/// What was issued, kept beside the files so that nothing has to be parsed back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaFacts {
    /// Its name.
    pub common_name: String,
    /// What it may sign for.
    pub subject: Subject,
    /// End of its life.
    pub not_after: Timestamp,
}

impl CaFacts {
    /// Whether the CA is allowed to sign for this name.
    pub fn covers_name(&self, name: &str) -> bool {
        self.subject
            .names
            .iter()
            .any(|n| name == n || name.strip_suffix(n).is_some_and(|head| head.ends_with('.')))
    }

    /// Whether the CA is allowed to sign for this address.
    pub fn covers_address(&self, address: IpAddr) -> bool {
        let private = PRIVATE.iter().any(|(base, prefix)| within(address, *base, *prefix));
        private || self.subject.addresses.contains(&address)
    }

    /// Whether another CA is needed to serve this subject, or because time is up.
    pub fn outgrown(&self, subject: &Subject, now: Timestamp) -> bool {
        let names = subject.names.iter().all(|n| self.covers_name(n));
        !names || now.plus(DAY * LEAF_DAYS) > self.not_after
    }
}

fn within(address: IpAddr, base: IpAddr, prefix: u8) -> bool {
    match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).leading_zeros() >= prefix.into()
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).leading_zeros() >= prefix.into()
        }
        _ => false,
    }
}

/// What the server's certificate was issued for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafFacts {
    /// Names and addresses in it.
    pub subject: Subject,
    /// Start of its life.
    pub not_before: Timestamp,
    /// End of its life.
    pub not_after: Timestamp,
}

impl LeafFacts {
    /// Whether a new one is needed: a name or an address is missing that the CA may sign for, two
    /// thirds of its life are over, or the clock says that it has not begun. One that is in it and
    /// no longer used does no harm until then.
    pub fn stale(&self, ca: &CaFacts, subject: &Subject, now: Timestamp) -> bool {
        let life = self.not_after.since(self.not_before);
        let renew = self.not_before.plus(life / 3 * 2);
        let now = now.max(EARLIEST);
        let mut names = subject.names.iter().filter(|n| ca.covers_name(n));
        let mut addresses = subject.addresses.iter().filter(|a| ca.covers_address(**a));
        let missing = names.any(|n| !self.subject.names.contains(n))
            || addresses.any(|a| !self.subject.addresses.contains(a));
        missing || now >= renew || now < self.not_before
    }
}

/// A certificate and its key, as PEM.
#[derive(Clone, Serialize, Deserialize)]
pub struct Issued<Facts> {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
    /// What it is.
    pub facts: Facts,
}

/// Makes a CA that may sign for the subject's names, what is below them, and private addresses.
pub fn make_ca(subject: &Subject, now: Timestamp) -> Result<Issued<CaFacts>, IssueError> {
    let fail = |source| IssueError { what: "the appliance's CA", source };
    let now = now.max(EARLIEST);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fail)?;
    // Two CAs of one name but different keys confuse certificate stores.
    let common_name = format!("Panoptikon {} {}", first_name(subject), now.as_secs());
    let facts =
        CaFacts { common_name, subject: subject.clone(), not_after: now.plus(DAY * CA_DAYS) };
    let params = ca_params(&facts, now);
    let certificate = params.self_signed(&key).map_err(fail)?.pem();
    Ok(Issued { certificate, key: key.serialize_pem(), facts })
}

fn first_name(subject: &Subject) -> &str {
    subject.names.first().map_or(FALLBACK_NAME, String::as_str)
}

fn ca_params(facts: &CaFacts, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, facts.common_name.as_str());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + age(now.minus(BACKDATED));
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + age(facts.not_after);
    let names = facts.subject.names.iter().cloned().map(GeneralSubtree::DnsName);
    let private = PRIVATE.iter().map(|(base, prefix)| CidrSubnet::from_addr_prefix(*base, *prefix));
    let own = facts.subject.addresses.iter().map(|a| CidrSubnet::from_addr_prefix(*a, full(*a)));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names
            .chain(private.chain(own).map(GeneralSubtree::IpAddress))
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    params
}

const fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Makes the server's certificate under a CA; what the CA may not sign for is left out.
pub fn make_leaf(
    ca: &Issued<CaFacts>,
    subject: &Subject,
    now: Timestamp,
) -> Result<Issued<LeafFacts>, IssueError> {
    let fail = |source| IssueError { what: "the server's certificate", source };
    let now = now.max(EARLIEST);
    let ca_key = KeyPair::from_pem(&ca.key).map_err(fail)?;
    let issuer = Issuer::new(ca_params(&ca.facts, now), ca_key);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fail)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, first_name(subject));
    for name in subject.names.iter().filter(|n| ca.facts.covers_name(n)) {
        let name = name.as_str().try_into().map_err(fail)?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    let addresses = subject.addresses.iter().copied();
    let addresses = addresses.filter(|a| ca.facts.covers_address(*a));
    params.subject_alt_names.extend(addresses.map(SanType::IpAddress));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let (not_before, not_after) = (now.minus(BACKDATED), now.plus(DAY * LEAF_DAYS));
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + age(not_before);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + age(not_after);
    let certificate = params.signed_by(&key, &issuer).map_err(fail)?.pem();
    let facts = LeafFacts { subject: subject.clone(), not_before, not_after };
    Ok(Issued { certificate, key: key.serialize_pem(), facts })
}

/// Time since the epoch; rcgen's own type of dates counts on from there.
fn age(at: Timestamp) -> Duration {
    at.since(Timestamp(0))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn subject() -> Subject {
        Subject {
            names: vec!["Router.lan".to_owned(), "router".to_owned()],
            addresses: vec!["192.168.1.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        }
        .tidy()
    }

    /// What `openssl verify` says about a server certificate for a name or address.
    fn verify(ca: &str, leaf: &str, check: &[&str]) -> (bool, String) {
        let file = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        let (ca, leaf) = (file(ca), file(leaf));
        let output = Command::new("openssl")
            .args(["verify", "-attime", "1800000000", "-purpose", "sslserver", "-x509_strict"])
            .args(check)
            .arg("-CAfile")
            .args([ca.path(), leaf.path()])
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    #[test]
    fn openssl_accepts_the_certificate_for_each_name_and_address() {
        let ca = make_ca(&subject(), NOW).unwrap();
        let leaf = make_leaf(&ca, &subject(), NOW).unwrap();
        for check in [
            ["-verify_hostname", "router.lan"],
            ["-verify_hostname", "router"],
            ["-verify_hostname", "router.internal"],
            ["-verify_hostname", "localhost"],
            ["-verify_ip", "192.168.1.1"],
            ["-verify_ip", "2001:db8::1"],
            ["-verify_ip", "127.0.0.1"],
        ] {
            let (good, said) = verify(&ca.certificate, &leaf.certificate, &check);
            assert!(good, "{check:?}: {said}");
        }
        let (good, _) = verify(&ca.certificate, &leaf.certificate, &["-verify_hostname", "x.lan"]);
        assert!(!good);
    }

    #[test]
    fn the_ca_cannot_be_used_for_somebody_elses_name_or_address() {
        let ca = make_ca(&subject(), NOW).unwrap();
        let mut greedy = ca.clone();
        greedy.facts.subject.names.push("bank.example.com".to_owned());
        let named = Subject { names: vec!["bank.example.com".to_owned()], addresses: vec![] };
        let leaf = make_leaf(&greedy, &named, NOW).unwrap();
        let (good, said) = verify(&ca.certificate, &leaf.certificate, &[]);
        assert!(!good && said.contains("permitted subtree violation"), "{said}");

        let address: IpAddr = "8.8.8.8".parse().unwrap();
        greedy.facts.subject.addresses.push(address);
        let addressed = Subject { names: vec![], addresses: vec![address] };
        let leaf = make_leaf(&greedy, &addressed, NOW).unwrap();
        let (good, said) = verify(&ca.certificate, &leaf.certificate, &[]);
        assert!(!good && said.contains("permitted subtree violation"), "{said}");
    }

    #[test]
    fn what_the_ca_may_not_sign_is_left_out_of_the_certificate() {
        let ca = make_ca(&subject(), NOW).unwrap();
        let mut grown = subject();
        grown.addresses.push("2001:db8:1::1".parse().unwrap());
        let leaf = make_leaf(&ca, &grown.tidy(), NOW).unwrap();
        assert!(verify(&ca.certificate, &leaf.certificate, &[]).0);
    }

    #[test]
    fn a_new_name_outgrows_the_ca_but_a_new_address_does_not() {
        let ca = make_ca(&subject(), NOW).unwrap().facts;
        let mut grown = subject();
        grown.addresses.push("192.168.9.1".parse().unwrap());
        assert!(!ca.outgrown(&grown, NOW));
        grown.names.push("panoptikon.router.lan".to_owned());
        assert!(!ca.outgrown(&grown, NOW), "below a name that it covers");
        grown.names.push("box.home".to_owned());
        assert!(ca.outgrown(&grown, NOW));
        assert!(ca.outgrown(&subject(), NOW.plus(DAY * 3500)));
    }

    #[test]
    fn the_certificate_is_renewed_after_two_thirds_and_when_the_clock_is_set() {
        let ca = make_ca(&subject(), NOW).unwrap();
        let leaf = make_leaf(&ca, &subject(), NOW).unwrap().facts;
        assert!(leaf.not_after.since(leaf.not_before) <= DAY * 397);
        assert!(!leaf.stale(&ca.facts, &subject(), NOW.plus(DAY * 250)));
        assert!(leaf.stale(&ca.facts, &subject(), NOW.plus(DAY * 270)));
        let early = Subject { addresses: Vec::new(), ..subject() };
        assert!(!leaf.stale(&ca.facts, &early, NOW), "what it has too many does no harm");
        let mut grown = subject();
        grown.addresses.push("10.9.9.9".parse().unwrap());
        assert!(leaf.stale(&ca.facts, &grown, NOW));
        let early = make_leaf(&ca, &subject(), Timestamp(0)).unwrap().facts;
        assert!(
            !early.stale(&ca.facts, &subject(), Timestamp(0)),
            "no new one each minute before NTP"
        );
        assert!(early.stale(&ca.facts, &subject(), EARLIEST.plus(DAY * 400)));
    }

    #[test]
    fn texts_that_are_no_names_stay_out() {
        let names = ["a b", "-x", "x..y", "", "10.0.0.1", "Über", "ok"].map(str::to_owned).to_vec();
        let subject = Subject { names, addresses: vec![] }.tidy();
        assert_eq!(subject.names, ["ok", FALLBACK_NAME, "localhost"]);
    }
}
