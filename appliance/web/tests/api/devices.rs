//! Devices over the API.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::{refused, site, site_with};
use crate::lan::Seed;

#[tokio::test]
async fn following_the_cursor_sees_every_device_once_in_order() {
    let seeds = (1..=125).map(|id| Seed { online: id % 3 > 0, ..Seed::number(id) });
    let (_, _, mut key) = site_with(seeds.collect()).await;
    for sort in ["name", "-name", "ip", "last_seen", "-first_seen", "vendor", "type"] {
        let mut seen = Vec::new();
        let mut path = format!("/api/v1/devices?sort={sort}&limit=50");
        loop {
            let page = key.get(&path).await.expect(200).json();
            let ids = page["items"].as_array().unwrap().iter();
            seen.extend(ids.map(|d| d["id"].as_i64().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/devices?sort={sort}&limit=50&cursor={next}");
        }
        assert_eq!(seen.len(), 125, "{sort}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 125, "{sort}");
        if sort == "ip" {
            assert!(seen.is_sorted());
        }
    }
    let page = key.get("/api/v1/devices?sort=ip&limit=2").await.expect(200).json();
    let next = page["next"].as_str().unwrap();
    let other = key.get(&format!("/api/v1/devices?sort=name&cursor={next}")).await;
    assert_eq!(refused(&other, 422), "invalid");
    other.says("another order");
}

#[tokio::test]
async fn lists_are_filtered_and_counted() {
    let mut seeds: Vec<Seed> = (1..=6).map(Seed::number).collect();
    (seeds[0].online, seeds[1].kind, seeds[2].name) = (false, Some("printer"), "tv-upstairs");
    let (_, _, mut key) = site_with(seeds).await;
    let mut ids = async |query: &str| -> Vec<i64> {
        let page = key.get(&format!("/api/v1/devices?{query}")).await.expect(200).json();
        page["items"].as_array().unwrap().iter().map(|d| d["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("status=offline").await, [1]);
    assert_eq!(ids("type=printer").await, [2]);
    assert_eq!(ids("q=TV-up").await, [3]);
    assert_eq!(ids("q=%25").await, [0_i64; 0], "wildcards are characters");
    assert_eq!(ids("interface=lan1").await, [0_i64; 0]);
    let facets = key.get("/api/v1/devices/facets").await.expect(200).json();
    assert_eq!(facets["counts"]["online"], 5);
    assert_eq!(facets["types"], json!([{ "value": "printer", "devices": 1 }]));
}

#[tokio::test]
async fn a_change_is_made_and_written_down() {
    let (bed, _, mut key) = site().await;
    let change = json!({ "name": "TV", "tags": ["living room"], "criticality": 2 });
    let device = key.patch("/api/v1/devices/1", change).await.expect(200).json();
    assert_eq!((&device["name"], &device["custom_name"]), (&json!("TV"), &json!("TV")));
    assert_eq!(device["tags"], json!(["living room"]));
    assert_eq!(key.get("/api/v1/devices/1").await.expect(200).json(), device);
    assert_eq!(key.get("/api/v1/assets/1").await.expect(200).json(), device);
    let line = bed.audit().await.remove(0);
    assert!(line.starts_with("device.edit device:1 ok"), "{line}");
    assert!(line.contains("living room"), "{line}");

    let correction = json!({ "device_type": "tv", "brand": "Acme" });
    let path = "/api/v1/devices/1/enrichment";
    let device = key.patch(path, correction).await.expect(200).json();
    assert_eq!((&device["type"], &device["brand"]), (&json!("tv"), &json!("Acme")));
    assert!(bed.audit().await[0].starts_with("device.correct device:1 ok"));
    let bad = key.patch(path, json!({ "device_type": "toaster" })).await;
    assert_eq!(refused(&bad, 422), "invalid");
}

#[tokio::test]
async fn many_devices_are_marked_at_once() {
    let (bed, _, mut key) = site().await;
    let marked = json!({ "ids": [1, 3, 77], "known": true });
    let marked = key.post("/api/v1/devices/mark", marked).await.expect(200).json();
    assert_eq!(marked["devices"], 2);
    let facets = key.get("/api/v1/devices/facets").await.expect(200).json();
    assert_eq!(facets["counts"]["unknown"], 1);
    assert_eq!(bed.audit().await.iter().filter(|l| l.starts_with("device.edit")).count(), 2);
    let none = key.post("/api/v1/devices/mark", json!({ "ids": [], "known": true })).await;
    assert_eq!(refused(&none, 422), "invalid");
}

#[tokio::test]
async fn a_device_is_added_merged_and_forgotten() {
    let (bed, _, mut key) = site().await;
    let new = json!({ "mac": "00-11-22-AA-BB-CC", "name": "Spare" });
    let made = key.post("/api/v1/devices", new.clone()).await.expect(201);
    let place = made.header("location").to_owned();
    let device = made.json();
    assert_eq!(place, format!("/api/v1/devices/{}", device["id"]));
    assert_eq!((&device["mac"], &device["manual"]), (&json!("00:11:22:aa:bb:cc"), &json!(true)));
    assert_eq!(device["last_seen"], Value::Null);
    assert_eq!(refused(&key.post("/api/v1/devices", new).await, 409), "conflict");
    assert_eq!(bed.audit().await.iter().filter(|l| l.starts_with("device.add")).count(), 1);

    let merged = key.post(&format!("{place}/merge"), json!({ "into": 2 })).await.expect(200);
    let macs = merged.json()["macs"].as_array().unwrap().len();
    assert_eq!(macs, 2);
    assert!(bed.audit().await[0].starts_with("device.merge device:2 ok"));
    let moved = key.get(&place).await.expect(308);
    assert_eq!(moved.header("location"), "/api/v1/devices/2");
    let own = key.post("/api/v1/devices/2/merge", json!({ "into": 2 })).await;
    assert_eq!(refused(&own, 422), "invalid");

    key.delete("/api/v1/devices/2").await.expect(204);
    assert!(bed.audit().await[0].starts_with("device.forget device:2 ok"));
    refused(&key.get("/api/v1/devices/2").await, 404);
}

#[tokio::test]
async fn the_list_is_a_file_in_which_nothing_is_a_formula() {
    let mut seeds: Vec<Seed> = (1..=3).map(Seed::number).collect();
    seeds[0].name = "=cmd()";
    let (_, _, mut key) = site_with(seeds).await;
    let csv = key.get("/api/v1/devices/export").await.expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.header("content-disposition").contains("devices.csv"));
    assert_eq!(csv.body.lines().count(), 4);
    csv.says("'=cmd()");
    let all = key.get("/api/v1/devices/export?format=json&q=cmd").await.expect(200).json();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn presence_is_told_over_time() {
    let seed = Seed { changes: &[20, 10], first_seen: 48, ..Seed::number(1) };
    let (_, _, mut key) = site_with(vec![seed]).await;
    let day = key.get("/api/v1/devices/1/uptime?days=2").await.expect(200).json();
    let percent = day["percent"].as_f64().unwrap();
    assert!((percent - 100.0 * 38.0 / 48.0).abs() < 0.5, "{day}");
    let online: Vec<_> =
        day["stretches"].as_array().unwrap().iter().map(|s| s["online"].clone()).collect();
    assert_eq!(online, [true, false, true]);
    let week = key.get("/api/v1/devices/1/uptime").await.expect(200).json();
    let of_week = week["percent"].as_f64().unwrap();
    assert!((of_week - percent).abs() < 0.1, "time before the first sight does not count");
    let history = key.get("/api/v1/devices/history?hours=24&points=5").await.expect(200).json();
    assert_eq!(history["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_with_the_reason() {
    let (bed, _, mut key) = site().await;
    // This bed has no network.
    for path in ["/api/v1/scanner/trigger", "/api/v1/devices/1/wake"] {
        let answer = key.send(Method::POST, path, None).await;
        assert_eq!(refused(&answer, 503), "network", "{path}");
    }
    let answer = key.send(Method::POST, "/api/v1/devices/1/scan", None).await;
    assert_eq!(refused(&answer, 409), "no_address");
    let status = key.get("/api/v1/scanner/status").await.expect(200).json();
    assert_eq!(status["running"], false);
    assert!(bed.audit().await.iter().any(|l| l.starts_with("device.scan ")));
}
