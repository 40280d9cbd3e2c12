//! The document that describes the API, held against the routes and against what they answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use model::{NewEvent, Severity, Timestamp};
use panoptikon_web::http::Entry;
use serde_json::{Value, json};

use crate::client::{filled, refused, site};

const DOCUMENT: &str = "/api/v1/openapi.json";

#[tokio::test]
async fn the_document_has_every_route_with_its_parameters_and_nothing_else() {
    let (bed, _, mut key) = site().await;
    let document = key.get(DOCUMENT).await.expect(200).json();
    let mut told = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = |p: &Value| format!("{} {}", p["in"], p["name"]).replace('"', "");
            let all = operation["parameters"].as_array().unwrap().iter().map(name);
            let body = operation.get("requestBody").is_some();
            let known = (all.collect::<BTreeSet<String>>(), body);
            told.insert(format!("{} {path}", method.to_uppercase()), known);
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
        }
    }
    let mut routes = BTreeMap::new();
    for route in panoptikon_web::routes(&bed.site, Vec::new()).declared() {
        if !route.path.starts_with("/api/") && !["/health", "/metrics"].contains(&route.path) {
            continue;
        }
        let in_path = route.path.split('{').skip(1).filter_map(|p| p.split('}').next());
        let mut all: BTreeSet<String> = in_path.map(|p| format!("path {p}")).collect();
        all.extend(route.query.iter().map(|p| format!("query {}", p.name)));
        routes.insert(format!("{} {}", route.method, route.path), (all, route.takes.is_some()));
    }
    assert_eq!(told, routes);
    assert!(told.contains_key(&format!("GET {DOCUMENT}")));
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let (_, _, mut key) = site().await;
    let document = key.get(DOCUMENT).await.expect(200).json();
    let text = document.to_string();
    let used: BTreeSet<&str> = text
        .split("#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let named = document["components"]["schemas"].as_object().unwrap();
    let named: BTreeSet<&str> = named.keys().map(String::as_str).collect();
    assert_eq!(used, named);
}

