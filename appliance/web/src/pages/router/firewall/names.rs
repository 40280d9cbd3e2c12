//! Names and addresses of chains, rules and groups on the pages.

use vyos::facts::{ChainFamily, ChainId, GroupKind, Hook};

use crate::view::{Query, Tone};

/// The page of a chain.
pub(in crate::pages::router) fn chain_href(chain: &ChainId) -> String {
    let (family, hook) = (chain.family.word(), chain.hook.word());
    // Names of chains hold nothing that an address cannot, but what people wrote elsewhere may.
    format!("/router/firewall/{family}/{hook}/{}", segment(&chain.name))
}

/// The page of a rule.
pub(in crate::pages::router) fn rule_href(chain: &ChainId, number: u32) -> String {
    format!("{}/{number}", chain_href(chain))
}

/// A rule in few words.
pub(in crate::pages::router) fn rule_label(chain: &ChainId, number: u32) -> String {
    format!("rule {number} of {}", chain_title(chain))
}

/// A name as a part of an address.
pub(in crate::pages::router) fn segment(name: &str) -> String {
    Query::new("")
        .with("n", name)
        .href()
        .replacen("?n=", "", 1)
        .replace('+', "%20")
        .replace('/', "%2F")
}

/// The chain of an address's three parts.
pub(super) fn chain_of(family: &str, hook: &str, name: &str) -> Option<ChainId> {
    let family = ChainFamily::ALL.into_iter().find(|known| known.word() == family)?;
    let hooks = [Hook::Prerouting, Hook::Forward, Hook::Input, Hook::Output, Hook::Name];
    let hook = hooks.into_iter().find(|known| known.word() == hook)?;
    Some(ChainId { family, hook, name: name.to_owned() })
}

/// A chain's name for people.
pub(in crate::pages::router) fn chain_title(chain: &ChainId) -> String {
    let family = match chain.family {
        ChainFamily::Ipv4 => "IPv4",
        ChainFamily::Ipv6 => "IPv6",
        ChainFamily::Bridge => "Bridge",
    };
    match (chain.hook, chain.name.as_str()) {
        (Hook::Name, name) => format!("{family} {name}"),
        (hook, "filter" | "raw") => format!("{family} {}", hook.word()),
        (hook, name) => format!("{family} {} {name}", hook.word()),
    }
}

/// When packets come to a chain.
pub(super) fn when(chain: &ChainId) -> &'static str {
    match (chain.family, chain.hook) {
        (ChainFamily::Bridge, Hook::Forward) => "frames that pass a bridge",
        (_, Hook::Prerouting) => "before it is known where they go",
        (_, Hook::Forward) => "through the router",
        (_, Hook::Input) => "to the router itself",
        (_, Hook::Output) => "from the router itself",
        (_, Hook::Name) => "when a rule or a zone sends them",
    }
}

/// The colour of what becomes of a packet.
pub(super) fn verdict_tone(action: &str) -> Tone {
    match action {
        "accept" | "offload" => Tone::Ok,
        "drop" | "reject" => Tone::Bad,
        _ => Tone::Info,
    }
}

/// The log, with the lines of one rule.
pub(in crate::pages::router) fn log_href(key: &str) -> String {
    Query::new("/router/firewall/log").with("rule", key).href()
}

/// A kind of group as a part of an address.
pub(super) const fn kind_slug(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Address => "address",
        GroupKind::Network => "network",
        GroupKind::Ipv6Address => "ipv6-address",
        GroupKind::Ipv6Network => "ipv6-network",
        GroupKind::Port => "port",
        GroupKind::Mac => "mac",
        GroupKind::Domain => "domain",
        GroupKind::Interface => "interface",
        GroupKind::DynamicAddress => "dynamic-address",
        GroupKind::DynamicIpv6Address => "dynamic-ipv6-address",
        GroupKind::Remote => "remote",
    }
}

/// The kind that an address names.
pub(super) fn kind_of(slug: &str) -> Option<GroupKind> {
    GroupKind::ALL.into_iter().find(|kind| kind_slug(*kind) == slug)
}

/// What a group of a kind holds, for people.
pub(super) const fn kind_words(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Address => "IPv4 addresses",
        GroupKind::Network => "IPv4 networks",
        GroupKind::Ipv6Address => "IPv6 addresses",
        GroupKind::Ipv6Network => "IPv6 networks",
        GroupKind::Port => "ports",
        GroupKind::Mac => "hardware addresses",
        GroupKind::Domain => "domain names",
        GroupKind::Interface => "interfaces",
        GroupKind::DynamicAddress => "IPv4 addresses that rules put in",
        GroupKind::DynamicIpv6Address => "IPv6 addresses that rules put in",
        GroupKind::Remote => "a list fetched from elsewhere",
    }
}

/// The page of a group.
pub(super) fn group_href(kind: GroupKind, name: &str) -> String {
    format!("/router/firewall/groups/{}/{}", kind_slug(kind), segment(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_found_again_by_its_address() {
        let chain = ChainId::named(ChainFamily::Ipv6, "WAN_IN-6");
        let href = chain_href(&chain);
        let parts: Vec<&str> = href.split('/').skip(3).collect();
        assert_eq!(chain_of(parts[0], parts[1], parts[2]), Some(chain));
        assert_eq!(chain_of("ipv4", "sideways", "filter"), None);
        assert_eq!(chain_of("ipx", "forward", "filter"), None);
    }

    #[test]
    fn odd_names_do_not_leave_their_part_of_an_address() {
        assert_eq!(segment("a/b c?d"), "a%2Fb%20c%3Fd");
    }

    #[test]
    fn every_kind_of_group_is_found_by_its_part_of_an_address() {
        for kind in GroupKind::ALL {
            assert_eq!(kind_of(kind_slug(kind)), Some(kind));
        }
    }
}
