//! Alerts: the list, one alert, what people do with them.

pub(crate) mod deeds;

use std::time::Duration;

use access::{Caller, Permission as P};
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use detect::{Action, AlertQuery, Counts, Mute, NewMute, Shown, Status};
use model::{AlertId, DeviceId, Severity};

use super::{Ask, Form, back, done, rows};
use crate::http::{Entry, Failure, Route, Routes};
use crate::site::Site;
use crate::view::{
    AlertPage, AlertsPage, Choice, ConfirmPage, Empty, Filter, Moment, MuteLine, Pager, Place,
    Query, StoryLine, Tab, Tone, count,
};

/// Each row carries a form.
const ROWS: usize = 25;
/// The longest mute that a form can ask for, in hours.
const MOST_HOURS: u64 = 24 * 365;

pub(super) fn routes() -> Routes<Site> {
    let (read, manage) = (Entry::Needs(P::AlertsRead), Entry::Needs(P::AlertsManage));
    let (get, post) = (Method::GET, Method::POST);
    let new = Route::new;
    Routes::new()
        .add(Route::new(get.clone(), "/alerts", read, list, "The alerts"))
        .add(Route::new(get.clone(), "/alerts/{id}", read, show, "One alert"))
        .add(Route::new(post.clone(), "/alerts/read", manage, mark_read, "Mark alerts as read"))
        .add(new(
            post.clone(),
            "/alerts/{id}/acknowledge",
            manage,
            acknowledge,
            "Acknowledge an alert",
        ))
        .add(Route::new(post.clone(), "/alerts/{id}/assign", manage, assign, "Assign an alert"))
        .add(Route::new(post.clone(), "/alerts/{id}/resolve", manage, resolve, "Resolve an alert"))
        .add(Route::new(
            get.clone(),
            "/alerts/{id}/delete",
            manage,
            ask_delete,
            "Ask before deleting an alert",
        ))
        .add(Route::new(post.clone(), "/alerts/{id}/delete", manage, delete, "Delete an alert"))
        .add(Route::new(
            get,
            "/alerts/delete",
            manage,
            ask_delete_all,
            "Ask before deleting alerts",
        ))
        .add(Route::new(post.clone(), "/alerts/delete", manage, delete_all, "Delete alerts"))
        .add(Route::new(post.clone(), "/alerts/mute", manage, mute, "Mute alerts"))
        .add(Route::new(post, "/alerts/unmute", manage, unmute, "Lift a mute"))
}

/// What the query string asks for.
fn wanted(query: &Query) -> AlertQuery {
    let shown = match query.get("status") {
        Some("all") => Shown::All,
        Some("open") => Shown::Open,
        Some(word) => Shown::Only(word.parse().unwrap_or(Status::New)),
        None => Shown::Only(Status::New),
    };
    AlertQuery {
        shown,
        severity: query.get("severity").and_then(|s| s.parse().ok()),
        kinds: Vec::new(),
        unread: query.get("unread") == Some("1"),
        device: query.get("device").and_then(|id| id.parse().ok().map(DeviceId)),
        text: query.get("q").unwrap_or_default().to_owned(),
        before: query.get("before").and_then(|c| c.parse().ok()),
        limit: ROWS,
    }
}

