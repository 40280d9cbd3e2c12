//! What the front door lets through, and in which shape it refuses.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod common;

use access::{NewKey, NewPerson, Permission, Role, Secret};
use common::{Options, open, routes};
use model::Timestamp;
use panoptikon_web::http::{FORM_COOKIE, Proxies, SESSION_COOKIE};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const OURS: (&str, &str) = ("origin", "http://router.lan");

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let door = open(Options::default()).await;
    for first in ["GET /health", "GET /", "GET /api/v1/numbers", "GET /none", "PUT /health"] {
        let answer = door.ask(first, &[], "").await;
        assert_eq!(
            answer.header("content-security-policy"),
            Some(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "{first}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{first} {name}");
        }
        assert!(answer.header("permissions-policy").is_some_and(|p| p.contains("camera=()")));
        assert_eq!(answer.header("strict-transport-security"), None, "{first}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{first}");
    }
}

#[tokio::test]
async fn errors_are_json_for_programs_and_pages_for_people() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let who = [("cookie", cookie.as_str()), OURS, ("x-csrf-token", &session.signed_in.form_token)];
    for (first, headers, body, status, code) in [
        ("GET /api/v1/none", vec![], "", 404, "not_found"),
        ("PUT /api/v1/numbers", vec![], "", 405, "method_not_allowed"),
        ("GET /api/v1/numbers?limit=x", vec![], "", 400, "bad_request"),
        ("GET /api/v1/numbers?cursor=zz", vec![], "", 422, "invalid"),
        (
            "POST /api/v1/numbers/1",
            vec![("content-type", "text/xml")],
            "<x/>",
            415,
            "unsupported_media_type",
        ),
        ("POST /api/v1/numbers/1", vec![JSON], "{\"n\":\"x\"}", 422, "invalid"),
        ("POST /api/v1/numbers/1", vec![JSON], "{", 400, "bad_request"),
        ("POST /api/v1/numbers/1", vec![JSON, ("content-length", "70000")], "{", 413, "too_large"),
        ("DELETE /api/v1/numbers/1", vec![], "", 500, "internal"),
    ] {
        let headers = [&who[..], &headers].concat();
        let answer = door.ask(first, &headers, body).await;
        assert_eq!(answer.status, status, "{first} {answer:?}");
        let said = answer.json();
        assert_eq!(said["code"], code, "{first}");
        assert!(said["message"].as_str().is_some_and(|m| !m.is_empty()), "{first}");
        assert_eq!(said.as_object().map(serde_json::Map::len), Some(2), "{first}");
        assert!(!answer.body.contains("disk on fire"), "the reason stays in the log");
    }
    for (first, status) in [("GET /none", 404), ("PUT /who", 405)] {
        let answer = door.ask(first, &[OURS], "").await;
        assert_eq!(answer.status, status);
        assert!(answer.header("content-type").is_some_and(|t| t.starts_with("text/html")));
        assert!(answer.body.contains("<main>"), "{answer:?}");
    }
    assert_eq!(
        door.ask("PUT /api/v1/numbers", &[OURS], "").await.header("allow"),
        Some("GET,HEAD")
    );
}

#[tokio::test]
async fn without_sign_in_pages_lead_there_and_the_api_says_so() {
    let door = open(Options::default()).await;
    let fresh = door.ask("GET /", &[], "").await;
    assert_eq!((fresh.status, fresh.header("location")), (303, Some("/setup")));
    door.administrator().await;
    let page = door.ask("GET /", &[], "").await;
    assert_eq!((page.status, page.header("location")), (303, Some("/sign-in")));
    let api = door.ask("GET /api/v1/numbers", &[], "").await;
    assert_eq!((api.status, &api.json()["code"]), (401, &"signed_out".into()));
    let old = [("cookie", "__Host-panoptikon=00")];
    assert_eq!(door.ask("GET /", &old, "").await.status, 303);
    assert_eq!(door.ask("GET /metrics", &[], "").await.status, 401);
}

#[tokio::test]
async fn only_these_addresses_answer_without_sign_in() {
    let door = open(Options::default()).await;
    door.administrator().await;
    let public = routes().public();
    for route in routes().declared() {
        let path = route.path.replace("{id}", "1").replace("{hash}", "x").replace("{*name}", "x");
        let first = format!("{} {path}", route.method);
        let answer = door.ask(&first, &[OURS, JSON], "").await;
        let refused = matches!(answer.status, 401 | 303);
        let listed = public.contains(&format!("{} {}", route.method, route.path));
        assert_eq!(refused, !listed, "{first} {answer:?}");
    }
}

