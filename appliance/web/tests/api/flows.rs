//! Traffic over the API.

use axum::http::Method;
use flows::Flow;
use model::Timestamp;
use serde_json::json;

use crate::client::{refused, site};

const MINUTE_MS: i64 = 60_000;

fn flow(minutes: i64, from: &str, to: &str, port: u16, bytes: u64) -> Flow {
    let end = Timestamp(Timestamp::now().0 - minutes * MINUTE_MS);
    Flow {
        start: end,
        end,
        source: from.parse().unwrap(),
        destination: to.parse().unwrap(),
        source_port: 50_000,
        destination_port: port,
        protocol: 6,
        bytes,
        packets: 1,
        ..Flow::UNKNOWN
    }
}

fn some() -> Vec<Flow> {
    vec![
        flow(5, "10.0.0.1", "203.0.113.9", 443, 1_000),
        flow(5, "203.0.113.9", "10.0.0.1", 443, 9_000),
        flow(30, "10.0.0.2", "203.0.113.9", 80, 500),
        flow(90, "10.0.0.1", "198.51.100.1", 443, 7),
    ]
}

#[tokio::test]
async fn history_holds_exactly_the_minutes_that_were_asked_for() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows(some());
    for minutes in [1, 10, 60, 1_440] {
        let path = format!("/api/v1/traffic/history?minutes={minutes}");
        let answer = key.get(&path).await.expect(200).json();
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), minutes as usize, "{path}");
        let first = items[0]["at"].as_i64().unwrap();
        let last = items[items.len() - 1]["at"].as_i64().unwrap();
        assert_eq!(last - first, (minutes - 1) * MINUTE_MS);
        assert!((0..MINUTE_MS * 2).contains(&(Timestamp::now().0 - last)));
        let sum = |name: &str| items.iter().map(|i| i[name].as_u64().unwrap()).sum::<u64>();
        let wanted = match minutes {
            1 => (0, 0),
            10 => (1_000, 9_000),
            60 => (1_500, 9_000),
            _ => (1_507, 9_000),
        };
        assert_eq!((sum("sent"), sum("received")), wanted, "{path}");
    }
    let of = key.get("/api/v1/traffic/history?minutes=60&device=2").await.expect(200).json();
    let sent = of["items"].as_array().unwrap().iter().map(|i| i["sent"].as_u64().unwrap());
    assert_eq!(sent.sum::<u64>(), 500);
    let csv = key.get("/api/v1/traffic/export?minutes=60").await.expect(200);
    assert_eq!(csv.body.lines().count(), 61);
}

#[tokio::test]
async fn the_top_is_of_the_time_that_was_asked_for_and_as_long() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows(some());
    let top = key.get("/api/v1/traffic/top?minutes=60&limit=1").await.expect(200).json();
    assert_eq!(top["items"].as_array().unwrap().len(), 1);
    assert_eq!(top["items"][0]["key"], json!({ "device": 1 }));
    assert_eq!(top["items"][0]["received"], 9_000);
    let top = key.get("/api/v1/flows/top?by=service").await.expect(200).json();
    assert_eq!(top["items"][0]["key"], json!({ "protocol": 6, "port": 443 }));
    assert_eq!(top["items"][0]["name"], "https");
    assert_eq!(top["total"]["bytes"], 10_507);
    let top = key.get("/api/v1/flows/top").await.expect(200).json();
    assert_eq!(top["items"][0]["key"], json!({ "device": 1 }));
}

#[tokio::test]
async fn flows_are_listed_searched_summed_and_taken_away() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows(some());
    let mut path = "/api/v1/flows?limit=3".to_owned();
    let mut bytes = Vec::new();
    loop {
        let page = key.get(&path).await.expect(200).json();
        bytes
            .extend(page["items"].as_array().unwrap().iter().map(|f| f["bytes"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/flows?limit=3&cursor={next}");
    }
    bytes.sort_unstable();
    assert_eq!(bytes, [7, 500, 1_000, 9_000]);
    let path = "/api/v1/flows/search?one=10.0.0.1&other=203.0.113.9";
    let found = key.get(path).await.expect(200).json();
    assert_eq!((&found["found"], &found["sent"]["bytes"]), (&json!(true), &json!(1_000)));
    let none = key.get("/api/v1/flows/search?one=192.0.2.1").await.expect(200).json();
    assert_eq!((&none["found"], &none["confidence"]), (&json!(false), &json!("partial")));
    let series = key.get("/api/v1/flows/series?step=3600000").await.expect(200).json();
    let items = series["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|i| i["sums"]["bytes"].as_u64().unwrap()).sum::<u64>(), 10_507);
    let file = key.get("/api/v1/flows/export?format=ndjson&filter=port+443").await.expect(200);
    assert_eq!(file.body.lines().count(), 3);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_would() {
    let (_bed, _, mut key) = site().await;
    for (path, said) in [
        ("/api/v1/flows?filter=colour", "column 1"),
        ("/api/v1/flows?filter=bytes+%3E+much", "column 9"),
        ("/api/v1/flows?from=99999999999999", "has not come yet"),
        ("/api/v1/flows?from=5&to=3", "before it begins"),
        ("/api/v1/flows?cursor=zz", "cursor"),
        ("/api/v1/flows?limit=0", "1 to 200"),
        ("/api/v1/flows/top?by=colour", "give one of device"),
        ("/api/v1/flows/top?measure=much", "give one of bytes"),
        ("/api/v1/flows/series?step=1", "at least 1000"),
        ("/api/v1/flows/series?step=1000&from=1&to=99999999", "too long"),
        ("/api/v1/flows/search", "give an address"),
        ("/api/v1/flows/search?one=nobody", "IP address"),
        ("/api/v1/flows/export?format=exe", "give one of csv"),
        ("/api/v1/traffic/history?minutes=0", "minutes"),
        ("/api/v1/traffic/history?minutes=9000", "longer steps"),
        ("/api/v1/traffic/history?scope=moon", "give one of internet"),
        ("/api/v1/traffic/top?limit=1000", "1 to 200"),
        ("/api/v1/traffic/top?nonsense=1", "unknown field"),
    ] {
        let answer = key.get(path).await;
        refused(&answer, 422);
        let text = answer.json()["message"].as_str().unwrap().to_lowercase();
        assert!(text.contains(&said.to_lowercase()), "{path}: {text}");
    }
    let answer = key.send(Method::POST, "/api/v1/flows", None).await;
    refused(&answer, 405);
}