async fn list(ask: Ask) -> Result<Response, Failure> {
    let (site, query) = (&ask.site, ask.query.clone());
    let asked = wanted(&query);
    let every = AlertQuery { before: None, ..asked.clone() };
    let (shell, page, total, counts, mutes) = tokio::join!(
        ask.shell("Alerts", Some(Place::Alerts)),
        site.alerts.list(asked),
        site.alerts.count(every),
        site.alerts.counts(),
        site.alerts.mutes(ask.now),
    );
    let (page, total, counts) = (page?, total?, counts?);
    let rows: Vec<_> = page.alerts.iter().map(|a| rows::alert(site, a, ask.now)).collect();
    let narrowed = query.pairs().iter().any(|(key, _)| key != "status");
    let empty = rows.is_empty().then(|| match query.get("status") {
        _ if narrowed => Empty::no_match("/alerts"),
        None => AlertsPage::all_quiet(),
        Some(_) => Empty::new("bell", "None here", "No alert stands like this."),
    });
    let shown = match rows.len() {
        0 => String::new(),
        n => format!("{n} of {}", count(total)),
    };
    let next = page.next.map(|c| c.to_string());
    ask.page(&AlertsPage {
        tabs: tabs(&query, &counts),
        filters: filters(&query),
        pager: Pager::keyset(&query, next.as_deref(), "Older", shown),
        mutes: mutes?.iter().map(|m| mute_line(site, m, ask.now)).collect(),
        rows,
        empty,
        shell,
        query,
    })
}

fn tabs(query: &Query, counts: &Counts) -> Vec<Tab> {
    let of = |status| counts.of_status(status);
    let all = Status::ALL.into_iter().map(of).sum();
    let tab = |value, label, n| Tab::of(query, "status", value, label).counted(n, "");
    vec![
        tab("", "Active", of(Status::New)),
        tab("acknowledged", "Acknowledged", of(Status::Acknowledged)),
        tab("resolved", "Resolved", of(Status::Resolved)),
        tab("all", "All", all),
    ]
}

fn filters(query: &Query) -> Vec<Filter> {
    let severities = Severity::ALL.into_iter().skip(1).rev();
    let words = severities.map(|s| {
        let above = if s == Severity::Critical { "" } else { " and above" };
        (s.as_str(), format!("{}{above}", rows::capital(s.as_str())))
    });
    vec![
        Filter::of(query, "severity", "Severity", words),
        Filter::of(query, "unread", "Unread", [("1", "Only unread")]),
    ]
}

fn mute_line(site: &Site, mute: &Mute, now: model::Timestamp) -> MuteLine {
    let device = mute.device.map(|id| {
        rows::device_link(site, id).map_or_else(|| format!("Device {id}"), |link| link.label)
    });
    MuteLine {
        id: mute.id,
        what: match (device, &mute.kind) {
            (None, None) => "Everything".to_owned(),
            (Some(device), None) => device,
            (None, Some(kind)) => format!("Every {kind}"),
            (Some(device), Some(kind)) => format!("{device} ({kind})"),
        },
        until: Moment::ago(mute.until, now),
        by: mute.by.clone(),
    }
}

fn number(id: &str) -> Result<AlertId, Failure> {
    let none = || Failure::not_found("There is no such alert. It may have been deleted.");
    id.parse().map(AlertId).map_err(|_| none())
}

async fn show(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let id = number(&id)?;
    let details = ask.site.alerts.get(id).await?;
    let details = details.ok_or_else(|| Failure::from(detect::AlertError::NotFound(id)))?;
    let (site, now) = (&ask.site, ask.now);
    let mut alert = rows::alert(site, &details.alert, now);
    // The events themselves say more than their numbers.
    let evidence = details.evidence.iter().rev().map(|event| crate::view::Link {
        label: format!("{} ({})", event.summary, event.at.local()),
        href: rows::event_href(event.id),
    });
    alert.evidence = evidence.collect();
    let story = details.history.iter().map(|entry| StoryLine {
        at: Moment::ago(entry.at, now),
        text: if entry.note.is_empty() {
            format!("{} by {}", rows::capital(&entry.change), entry.actor)
        } else {
            format!("{} by {}: {}", rows::capital(&entry.change), entry.actor, entry.note)
        },
        icon: icon(&entry.change).to_owned(),
        tone: Tone::Quiet,
        href: String::new(),
    });
    let page = AlertPage {
        shell: ask.shell(&details.alert.title, Some(Place::Alerts)).await,
        device_id: details
            .alert
            .device
            .filter(|id| site.discovery.with(*id, |_| ()).is_some())
            .map(|id| id.0),
        people: people(&ask, details.alert.assignee.as_deref()),
        story: story.collect(),
        alert,
    };
    ask.page(&page)
}

