//! Rankings: what groups of flows are called, how much they had, where to look closer.

use std::net::IpAddr;

use ::flows::answers::Owner;
use ::flows::query::{Dimension, Key, Measure, Sums, TopRow};
use ::flows::rollup::{Kind, RollupRow, Whose};

use super::asked::By;
use super::names::{Names, country, service};
use crate::view::flows::{Rank, Ranking, Who};
use crate::view::{Query, bytes, count};

/// The share of all as a whole number of percent.
pub(super) fn share(part: u64, all: u64) -> u8 {
    (u128::from(part) * 100).checked_div(u128::from(all)).unwrap_or(0).min(100) as u8
}

/// An amount in the unit of its measure.
fn amount(sums: &Sums, measure: Measure) -> String {
    match measure {
        Measure::Bytes => bytes(sums.bytes),
        other => count(sums.by(other)),
    }
}

/// The measures other than the one that is ranked by.
fn others(measure: Measure) -> Vec<Measure> {
    let all = [Measure::Bytes, Measure::Packets, Measure::Flows];
    all.into_iter().filter(|other| *other != measure).collect()
}

fn head(measure: Measure) -> &'static str {
    match measure {
        Measure::Bytes => "Bytes",
        Measure::Packets => "Packets",
        Measure::Flows => "Flows",
    }
}

/// Groups of flows, each with a way to look closer.
pub(super) fn groups(
    names: &Names<'_>,
    (query, by): (&Query, By),
    measure: Measure,
    rows: &[(Group, TopRow)],
    total: &Sums,
) -> Ranking {
    let rank = |(group, row): &(Group, TopRow)| {
        let mut who = match group {
            Group::Key => names.key(&row.key),
            Group::Owner(whose) => names.whose(*whose),
        };
        let condition = match group {
            Group::Key => of_key(&row.key, by),
            Group::Owner(whose) => of_hosts(&names.addresses(*whose)),
        };
        let mut flows = String::new();
        if let Some(condition) = condition {
            let narrowed = query.with("filter", &and(query, &condition)).without("before");
            flows = narrowed.moved("/flows/list").without("by").without("measure").href();
            let next = next(by);
            who.href = narrowed.moved("/flows/explore").with("by", next).href();
        }
        Rank {
            who,
            amount: amount(&row.sums, measure),
            more: others(measure).into_iter().map(|other| amount(&row.sums, other)).collect(),
            share: share(row.sums.by(measure), total.by(measure)),
            flows,
        }
    };
    Ranking {
        title: String::new(),
        head: [measure].into_iter().chain(others(measure)).map(head).collect(),
        rows: rows.iter().map(rank).collect(),
        ..Ranking::default()
    }
}

/// What a row of a ranking stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// What its key says.
    Key,
    /// All addresses of somebody.
    Owner(Whose),
}

/// Owners as rows.
pub(super) fn owners(all: &[Owner]) -> Vec<(Group, TopRow)> {
    let row = |owner: &Owner| {
        // The key is not looked at.
        let row = TopRow { key: Key::Protocol(0), sums: owner.sums, missed: 0 };
        (Group::Owner(owner.whose), row)
    };
    all.iter().map(row).collect()
}

/// What to look at next, when one of these was chosen.
fn next(by: By) -> &'static str {
    match by {
        By::Owner | By::Of(Dimension::Local | Dimension::Country | Dimension::System) => "remote",
        By::Of(
            Dimension::Service
            | Dimension::Protocol
            | Dimension::SourcePort
            | Dimension::DestinationPort
            | Dimension::Input
            | Dimension::Output,
        ) => "device",
        By::Of(Dimension::Remote) => "service",
        By::Of(Dimension::Pair | Dimension::Conversation) => "connection",
        By::Of(_) => "conversation",
    }
}

/// The filter of an address, narrowed.
fn and(query: &Query, condition: &str) -> String {
    match query.get("filter").map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text == condition => text.to_owned(),
        Some(text) if text.contains(" or ") => format!("({text}) and {condition}"),
        Some(text) => format!("{text} and {condition}"),
        None => condition.to_owned(),
    }
}

/// What finds the flows of a group, in the language of filters; None where nothing does.
pub(super) fn of_key(key: &Key, by: By) -> Option<String> {
    let from = matches!(by, By::Of(Dimension::Source | Dimension::SourcePort));
    let to = matches!(by, By::Of(Dimension::Destination | Dimension::DestinationPort));
    let side = if from {
        "src "
    } else if to {
        "dst "
    } else {
        ""
    };
    Some(match key {
        Key::Address(address) => format!("{side}host {address}"),
        Key::Port(port) => format!("{side}port {port}"),
        Key::Protocol(number) | Key::Service(number, 0) => format!("proto {number}"),
        Key::Service(number, port) => format!("proto {number} and port {port}"),
        Key::Interface(index) if by == By::Of(Dimension::Input) => format!("in {index}"),
        Key::Interface(index) => format!("out {index}"),
        Key::Country(Some(code)) => format!("country {}", String::from_utf8_lossy(code)),
        Key::Country(None) => return None,
        Key::System(number) => format!("as {number}"),
        Key::Pair(one, other) if by == By::Of(Dimension::Pair) => {
            format!("src {one} and dst {other}")
        }
        Key::Pair(one, other) => format!("host {one} and host {other}"),
        Key::Tuple(one, other, from, to, number) => {
            format!("src {one} and dst {other} and sport {from} and dport {to} and proto {number}")
        }
    })
}

