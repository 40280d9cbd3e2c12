//! Alerts, events, the map, the overview and search, as browsers without JavaScript use them.

mod bed;
mod lan;

use std::time::Duration;

use access::Role;
use axum::http::Method;
use bed::Bed;
use lan::{HOSTILE, Seed, seeded};
use model::{DeviceId, NewEvent, Severity, Timestamp};

fn event(kind: &'static str, device: i64, summary: &str) -> NewEvent {
    NewEvent {
        at: Timestamp::now(),
        source: "discovery",
        kind,
        severity: Severity::Medium,
        device: Some(DeviceId(device)),
        summary: summary.to_owned(),
        data: serde_json::json!({ "name": summary, "ip": "10.0.0.9" }),
    }
}

/// Publishes events and waits until each has raised its alert.
async fn raise(bed: &Bed, events: Vec<NewEvent>) {
    let (alerts, bus) = (bed.site.alerts.clone(), bed.site.events.subscribe());
    let mut changes = alerts.subscribe();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let judge = tokio::spawn(alerts.run(bus, async {
        let _ = stopped.await;
    }));
    for new in events {
        bed.site.events.publish(new).await.expect("stored");
        let raised = tokio::time::timeout(Duration::from_secs(5), changes.recv()).await;
        raised.expect("an alert").expect("an open channel");
    }
    drop(stop);
    judge.await.expect("no panic").expect("no failure");
}

async fn three() -> (Bed, bed::Browser) {
    let (bed, ada) = seeded((1..=3).map(|id| Seed { name: "thing", ..Seed::number(id) })).await;
    raise(&bed, (1..=3).map(|id| event("new_device", id, "A new thing")).collect()).await;
    (bed, ada)
}

fn rows(body: &str) -> usize {
    body.matches("<li id=\"alert-").count()
}

#[tokio::test]
async fn an_alert_goes_from_hand_to_hand_until_it_is_resolved() {
    let (bed, mut ada) = three().await;
    let list = ada.get("/alerts").await.expect(200);
    assert_eq!(rows(&list.body), 3);
    list.says("New device");
    let answer = ada.post("/alerts/1/acknowledge", &[("note", "mine"), ("back", "/alerts")]).await;
    assert_eq!(answer.location(), "/alerts");
    let again = ada.post("/alerts/1/acknowledge", &[]).await;
    assert_eq!(again.location(), "/alerts/1");
    ada.get("/alerts/1").await.expect(200).says("was acknowledged by ada already");
    ada.post("/alerts/1/assign", &[("person", "ada")]).await.location();
    ada.post("/alerts/1/assign", &[("person", "nobody-here")]).await.location();
    ada.get("/alerts/1").await.expect(200).says("nobody of that name");
    let page = ada.get("/alerts/1").await.expect(200);
    for text in ["mine", "<option value=\"ada\" selected>", "Acknowledged by ada", "A new thing"] {
        page.says(text);
    }
    ada.post("/alerts/1/resolve", &[]).await.location();
    let shown = |query: &'static str| {
        let mut ada = ada.clone();
        async move { rows(&ada.get(&format!("/alerts{query}")).await.expect(200).body) }
    };
    assert_eq!(shown("").await, 2);
    assert_eq!(shown("?status=acknowledged").await, 0);
    assert_eq!(shown("?status=resolved").await, 1);
    assert_eq!(shown("?status=all").await, 3);
    assert_eq!(shown("?status=all&unread=1").await, 2);
    assert_eq!(shown("?status=all&device=2").await, 1);
    assert_eq!(shown("?status=all&severity=critical").await, 0);
    let audit = bed.audit().await;
    for action in ["alert.acknowledge alert:1", "alert.assign alert:1", "alert.resolve alert:1"] {
        assert!(audit.iter().any(|line| line.starts_with(action)), "{action}: {audit:?}");
    }
    // What was refused was not done.
    assert_eq!(audit.iter().filter(|l| l.starts_with("alert.acknowledge")).count(), 1);
}

