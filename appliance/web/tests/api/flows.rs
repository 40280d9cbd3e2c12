//! Traffic over the API.

use access::Role;
use axum::http::Method;
use flows::Flow;
use model::Timestamp;
use serde_json::json;

use crate::client::{refused, script, site};

const LOCATIONS: &str = "/api/v1/flows/locations";

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
    bed.keep_flows([flow(5, "10.200.0.7", "203.0.113.9", 443, 70)]);
    let number = crate::bed::laptop().number();
    let path = format!("/api/v1/traffic/history?minutes=60&vpn_peer={number}");
    let of = key.get(&path).await.expect(200).json();
    let sent = of["items"].as_array().unwrap().iter().map(|i| i["sent"].as_u64().unwrap());
    assert_eq!(sent.sum::<u64>(), 70);
    let top = format!("/api/v1/traffic/top?vpn_peer={number}");
    let top = key.get(&top).await.expect(200).json();
    assert_eq!(top["items"][0]["key"], json!({ "vpn_peer": number }));
    assert_eq!(top["items"][0]["name"], "annas-laptop");
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
async fn programs_are_told_where_a_remote_address_is() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows([flow(5, "10.0.0.1", crate::bed::IN_ULM, 443, 1_000)]);
    let wanted = json!({
        "country": "DE",
        "region": "Baden-W\u{fc}rttemberg",
        "city": "Ulm, \"old <b>town\"",
        "latitude": 48.4,
        "longitude": 10.0,
    });
    let flows = key.get("/api/v1/flows").await.expect(200).json();
    assert_eq!(flows["items"][0]["destination_place"], wanted);
    assert!(flows["items"][0].get("source_place").is_none(), "one of ours");
    let top = key.get("/api/v1/flows/top?by=remote").await.expect(200).json();
    assert_eq!(top["items"][0]["place"], wanted);
    let found = key.get("/api/v1/flows/search?one=192.0.2.88").await.expect(200).json();
    assert_eq!(found["place"], wanted);
    let ours = key.get("/api/v1/flows/search?one=10.0.0.1").await.expect(200).json();
    assert!(ours.get("place").is_none());
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

#[tokio::test]
async fn locations_are_named_changed_and_forgotten_by_who_may() {
    let (bed, mut ada, mut key) = site().await;
    let wanted = json!({
        "name": "Head office",
        "networks": ["203.0.113.0/24"],
        "at": [48.4, 10.0],
        "description": "Third floor",
        "colour": "amber",
    });
    let made = key.post(LOCATIONS, wanted.clone()).await.expect(201);
    assert_eq!(made.header("location"), "/api/v1/flows/locations/1");
    let mut kept = wanted.clone();
    kept["id"] = json!(1);
    assert_eq!(made.json(), kept);
    assert_eq!(key.get(LOCATIONS).await.expect(200).json()["items"], json!([kept]));
    // The page shows the same.
    let page = ada.get("/flows/locations").await.expect(200);
    page.says("<b class=\"place s2\"></b>Head office");

    for (field, value, said) in [
        ("name", json!(""), "name: Give it a name"),
        ("name", json!("a\nb"), "name: Give one line"),
        ("networks", json!([]), "networks: Give 1 to 64"),
        ("networks", json!(["10.0.0.0/33"]), "10.0.0.0/33 is no network"),
        ("at", json!([91, 0]), "latitude: Give degrees"),
        ("at", json!([0, -181]), "longitude: Give degrees"),
        ("colour", json!("url(x)"), "colour: Give one of blue"),
    ] {
        let mut wrong = wanted.clone();
        wrong["name"] = json!("Another");
        wrong[field] = value;
        let answer = key.post(LOCATIONS, wrong).await;
        refused(&answer, 422);
        assert!(answer.body.contains(said), "{said}: {}", answer.body);
    }
    refused(&key.post(LOCATIONS, wanted.clone()).await, 422);
    let one = "/api/v1/flows/locations/1";
    let changed = json!({ "name": "Branch", "networks": ["198.51.100.0/24"] });
    assert_eq!(key.put(one, changed.clone()).await.expect(200).json()["name"], "Branch");
    assert_eq!(key.get(one).await.expect(200).json()["at"], json!(null));
    for none in ["/api/v1/flows/locations/0", "/api/v1/flows/locations/9"] {
        refused(&key.put(none, json!({ "name": "x", "networks": ["10.0.0.0/8"] })).await, 404);
        refused(&key.get(none).await, 404);
        refused(&key.delete(none).await, 404);
    }
    let mut viewer = script(&bed, &mut ada, Role::Viewer).await;
    viewer.get(LOCATIONS).await.expect(200);
    refused(&viewer.post(LOCATIONS, wanted).await, 403);
    refused(&viewer.put(one, changed).await, 403);
    refused(&viewer.delete(one).await, 403);
    key.delete(one).await.expect(204);
    assert_eq!(key.get(LOCATIONS).await.expect(200).json()["items"], json!([]));
    assert!(bed.audit().await.join("\n").contains("settings.change flows.locations"));
}

