//! Events, alerts and mutes over the API.

use std::time::Duration;

use axum::http::Method;
use model::{DeviceId, NewEvent, Severity, Timestamp};
use serde_json::{Value, json};

use crate::bed::Bed;
use crate::client::{Script, refused, site};

/// Publishes events that are alerts, and waits until they are.
async fn alerts(bed: &Bed, count: i64) {
    let bus = bed.site.events.subscribe();
    let mut changes = bed.site.alerts.subscribe();
    tokio::spawn(bed.site.alerts.clone().run(bus, std::future::pending()));
    for n in 1..=count {
        let event = NewEvent {
            at: Timestamp::now(),
            source: "discovery",
            kind: "new_device",
            severity: Severity::Low,
            device: Some(DeviceId(n)),
            summary: format!("A new device, 100 % number {n}"),
            data: json!({ "mac": format!("00:11:22:00:00:0{n}") }),
        };
        bed.site.events.publish(event).await.unwrap();
        changes.recv().await.unwrap();
    }
}

async fn items(key: &mut Script, path: &str) -> Vec<Value> {
    let page = key.get(path).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_alert_goes_through_its_life_and_each_step_is_written_down() {
    let (bed, _, mut key) = site().await;
    alerts(&bed, 2).await;
    let all = items(&mut key, "/api/v1/alerts").await;
    assert_eq!(all.len(), 2);
    let path = format!("/api/v1/alerts/{}", all[0]["id"]);
    let mut act = async |body: Value| key.patch(&path, body).await;
    let read = act(json!({ "action": "read" })).await.expect(200).json();
    assert!(read["read_at"].is_i64());
    let acked = act(json!({ "action": "acknowledge", "note": "mine" })).await.expect(200).json();
    assert_eq!((&acked["status"], &acked["note"]), (&json!("acknowledged"), &json!("mine")));
    let twice = act(json!({ "action": "acknowledge" })).await;
    assert_eq!(refused(&twice, 409), "conflict");
    let given = act(json!({ "action": "assign", "to": "ada" })).await.expect(200).json();
    assert_eq!(given["assignee"], "ada");
    act(json!({ "action": "resolve" })).await.expect(200);
    act(json!({ "action": "reopen" })).await.expect(200);
    let unknown = act(json!({ "action": "explode" })).await;
    assert_eq!(refused(&unknown, 422), "invalid");
    let long = act(json!({ "action": "resolve", "note": "x".repeat(2_001) })).await;
    assert_eq!(refused(&long, 422), "invalid");
    let details = key.get(&path).await.expect(200).json();
    let steps: Vec<_> =
        details["history"].as_array().unwrap().iter().map(|h| h["change"].clone()).collect();
    assert_eq!(steps[..5], ["reopened", "resolved", "assigned", "acknowledged", "read"]);
    key.delete(&path).await.expect(204);
    refused(&key.get(&path).await, 404);
    let lines = bed.audit().await;
    for action in ["read", "acknowledge", "assign", "resolve", "reopen", "delete"] {
        let wanted = format!("alert.{action} alert:{} ok", all[0]["id"]);
        assert!(lines.iter().any(|l| l.starts_with(&wanted)), "{wanted} in {lines:#?}");
    }
    assert!(!lines.iter().any(|l| l.contains("explode")));
}

#[tokio::test]
async fn alerts_are_listed_counted_and_read_together() {
    let (bed, _, mut key) = site().await;
    alerts(&bed, 3).await;
    let counts = key.get("/api/v1/alerts/counts").await.expect(200).json();
    assert_eq!((&counts["open"], &counts["unread"]), (&json!(3), &json!(3)));
    assert_eq!(counts["by"].as_array().unwrap().len(), 15, "every pair");
    assert_eq!(items(&mut key, "/api/v1/alerts?device=2").await.len(), 1);
    assert_eq!(items(&mut key, "/api/v1/alerts?status=resolved").await.len(), 0);
    assert_eq!(items(&mut key, "/api/v1/alerts?severity=critical&status=all").await.len(), 0);
    let mut seen = Vec::new();
    let mut path = "/api/v1/alerts?limit=1".to_owned();
    loop {
        let page = key.get(&path).await.expect(200).json();
        seen.push(page["items"][0]["id"].as_i64().unwrap());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/alerts?limit=1&cursor={next}");
    }
    assert_eq!(seen, [3, 2, 1]);
    let read = key.send(Method::POST, "/api/v1/alerts/read-all", None).await.expect(200).json();
    assert_eq!(read["alerts"], 3);
    assert_eq!(items(&mut key, "/api/v1/alerts?unread=true").await.len(), 0);
    assert_eq!(refused(&key.delete("/api/v1/alerts").await, 422), "invalid");
    let gone = key.delete("/api/v1/alerts?status=open&device=2").await.expect(200).json();
    assert_eq!(gone["alerts"], 1);
    assert_eq!(items(&mut key, "/api/v1/alerts").await.len(), 2);
}

#[tokio::test]
async fn a_mute_holds_until_it_is_lifted() {
    let (bed, _, mut key) = site().await;
    let until = Timestamp::now().plus(Duration::from_secs(3_600));
    let made = key.post("/api/v1/mutes", json!({ "device": 1, "until": until })).await.expect(201);
    assert_eq!(items(&mut key, "/api/v1/mutes").await, [made.json()]);
    for bad in [
        json!({ "until": 0 }),
        json!({ "until": until, "kind": "weather" }),
        json!({ "device": 1 }),
    ] {
        assert_eq!(refused(&key.post("/api/v1/mutes", bad).await, 422), "invalid");
    }
    let stranger = key.post("/api/v1/mutes", json!({ "device": 77, "until": until })).await;
    assert_eq!(refused(&stranger, 404), "not_found");
    key.delete(made.header("location")).await.expect(204);
    assert!(items(&mut key, "/api/v1/mutes").await.is_empty());
    let lines = bed.audit().await;
    assert!(lines.iter().any(|l| l.starts_with("alert.mute")), "{lines:#?}");
    assert!(lines.iter().any(|l| l.starts_with("alert.unmute")), "{lines:#?}");
}

#[tokio::test]
async fn events_are_listed_by_what_they_are() {
    let (bed, _, mut key) = site().await;
    alerts(&bed, 3).await;
    assert_eq!(items(&mut key, "/api/v1/events?kind=new_device&device=2").await.len(), 1);
    assert_eq!(items(&mut key, "/api/v1/events?kind=other").await.len(), 0);
    assert_eq!(items(&mut key, "/api/v1/events?q=number+3").await.len(), 1);
    assert_eq!(items(&mut key, "/api/v1/events?severity=high").await.len(), 0);
    assert_eq!(items(&mut key, "/api/v1/events?to=1").await.len(), 0);
    assert_eq!(items(&mut key, "/api/v1/devices/3/timeline").await.len(), 1);
    let first = key.get("/api/v1/devices/3/events?limit=1").await.expect(200).json();
    assert_eq!(first["items"][0]["device"], 3);
    let page = key.get("/api/v1/events?limit=2").await.expect(200).json();
    let rest = format!("/api/v1/events?limit=2&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(items(&mut key, &rest).await.len(), 1);
    let one = &page["items"][0];
    assert_eq!(key.get(&format!("/api/v1/events/{}", one["id"])).await.expect(200).json(), *one);
}

#[tokio::test]
async fn the_search_finds_five_of_each_kind_and_takes_wildcards_as_characters() {
    let (bed, _, mut key) = site().await;
    alerts(&bed, 3).await;
    let mut labels = async |q: &str| -> Vec<String> {
        let found = key.get(&format!("/api/v1/search?q={q}")).await.expect(200).json();
        let groups = found["groups"].as_array().unwrap().iter();
        groups
            .map(|g| {
                assert!(g["items"].as_array().unwrap().len() <= 5);
                g["label"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    assert_eq!(labels("device").await, ["Devices", "Alerts", "Events", "Pages"]);
    assert_eq!(labels("100+%25").await.len(), 2, "in alerts and events");
    assert_eq!(labels("%25%25").await, Vec::<String>::new());
    assert_eq!(labels("audit").await, ["Pages"]);
    let mut viewer = bed.person(access::Role::Viewer).await;
    let found = viewer.get("/api/v1/search?q=audit").await.expect(200).json();
    assert_eq!(found, json!({ "groups": [] }), "nothing that the viewer may not see");
}
