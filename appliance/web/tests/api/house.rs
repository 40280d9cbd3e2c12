//! Settings, people, keys, the audit log, the map and the appliance itself over the API.

use access::Role;
use axum::http::Method;
use serde_json::{Value, json};

use crate::client::{Script, refused, script, site};

const SETTINGS: &str = "/api/v1/settings";

#[tokio::test]
async fn settings_change_by_section_and_the_rest_stays() {
    let (bed, _, mut key) = site().await;
    let before = key.get(SETTINGS).await.expect(200).json();
    assert_eq!(before["discovery"]["scan_interval_seconds"], 60);
    assert_eq!(
        (&before["alerts"]["offline"], &before["retention"]["events_days"]),
        (&json!("important"), &json!(30))
    );
    let mut changed = bed.site.store.settings_changed();
    changed.mark_unchanged();
    let change = json!({
        "discovery": { "scan_rate": 100 },
        "alerts": { "offline": "all", "window_minutes": 30 },
        "retention": { "events_days": 10 },
        "sessions": { "idle_seconds": 600, "absolute_seconds": 6_000 },
    });
    let after = key.put(SETTINGS, change).await.expect(200).json();
    assert!(changed.has_changed().unwrap());
    let mut expected = before.clone();
    expected["discovery"]["scan_rate"] = json!(100);
    expected["alerts"]["offline"] = json!("all");
    expected["alerts"]["window_minutes"] = json!(30);
    expected["retention"]["events_days"] = json!(10);
    expected["sessions"] = json!({ "idle_seconds": 600, "absolute_seconds": 6_000 });
    assert_eq!(after, expected);
    assert_eq!(bed.setting("retention.events_days").await, Some(json!(10)));
    let lines = bed.audit().await;
    let written = lines.iter().filter(|l| l.starts_with("settings.change")).count();
    assert_eq!(written, 5, "{lines:#?}");
    let history = key.get("/api/v1/settings/history?limit=1").await.expect(200).json();
    assert_eq!(history["items"][0]["key"], "access.sessions");
}

#[tokio::test]
async fn a_setting_that_cannot_be_changes_nothing() {
    let (bed, _, mut key) = site().await;
    for bad in [
        json!({ "discovery": { "scan_rate": 1 } }),
        json!({ "discovery": { "nonsense": 1 } }),
        json!({ "discovery": { "scan_rate": "fast" } }),
        json!({ "discovery": { "scan_subnets": ["lan"] } }),
        json!({ "alerts": { "offline": "maybe" } }),
        json!({ "alerts": { "window_minutes": 0 } }),
        json!({ "alerts": { "nonsense": 1 } }),
        json!({ "retention": { "events_days": 0 } }),
        json!({ "retention": { "events_days": 1.5 } }),
        json!({ "sessions": { "idle_seconds": 1, "absolute_seconds": 6_000 } }),
        json!({ "sessions": { "idle_seconds": 600 } }),
        json!({ "nonsense": {} }),
        json!([]),
    ] {
        let mut both = bad.clone();
        if both.is_object() && both.get("retention").is_none() {
            both["retention"] = json!({ "events_days": 11 });
        }
        let code = refused(&key.put(SETTINGS, both).await, 422);
        assert!(matches!(code.as_str(), "invalid" | "bad_value"), "{bad}: {code}");
    }
    assert_eq!(bed.setting("retention.events_days").await, None);
}

#[tokio::test]
async fn people_come_change_and_go() {
    let (bed, _, mut key) = site().await;
    let new = json!({ "name": "bob", "role": "viewer", "password": "correct horse battery" });
    let made = key.post("/api/v1/people", new.clone()).await.expect(201);
    let bob = made.header("location").to_owned();
    assert!(!made.body.contains("horse"));
    assert_eq!(refused(&key.post("/api/v1/people", new).await, 409), "name_taken");
    let short = json!({ "name": "eve", "role": "viewer", "password": "short" });
    assert_eq!(refused(&key.post("/api/v1/people", short).await, 422), "bad_password");
    let god = json!({ "name": "eve", "role": "god", "password": "correct horse battery" });
    assert_eq!(refused(&key.post("/api/v1/people", god).await, 422), "invalid");
    let change = json!({ "role": "analyst", "disabled": true });
    let changed = key.patch(&bob, change).await.expect(200).json();
    assert_eq!((&changed["role"], &changed["disabled"]), (&json!("analyst"), &json!(true)));
    let password = json!({ "password": "another horse battery" });
    key.put(&format!("{bob}/password"), password).await.expect(204);
    let last = key.patch("/api/v1/people/1", json!({ "role": "viewer" })).await;
    assert_eq!(refused(&last, 409), "last_administrator");
    key.delete(&bob).await.expect(204);
    let all = key.get("/api/v1/people").await.expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    let lines = bed.audit().await;
    for action in ["add", "role", "disable", "reset", "remove"] {
        let wanted = format!("person.{action} ");
        assert!(lines.iter().any(|l| l.starts_with(&wanted)), "{wanted} in {lines:#?}");
    }
    assert!(!lines.iter().any(|l| l.contains("horse")), "no password in the log");
}