#[tokio::test]
async fn connections_of_a_location_honour_every_filter() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows(some());
    let office = json!({ "name": "Office", "networks": ["203.0.113.0/24"] });
    key.post(LOCATIONS, office).await.expect(201);
    let mut ask = async |query: &str| {
        let answer = key.get(&format!("/api/v1/flows/connections{query}")).await.expect(200).json();
        let pair = |pair: &serde_json::Value| {
            let text = |end: &str| pair[end]["name"].as_str().unwrap().to_owned();
            (text("from"), text("to"), pair["sums"]["bytes"].as_u64().unwrap())
        };
        let items = answer["items"].as_array().unwrap();
        assert_eq!(answer["pairs"], items.len());
        items.iter().map(pair).collect::<Vec<_>>()
    };
    let owned = |pair: (&str, &str, u64)| (pair.0.to_owned(), pair.1.to_owned(), pair.2);
    let down = owned(("Office", "10.0.0.0/24", 9_000));
    let up = owned(("10.0.0.0/24", "Office", 1_500));
    let away = owned(("10.0.0.0/24", "Elsewhere", 7));
    assert_eq!(ask("").await, [down.clone(), up.clone(), away.clone()]);
    assert_eq!(ask("?location=Office").await, [down.clone(), up.clone()]);
    assert_eq!(ask("?location=1&other=10.0.0.0/24").await, [down.clone(), up.clone()]);
    assert_eq!(ask("?other=elsewhere").await, [away]);
    assert_eq!(ask("?location=Office&other=elsewhere").await, []);
    assert_eq!(ask("?location=Office&min_packets=2").await, [up]);
    let since = Timestamp::now().0 - 10 * MINUTE_MS;
    let recent = ask(&format!("?location=Office&from={since}")).await;
    assert_eq!(recent, [down, owned(("10.0.0.0/24", "Office", 1_000))]);
    let pairs = key.get("/api/v1/flows/connections?location=1").await.expect(200).json();
    let (down, up) = (&pairs["items"][0], &pairs["items"][1]);
    assert_eq!((&down["networks"], &down["mappings"]), (&json!(2), &json!(1)));
    assert!(up["first_seen"].as_i64().unwrap() < up["last_seen"].as_i64().unwrap());
    for wrong in ["?location=nowhere", "?other=10.0.0.0/99", "?limit=0", "?min_packets=-1"] {
        refused(&key.get(&format!("/api/v1/flows/connections{wrong}")).await, 422);
    }
}