/// What finds the flows of somebody by their addresses.
pub(super) fn of_hosts(addresses: &[IpAddr]) -> Option<String> {
    let hosts: Vec<String> = addresses.iter().map(|address| format!("host {address}")).collect();
    match hosts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("({})", many.join(" or "))),
    }
}

/// Sums of a kind as a ranking: all, received, sent. `query` is the page's own time.
pub(super) fn sums(
    names: &Names<'_>,
    title: &str,
    kind: Kind,
    rows: &[RollupRow],
    all: u64,
    query: &Query,
) -> Ranking {
    let rank = |row: &RollupRow| {
        let octets = row.amounts.sent.saturating_add(row.amounts.received);
        let (mut who, found) = of_kind(names, kind, row.key);
        if let Some((condition, by)) = found {
            let explore = query.moved("/flows/explore").without("scope");
            who.href = explore.with("filter", &condition).with("by", by).href();
        }
        Rank {
            who,
            amount: bytes(octets),
            more: vec![bytes(row.amounts.received), bytes(row.amounts.sent)],
            share: share(octets, all),
            flows: String::new(),
        }
    };
    Ranking {
        title: title.to_owned(),
        head: vec!["Bytes", "Down", "Up"],
        rows: rows.iter().map(rank).collect(),
        ..Ranking::default()
    }
}

/// The name of a sum's key, and the filter and the grouping by which to look closer.
fn of_kind(names: &Names<'_>, kind: Kind, key: i64) -> (Who, Option<(String, &'static str)>) {
    let number = u32::try_from(key).unwrap_or(0);
    match kind {
        Kind::Account => (names.whose(Whose::from_key(key)), None),
        Kind::Interface => {
            let who = Who { label: names.interface(number), ..Who::default() };
            (who, Some((format!("iface {number}"), "device")))
        }
        Kind::Service => {
            let (protocol, port) = ((number >> 16) as u8, number as u16);
            let condition = of_key(&Key::Service(protocol, port), By::Of(Dimension::Service));
            (service(protocol, port), condition.map(|condition| (condition, "device")))
        }
        Kind::Country => {
            let code = (number != 0).then(|| (number as u16).to_be_bytes());
            let condition = of_key(&Key::Country(code), By::Of(Dimension::Country));
            (country(code), condition.map(|condition| (condition, "remote")))
        }
        Kind::System => {
            let found = (number != 0).then(|| (format!("as {number}"), "remote"));
            (names.system(number), found)
        }
        Kind::Total => (Who { label: "All".to_owned(), ..Who::default() }, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_narrowed_without_changing_what_it_meant() {
        let of = |text: &str| and(&Query::default().with("filter", text), "port 53");
        assert_eq!(of(""), "port 53");
        assert_eq!(of("proto udp"), "proto udp and port 53");
        assert_eq!(of("host 10.0.0.1 or as 5"), "(host 10.0.0.1 or as 5) and port 53");
        assert_eq!(of("port 53"), "port 53");
    }

    #[test]
    fn every_group_is_found_again_by_the_filter_that_it_gives() {
        use ::flows::filter::parse;
        let (one, other): (IpAddr, IpAddr) =
            ("10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let keys = [
            Key::Address(other),
            Key::Port(53),
            Key::Protocol(6),
            Key::Service(17, 53),
            Key::Service(1, 0),
            Key::Interface(3),
            Key::Country(Some(*b"DE")),
            Key::System(3320),
            Key::Pair(one, other),
            Key::Tuple(one, other, 40_000, 443, 6),
        ];
        for (_, _, by) in super::super::asked::DIMENSIONS {
            for key in keys {
                let text = of_key(&key, by).unwrap();
                parse(&text, &|_| None).unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
        assert_eq!(of_key(&Key::Country(None), By::Owner), None);
        let text = of_hosts(&[one, other]).unwrap();
        assert!(parse(&text, &|_| None).is_ok());
    }

    #[test]
    fn shares_are_whole_and_never_more_than_all() {
        assert_eq!(
            [(1, 3), (0, 0), (5, 5), (9, 5), (u64::MAX, u64::MAX)].map(|(a, b)| share(a, b)),
            [33, 0, 100, 100, 100]
        );
    }
}
