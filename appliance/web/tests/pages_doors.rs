//! Every page, asked for by everybody.

mod bed;

use access::Role;
use axum::http::Method;
use bed::Bed;
use panoptikon_web::http::Entry;

/// A path with something in place of its parameters.
fn filled(path: &str, value: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { value } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn only_these_addresses_answer_without_sign_in() {
    let bed = Bed::new().await;
    let public = panoptikon_web::routes(&bed.site, Vec::new()).public();
    let expected = [
        "GET /assets/{hash}/{*name}",
        "GET /favicon.ico",
        "GET /health",
        "GET /setup",
        "GET /sign-in",
        "POST /setup",
        "POST /sign-in",
    ];
    assert_eq!(public, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn without_sign_in_every_other_page_leads_to_the_door() {
    let (bed, _) = Bed::ready().await;
    for route in bed.routes() {
        if route.entry == Entry::Public {
            continue;
        }
        let mut guest = bed.browser();
        guest.get("/sign-in").await.expect(200);
        let path = filled(route.path, "1");
        let answer = match route.method {
            Method::GET => guest.get(&path).await,
            Method::POST => guest.post(&path, &[]).await,
            ref other => guest.json(other.clone(), &path, &serde_json::json!({})).await,
        };
        let status = answer.status.as_u16();
        let turned_away = match status {
            303 => answer.location().starts_with("/sign-in"),
            _ => matches!(status, 401 | 403),
        };
        assert!(turned_away, "{} {path}: {status} {}", route.method, answer.body);
    }
}

#[tokio::test]
async fn every_page_renders_for_every_role_or_says_why_not() {
    let (bed, ada) = Bed::ready().await;
    let mut browsers = vec![ada];
    for role in Role::ALL {
        browsers.push(bed.person(*role).await);
    }
    // No pages: the live channel, and ten seconds of bytes (`router_look.rs` has its refusals).
    let others = ["/live", "/router/tools/device/stream"];
    for route in bed.routes() {
        if route.method != Method::GET || others.contains(&route.path) {
            continue;
        }
        for browser in &mut browsers {
            for value in ["1", "999999", "x", "%3Cscript%3E"] {
                let path = filled(route.path, value);
                let query = "?q=%27%22%3Cscript%3E&before=zz&cursor=00&from=x&sort=%27&status=%22";
                for path in [path.clone(), path + query] {
                    let answer = browser.get(&path).await;
                    let status = answer.status.as_u16();
                    // No router's API is there: its pages say so, and what to do.
                    let words = if path.starts_with("/api/v1/router") {
                        "The router cannot be asked: no API key"
                    } else {
                        "set service https api"
                    };
                    let is_routers =
                        path.starts_with("/router") || path.starts_with("/api/v1/router");
                    let says_so = is_routers && status == 503 && answer.body.contains(words);
                    assert!(status < 500 || says_so, "{path}: {status} {}", answer.body);
                    assert!(!answer.body.contains("'\"<script>"), "{path}");
                }
                if !route.path.contains('{') {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn no_form_breaks_on_nonsense() {
    let (bed, ada) = Bed::ready().await;
    let nonsense: Vec<(&str, &str)> = ["id", "name", "q", "role", "days", "grace", "mac", "theme"]
        .into_iter()
        .map(|field| (field, "\u{202e}'\"<script>\u{0}%"))
        .collect();
    for route in bed.routes() {
        if route.method != Method::POST || route.path.starts_with("/api/") {
            continue;
        }
        let mut browser = ada.clone();
        for fields in [&[][..], &nonsense] {
            let path = filled(route.path, "999999");
            let answer = browser.post(&path, fields).await;
            let status = answer.status.as_u16();
            assert!(status < 500 || status == 503, "{path}: {status} {}", answer.body);
        }
        if route.path == "/sign-out" {
            assert!(!browser.cookies.contains_key(panoptikon_web::http::SESSION_COOKIE));
            return_after_sign_out(&bed).await;
        }
    }
}

async fn return_after_sign_out(bed: &Bed) {
    bed.sign_in("ada").await.get("/about").await.expect(200);
}

#[tokio::test]
async fn who_is_signed_in_keeps_the_navigation_around_an_error() {
    let (bed, mut ada) = Bed::ready().await;
    let rail = "aria-label=\"Main\"";
    ada.get("/nowhere").await.expect(404).says(rail);
    ada.get("/devices/77").await.expect(404).says(rail);
    bed.person(Role::Viewer).await.get("/audit").await.expect(403).says(rail);
    let stranger = bed.browser().get("/nowhere").await.expect(404);
    assert!(!stranger.body.contains(rail));
}
