//! One's own account, and the people who have one.

mod bed;

use access::Role;
use axum::http::{Method, header};
use bed::{Bed, PASSWORD};
use panoptikon_web::http::SESSION_COOKIE;

const NEW: &str = "four other random words";

#[tokio::test]
async fn changing_the_password_ends_all_other_sessions() {
    let (bed, mut ada) = Bed::ready().await;
    let mut elsewhere = bed.sign_in("ada").await;
    elsewhere.get("/account").await.expect(200);
    let fields = [("current", PASSWORD), ("password", NEW), ("again", NEW)];
    assert_eq!(ada.post("/account/password", &fields).await.location(), "/account");
    ada.get("/account").await.expect(200).says("The password is changed");
    assert_eq!(elsewhere.get("/account").await.location(), "/sign-in?next=/account");
    let audit = bed.audit().await.join("\n");
    assert!(audit.contains("person.password person:1 ok"), "{audit}");
    assert!(!audit.contains(NEW) && !audit.contains(PASSWORD));
}

#[tokio::test]
async fn a_password_is_refused_beside_the_field_that_is_wrong() {
    let (_bed, mut ada) = Bed::ready().await;
    let wrong = [("current", "not this one"), ("password", NEW), ("again", NEW)];
    let answer = ada.post("/account/password", &wrong).await.expect(422);
    answer.says("The current password is not right");
    assert!(!answer.body.contains(NEW) && !answer.body.contains("not this one"));
    let short = [("current", PASSWORD), ("password", "short"), ("again", "short")];
    ada.post("/account/password", &short).await.expect(422).says("too short");
    let differing = [("current", PASSWORD), ("password", NEW), ("again", "else")];
    ada.post("/account/password", &differing).await.expect(422).says("The two passwords differ");
    for _ in 0..9 {
        ada.post("/account/password", &wrong).await.expect(422);
    }
    let slowed = ada.post("/account/password", &wrong).await.expect(429);
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_but_only_ones_own() {
    let (bed, mut ada) = Bed::ready().await;
    let mut elsewhere = bed.sign_in("ada").await;
    let mut viewer = bed.person(Role::Viewer).await;
    ada.get("/account").await.expect(200).says("this one");
    let id = |browser: &bed::Browser| {
        let now = model::Timestamp::now();
        let cookie = &browser.cookies[SESSION_COOKIE];
        bed.site.access.peek_session(cookie, now).unwrap().session
    };
    let path = format!("/account/sessions/{}/revoke", id(&ada));
    viewer.post(&path, &[]).await.expect(404);
    let path = format!("/account/sessions/{}/revoke", id(&elsewhere));
    assert_eq!(ada.post(&path, &[]).await.location(), "/account");
    elsewhere.get("/account").await.location();
    let mut third = bed.sign_in("ada").await;
    ada.post("/account/sessions/revoke-others", &[]).await.location();
    third.get("/account").await.location();
    ada.get("/account").await.expect(200).says("One other browser is signed out");
}

#[tokio::test]
async fn a_key_is_shown_once_works_as_far_as_it_may_and_ends_when_revoked() {
    let (bed, mut ada) = Bed::ready().await;
    let fields = [("name", "prometheus"), ("scope", "viewer"), ("days", "30")];
    let answer = ada.post("/account/keys", &fields).await.expect(200);
    let start = answer.body.find("pnk_").unwrap();
    let key: String =
        answer.body[start..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    assert!(key.len() > 60, "{key}");
    assert!(!ada.get("/account").await.expect(200).body.contains(&key));
    let ask = |path: &str| {
        let request = bed.browser().request(Method::GET, path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        request.body(axum::body::Body::empty()).unwrap()
    };
    bed.browser().send(ask("/about")).await.expect(200);
    bed.browser().send(ask("/settings")).await.expect(403);
    bed.browser().send(ask("/account")).await.expect(403).says("not for keys");
    ada.get("/account/keys/1/revoke").await.expect(200).says("Revoke the key");
    ada.post("/account/keys/1/revoke", &[]).await.location();
    bed.browser().send(ask("/about")).await.expect(401);
    ada.get("/account/keys/1/revoke").await.expect(404);
    assert!(!bed.audit().await.join("\n").contains(&key));
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.post("/account/keys", &fields).await.expect(403);
}

#[tokio::test]
async fn lists_load_themselves_anew_where_there_is_no_script_as_often_as_wanted() {
    let (_bed, mut ada) = Bed::ready().await;
    let wanted = |refresh| [("theme", "dark"), ("refresh", refresh), ("rows", "25")];
    ada.post("/account/preferences", &wanted("10")).await.location();
    let anew = r#"<noscript><meta http-equiv="refresh" content="10"></noscript>"#;
    for list in ["/", "/devices?q=x", "/topology", "/events", "/alerts", "/audit"] {
        ada.get(list).await.expect(200).says(anew);
    }
    for form in ["/settings", "/account", "/devices/new", "/settings/people"] {
        assert!(!ada.get(form).await.expect(200).body.contains("http-equiv"), "{form}");
    }
    ada.post("/account/preferences", &wanted("0")).await.location();
    assert!(!ada.get("/devices").await.expect(200).body.contains("http-equiv"));
}

#[tokio::test]
async fn a_page_that_loads_itself_anew_does_not_keep_its_session_from_ending() {
    let (bed, mut ada) = Bed::ready().await;
    let cookie = ada.cookies[SESSION_COOKIE].clone();
    let ends = || {
        let now = model::Timestamp::now();
        bed.site.access.peek_session(&cookie, now).unwrap().ends_at
    };
    let by_itself = |browser: &bed::Browser, method, path| {
        let request = browser.request(method, path).header("x-refresh", "1");
        let request = request.header(header::ORIGIN, format!("https://{}", bed::NAME));
        request.body(axum::body::Body::empty()).unwrap()
    };
    // Times are in milliseconds.
    let later = || tokio::time::sleep(std::time::Duration::from_millis(5));
    let first = ends();
    later().await;
    let page = ada.send(by_itself(&ada, Method::GET, "/devices")).await.expect(200);
    page.says(&format!("data-expires=\"{}\"", first.0));
    assert_eq!(ends(), first);
    ada.get("/devices").await.expect(200);
    let second = ends();
    assert!(second > first, "a page that somebody asked for is use");
    later().await;
    ada.send(by_itself(&ada, Method::POST, "/account/preferences")).await;
    assert!(ends() > second, "only loading is no use");
}

#[tokio::test]
async fn preferences_are_kept() {
    let (bed, mut ada) = Bed::ready().await;
    let fields = [("theme", "auto"), ("refresh", "60"), ("rows", "100")];
    ada.post("/account/preferences", &fields).await.location();
    let page = ada.get("/account").await.expect(200);
    page.says("data-theme=\"auto\"");
    page.says("<option value=\"60\" selected>");
    page.says("<option value=\"100\" selected>");
    let mut elsewhere = bed.sign_in("ada").await;
    elsewhere.get("/about").await.expect(200).says("data-theme=\"auto\"");
    let bad = [("theme", "auto"), ("refresh", "1"), ("rows", "100")];
    ada.post("/account/preferences", &bad).await.expect(422);
}

#[tokio::test]
async fn people_are_added_changed_and_removed_with_a_line_each_in_the_audit_log() {
    let (bed, mut ada) = Bed::ready().await;
    let fields = [("name", "bob"), ("role", "viewer"), ("password", PASSWORD)];
    assert_eq!(ada.post("/settings/people", &fields).await.location(), "/settings/people");
    ada.get("/settings/people").await.expect(200).says("bob may sign in now, as viewer");
    let mut bob = bed.sign_in("bob").await;
    bob.get("/settings").await.expect(403);
    ada.post("/settings/people/2/role", &[("role", "auditor")]).await.location();
    bob.get("/settings").await.expect(200);
    ada.post("/settings/people/2/disable", &[]).await.location();
    bob.get("/about").await.location();
    ada.post("/settings/people/2/enable", &[]).await.location();
    bed.sign_in("bob").await;
    ada.get("/settings/people/2/reset").await.expect(200).says("Reset bob");
    let reset = ada.post("/settings/people/2/reset", &[]).await.expect(200);
    reset.says("shown this once");
    ada.get("/settings/people/2/remove").await.expect(200).says("Remove bob?");
    ada.post("/settings/people/2/remove", &[]).await.location();
    ada.get("/settings/people/2/remove").await.expect(404);
    let audit = bed.audit().await.join("\n");
    for line in ["add", "role", "disable", "enable", "reset", "remove"] {
        assert!(audit.contains(&format!("person.{line} person:2 ok")), "{line}: {audit}");
    }
    assert!(audit.contains(r#""from":"viewer""#) && audit.contains(r#""to":"auditor""#));
}

#[tokio::test]
async fn a_person_who_cannot_be_added_is_explained_beside_the_field() {
    let (_bed, mut ada) = Bed::ready().await;
    let post = |name, password| [("name", name), ("role", "viewer"), ("password", password)];
    let taken = ada.post("/settings/people", &post("ADA", "hunter2hunter2")).await.expect(422);
    taken.says("There is a person named");
    assert!(!taken.body.contains("hunter2"));
    let short = ada.post("/settings/people", &post("bob", "short")).await.expect(422);
    short.says("too short");
    short.says("value=\"bob\"");
    let odd = [("name", "bob"), ("role", "root"), ("password", PASSWORD)];
    ada.post("/settings/people", &odd).await.expect(422).says("is no role");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (bed, mut ada) = Bed::ready().await;
    for (path, fields) in [
        ("/settings/people/1/remove", &[][..]),
        ("/settings/people/1/disable", &[]),
        ("/settings/people/1/role", &[("role", "viewer")]),
    ] {
        ada.post(path, fields).await.expect(409).says("last administrator");
    }
    ada.post("/settings/people/1/reset", &[]).await.expect(403);
    let mut second = bed.person(Role::Administrator).await;
    second.post("/settings/people/1/role", &[("role", "viewer")]).await.location();
    ada.get("/settings").await.expect(403);
}
