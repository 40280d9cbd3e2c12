//! What a subnet gives and tells: a form, also to give no addresses in it any more.

use axum::http::Method;
use axum::response::Response;
use vyos::config::Node;
use vyos::edit::{Draft, EditError, RangeEdit, SubnetEdit, family_of};
use vyos::facts::Family;

use super::subnet_of;
use crate::http::{Failure, Route, Routes};
use crate::pages::router::filled::{Filled, list, maybe, number};
use crate::pages::router::{CHANGE, propose};
use crate::pages::{Ask, Form};
use crate::site::Site;
use crate::view::Query;
use crate::view::router::{PoolFields, PoolPage};

const HERE: &str = "/router/dhcp/pool";
/// The fields that have a place for what is wrong with them.
const SHOWN: [&str; 10] = [
    "network",
    "subnet",
    "ranges",
    "excluded",
    "lease_seconds",
    "default_router",
    "name_servers",
    "domain_name",
    "domain_search",
    "ntp_servers",
];

pub(super) fn routes() -> Routes<Site> {
    Routes::new()
        .add(
            Route::new(Method::GET, HERE, CHANGE, edit, "A form for a subnet of the DHCP server")
                .query("network", "string", "The shared network.")
                .query("subnet", "string", "The subnet's prefix."),
        )
        .add(Route::new(Method::POST, HERE, CHANGE, save, "Plan a change of a subnet"))
        .add(Route::new(
            Method::POST,
            "/router/dhcp/pool/delete",
            CHANGE,
            delete,
            "Plan to take a subnet away",
        ))
}

async fn edit(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("DHCP").await?;
    let of = |name| ask.query.get(name).unwrap_or_default().to_owned();
    let page = page(&ask, &config, &of("network"), &of("subnet"), &Filled::fresh(&ask)).await?;
    ask.page(&page)
}

async fn save(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DHCP").await?;
    let (network, prefix) = (form.get("network"), form.get("subnet"));
    subnet_of(&config, network, prefix)?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    match read(&form).and_then(|edit| draft.edit_dhcp_subnet(network, prefix, &edit)) {
        Ok(()) => {
            let from = Query::new(HERE).with("network", network).with("subnet", prefix).href();
            propose(&ask, &form, &from, format!("Change DHCP of {prefix}"), draft.commands()).await
        }
        Err(error) => {
            let filled = Filled::refused(&ask, &form, &error);
            let page = page(&ask, &config, network, prefix, &filled).await?;
            ask.refused(&page)
        }
    }
}

async fn delete(ask: Ask, form: Form) -> Result<Response, Failure> {
    let config = ask.config("DHCP").await?;
    let (network, prefix) = (form.get("network"), form.get("subnet"));
    subnet_of(&config, network, prefix)?;
    let dialect = ask.dialect(&config).await;
    let mut draft = Draft::new(&config, &dialect);
    draft
        .delete_dhcp_subnet(network, prefix)
        .map_err(|error| Failure::invalid(error.to_string()))?;
    let why = format!("No DHCP in {prefix} any more");
    propose(&ask, &form, "/router/dhcp", why, draft.commands()).await
}

pub(super) fn read(form: &Form) -> Result<SubnetEdit, EditError> {
    Ok(SubnetEdit {
        lease_seconds: number(form, "lease_seconds")?,
        ranges: ranges(form.get("ranges"))?,
        excluded: list(form.get("excluded")),
        default_router: maybe(form.get("default_router")),
        name_servers: list(form.get("name_servers")),
        domain_name: maybe(form.get("domain_name")),
        domain_search: list(form.get("domain_search")),
        ntp_servers: list(form.get("ntp_servers")),
    })
}

/// Pools, one a line: name, first and last address; a dash may stand between the two.
fn ranges(text: &str) -> Result<Vec<RangeEdit>, EditError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let range = |line: &str| {
        let words: Vec<&str> =
            line.split_whitespace().filter(|word| !["-", "–"].contains(word)).collect();
        match words.as_slice() {
            [name, start, stop] => Ok(RangeEdit {
                name: (*name).to_owned(),
                start: (*start).to_owned(),
                stop: (*stop).to_owned(),
            }),
            _ => Err(EditError::of("ranges", format!("`{line}`: write name, first, last address"))),
        }
    };
    lines.map(range).collect()
}

async fn page(
    ask: &Ask,
    config: &Node,
    network: &str,
    prefix: &str,
    filled: &Filled<'_>,
) -> Result<PoolPage, Failure> {
    let now = SubnetEdit::from(&subnet_of(config, network, prefix)?);
    let fields = fields(&now, family_of(prefix) == Family::Ipv4, filled);
    let shell = ask.router_shell("DHCP").await;
    let place = (network.to_owned(), prefix.to_owned());
    Ok(PoolPage { shell, network: place.0, subnet: place.1, new: None, fields })
}

/// The fields that a subnet has, new or not; `is_v4`: also those that only IPv4 knows.
pub(super) fn fields(now: &SubnetEdit, is_v4: bool, filled: &Filled<'_>) -> PoolFields {
    let line = |range: &RangeEdit| format!("{} {} {}", range.name, range.start, range.stop);
    let lines: Vec<String> = now.ranges.iter().map(line).collect();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let seconds = now.lease_seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
    let only_v4 = |name: &str, usual: &str| is_v4.then(|| filled.field(name, usual));
    PoolFields {
        ranges: filled.field("ranges", &lines.join("\n")),
        excluded: only_v4("excluded", &now.excluded.join("\n")),
        lease: filled.field("lease_seconds", &seconds),
        default_router: only_v4("default_router", &text(&now.default_router)),
        name_servers: filled.field("name_servers", &now.name_servers.join("\n")),
        domain_name: only_v4("domain_name", &text(&now.domain_name)),
        domain_search: filled.field("domain_search", &now.domain_search.join("\n")),
        ntp_servers: only_v4("ntp_servers", &now.ntp_servers.join("\n")),
        said: filled.said(&SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_line_of_three_words_with_or_without_a_dash() {
        let read = ranges("0 192.168.1.100 192.168.1.199\r\n\n  guests 10.0.0.1 - 10.0.0.9 ");
        let read = read.expect("pools");
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].name.as_str(), read[1].stop.as_str()), ("guests", "10.0.0.9"));
        assert!(ranges("192.168.1.100 192.168.1.199").is_err());
    }
}