#[tokio::test]
async fn keys_are_made_by_people_only_and_told_once() {
    let (bed, mut ada, mut key) = site().await;
    let new = json!({ "name": "more", "role": "viewer" });
    assert_eq!(refused(&key.post("/api/v1/api-keys", new.clone()).await, 403), "forbidden");
    let made = ada.json(Method::POST, "/api/v1/api-keys", &new).await.expect(201);
    let (place, text) = (made.header("location").to_owned(), made.json()["key"].clone());
    assert!(text.as_str().unwrap().starts_with("pnk_"));
    let list = ada.get("/api/v1/api-keys").await.expect(200);
    assert!(!list.body.contains(text.as_str().unwrap()));
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 2);
    let rotate = format!("{place}/rotate");
    let fresh = ada.json(Method::POST, &rotate, &json!({})).await.expect(200).json();
    assert_ne!(fresh["key"], text);
    ada.json(Method::DELETE, &place, &json!({})).await.expect(204);
    let mut analyst = bed.person(Role::Analyst).await;
    let much = json!({ "name": "more", "role": "administrator" });
    let answer = analyst.json(Method::POST, "/api/v1/api-keys", &much).await;
    assert_eq!(refused(&answer, 403), "forbidden");
}

#[tokio::test]
async fn everybody_knows_themselves() {
    let (bed, mut ada, mut key) = site().await;
    let me = ada.get("/api/v1/me").await.expect(200).json();
    assert_eq!(
        (&me["name"], &me["kind"], &me["role"]),
        (&json!("ada"), &json!("person"), &json!("administrator"))
    );
    let theme = json!({ "theme": "light" });
    ada.json(Method::PUT, "/api/v1/me/preferences", &theme).await.expect(204);
    let me = ada.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["session"]["preferences"]["theme"], "light");
    let me = key.get("/api/v1/me").await.expect(200).json();
    assert_eq!((&me["kind"], &me["session"]), (&json!("api_key"), &Value::Null));
    assert_eq!(refused(&key.get("/api/v1/sessions").await, 403), "forbidden");

    let mut second = bed.sign_in("ada").await;
    let sessions = ada.get("/api/v1/sessions").await.expect(200).json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2);
    let ended = ada.json(Method::DELETE, "/api/v1/sessions", &json!({})).await.expect(200).json();
    assert_eq!(ended["sessions"], 1);
    assert_eq!(refused(&second.get("/api/v1/me").await, 401), "signed_out");
    let wrong = json!({ "current": "wrong password!", "new": "another horse battery" });
    let answer = ada.json(Method::PUT, "/api/v1/me/password", &wrong).await;
    assert_eq!(refused(&answer, 422), "wrong_password");

    let mut viewer = bed.person(Role::Viewer).await;
    let own = key.get("/api/v1/people/1/sessions").await.expect(200).json();
    let path = format!("/api/v1/sessions/{}", own["items"][0]["id"]);
    let answer = viewer.json(Method::DELETE, &path, &json!({})).await;
    assert_eq!(refused(&answer, 404), "not_found", "others' sessions are nobody's business");
    key.delete(&path).await.expect(204);
}