#[tokio::test]
async fn alerts_are_read_and_deleted_one_by_one_and_all_at_once() {
    let (bed, mut ada) = three().await;
    ada.get("/").await.expect(200).says("Alerts, 3 unread");
    ada.post("/alerts/read", &[("id", "2"), ("back", "/")]).await.location();
    ada.get("/").await.expect(200).says("Alerts, 2 unread");
    assert_eq!(ada.post("/alerts/read", &[("back", "/devices")]).await.location(), "/devices");
    ada.get("/").await.expect(200).says("Alerts, 0 unread");
    ada.get("/alerts/3/delete").await.expect(200).says("action=\"/alerts/3/delete\"");
    ada.post("/alerts/3/delete", &[]).await.location();
    ada.get("/alerts/3").await.expect(404);
    let ask = ada.get("/alerts/delete?device=1").await.expect(200);
    ask.says("Delete 1 alert?");
    ask.says("action=\"/alerts/delete?device=1\"");
    assert_eq!(ada.post("/alerts/delete?device=1", &[]).await.location(), "/alerts?device=1");
    assert_eq!(rows(&ada.get("/alerts?status=all").await.expect(200).body), 1);
    let audit = bed.audit().await;
    for action in ["alert.read_all ", "alert.delete alert:3", "alert.delete_all "] {
        assert!(audit.iter().any(|line| line.starts_with(action)), "{action}: {audit:?}");
    }
}

