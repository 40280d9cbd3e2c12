//! What the API refuses, and how it says so.

use access::Role;
use axum::http::{Method, header};
use panoptikon_web::http::{Declared, Entry, Front, FrontOptions};
use serde_json::json;

use crate::bed::{Bed, NAME};
use crate::client::{filled, refused, script, site};
use crate::lan;

fn all(bed: &Bed) -> Vec<Declared> {
    let table = panoptikon_web::routes(&bed.site, Vec::new()).declared();
    let api: Vec<_> = table.into_iter().filter(|r| r.path.starts_with("/api/")).collect();
    assert!(api.len() > 60, "{} routes", api.len());
    api
}

#[tokio::test]
async fn nobody_gets_anything_without_a_session_or_a_key() {
    let (bed, _, _) = site().await;
    for route in all(&bed) {
        assert_ne!(route.entry, Entry::Public, "{}", route.path);
        let path = filled(route.path, "1");
        let mut guest = bed.browser();
        // As a script, which sends no origin but is to be told about sign-in all the same.
        let request = guest
            .request(route.method.clone(), &path)
            .header(header::ORIGIN, format!("https://{NAME}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body("{}".into())
            .unwrap();
        let answer = guest.send(request).await;
        assert_eq!(refused(&answer, 401), "signed_out", "{} {path}", route.method);
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_whatever_cookie_comes_along() {
    let (_, mut ada, _) = site().await;
    let request = ada
        .request(Method::GET, "/api/v1/devices")
        .header(header::AUTHORIZATION, "Bearer pnk_aaaaaaaaaa_bbbb")
        .body("".into())
        .unwrap();
    assert_eq!(refused(&ada.send(request).await, 401), "signed_out");
}

#[tokio::test]
async fn everybody_gets_exactly_what_their_role_allows() {
    let (bed, mut ada, _) = site().await;
    for role in [Role::Viewer, Role::Auditor, Role::Analyst] {
        let mut person = bed.person(role).await;
        let mut key = script(&bed, &mut ada, role).await;
        for route in all(&bed) {
            let Entry::Needs(permission) = route.entry else { panic!("{}", route.path) };
            if role.may(permission) {
                continue;
            }
            let path = filled(route.path, "1");
            let answer = person.json(route.method.clone(), &path, &json!({})).await;
            assert_eq!(refused(&answer, 403), "forbidden", "{role} {} {path}", route.method);
            answer.says(permission.as_str());
            let answer = key.send(route.method.clone(), &path, Some(&json!({}))).await;
            assert_eq!(refused(&answer, 403), "forbidden", "key {role} {} {path}", route.method);
        }
    }
}

#[tokio::test]
async fn a_session_needs_its_token_for_changes_and_a_key_does_not() {
    let (_, mut ada, mut key) = site().await;
    let body = json!({ "known": true });
    let request = ada
        .request(Method::PATCH, "/api/v1/devices/1")
        .header(header::ORIGIN, format!("https://{NAME}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into())
        .unwrap();
    assert_eq!(refused(&ada.send(request).await, 403), "forbidden");
    ada.json(Method::PATCH, "/api/v1/devices/1", &body).await.expect(200);
    key.patch("/api/v1/devices/1", body).await.expect(200);
}

#[tokio::test]
async fn every_body_is_checked() {
    let (bed, _, mut key) = site().await;
    let json_kind = "application/json";
    for route in all(&bed).into_iter().filter(|r| r.takes.is_some()) {
        let (method, path) = (route.method, filled(route.path, "1"));
        let mut send =
            async |kind: &str, body: String| key.raw(method.clone(), &path, kind, body).await;
        let broken = send(json_kind, "{\"nonsense".to_owned()).await;
        assert_eq!(refused(&broken, 400), "bad_request", "{path}");
        let unknown = send(json_kind, "{\"nonsense\":1}".to_owned()).await;
        assert_eq!(refused(&unknown, 422), "invalid", "{path}");
        for no_object in ["7", "[]", "\"x\"", ""] {
            let answer = send(json_kind, no_object.to_owned()).await;
            assert_eq!(refused(&answer, 422), "invalid", "{path} {no_object}");
        }
        let form = send("application/x-www-form-urlencoded", "a=1".to_owned()).await;
        assert_eq!(refused(&form, 415), "unsupported_media_type", "{path}");
        let long = send(json_kind, format!("\"{}\"", "x".repeat(70_000))).await;
        assert_eq!(refused(&long, 413), "too_large", "{path}");
    }
    // An unknown field beside good ones is no better.
    let bad = json!({ "known": true, "nonsense": 1 });
    key.patch("/api/v1/devices/1", bad).await.expect(422).says("nonsense");
    let bad = json!({ "action": "read", "nonsense": 1 });
    key.patch("/api/v1/alerts/1", bad).await.expect(422);
    let wrong = json!({ "favourite": "yes" });
    key.patch("/api/v1/devices/1", wrong).await.expect(422).says("expected a boolean");
    let outside = json!({ "criticality": 5 });
    key.patch("/api/v1/devices/1", outside).await.expect(422).says("0 to 4");
}

#[tokio::test]
async fn every_query_is_checked() {
    let (bed, _, mut key) = site().await;
    for route in all(&bed).into_iter().filter(|r| !r.query.is_empty()) {
        let path = filled(route.path, "1");
        let answer = key.send(route.method.clone(), &format!("{path}?nonsense=1"), None).await;
        assert_eq!(refused(&answer, 422), "invalid", "{path}");
        for param in &route.query {
            // Whatever its value, a parameter that is declared is known.
            let path = format!("{path}?{}=1", param.name);
            let answer = key.send(route.method.clone(), &path, None).await;
            assert!(!answer.body.contains("unknown field"), "{path}: {}", answer.body);
        }
        if route.query.iter().any(|p| p.name == "limit") {
            let too_many = if path.ends_with("/reports") { "501" } else { "201" };
            for bad in ["0", too_many, "-1", "many"] {
                let answer = key.get(&format!("{path}?limit={bad}")).await;
                assert_eq!(refused(&answer, 422), "invalid", "{path} {bad}");
            }
        }
        if route.query.iter().any(|p| p.name == "cursor") {
            for bad in ["zz", "00", "5b5d", "%00"] {
                let answer = key.get(&format!("{path}?cursor={bad}")).await;
                assert_eq!(refused(&answer, 422), "invalid", "{path} {bad}");
            }
        }
    }
    for bad in [
        "/api/v1/devices?status=there",
        "/api/v1/devices?sort=colour",
        "/api/v1/devices/1/uptime?days=0",
        "/api/v1/devices/1/uptime?days=366",
        "/api/v1/devices/export?format=xml",
        "/api/v1/events?severity=urgent",
        "/api/v1/events?device=tv",
        "/api/v1/alerts?status=there",
        "/api/v1/audit?outcome=well",
        "/api/v1/search?q=a",
        "/api/v1/search",
    ] {
        assert_eq!(refused(&key.get(bad).await, 422), "invalid", "{bad}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let (_, _, mut key) = site().await;
    for path in [
        "/api/v1/nothing",
        "/api",
        "/api/v1/devices/77",
        "/api/v1/devices/77/events",
        "/api/v1/devices/77/timeline",
        "/api/v1/devices/77/uptime",
        "/api/v1/devices/77/scan",
        "/api/v1/devices/1/scan",
        "/api/v1/events/77",
        "/api/v1/alerts/77",
        "/api/v1/people/77",
        "/api/v1/people/77/sessions",
    ] {
        assert_eq!(refused(&key.get(path).await, 404), "not_found", "{path}");
    }
    for path in [
        "/api/v1/devices/77",
        "/api/v1/alerts/77",
        "/api/v1/mutes/77",
        "/api/v1/people/77",
        "/api/v1/sessions/77",
        "/api/v1/api-keys/77",
    ] {
        assert_eq!(refused(&key.delete(path).await, 404), "not_found", "{path}");
    }
    assert_eq!(refused(&key.get("/api/v1/devices/tv").await, 400), "bad_request");
    let answer = key.send(Method::PATCH, "/api/v1/version", Some(&json!({}))).await;
    assert_eq!(refused(&answer, 405), "method_not_allowed");
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again() {
    let (mut bed, ada, _) = site().await;
    let front = Front::new(FrontOptions {
        access: bed.site.access.clone(),
        hosts: lan::front(&bed).hosts(),
        proxies: std::sync::Arc::default(),
        scrapers: Vec::new(),
        requests_per_minute: 3,
        trusted_certificate: std::sync::Arc::default(),
        error_page: None,
    });
    bed.router = panoptikon_web::router(&bed.site, &front, Vec::new());
    let mut hasty = bed.browser();
    hasty.cookies = ada.cookies;
    for _ in 0..3 {
        hasty.get("/api/v1/version").await.expect(200);
    }
    let answer = hasty.get("/api/v1/version").await;
    assert_eq!(refused(&answer, 429), "too_many_requests");
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
}
