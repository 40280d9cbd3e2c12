//! The firewall: what becomes of packets, and changes of that.

mod chain;
mod conditions;
mod groups;
mod log;
mod names;
mod rule;
mod services;
mod zones;

use axum::http::Method;
use axum::response::Response;
use vyos::facts::{Chain, ChainId, Firewall, Hook, Rule, firewall};
use vyos::runtime::Counters;

pub(super) use chain::words_of;
pub(super) use conditions::{Of, conditions, read_conditions};
pub(super) use names::{chain_href, chain_title, log_href, rule_href, rule_label, segment};
pub(super) use rule::{place_of, places};

use super::{LOOK, counters};
use crate::http::{Failure, Route, Routes};
use crate::pages::Ask;
use crate::site::Site;
use crate::view::router::{ChainCard, FirewallPage, FlowtableLine, RuleLine, UnusedFilter};
use crate::view::{Empty, Link, Query, Tab};

/// Rules that the page of all chains shows; with more, each chain has them on its own page only.
const MOST_ON_ONE_PAGE: usize = 120;

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(
            Route::new(Method::GET, "/router/firewall", LOOK, list, "The router's firewall").query(
                "unused",
                "boolean",
                "Only rules that no packet has met.",
            ),
        )
        .merge(chain::routes())
        .merge(rule::routes())
        .merge(zones::routes())
        .merge(groups::routes())
        .merge(services::routes())
        .merge(log::routes())
}

/// The parts of the firewall, as tabs.
fn parts(ask: &Ask) -> Vec<Tab> {
    let parts = [
        ("/router/firewall", "Rules"),
        ("/router/firewall/zones", "Zones"),
        ("/router/firewall/groups", "Groups"),
        ("/router/firewall/services", "Services"),
        ("/router/firewall/log", "Log"),
    ];
    let tab = |(href, label): (&str, &str)| Tab {
        label: label.to_owned(),
        href: href.to_owned(),
        count: None,
        key: "",
        current: ask.query.bare() == href,
    };
    parts.map(tab).to_vec()
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("Firewall").await?;
    let firewall = firewall(&root);
    let look = counters::counters().await;
    let show = Show::of(&ask.query, look.as_deref().ok());
    let total: usize = firewall.chains.iter().map(|chain| chain.rules.len()).sum();
    let is_open = total <= MOST_ON_ONE_PAGE || show.unused;
    let chains: Vec<ChainCard> = firewall
        .chains
        .iter()
        .map(|chain| card(chain, &show, is_open))
        .filter(|card| !show.unused || !card.rules.is_empty())
        .collect();
    let empty = chains.is_empty().then(|| nothing(&show, &ask));
    let page = FirewallPage {
        parts: parts(&ask),
        title: "Firewall".to_owned(),
        missing: look.as_ref().err().cloned().into_iter().collect(),
        unused: show.filter(&ask.query, &firewall.chains),
        chains,
        is_whole: true,
        global: if show.unused { Vec::new() } else { global(&firewall) },
        flowtables: if show.unused { Vec::new() } else { flowtables(&firewall) },
        other: if show.unused { Vec::new() } else { firewall.other.clone() },
        empty,
        shell: ask.router_shell("Firewall").await,
    };
    ask.page(&page)
}

fn nothing(show: &Show<'_>, ask: &Ask) -> Empty {
    if show.unused {
        let clear = ask.query.without("unused").href();
        return Empty::new("ok", "Every rule is used", "Packets have met each of them.")
            .with_action("All rules", clear);
    }
    let empty = Empty::new(
        "lock",
        "No rules yet",
        "The router lets everything pass: no chain of its firewall is configured.",
    );
    if ask.may(access::Permission::RouterChange) {
        let first = chain_href(&ChainId::base(vyos::facts::ChainFamily::Ipv4, Hook::Input));
        empty.with_action("Make the first rule", format!("{first}/new"))
    } else {
        empty
    }
}

/// What of chains is shown.
struct Show<'a> {
    counters: Option<&'a Counters>,
    /// Only what no packet has met.
    unused: bool,
}

impl<'a> Show<'a> {
    fn of(query: &Query, counters: Option<&'a Counters>) -> Self {
        Self { counters, unused: counters.is_some() && query.get("unused") == Some("1") }
    }

