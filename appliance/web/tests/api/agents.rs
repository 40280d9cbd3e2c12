//! Hosts over the API.

use access::Role;
use serde_json::json;
use wire::{Answer, FromAgent, FromAppliance};

use crate::agent;
use crate::client::{refused, script, site};
use crate::document::check;
use crate::hosts;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_are_listed_changed_and_deleted_as_the_document_says() {
    let (bed, _ada, mut key) = site().await;
    let door = hosts::open(&bed).await;
    let (host, _link) = hosts::reporting(&bed, &door, "nas").await;
    let other = hosts::host(&bed, &door, "printer-server").await;
    let document = key.get("/api/v1/openapi.json").await.expect(200).json();
    let all = &document["components"]["schemas"];
    let at = |what: &str| format!("/api/v1/agents/{}{what}", host.id);
    let shown = key.get(&at("")).await.expect(200).json();
    check(all, &all["Agent"], &shown, "agent").unwrap();
    assert_eq!((&shown["name"], &shown["online"]), (&json!("nas"), &json!(true)));
    assert_eq!(shown["known"]["procs"]["n"], 210);
    let names = async |key: &mut crate::client::Script, query: &str| -> Vec<String> {
        let page = key.get(&format!("/api/v1/agents{query}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|i| i["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&mut key, "").await, ["nas", "printer-server"]);
    assert_eq!(names(&mut key, "?online=false").await, ["printer-server"]);
    assert_eq!(names(&mut key, "?q=NAS").await, ["nas"]);
    let first = key.get("/api/v1/agents?limit=1").await.expect(200).json();
    let next = format!("?limit=1&cursor={}", first["next"].as_str().unwrap());
    assert_eq!(names(&mut key, &next).await, ["printer-server"]);
    let reports = key.get(&at("/reports?limit=500")).await.expect(200).json();
    check(all, &all["AgentReport"], &reports["items"][0], "report").unwrap();
    for bad in
        ["/reports?limit=0", "/reports?limit=501", "/history?points=0", "/history?from=5&to=4"]
    {
        refused(&key.get(&at(bad)).await, 422);
    }
    let history = key.get(&at("/history?series=cpu,disk,received&points=10")).await.expect(200);
    let history = history.json();
    assert_eq!(history["cpu"][0]["mean"], 12.5);
    assert!(history["disk /srv/<data>"].is_array(), "{history}");
    let change = json!({"name": "store", "settings": {"interval_s": 5}});
    let changed = key.patch(&at(""), change).await.expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["settings"]["interval_s"]),
        (&json!("store"), &json!(5))
    );
    let wrong = json!({"settings": {"interval_s": 0}});
    key.patch(&at(""), wrong).await.says("interval_s");
    refused(&key.patch(&at(""), json!({"colour": "red"})).await, 422);
    let gone = json!({"ids": [host.id, other.id]});
    let deleted = key.post("/api/v1/agents/delete", gone).await.expect(200).json();
    assert_eq!(deleted["deleted"], 2);
    refused(&key.get(&at("")).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_are_deleted_by_a_pattern_that_can_be_tried_before() {
    let (bed, _ada, mut key) = site().await;
    let door = hosts::open(&bed).await;
    for name in ["old-a", "old-b", "nas"] {
        hosts::host(&bed, &door, name).await;
    }
    let path = "/api/v1/agents/delete";
    let tried = json!({"pattern": "old-?", "dry_run": true});
    let tried = key.post(path, tried).await.expect(200).json();
    assert_eq!(tried, json!({"deleted": 0, "names": ["old-a", "old-b"]}));
    assert_eq!(bed.site.agents.all().len(), 3);
    refused(&key.post(path, json!({"pattern": "", "dry_run": true})).await, 422);
    let id = bed.site.agents.all()[0].id;
    refused(&key.post(path, json!({"pattern": "*", "ids": [id]})).await, 422);
    let gone = key.post(path, json!({"pattern": "old-?"})).await.expect(200).json();
    assert_eq!(gone, json!({"deleted": 2, "names": ["old-a", "old-b"]}));
    assert_eq!(bed.site.agents.all().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_between_hosts_is_measured_over_the_api_as_the_document_says() {
    let (bed, mut ada, mut key) = site().await;
    let door = hosts::open(&bed).await;
    let mut nas = hosts::host(&bed, &door, "nas").await;
    nas.from = "127.0.0.2".parse().unwrap();
    let (mut link, _) = nas.link(door.address).await.unwrap();
    let agent = tokio::spawn(async move {
        while let Ok(message) = link.hear().await {
            let FromAppliance::Ask(ask) = message else { continue };
            let done = Some(json!({"sent": 3, "received": 3, "avg_ms": 0.5}));
            link.say(&FromAgent::Answer(Answer { id: ask.id, done, ..Answer::default() })).await;
        }
    });
    let document = key.get("/api/v1/openapi.json").await.expect(200).json();
    let all = &document["components"]["schemas"];
    let round = key.post("/api/v1/agents/mesh/round", json!({})).await.expect(200).json();
    assert_eq!(round, json!({"pairs": 1}));
    hosts::until("it is measured", || bed.site.agents.mesh_progress().is_none()).await;
    let mesh = key.get("/api/v1/agents/mesh").await.expect(200).json();
    check(all, &all["Measured"], &mesh["items"][0], "round trip").unwrap();
    let one = &mesh["items"][0];
    assert_eq!((&one["from"], &one["to"]), (&json!(nas.id), &json!("router")));
    assert_eq!((&one["value"], &mesh["progress"]), (&json!(0.5), &json!(null)));
    let settings = json!({"enabled": true, "every_minutes": 60});
    let kept = key.put("/api/v1/agents/mesh", settings.clone()).await.expect(200).json();
    assert_eq!(kept, settings);
    refused(&key.put("/api/v1/agents/mesh", json!({"every_minutes": 1})).await, 422);
    let trials = "/api/v1/agents/measurements";
    let trial = json!({"kind": "jitter", "from": "router", "to": nas.id, "seconds": 1});
    let tried = key.post(trials, trial).await.expect(200).json();
    check(all, &all["Measured"], &tried, "trial").unwrap();
    assert_eq!((&tried["kind"], &tried["value"]), (&json!("jitter"), &json!(null)));
    assert!(tried["why"].as_str().unwrap().contains("does not say where it listens"), "{tried}");
    let listed = key.get(&format!("{trials}?limit=5")).await.expect(200).json();
    assert_eq!(listed["items"], json!([tried]));
    for bad in [
        json!({"kind": "latency", "from": "router", "to": nas.id}),
        json!({"kind": "jitter", "from": "router", "to": "x"}),
        json!({"kind": "jitter", "from": nas.id, "to": "router"}),
        json!({"kind": "jitter", "from": "router", "to": nas.id, "seconds": 60}),
    ] {
        refused(&key.post(trials, bad).await, 422);
    }
    refused(&key.get(&format!("{trials}?limit=0")).await, 422);
    let mut viewer = script(&bed, &mut ada, Role::Viewer).await;
    viewer.get("/api/v1/agents/mesh").await.expect(200);
    refused(&viewer.post("/api/v1/agents/mesh/round", json!({})).await, 403);
    agent.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_api_lets_a_host_in_and_is_not_shown_again() {
    let (bed, mut ada, mut key) = site().await;
    let door = hosts::open(&bed).await;
    let new = json!({"name": "nas", "minutes": 60});
    let made = key.post("/api/v1/agents/tokens", new).await.expect(201).json();
    let token = made["token"].as_str().unwrap();
    assert!(made["line"].as_str().unwrap().contains(token));
    let listed = key.get("/api/v1/agents/tokens").await.expect(200);
    assert!(!listed.body.contains(token));
    assert_eq!(listed.json()["items"][0]["id"], made["id"]);
    agent::enrol(door.address, token, "h").await.expect("enrolled");
    assert_eq!(bed.site.agents.all()[0].name, "nas");
    let spare = key.post("/api/v1/agents/tokens", json!({})).await.expect(201).json();
    let path = format!("/api/v1/agents/tokens/{}", spare["id"].as_str().unwrap());
    key.delete(&path).await.expect(204);
    refused(&key.delete(&path).await, 404);
    refused(&key.post("/api/v1/agents/tokens", json!({"minutes": 0})).await, 422);
    let mut viewer = script(&bed, &mut ada, Role::Viewer).await;
    refused(&viewer.post("/api/v1/agents/tokens", json!({})).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_asked_over_the_api_by_who_may() {
    let (bed, mut ada, mut key) = site().await;
    let door = hosts::open(&bed).await;
    let (host, mut link) = hosts::reporting(&bed, &door, "nas").await;
    let path = format!("/api/v1/agents/{}/ask", host.id);
    let mut viewer = script(&bed, &mut ada, Role::Viewer).await;
    let question = json!({"command": "processes", "n": 5});
    refused(&viewer.post(&path, question.clone()).await, 403);
    let agent = tokio::spawn(async move {
        let ask = loop {
            if let FromAppliance::Ask(ask) = link.hear().await.expect("asked") {
                break ask;
            }
        };
        let done = Some(json!([{"pid": 1}]));
        link.say(&FromAgent::Answer(Answer { id: ask.id, done, ..Answer::default() })).await;
        link
    });
    let answer = key.post(&path, question).await.expect(200).json();
    assert_eq!(answer, json!({"parts": [], "done": [{"pid": 1}]}));
    drop(agent.await.expect("answered"));
    refused(&key.post(&path, json!({"command": "rm", "n": 5})).await, 422);
}