/// Checks a value against a schema, as far as the document uses JSON Schema. Fields that the
/// schema does not name are wrong, since nobody would know of them.
pub(crate) fn check(all: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return check(all, &all[name], value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let tried: Vec<_> = choices.iter().map(|s| check(all, s, value, at)).collect();
        let wrong = || format!("{at}: none of {tried:?}");
        return tried.iter().any(Result::is_ok).then_some(()).ok_or_else(wrong);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let fits = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: {other}"),
    };
    if !kinds.iter().any(|k| fits(k)) {
        return Err(format!("{at}: {value} is no {kinds:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is none of {words:?}"));
    }
    for item in value.as_array().into_iter().flatten() {
        check(all, &schema["items"], item, &format!("{at}[]"))?;
    }
    let Some(fields) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    for (name, field) in fields {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(schema), _) | (None, Some(schema)) => check(all, schema, field, &at)?,
            (None, None) if schema.get("properties").is_some() => {
                return Err(format!("{at} is not in the document"));
            }
            (None, None) => {}
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_answered_is_what_the_document_says() {
    let (bed, mut ada, mut key) = site().await;
    let event = NewEvent {
        at: Timestamp::now(),
        source: "discovery",
        kind: "new_device",
        severity: Severity::Low,
        device: Some(model::DeviceId(1)),
        summary: "A new device".to_owned(),
        data: json!({ "mac": "00:11:22:00:00:01" }),
    };
    let bus = bed.site.events.subscribe();
    let mut changes = bed.site.alerts.subscribe();
    tokio::spawn(bed.site.alerts.clone().run(bus, std::future::pending()));
    let event = bed.site.events.publish(event).await.unwrap().id;
    changes.recv().await.unwrap();
    let alert = bed.site.alerts.last().await.unwrap()[0].id;
    let until = Timestamp::now().plus(std::time::Duration::from_secs(60));
    key.post("/api/v1/mutes", json!({ "device": 1, "until": until })).await.expect(201);
    key.put("/api/v1/topology/positions/device-1", json!({ "x": 1, "y": 2 })).await.expect(204);
    key.post("/api/v1/backups", json!({})).await.expect(200);
    let place = json!({ "name": "Office", "networks": ["203.0.113.0/24"], "at": [48.4, 10] });
    key.post("/api/v1/flows/locations", place).await.expect(201);

    let now = Timestamp::now();
    bed.keep_flows([flows::Flow {
        start: Timestamp(now.0 - 60_000),
        end: now,
        source: "10.0.0.1".parse().unwrap(),
        destination: "203.0.113.9".parse().unwrap(),
        bytes: 60_000,
        packets: 1_000,
        ..flows::Flow::UNKNOWN
    }]);

    let document = key.get(DOCUMENT).await.expect(200).json();
    let schemas = &document["components"]["schemas"];
    let (mut checked, mut files) = (0, 0);
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(operation) = operations.get("get") else { continue };
        let answers = &operation["responses"]["2XX"]["content"]["application/json"]["schema"];
        let id = match path.split('/').nth(3) {
            Some("events") => event.to_string(),
            Some("alerts") => alert.to_string(),
            _ => "1".to_owned(),
        };
        // There is no router here, and no host; these have tests of their own.
        if path.starts_with("/api/v1/router") || path.starts_with("/api/v1/agents") {
            continue;
        }
        let mut asked = filled(path, &id);
        if path == "/api/v1/search" {
            asked += "?q=device";
        }
        if path == "/api/v1/flows/search" {
            asked += "?one=10.0.0.1";
        }
        // Keys have no sessions.
        let by_key = path != "/api/v1/sessions";
        let answer = if by_key { key.get(&asked).await } else { ada.get(&asked).await };
        // There is no systemd here; those have tests of their own.
        let is_of_no_service = path.starts_with("/api/v1/log") && path.contains('{')
            || path.ends_with("/process/{service}");
        if path == "/api/v1/devices/{id}/scan" || is_of_no_service {
            refused(&answer, 404);
            continue;
        }
        let answer = answer.expect(200);
        if answers.is_null() {
            files += 1;
            continue;
        }
        let value = answer.json();
        check(schemas, answers, &value, path).unwrap_or_else(|e| panic!("{e}\n{value:#}"));
        if let Some(items) = value["items"].as_array() {
            let may_be_empty = [
                "capabilities",
                "maintenance",
                "traffic/now",
                "monitoring/interfaces",
                "monitoring/tunnels",
                "log-files",
            ]
            .iter()
            .any(|end| path.ends_with(end));
            assert!(!items.is_empty() || may_be_empty || path.contains("history"), "{path}");
        }
        checked += 1;
    }
    assert!(checked > 30, "{checked}");
    assert!(files <= 6, "four files, health and metrics, not {files}");
}

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");

#[tokio::test]
async fn the_routes_in_the_manual_are_those_that_there_are() {
    let (bed, _, _) = site().await;
    let mut table = String::from("\n| Route | What | Needs |\n|---|---|---|\n");
    for route in panoptikon_web::routes(&bed.site, Vec::new()).declared() {
        if !route.path.starts_with("/api/") {
            continue;
        }
        let Entry::Needs(permission) = route.entry else { panic!("{}", route.path) };
        let mut line = format!("`{} {}`", route.method, route.path.trim_start_matches("/api/v1"));
        if !route.query.is_empty() {
            let names: Vec<&str> = route.query.iter().map(|p| p.name).collect();
            let _ = write!(line, " `?{}`", names.join("&"));
        }
        let _ = writeln!(table, "| {line} | {} | {permission} |", route.summary);
    }
    let text = std::fs::read_to_string(MANUAL).unwrap();
    let (head, rest) = text.split_once("<!-- routes -->").unwrap();
    let (_, tail) = rest.split_once("<!-- /routes -->").unwrap();
    let wanted = format!("{head}<!-- routes -->\n{table}\n<!-- /routes -->{tail}");
    if std::env::var_os("UPDATE_API_DOC").is_some() {
        std::fs::write(MANUAL, &wanted).unwrap();
    }
    assert!(
        std::fs::read_to_string(MANUAL).unwrap() == wanted,
        "docs/api.md differs from the table of routes; write it anew with UPDATE_API_DOC=1"
    );
}