    /// A rule that the kernel counts and no packet has met.
    fn is_unused(&self, chain: &ChainId, rule: &Rule) -> bool {
        let counter = self.counters.and_then(|all| all.rule(chain, rule.number));
        !rule.disabled && counter.is_some_and(|counter| counter.packets == 0)
    }

    fn filter(&self, query: &Query, chains: &[Chain]) -> Option<UnusedFilter> {
        self.counters?;
        let unused = |chain: &Chain| {
            chain.rules.iter().filter(|rule| self.is_unused(&chain.id, rule)).count()
        };
        Some(UnusedFilter {
            on: self.unused,
            href: query.with("unused", if self.unused { "" } else { "1" }).href(),
            count: chains.iter().map(unused).sum(),
        })
    }
}

/// A chain with those of its rules that are shown.
fn card(chain: &Chain, show: &Show<'_>, is_open: bool) -> ChainCard {
    let default = show.counters.and_then(|all| all.default_action(&chain.id));
    let (default_hits, _) = counters::words(default);
    let verdict = chain.default_verdict();
    let last = chain.rules.len();
    let rules = chain.rules.iter().enumerate();
    let rules = rules.filter(|(_, rule)| !show.unused || show.is_unused(&chain.id, rule));
    ChainCard {
        href: chain_href(&chain.id),
        title: chain_title(&chain.id),
        when: names::when(&chain.id),
        description: chain.description.clone().unwrap_or_default(),
        default: match &chain.default_jump_target {
            Some(target) => format!("{verdict} to {target}"),
            None => verdict.to_owned(),
        },
        tone: names::verdict_tone(verdict),
        default_hits,
        default_log: if chain.default_log {
            log_href(&chain.id.default_key())
        } else {
            String::new()
        },
        used_by: chain.used_by.clone(),
        total: chain.rules.len(),
        rules: if is_open {
            rules.map(|(at, rule)| line(&chain.id, rule, show, at > 0, at + 1 < last)).collect()
        } else {
            Vec::new()
        },
        is_open,
        is_idle: chain.id.hook == Hook::Name && chain.used_by.is_empty(),
        counted: show.counters.is_some(),
        other: chain.other.clone(),
    }
}

fn line(chain: &ChainId, rule: &Rule, show: &Show<'_>, up: bool, down: bool) -> RuleLine {
    let counter = show.counters.and_then(|all| all.rule(chain, rule.number));
    let (packets, bytes) = counters::words(counter);
    let action = rule.action.clone().unwrap_or_else(|| "no action".to_owned());
    let mut words = rule.matches.words();
    words.extend(rule.other.iter().cloned());
    RuleLine {
        number: rule.number,
        description: rule.description.clone().unwrap_or_default(),
        words,
        tone: names::verdict_tone(&action),
        action,
        target: rule.jump_target.as_ref().map(|target| Link {
            label: target.clone(),
            href: chain_href(&ChainId::named(chain.family, target)),
        }),
        off: rule.disabled,
        packets,
        bytes,
        never: show.is_unused(chain, rule),
        log: if rule.log { log_href(&chain.rule_key(rule.number)) } else { String::new() },
        up,
        down,
    }
}

fn global(firewall: &Firewall) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for policy in &firewall.global.state_policies {
        let action = policy.action.as_deref().unwrap_or("as the rules say");
        let mut words = vec![format!("{action}, before any rule")];
        words.extend(policy.log.then(|| "logged".to_owned()));
        words.extend(policy.other.iter().cloned());
        let name = format!("Connections {}", policy.state);
        lines.push((name, words.join(", ")));
    }
    lines.extend(firewall.global.other.iter().map(|words| {
        let (name, value) = words.split_once(' ').unwrap_or((words, "on"));
        (name.replace('-', " "), value.to_owned())
    }));
    lines
}

fn flowtables(firewall: &Firewall) -> Vec<FlowtableLine> {
    let line = |table: &vyos::facts::firewall::Flowtable| {
        let said = table.description.iter().chain(&table.other).cloned().collect::<Vec<_>>();
        FlowtableLine {
            name: table.name.clone(),
            interfaces: table.interfaces.join(", "),
            offload: table.offload.clone().unwrap_or_else(|| "software".to_owned()),
            description: said.join(", "),
        }
    };
    firewall.flowtables.iter().map(line).collect()
}
