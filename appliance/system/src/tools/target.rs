//! Whom a tool is pointed at: an address or a name.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::SystemError;
use crate::routes::Family;

/// The longest name (RFC 1035, 2.3.4) and label.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;
/// The longest name of an interface (IFNAMSIZ without its end).
const LONGEST_INTERFACE: usize = 15;
/// How long the resolver may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An address or a host's name, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Ip(IpAddr),
    /// A name that is to be resolved.
    Name(String),
}

impl Target {
    /// Reads what somebody has typed.
    ///
    /// # Errors
    /// [`SystemError::Invalid`] for what is neither.
    pub fn parse(text: &str) -> Result<Self, SystemError> {
        let text = text.trim();
        if let Ok(ip) = text.parse::<IpAddr>() {
            let is_host = !ip.is_unspecified()
                && !ip.is_multicast()
                && ip != IpAddr::from([255, 255, 255, 255]);
            return if is_host {
                Ok(Self::Ip(ip))
            } else {
                Err(SystemError::invalid("target", format!("{ip} is no single host")))
            };
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            (1..=LONGEST_LABEL).contains(&label.len())
                && label.bytes().all(fits)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A name of digits only would be read as an address by resolvers.
        let is_number = name.split('.').next_back().is_none_or(|last| last.parse::<u64>().is_ok());
        if name.len() > LONGEST_NAME || !name.split('.').all(is_label) || is_number {
            return Err(SystemError::invalid("target", "give an address or the name of a host"));
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }

    /// The address, by the router's own resolver where it is a name.
    ///
    /// # Errors
    /// Where the name has no address of this family, or nobody answers.
    pub async fn resolve(&self, family: Option<Family>) -> Result<IpAddr, SystemError> {
        let fits = |ip: &IpAddr| match family {
            None => true,
            Some(Family::V4) => ip.is_ipv4(),
            Some(Family::V6) => ip.is_ipv6(),
        };
        let name = match self {
            Self::Ip(ip) if fits(ip) => return Ok(*ip),
            Self::Ip(ip) => {
                return Err(SystemError::invalid("target", format!("{ip} is of the other family")));
            }
            Self::Name(name) => name,
        };
        let resolve = tokio::net::lookup_host((name.as_str(), 0));
        let found =
            tokio::time::timeout(PATIENCE, resolve).await.map_err(|_| SystemError::TimedOut {
                what: format!("the resolver for {name}"),
                seconds: PATIENCE.as_secs(),
            })?;
        let mut found = found.map_err(SystemError::io("resolve", name.clone()))?.map(|a| a.ip());
        found.find(fits).ok_or_else(|| {
            SystemError::invalid("target", format!("{name} has no address of this family"))
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// An interface's name as it may be given to the kernel.
pub(super) fn check_interface(name: Option<&str>) -> Result<(), SystemError> {
    let fits = |name: &str| {
        (1..=LONGEST_INTERFACE).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
    };
    if name.is_none_or(fits) {
        return Ok(());
    }
    Err(SystemError::invalid("interface", "give the name of an interface, such as eth0"))
}

/// A value within its range.
pub(super) fn check_range<T: PartialOrd + Copy + fmt::Display>(
    field: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), SystemError> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(SystemError::invalid(field, format!("give {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_names_are_taken_and_nothing_else() {
        let name = |text: &str| Target::Name(text.to_owned());
        assert_eq!(Target::parse(" 192.0.2.1 ").expect("fine"), Target::Ip([192, 0, 2, 1].into()));
        assert_eq!(Target::parse("Example.ORG.").expect("fine"), name("example.org"));
        assert_eq!(Target::parse("_dmarc.example.org").expect("fine"), name("_dmarc.example.org"));
        for wrong in [
            "",
            ".",
            "a..b",
            "-a.org",
            "a b",
            "$(id)",
            "1.2.3",
            "a/b",
            "224.0.0.1",
            "0.0.0.0",
            "::",
            "localhost:80",
            "a;b",
            "é.org",
        ] {
            assert!(Target::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Target::parse(&"a.".repeat(130)).is_err());
    }

    #[test]
    fn an_interface_has_a_short_name_without_blanks() {
        assert!(check_interface(None).is_ok() && check_interface(Some("eth0.5")).is_ok());
        for wrong in ["", "a b", "../x", "aaaaaaaaaaaaaaaa", "a\n"] {
            assert!(check_interface(Some(wrong)).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_as_a_name_is_harmless(text: String) {
            if let Ok(Target::Name(name)) = Target::parse(&text) {
                let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                prop_assert!(name.chars().all(harmless) && !name.starts_with('-'));
            }
        }
    }
}
