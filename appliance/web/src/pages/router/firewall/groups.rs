//! Groups of addresses, ports and the like: members, where each is used, and changes of them.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use vyos::edit::{EditError, GroupEdit};
use vyos::facts::{ChainId, Group, GroupKind, groups};

use super::chain::words_of;
use super::names::{chain_of, group_href, kind_of, kind_slug, kind_words, rule_href};
use super::parts;
use crate::http::{Failure, Route, Routes};
use crate::pages::router::fill::{Fill, all_ticked, listed, some};
use crate::pages::router::{CHANGE, LOOK, propose};
use crate::pages::{Ask, Form, back};
use crate::site::Site;
use crate::view::router::{Control, Fieldset, FormPage, GroupLine, GroupPage, GroupsPage};
use crate::view::{Empty, Field, Link, Tone};

const HERE: &str = "/router/firewall/groups";
/// Members of a group that the list shows.
const MOST_SHOWN: usize = 6;
/// A group's members in one form.
const MOST_SENT: usize = 512 * 1024;

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (Method::GET, Method::POST);
    let (new, one) = ("/router/firewall/groups/new", "/router/firewall/groups/{kind}/{name}");
    Routes::new()
        .add(Route::new(get.clone(), HERE, LOOK, list, "Groups of the firewall"))
        .add(Route::new(get.clone(), new, CHANGE, new_page, "A form for a new group"))
        .add(
            Route::new(post.clone(), new, CHANGE, create, "Plan a new group")
                .patient()
                .body_limit(MOST_SENT),
        )
        .add(Route::new(get, one, LOOK, show, "A group of the firewall"))
        .add(
            Route::new(post, one, CHANGE, edit, "Plan to change or delete a group")
                .patient()
                .body_limit(MOST_SENT),
        )
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let root = ask.config("Groups").await?;
    let groups = groups(&root);
    let page = GroupsPage {
        parts: parts(&ask),
        groups: groups.iter().map(|group| line(group, MOST_SHOWN)).collect(),
        empty: groups.is_empty().then(|| {
            let empty = Empty::new(
                "table",
                "No groups",
                "A group names addresses, networks, ports or interfaces, so that many rules can mean \
                 the same.",
            );
            if ask.may(access::Permission::RouterChange) {
                empty.with_action("Make a group", "/router/firewall/groups/new")
            } else {
                empty
            }
        }),
        shell: ask.router_shell("Groups").await,
    };
    ask.page(&page)
}

fn line(group: &Group, most: usize) -> GroupLine {
    let includes = group.includes.iter().map(|name| format!("all of {name}"));
    let mut members: Vec<String> = group.members.iter().cloned().chain(includes).collect();
    let more = members.len().saturating_sub(most);
    members.truncate(most);
    GroupLine {
        name: group.name.clone(),
        href: group_href(group.kind, &group.name),
        kind: kind_words(group.kind),
        description: group.description.clone().unwrap_or_default(),
        members,
        more,
        used_in: group.used_in.iter().map(|place| usage(place)).collect(),
    }
}

/// A place that uses a group, in the configuration's words, as a link to its page.
fn usage(place: &str) -> Link {
    let words: Vec<&str> = place.split(' ').collect();
    let number = |text: &str| text.parse::<u32>().ok();
    let href = match words.as_slice() {
        ["firewall", family, hook, name, "rule", rule, ..] => {
            let chain: Option<ChainId> = chain_of(family, hook, name);
            chain.zip(number(rule)).map(|(chain, rule)| rule_href(&chain, rule))
        }
        ["firewall", "group", word, name, ..] => {
            let kind = GroupKind::ALL.into_iter().find(|kind| kind.words() == [*word]);
            kind.map(|kind| group_href(kind, name))
        }
        ["nat", table, "rule", rule, ..] => {
            number(rule).map(|n| format!("/router/nat/{table}/{n}"))
        }
        ["nat66", table, "rule", rule, ..] => {
            number(rule).map(|n| format!("/router/nat/{table}66/{n}"))
        }
        ["policy", ..] => Some("/router/policy".to_owned()),
        _ => None,
    };
    let shorter = ["firewall ", "filter "]
        .iter()
        .fold(place.to_owned(), |text, word| text.replacen(word, "", 1));
    let label = shorter
        .trim_end_matches(" group")
        .trim_end_matches(" source")
        .trim_end_matches(" destination")
        .to_owned();
    let config = || {
        let path = words.join("\u{1f}");
        crate::view::Query::new("/router/config").with("at", &path).href()
    };
    Link { label, href: href.unwrap_or_else(config) }
}