fn icon(change: &str) -> &'static str {
    match change {
        "raised" | "reopened" | "seen again" => "alert",
        "resolved" | "acknowledged" => "ok",
        "assigned" => "person",
        "muted" => "mute",
        _ => "info",
    }
}

/// Whom an alert can be given to. Names only: whoever handles alerts sees them in each history.
fn people(ask: &Ask, chosen: Option<&str>) -> Vec<Choice> {
    let everybody = ask.site.access.people(&Caller::system(), ask.now).unwrap_or_default();
    let able = everybody.into_iter().filter(|p| !p.disabled && p.role.may(P::AlertsManage));
    let nobody = (String::new(), "Nobody".to_owned());
    let names = able.map(|p| (p.name.clone(), p.name));
    Choice::list(std::iter::once(nobody).chain(names), chosen.unwrap_or_default())
}

async fn mark_read(ask: Ask, form: Form) -> Result<Response, Failure> {
    let by = &ask.visitor.caller;
    let ids: Vec<_> = form.all("id").filter_map(|id| id.parse().ok().map(AlertId)).collect();
    if ids.is_empty() {
        let n = deeds::read_all(&ask.site, by, ask.now).await?;
        let text = if n == 1 {
            "1 alert marked as read.".into()
        } else {
            format!("{n} alerts marked as read.")
        };
        return Ok(back(&form, "/alerts", Tone::Ok, &text));
    }
    for id in ids {
        deeds::act(&ask.site, by, id, Action::Read, ask.now).await?;
    }
    Ok(back(&form, "/alerts", Tone::Ok, "Marked as read."))
}

/// Does it and goes back; what the alert's state does not allow is said there.
async fn act(
    ask: Ask,
    id: &str,
    action: Action,
    form: &Form,
    did: &str,
) -> Result<Response, Failure> {
    let id = number(id)?;
    let place = format!("/alerts/{id}");
    match deeds::act(&ask.site, &ask.visitor.caller, id, action, ask.now).await {
        Ok(_) => Ok(back(form, &place, Tone::Ok, did)),
        Err(failure) if matches!(failure.explained.code, "conflict" | "invalid") => {
            Ok(back(form, &place, Tone::Warn, &failure.explained.message))
        }
        Err(failure) => Err(failure),
    }
}

async fn acknowledge(ask: Ask, Path(id): Path<String>, form: Form) -> Result<Response, Failure> {
    let action = Action::Acknowledge { note: form.get("note").to_owned() };
    act(ask, &id, action, &form, "Acknowledged.").await
}

async fn assign(ask: Ask, Path(id): Path<String>, form: Form) -> Result<Response, Failure> {
    let to = Some(form.get("person").to_owned()).filter(|name| !name.is_empty());
    if let Some(name) = &to
        && !people(&ask, None).iter().any(|choice| choice.value == *name)
    {
        let text = "There is nobody of that name who handles alerts.";
        return Ok(back(&form, &format!("/alerts/{}", number(&id)?), Tone::Warn, text));
    }
    let did = to.as_ref().map_or("Assigned to nobody.".to_owned(), |n| format!("Assigned to {n}."));
    act(ask, &id, Action::Assign { to }, &form, &did).await
}

async fn resolve(ask: Ask, Path(id): Path<String>, form: Form) -> Result<Response, Failure> {
    let action = Action::Resolve { note: form.get("note").to_owned() };
    act(ask, &id, action, &form, "Resolved.").await
}

async fn ask_delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let id = number(&id)?;
    let details = ask.site.alerts.get(id).await?;
    let alert = details.ok_or_else(|| Failure::from(detect::AlertError::NotFound(id)))?.alert;
    ask.page(&ConfirmPage {
        shell: ask.shell("Delete an alert", Some(Place::Alerts)).await,
        question: format!("Delete \u{201c}{}\u{201d}?", alert.title),
        consequences: vec![
            "The alert, its notes and its history are deleted.".to_owned(),
            "The events behind it stay. If the cause shows up again, so does an alert.".to_owned(),
        ],
        action: format!("/alerts/{id}/delete"),
        fields: Vec::new(),
        button: "Delete".to_owned(),
        danger: true,
        cancel: format!("/alerts/{id}"),
    })
}