#[tokio::test]
async fn a_form_needs_our_own_origin_and_its_cookies_token() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let cookie = ("cookie", cookie.as_str());
    let token = &session.signed_in.form_token;
    let good = format!("name=x&csrf={token}");
    let post = async |headers: &[(&str, &str)], body: &str| {
        door.ask("POST /form", headers, body).await.status
    };
    assert_eq!(post(&[cookie, FORM, OURS], &good).await, 200);
    assert_eq!(post(&[cookie, FORM, ("sec-fetch-site", "same-origin")], &good).await, 200);
    assert_eq!(post(&[cookie, FORM], &good).await, 403, "no origin");
    assert_eq!(post(&[cookie, FORM, ("origin", "http://evil.example")], &good).await, 403);
    assert_eq!(post(&[cookie, FORM, ("origin", "https://router.lan")], &good).await, 403);
    assert_eq!(post(&[cookie, FORM, OURS], "name=x").await, 403, "no token");
    assert_eq!(post(&[cookie, FORM, OURS], "name=x&csrf=00").await, 403, "another token");
    assert_eq!(post(&[cookie, OURS, JSON], "{}").await, 403, "a script without token");
    assert_eq!(post(&[cookie, OURS, JSON, ("x-csrf-token", token)], "{}").await, 200);

    let before = access::csrf::fresh_cookie().unwrap();
    let token = access::csrf::token(before.expose()).unwrap();
    let cookie = format!("{FORM_COOKIE}={}", before.expose());
    let cookie = ("cookie", cookie.as_str());
    let post = async |headers: &[(&str, &str)], body: &str| {
        door.ask("POST /open-form", headers, body).await.status
    };
    assert_eq!(post(&[cookie, FORM, OURS], &format!("csrf={token}")).await, 200);
    assert_eq!(post(&[cookie, FORM, OURS], "csrf=00").await, 403);
    assert_eq!(post(&[FORM, OURS], &format!("csrf={token}")).await, 403, "no cookie");
}

#[tokio::test]
async fn a_key_needs_neither_origin_nor_token_but_its_roles_permission() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let by = session.signed_in.caller([127, 0, 0, 1].into());
    let now = Timestamp::now();
    let new = |role| NewKey { name: format!("script {role}"), role, expires_at: None };
    let access = &door.app.access;
    let (_, analyst) = access.create_key(&by, new(Role::Analyst), now).await.unwrap();
    let (_, viewer) = access.create_key(&by, new(Role::Viewer), now).await.unwrap();
    let post = async |key: &Secret| {
        let bearer = format!("Bearer {}", key.expose());
        let headers = [("authorization", bearer.as_str()), JSON];
        door.ask("POST /api/v1/numbers/1", &headers, "{\"n\":7}").await
    };
    let done = post(&analyst).await;
    assert_eq!((done.status, &done.json()["n"]), (200, &7.into()));
    let refused = post(&viewer).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &"forbidden".into()));
    assert!(refused.json()["message"].as_str().unwrap().contains(Permission::DevicesEdit.as_str()));
    assert_eq!(post(&Secret::new("pnk_wrong")).await.status, 401);

    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let both = [("authorization", "Bearer pnk_wrong"), ("cookie", cookie.as_str())];
    let answer = door.ask("GET /api/v1/numbers", &both, "").await;
    assert_eq!(answer.status, 401, "a wrong key does not fall back to the cookie");
}

#[tokio::test]
async fn a_person_without_the_permission_is_refused() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let by = session.signed_in.caller([127, 0, 0, 1].into());
    let new = NewPerson {
        name: "vic".to_owned(),
        role: Role::Viewer,
        password: Secret::new("another long password"),
    };
    let access = &door.app.access;
    access.add_person(&by, new, Timestamp::now()).await.unwrap();
    let sign_in = access::SignIn {
        name: "vic".to_owned(),
        password: Secret::new("another long password"),
        address: [127, 0, 0, 1].into(),
        user_agent: "test".to_owned(),
    };
    let vic = access.sign_in(sign_in, Timestamp::now()).await.unwrap();
    let cookie = format!("{SESSION_COOKIE}={}", vic.cookie.expose());
    let cookie = ("cookie", cookie.as_str());
    assert_eq!(door.ask("GET /", &[cookie], "").await.status, 200);
    let form = format!("csrf={}", vic.signed_in.form_token);
    assert_eq!(door.ask("POST /form", &[cookie, FORM, OURS], &form).await.status, 403);
}