#[tokio::test]
async fn the_summary_tells_protocols_networks_and_locations_of_the_hours_asked_for() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows(some());
    let office = json!({ "name": "Office", "networks": ["203.0.113.0/24"] });
    key.post(LOCATIONS, office).await.expect(201);
    let day = key.get("/api/v1/traffic/summary").await.expect(200).json();
    assert_eq!((&day["total"]["sent"], &day["total"]["received"]), (&json!(1_507), &json!(9_000)));
    assert_eq!(day["protocols"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&day["protocols"][0]["name"], &day["protocols"][0]["sent"]),
        (&json!("TCP"), &json!(1_507))
    );
    assert_eq!(day["locations"][0]["from"]["location"], 1);
    assert_eq!((&day["location_pairs"], &day["subnet_pairs"]), (&json!(3), &json!(3)));
    let first = &day["subnets"][0];
    assert_eq!((&first["from"], &first["to"]), (&json!("203.0.113.0/24"), &json!("10.0.0.0/24")));
    assert_eq!(first["from_place"]["name"], "Office");
    assert_eq!((&first["sums"]["bytes"], &first["sums"]["packets"]), (&json!(9_000), &json!(1)));
    let hour = key.get("/api/v1/traffic/summary?hours=1").await.expect(200).json();
    assert_eq!((&hour["total"]["sent"], &hour["subnet_pairs"]), (&json!(1_500), &json!(2)));
    for hours in [0, 745, -3] {
        refused(&key.get(&format!("/api/v1/traffic/summary?hours={hours}")).await, 422);
    }
}

#[tokio::test]
async fn months_tell_what_passed_between_places_as_json_and_as_a_file() {
    let (bed, _, mut key) = site().await;
    bed.keep_flows(some());
    let office = json!({ "name": "=Office", "networks": ["203.0.113.0/24"] });
    key.post(LOCATIONS, office).await.expect(201);
    let told = key.get("/api/v1/traffic/monthly").await.expect(200).json();
    let items = told["items"].as_array().unwrap();
    // An hour ago may have been another month.
    assert!((2..=4).contains(&items.len()), "{told}");
    let sum = |remote: &str, of: &dyn Fn(&serde_json::Value) -> u64| {
        let its = items.iter().filter(|item| item["remote"]["name"] == remote);
        its.map(of).sum::<u64>()
    };
    assert_eq!(sum("=Office", &|item| item["bytes"].as_u64().unwrap()), 10_500);
    assert_eq!(sum("=Office", &|item| item["sent"]["bytes"].as_u64().unwrap()), 1_500);
    assert_eq!(sum("=Office", &|item| item["received"]["bytes"].as_u64().unwrap()), 9_000);
    assert_eq!(sum("=Office", &|item| item["packets"].as_u64().unwrap()), 3);
    assert_eq!(sum("Elsewhere", &|item| item["bytes"].as_u64().unwrap()), 7);
    for item in items {
        assert_eq!(item["local"]["network"], "10.0.0.0/24");
        assert_eq!((&item["networks"], &item["mappings"]), (&json!(2), &json!(1)));
        assert_eq!(item["month"].as_str().unwrap().len(), 7);
    }
    let one = key.get("/api/v1/traffic/monthly?months=2&limit=1").await.expect(200).json();
    assert!(one["items"].as_array().unwrap().len() < items.len());
    let csv = key.get("/api/v1/traffic/monthly?format=csv").await.expect(200);
    assert_eq!(csv.body.lines().count(), items.len() + 1);
    assert!(csv.body.starts_with("month,local,remote,bytes,"));
    // What a spreadsheet would calculate is text there.
    assert!(csv.body.contains(",10.0.0.0/24,'=Office,"), "{}", csv.body);
    for wrong in ["?months=0", "?months=26", "?limit=0", "?format=exe", "?year=1"] {
        refused(&key.get(&format!("/api/v1/traffic/monthly{wrong}")).await, 422);
    }
}