async fn delete(ask: Ask, Path(id): Path<String>) -> Result<Response, Failure> {
    let alert = deeds::delete(&ask.site, &ask.visitor.caller, number(&id)?, ask.now).await?;
    Ok(done("/alerts", Tone::Ok, &format!("\u{201c}{}\u{201d} was deleted.", alert.title)))
}

async fn ask_delete_all(ask: Ask) -> Result<Response, Failure> {
    let list = in_list(&ask.query);
    let n = ask.site.alerts.count(AlertQuery { before: None, ..wanted(&ask.query) }).await?;
    let alerts = if n == 1 { "alert" } else { "alerts" };
    ask.page(&ConfirmPage {
        shell: ask.shell("Delete alerts", Some(Place::Alerts)).await,
        question: format!("Delete {} {alerts}?", count(n)),
        consequences: vec![
            "All that the list showed with its filters, on all its pages, is deleted.".to_owned(),
            "The events behind them stay. Open causes raise new alerts when they show up again."
                .to_owned(),
        ],
        action: ask.query.without("before").href(),
        fields: Vec::new(),
        button: format!("Delete {} {alerts}", count(n)),
        danger: true,
        cancel: list,
    })
}

async fn delete_all(ask: Ask) -> Result<Response, Failure> {
    let query = AlertQuery { before: None, ..wanted(&ask.query) };
    let n = deeds::delete_all(&ask.site, &ask.visitor.caller, query, ask.now).await?;
    let text =
        if n == 1 { "1 alert was deleted.".into() } else { format!("{n} alerts were deleted.") };
    Ok(done(&in_list(&ask.query), Tone::Ok, &text))
}

/// The list that a query of `/alerts/delete` came from.
fn in_list(query: &Query) -> String {
    query.without("before").href().replacen("/alerts/delete", "/alerts", 1)
}

async fn mute(ask: Ask, form: Form) -> Result<Response, Failure> {
    let device = match form.get("device") {
        "" => None,
        id => Some(id.parse().map(DeviceId).map_err(|_| Failure::invalid("device: no number."))?),
    };
    if let Some(id) = device
        && ask.site.discovery.with(id, |_| ()).is_none()
    {
        return Err(discovery::DiscoveryError::NotFound(id).into());
    }
    let hours = form.get("hours").parse::<u64>().ok().filter(|h| (1..=MOST_HOURS).contains(h));
    let Some(hours) = hours else {
        return Err(Failure::invalid("hours: give a whole number from 1 to 8760."));
    };
    let until = ask.now.plus(Duration::from_secs(hours * 3_600));
    let new = NewMute { device, kind: None, until, from: None };
    let mute = deeds::mute(&ask.site, &ask.visitor.caller, new, ask.now).await?;
    let what = mute_line(&ask.site, &mute, ask.now).what;
    let unit = if hours == 1 { "hour" } else { "hours" };
    Ok(back(&form, "/alerts", Tone::Ok, &format!("{what} is muted for {hours} {unit}.")))
}

async fn unmute(ask: Ask, form: Form) -> Result<Response, Failure> {
    let id = form.get("id").parse().map_err(|_| Failure::invalid("id: no number."))?;
    match deeds::unmute(&ask.site, &ask.visitor.caller, id, ask.now).await {
        Ok(_) => Ok(back(&form, "/alerts", Tone::Ok, "Unmuted.")),
        Err(failure) if failure.explained.code == "not_found" => {
            Ok(back(&form, "/alerts", Tone::Info, "That mute had ended already."))
        }
        Err(failure) => Err(failure),
    }
}