async fn lines(key: &mut Script, query: &str) -> Vec<Value> {
    let page = key.get(&format!("/api/v1/audit?{query}")).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_audit_log_is_read_checked_and_taken_away() {
    let (bed, mut ada, mut key) = site().await;
    for n in 0..5 {
        let note = json!({ "notes": format!("100 % {n}") });
        key.patch("/api/v1/devices/1", note).await.expect(200);
    }
    assert_eq!(lines(&mut key, "action=device.").await.len(), 5);
    assert_eq!(lines(&mut key, "q=100+%25+4").await.len(), 1);
    assert_eq!(lines(&mut key, "actor=nobody").await.len(), 0);
    let page = key.get("/api/v1/audit?limit=2&action=device.").await.expect(200).json();
    let next = page["next"].as_str().unwrap();
    let rest = lines(&mut key, &format!("limit=200&action=device.&cursor={next}")).await;
    assert_eq!(rest.len(), 3);
    assert_eq!(page["items"][0]["detail"]["new"]["notes"], "100 % 4");

    let verdict = key.send(Method::POST, "/api/v1/audit/verify", None).await.expect(200).json();
    assert_eq!(verdict["intact"], true);
    let path = format!("/api/v1/audit/verify?head={}", verdict["head"].as_str().unwrap());
    let again = key.send(Method::POST, &path, None).await.expect(200).json();
    assert_eq!(again["intact"], true);
    let bad = key.send(Method::POST, "/api/v1/audit/verify?head=7", None).await;
    assert_eq!(refused(&bad, 422), "invalid");

    let csv = key.get("/api/v1/audit/export?action=device.").await.expect(200);
    assert_eq!(csv.body.lines().count(), 6);
    let all = key.get("/api/v1/audit/export?format=json").await.expect(200).json();
    assert!(all.as_array().unwrap().len() > 8);
    let mut auditor = script(&bed, &mut ada, Role::Auditor).await;
    auditor.get("/api/v1/audit").await.expect(200);
    let change = "UPDATE audit SET actor = 'mallory' WHERE seq = 3";
    let forge = move |w: &mut store::Writing<'_>| {
        w.main().execute(change, []).map(drop).map_err(store::StoreError::from)
    };
    bed.site.store.write("forgery", forge).await.unwrap();
    let verdict = key.send(Method::POST, "/api/v1/audit/verify", None).await.expect(200).json();
    assert_eq!(verdict, json!({ "intact": false, "fault": "row 3 was edited" }));
}

#[tokio::test]
async fn the_map_keeps_what_people_move() {
    let (bed, _, mut key) = site().await;
    let map = key.get("/api/v1/topology").await.expect(200).json();
    assert!(map["nodes"].as_array().unwrap().len() > 3);
    let place = "/api/v1/topology/positions/device-1";
    key.put(place, json!({ "x": 10.5, "y": -3 })).await.expect(204);
    let all = key.get("/api/v1/topology/positions").await.expect(200).json();
    assert_eq!(all["items"], json!([{ "node": "device-1", "x": 10.5, "y": -3.0, "pinned": true }]));
    for bad in [json!({ "x": 1e9, "y": 0 }), json!({ "x": 1 }), json!({ "x": "1", "y": 1 })] {
        assert_eq!(refused(&key.put(place, bad).await, 422), "invalid");
    }
    let name = key.put("/api/v1/topology/positions/%3Cb%3E", json!({ "x": 1, "y": 1 })).await;
    assert_eq!(refused(&name, 422), "invalid");
    key.delete("/api/v1/topology/positions").await.expect(204);
    let lines = bed.audit().await;
    assert!(lines.iter().any(|l| l.starts_with("topology.move node:device-1 ok")), "{lines:#?}");
    assert!(lines.iter().any(|l| l.starts_with("topology.reset")), "{lines:#?}");
}

#[tokio::test]
async fn the_appliance_tells_how_it_is() {
    let (bed, _, mut key) = site().await;
    let version = key.get("/api/v1/version").await.expect(200).json();
    assert_eq!(version["version"], "0.1.0");
    let system = key.get("/api/v1/system").await.expect(200).json();
    assert_eq!(system["tally"]["devices"], 3);
    assert!(system["storage"]["main"].as_u64().unwrap() > 0);
    let health = key.get("/api/v1/system/health").await.expect(200).json();
    let names: Vec<_> =
        health["checks"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["discovery", "database", "disk"]);
    bed.components.lock().unwrap()[0].status = "degraded";
    let health = key.get("/api/v1/system/health").await.expect(200).json();
    assert_eq!(health["checks"][0]["status"], "degraded");
    let public = bed.browser().get("/health").await.expect(200).json();
    assert_eq!(public, json!({ "status": "degraded" }), "and no more");
}

#[tokio::test]
async fn the_database_is_kept_and_copied() {
    let (bed, _, mut key) = site().await;
    let made = key.send(Method::POST, "/api/v1/backups", None).await.expect(200).json();
    let all = key.get("/api/v1/backups").await.expect(200).json();
    assert_eq!(all["items"][0]["name"], made["name"]);
    assert!(!made.to_string().contains('/'), "no path of the machine");
    key.send(Method::POST, "/api/v1/storage/vacuum", None).await.expect(200);
    let log = key.get("/api/v1/storage/maintenance").await.expect(200).json();
    assert!(!log["items"].as_array().unwrap().is_empty());
    let lines = bed.audit().await;
    assert!(lines[0].starts_with("maintenance.vacuum") && lines[1].starts_with("backup.create"));
}