async fn new_page(ask: Ask) -> Result<Response, Failure> {
    ask.known("New group").await?;
    let page = form_of(&ask, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn form_of(ask: &Ask, fill: &Fill<'_>) -> FormPage {
    let kinds = GroupKind::ALL.into_iter().filter(|kind| *kind != GroupKind::Remote);
    let kinds = kinds.map(|kind| (kind_slug(kind).to_owned(), kind_words(kind).to_owned()));
    let controls = [
        Control::Pair(vec![
            fill.text("name", "Name", None, "Letters, digits, - and _."),
            fill.select("kind", "Holds", None, kinds, ""),
        ]),
        fill.text("description", "Description", None, ""),
        fill.area("members", "Members", None, "One a line, or with blanks or commas between."),
    ];
    FormPage {
        action: "/router/firewall/groups/new".to_owned(),
        up: Link { label: "Groups".to_owned(), href: HERE.to_owned() },
        title: "New group".to_owned(),
        lead: String::new(),
        about: fill.about(),
        facts: Vec::new(),
        sets: vec![Fieldset::new("", controls)],
        button: "Review",
        deeds: Vec::new(),
        links: Vec::new(),
        shell: ask.router_shell("New group").await,
    }
}

async fn create(ask: Ask, form: Form) -> Result<Response, Failure> {
    let known = ask.known("New group").await?;
    let name = form.get("name");
    let edit = GroupEdit {
        description: some(&form, "description"),
        members: listed(form.get("members")),
        includes: Vec::new(),
    };
    let mut draft = known.draft();
    let made = match kind_of(form.get("kind")) {
        None => Err(EditError::of("kind", "choose one")),
        Some(kind) if groups(&known.root).iter().any(|g| g.kind == kind && g.name == name) => {
            Err(EditError::of("name", "there is a group of this name already"))
        }
        Some(kind) => draft.set_group(kind, name, &edit),
    };
    match made {
        Ok(()) => {
            let why = format!("New group {name}");
            propose(&ask, &form, "/router/firewall/groups/new", why, draft.commands()).await
        }
        Err(error) => {
            let page = form_of(&ask, &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

type GroupPath = Path<(String, String)>;

fn find(all: &[Group], kind: &str, name: &str) -> Result<Group, Failure> {
    let kind = kind_of(kind);
    let found = all.iter().find(|group| Some(group.kind) == kind && group.name == name);
    found.cloned().ok_or_else(|| Failure::not_found("There is no such group."))
}

async fn show(ask: Ask, Path((kind, name)): GroupPath) -> Result<Response, Failure> {
    let root = ask.config("Group").await?;
    let all = groups(&root);
    let group = find(&all, &kind, &name)?;
    let page = page_of(&ask, &group, &all, &Fill::of(&ask)).await;
    ask.page(&page)
}

async fn page_of(ask: &Ask, group: &Group, all: &[Group], fill: &Fill<'_>) -> GroupPage {
    let field =
        |name: &str, usual: &str| Field { value: fill.value(name, usual), error: fill.error(name) };
    // What the edit says of members is about those that were put in.
    let mut add = field("add", "");
    let members = fill.error("members");
    if !members.is_empty() {
        add.error = members;
    }
    let same = all.iter().filter(|one| one.kind == group.kind && one.name != group.name);
    let boxes: Vec<_> = same
        .map(|one| {
            let said = one.description.clone().unwrap_or_default();
            (one.name.clone(), one.name.clone(), said)
        })
        .collect();
    let includes = (group.kind.can_include() && !boxes.is_empty())
        .then(|| fill.checks("includes", "Holds all of these as well", boxes, &group.includes));
    let members = Group { includes: Vec::new(), ..group.clone() };
    GroupPage {
        group: line(&members, usize::MAX),
        editable: group.kind.member_word().is_some(),
        add,
        hint: hint(group.kind),
        description: field("description", group.description.as_deref().unwrap_or_default()),
        includes,
        about: fill.about(),
        other: group.other.clone(),
        shell: ask.router_shell(&group.name).await,
    }
}

const fn hint(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Address => "192.0.2.1 or 192.0.2.1-192.0.2.9, with blanks between.",
        GroupKind::Network => "192.0.2.0/24, with blanks between.",
        GroupKind::Ipv6Address => "2001:db8::1, with blanks between.",
        GroupKind::Ipv6Network => "2001:db8::/64, with blanks between.",
        GroupKind::Port => "443, 8000-8080 or https, with blanks between.",
        GroupKind::Mac => "02:00:00:aa:bb:01, with blanks between.",
        GroupKind::Domain => "host.example, with blanks between.",
        GroupKind::Interface => "eth0 or wg*, with blanks between.",
        GroupKind::Remote => "https://lists.example/bad.txt",
        GroupKind::DynamicAddress | GroupKind::DynamicIpv6Address => "",
    }
}

async fn edit(ask: Ask, Path((kind, name)): GroupPath, form: Form) -> Result<Response, Failure> {
    let known = ask.known("Group").await?;
    let all = groups(&known.root);
    let group = find(&all, &kind, &name)?;
    let mut draft = known.draft();
    let mut edit = GroupEdit::from(&group);
    let deed = form.get("do");
    let here = group_href(group.kind, &group.name);
    let (why, from, done) = match deed {
        "delete" => {
            (format!("Delete the group {name}"), HERE, draft.delete_group(group.kind, &name))
        }
        "remove" => {
            let member = form.get("member");
            let done = draft.remove_group_member(group.kind, &name, member);
            (format!("Take {member} out of {name}"), here.as_str(), done)
        }
        "add" => {
            let new = listed(form.get("add"));
            let why = format!("Put {} into {name}", new.join(", "));
            let fresh: Vec<String> =
                new.into_iter().filter(|member| !edit.members.contains(member)).collect();
            edit.members.extend(fresh);
            (why, here.as_str(), draft.set_group(group.kind, &name, &edit))
        }
        _ => {
            edit.description = some(&form, "description");
            if group.kind.can_include() {
                edit.includes = all_ticked(&form, "includes");
            }
            let done = draft.set_group(group.kind, &name, &edit);
            (format!("Change the group {name}"), here.as_str(), done)
        }
    };
    match done {
        Ok(()) if matches!(deed, "delete" | "remove") => {
            propose(&ask, &Form::default(), from, why, draft.commands()).await
        }
        Ok(()) => propose(&ask, &form, from, why, draft.commands()).await,
        Err(error) if matches!(deed, "delete" | "remove") => {
            Ok(back(&form, &here, Tone::Warn, &words_of(&error)))
        }
        Err(error) => {
            let page = page_of(&ask, &group, &all, &Fill::sent(&form, &error)).await;
            ask.refused(&page)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_uses_a_group_leads_to_its_page() {
        let link = usage("firewall ipv4 forward filter rule 10 source group");
        assert_eq!(link.href, "/router/firewall/ipv4/forward/filter/10");
        assert_eq!(link.label, "ipv4 forward rule 10");
        assert_eq!(
            usage("nat destination rule 100 source group").href,
            "/router/nat/destination/100"
        );
        assert_eq!(
            usage("firewall group address-group ALL").href,
            "/router/firewall/groups/address/ALL"
        );
        assert!(usage("service x y").href.starts_with("/router/config?at="));
    }
}