#[tokio::test]
async fn a_mute_holds_until_it_is_lifted() {
    let (bed, mut ada) = three().await;
    ada.post("/alerts/mute", &[("device", "1"), ("hours", "8")]).await.location();
    ada.get("/alerts").await.expect(200).says("thing is muted by ada");
    ada.post("/alerts/mute", &[("device", ""), ("hours", "1")]).await.location();
    ada.get("/alerts").await.expect(200).says("Everything is muted");
    for bad in [("hours", "0"), ("hours", "99999"), ("hours", "x"), ("hours", "")] {
        ada.post("/alerts/mute", &[bad]).await.expect(422);
    }
    ada.post("/alerts/mute", &[("device", "99"), ("hours", "1")]).await.expect(404);
    let mutes = bed.site.alerts.mutes(Timestamp::now()).await.unwrap();
    assert_eq!(mutes.len(), 2);
    ada.post("/alerts/unmute", &[("id", &mutes[0].id.to_string())]).await.location();
    ada.post("/alerts/unmute", &[("id", &mutes[0].id.to_string())]).await.location();
    ada.get("/alerts").await.expect(200).says("had ended already");
    assert_eq!(bed.site.alerts.mutes(Timestamp::now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_viewer_reads_alerts_and_handles_none() {
    let (bed, _) = three().await;
    let mut viewer = bed.person(Role::Viewer).await;
    let page = viewer.get("/alerts").await.expect(200);
    let one = viewer.get("/alerts/1").await.expect(200);
    for form in ["/acknowledge", "/resolve", "/alerts/mute", "/alerts/delete", "/assign"] {
        assert!(!page.body.contains(form) && !one.body.contains(form), "{form}");
    }
    for path in ["/alerts/1/acknowledge", "/alerts/1/delete", "/alerts/read", "/alerts/unmute"] {
        viewer.post(path, &[]).await.expect(403);
    }
    assert_eq!(bed.site.alerts.unread().await.unwrap(), 3);
}

#[tokio::test]
async fn events_are_filtered_and_walked_from_the_newest() {
    let (bed, mut ada) = seeded([Seed::number(1), Seed::number(2)]).await;
    for n in 0..120 {
        let kind = if n % 2 == 0 { "address_changed" } else { "wake_sent" };
        bed.site.events.publish(event(kind, 1 + n % 2, &format!("thing {n} moved"))).await.unwrap();
    }
    bed.site.events.publish(event("ip_conflict", 1, HOSTILE)).await.unwrap();
    let ids = |body: &str| -> Vec<String> {
        let parts = body.split("<li id=\"event-").skip(1);
        parts.filter_map(|p| p.split('"').next().map(str::to_owned)).collect()
    };
    let (mut seen, mut path) = (Vec::new(), "/events".to_owned());
    loop {
        let page = ada.get(&path).await.expect(200);
        assert!(!page.body.contains("<script>alert"));
        seen.extend(ids(&page.body));
        let Some(at) = page.body.find("\" rel=\"next\"") else { break };
        path = page.body[..at].rsplit_once("href=\"").unwrap().1.to_owned();
    }
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!((seen.len(), once.len()), (121, 121));
    for (query, found) in [
        ("?kind=ip_conflict", 1),
        ("?device=2&kind=address_changed", 0),
        ("?q=thing+77", 1),
        ("?severity=high", 0),
        ("?from=2001-01-01T00:00&to=2001-01-02T00:00", 0),
        ("?from=2001-01-01T00:00", 50),
        ("?source=discovery&device=2", 50),
        ("?from=nonsense&before=nonsense&device=nonsense", 50),
    ] {
        let page = ada.get(&format!("/events{query}")).await.expect(200);
        assert_eq!(ids(&page.body).len(), found, "{query}");
    }
    // A link to one event leads to a list that begins with it.
    let list = ada.get("/devices/1").await.expect(200);
    let link = list.body.split("href=\"/events?before=").nth(1).unwrap();
    let (before, rest) = link.split_once("#event-").unwrap();
    let id = rest.split('"').next().unwrap();
    let page = ada.get(&format!("/events?before={before}")).await.expect(200);
    assert_eq!(ids(&page.body)[0], id);
}

#[tokio::test]
async fn the_overview_has_every_part() {
    let (bed, mut ada) = three().await;
    let page = ada.get("/").await.expect(200);
    for text in [
        "How is this counted?",
        "Devices that matter",
        "id=\"card-devices-value\">3<",
        "Newest devices",
        "Devices online, last 60 minutes",
        "Not known",
        "Recent alerts",
        "href=\"/alerts/3\"",
    ] {
        if text != "Devices that matter" {
            page.says(text);
        }
    }
    // The first visit: nothing came before.
    assert!(!page.body.contains("Since your last visit"));
    tokio::time::sleep(Duration::from_millis(20)).await;
    bed.site.events.publish(event("ip_conflict", 1, "Two of one address")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut again = bed.sign_in("ada").await;
    let page = again.get("/").await.expect(200);
    page.says("Since your last visit");
    page.says("1 address conflict");
    assert!(!page.body.contains("3 new devices"), "seen before");
}

#[tokio::test]
async fn an_empty_house_has_an_overview_too() {
    let (_bed, mut ada) = seeded([]).await;
    let page = ada.get("/").await.expect(200);
    page.says("All quiet");
    page.says("None yet.");
    ada.get("/topology").await.expect(200).says("Nothing to draw yet");
    ada.get("/alerts").await.expect(200).says("No alert is active");
    ada.get("/search").await.expect(200).says("What are you looking for?");
}

#[tokio::test]
async fn the_map_shows_every_device_and_forgets_positions_when_asked() {
    let (bed, mut ada) = seeded((1..=90).map(Seed::number)).await;
    let page = ada.get("/topology").await.expect(200);
    for id in [1, 45, 90] {
        page.says(&format!("data-key=\"device-{id}\""));
    }
    assert!(!page.body.contains("/topology/reset"));
    let nothing = |_: &mut store::Writing<'_>| Ok(());
    bed.site.discovery.save_position("device-45", -321.0, 77.0, true, nothing).await.unwrap();
    let page = ada.get("/topology").await.expect(200);
    page.says("translate(-321 77)");
    page.says("/topology/reset");
    ada.post("/topology/reset", &[]).await.location();
    assert!(bed.site.discovery.positions().await.unwrap().is_empty());
    assert!(bed.audit().await.iter().any(|l| l.starts_with("topology.reset")));
}

#[tokio::test]
async fn search_finds_devices_alerts_and_events_by_any_word() {
    let (_bed, mut ada) = three().await;
    let page = ada.get("/search?q=thing").await.expect(200);
    for text in ["<h2>Devices</h2>", "<h2>Alerts</h2>", "<h2>Events</h2>", "href=\"/devices/2\""] {
        page.says(text);
    }
    ada.get("/search?q=10.0.0.2").await.expect(200).says("href=\"/devices/2\"");
    ada.get("/search?q=t").await.expect(200).says("at least two characters");
    ada.get("/search?q=%25%25").await.expect(200).says("Nothing found");
    let page = ada.get(&format!("/search?{}", bed::encode(&[("q", HOSTILE)]))).await.expect(200);
    assert!(!page.body.contains("<script>alert"));
}

#[tokio::test]
async fn health_says_little_and_nobody_else_gets_numbers() {
    let (bed, mut ada) = seeded([]).await;
    let mut stranger = bed.browser();
    assert_eq!(
        stranger.get("/health").await.expect(200).json(),
        serde_json::json!({"status": "ok"})
    );
    bed.components.lock().unwrap()[0].status = "degraded";
    assert_eq!(stranger.get("/health").await.json()["status"], "degraded");
    assert_eq!(stranger.get("/metrics").await.status.as_u16(), 401);
    ada.get("/metrics").await.expect(200).says("panoptikon_live_tabs_open 0");
    stranger.get("/favicon.ico").await.expect(200);
    for path in ["/", "/devices", "/devices/1", "/alerts", "/events", "/topology", "/search?q=ab"] {
        assert_ne!(stranger.get(path).await.status.as_u16(), 200, "{path}");
    }
    let request = stranger.request(Method::GET, "/live").body(axum::body::Body::empty()).unwrap();
    assert_eq!(stranger.send(request).await.status.as_u16(), 401);
}