#[tokio::test]
async fn each_sensor_is_told_with_what_it_saw_and_who_is_not_busy_is_left_out() {
    let (bed, _, mut key) = site().await;
    let exporter = Flow {
        sensor: "192.0.2.1".parse().unwrap(),
        packets: 5_000,
        ..flow(120, "10.0.7.1", "198.51.100.1", 443, 70_000)
    };
    bed.keep_flows(some().into_iter().chain([exporter]));
    let busy = key.get("/api/v1/flows/sensors").await.expect(200).json();
    assert_eq!((&busy["total"], &busy["bounded"]), (&json!(1), &json!(false)));
    let one = &busy["items"][0];
    assert_eq!((&one["exporter"], &one["interface"]), (&json!("192.0.2.1"), &json!(0)));
    assert_eq!(one["sums"], json!({ "bytes": 70_000, "packets": 5_000, "flows": 1 }));
    assert_eq!((&one["networks"], &one["sightings"]), (&json!(2), &json!(1)));
    let all = key.get("/api/v1/flows/sensors?min_packets=1").await.expect(200).json();
    assert_eq!(all["total"], 2);
    let own = &all["items"][1];
    assert_eq!(own["name"], "Connections of this router");
    assert!(own.get("exporter").is_none());
    assert_eq!((&own["sums"]["packets"], &own["networks"]), (&json!(4), &json!(3)));
    // Of the last hour alone: not the exporter, nor the flow before it.
    let hour = key.get("/api/v1/flows/sensors?hours=1&min_packets=1").await.expect(200).json();
    assert_eq!((&hour["total"], &hour["items"][0]["sums"]["flows"]), (&json!(1), &json!(3)));

    let seen = key.get("/api/v1/flows/sightings?exporter=192.0.2.1").await.expect(200).json();
    assert_eq!(seen["total"], 1);
    let pair = &seen["items"][0];
    assert_eq!((&pair["from"], &pair["to"]), (&json!("10.0.7.0/24"), &json!("198.51.100.0/24")));
    let own = key.get("/api/v1/flows/sightings?exporter=connections&limit=2").await.expect(200);
    let own = own.json();
    assert_eq!((&own["total"], own["items"].as_array().unwrap().len()), (&json!(3), 2));
    let most = &own["items"][0];
    assert_eq!((&most["from"], &most["to"]), (&json!("10.0.0.0/24"), &json!("203.0.113.0/24")));
    assert_eq!((&most["sums"]["packets"], &most["sums"]["flows"]), (&json!(2), &json!(2)));
    let few = key.get("/api/v1/flows/sightings?min_packets=3").await.expect(200).json();
    assert_eq!(few["total"], 1);
    for wrong in [
        "sensors?hours=0",
        "sensors?hours=169",
        "sensors?min_packets=0",
        "sensors?limit=5",
        "sightings?exporter=nobody",
        "sightings?limit=201",
        "sightings?interface=-1",
    ] {
        refused(&key.get(&format!("/api/v1/flows/{wrong}")).await, 422);
    }
    // Who told of a flow stands with it.
    let flows = key.get("/api/v1/flows?filter=host+10.0.7.1").await.expect(200).json();
    assert_eq!(flows["items"][0]["exporter"], "192.0.2.1");
}

#[tokio::test]
async fn the_sources_say_what_was_heard_lost_and_not_understood() {
    let (bed, _, mut key) = site().await;
    let off = key.get("/api/v1/flows/sources").await.expect(200).json();
    assert_eq!((&off["running"], &off["source"]), (&json!(false), &json!("off")));
    let options = flows::Options {
        source: flows::collect::Source::Exporters,
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        exporters: flows::collect::Exporters::Any,
        keep: flows::days::Retention { days: 30, bytes: 1 << 24 },
        event_room: flows::EVENT_ROOM,
        memory: None,
    };
    bed.site.collectors.start(&options).unwrap();
    let at = bed.site.collectors.status().udp.unwrap().listening[0].0;
    let exporter = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    // A set of version 9 whose template never came (RFC 3954, 5), and what is no export traffic.
    let mut orphan = vec![0, 9, 0, 1];
    orphan.extend([0; 12]);
    orphan.extend([0, 0, 0, 7, 1, 4, 0, 8, 1, 2, 3, 4]);
    exporter.send_to(&orphan, at).unwrap();
    exporter.send_to(b"hello, is there anybody?", at).unwrap();
    let told = loop {
        let told = key.get("/api/v1/flows/sources").await.expect(200).json();
        if told["udp"]["datagrams"] == 2 {
            break told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!((&told["running"], &told["udp"]["unknown"]), (&json!(true), &json!(1)));
    let one = &told["udp"]["exporters"][0];
    assert_eq!((&one["address"], &one["version"]), (&json!("127.0.0.1"), &json!("NetFlow v9")));
    assert_eq!((&one["waiting"], &one["flows"]), (&json!(1), &json!(0)));
    bed.site.collectors.stop();
}