#[tokio::test]
async fn a_foreign_name_for_our_address_is_refused_with_help() {
    let door = open(Options::default()).await;
    for host in ["evil.example", "router.lan.evil.example", ""] {
        let answer = door.ask("GET /health", &[("host", host)], "").await;
        assert_eq!(answer.status, 421, "{host}");
        assert!(answer.body.contains("router.lan"));
    }
    for host in ["router.lan:8443", "192.168.1.1:8443", "[fe80::1]", "localhost"] {
        assert_eq!(door.ask("GET /health", &[("host", host)], "").await.status, 200, "{host}");
    }
    let two = b"GET /health HTTP/1.1\r\nHost: router.lan\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(door.raw(two).await.status, 400);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again() {
    let proxies = Proxies::new(vec!["127.0.0.1".parse().unwrap()]);
    let door = open(Options { per_minute: 20, proxies, ..Options::default() }).await;
    let one = [("x-forwarded-for", "192.0.2.9")];
    for _ in 0..20 {
        assert_eq!(door.ask("GET /health", &one, "").await.status, 200);
    }
    let other = [("x-forwarded-for", "192.0.2.10")];
    assert_eq!(door.ask("GET /health", &other, "").await.status, 200, "another client");
    for _ in 0..30 {
        assert_eq!(door.ask("GET /health", &[], "").await.status, 200, "the router itself");
    }
    let answer = door.ask("GET /api/v1/numbers", &one, "").await;
    assert_eq!((answer.status, &answer.json()["code"]), (429, &"too_many_requests".into()));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait));
}

#[tokio::test]
async fn only_a_listed_proxy_speaks_for_others() {
    let forwarded = [("x-forwarded-for", "6.6.6.6, 192.0.2.9")];
    let door = open(Options::default()).await;
    assert_eq!(door.ask("GET /who", &forwarded, "").await.body, "127.0.0.1");
    let proxies = Proxies::new(vec!["127.0.0.1".parse().unwrap()]);
    let door = open(Options { proxies, ..Options::default() }).await;
    assert_eq!(door.ask("GET /who", &forwarded, "").await.body, "192.0.2.9");
}

#[tokio::test]
async fn listed_addresses_scrape_without_a_key_and_promtool_likes_what_they_get() {
    let scrapers = vec!["127.0.0.0/8".parse().unwrap()];
    let door = open(Options { scrapers, ..Options::default() }).await;
    door.ask("GET /health", &[], "").await;
    let answer = door.ask("GET /metrics", &[], "").await;
    assert_eq!(answer.status, 200);
    let health = "panoptikon_http_requests_total{class=\"health\",status=\"2xx\"} 1";
    assert!(answer.body.contains(health), "{}", answer.body);
    let mut tool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("promtool comes with Debian's package prometheus");
    std::io::Write::write_all(&mut tool.stdin.take().unwrap(), answer.body.as_bytes()).unwrap();
    assert!(tool.wait().unwrap().success());
}

#[tokio::test]
async fn a_route_that_is_to_go_says_so_in_its_answers_and_in_the_document() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let answer = door.ask("GET /api/v1/digits", &[("Cookie", &cookie)], "").await;
    assert_eq!((answer.status, answer.header("deprecation")), (200, Some("@1800000000")));
    let link = "</api/v1/numbers>; rel=\"successor-version\"";
    assert_eq!(answer.header("link"), Some(link));
    let answer = door.ask("GET /api/v1/numbers", &[("Cookie", &cookie)], "").await;
    assert_eq!((answer.status, answer.header("deprecation")), (200, None));
    let document = routes().openapi();
    let told = |path: &str| document["paths"][path]["get"]["deprecated"].clone();
    assert_eq!((told("/api/v1/digits"), told("/api/v1/numbers")), (true.into(), ().into()));
}

#[tokio::test]
async fn the_api_document_names_every_api_route() {
    let document = routes().openapi();
    for route in routes().declared().iter().filter(|r| r.path.starts_with("/api/")) {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][route.path][&method];
        let summary = operation["summary"].as_str().unwrap();
        assert!(summary.starts_with(route.summary), "{} {}", route.method, route.path);
        assert!(operation["security"].is_array());
    }
    assert_eq!(document["paths"]["/form"], serde_json::Value::Null, "pages are not in it");
    let id = &document["paths"]["/api/v1/numbers/{id}"]["post"]["parameters"][0];
    assert_eq!((&id["name"], &id["in"]), (&"id".into(), &"path".into()));
}

#[tokio::test]
async fn pages_of_a_list_follow_one_another() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let first = format!("GET /api/v1/numbers?limit=50&cursor={cursor}");
        let page = door.ask(&first, &[("cookie", &cookie)], "").await.json();
        seen.extend(page["items"].as_array().unwrap().iter().filter_map(serde_json::Value::as_i64));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        next.clone_into(&mut cursor);
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
}
