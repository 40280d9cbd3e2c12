//! Setting up, signing in and out.

mod bed;

use std::net::{IpAddr, Ipv4Addr};

use access::Role;
use axum::body::Body;
use axum::http::{Method, header};
use bed::{Bed, NAME, PASSWORD, encode};
use model::Timestamp;
use panoptikon_web::http::SESSION_COOKIE;

async fn token(bed: &Bed) -> String {
    let token = bed.site.access.setup_token(Timestamp::now()).await.expect("a readable token");
    token.expect("an open setup").expose().to_owned()
}

fn claim<'a>(token: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [("token", token), ("name", "ada"), ("password", password), ("again", password)]
}

#[tokio::test]
async fn an_unclaimed_appliance_leads_to_its_setup_from_everywhere() {
    let bed = Bed::new().await;
    let mut guest = bed.browser();
    for page in ["/settings", "/account", "/sign-in", "/audit", "/about"] {
        assert_eq!(guest.get(page).await.location(), "/setup", "{page}");
    }
    guest.get("/setup").await.expect(200).says("Setup token");
}

#[tokio::test]
async fn the_setup_works_once_and_signs_in() {
    let bed = Bed::new().await;
    let token = token(&bed).await;
    let mut ada = bed.browser();
    ada.get("/setup").await.expect(200);
    let answer = ada.post("/setup", &claim(&token, PASSWORD)).await;
    assert_eq!(answer.location(), "/");
    ada.get("/account").await.expect(200).says("ada");

    let mut late = bed.browser();
    assert_eq!(late.get("/setup").await.location(), "/sign-in");
    late.get("/sign-in").await.expect(200);
    let answer = late.post("/setup", &claim(&token, PASSWORD)).await.expect(409);
    answer.says("done already");
}

#[tokio::test]
async fn a_wrong_token_is_refused_beside_its_field_and_the_password_is_not_repeated() {
    let bed = Bed::new().await;
    let mut guest = bed.browser();
    guest.get("/setup").await;
    let answer = guest.post("/setup", &claim("0000-wrong", "hunter2hunter2")).await.expect(422);
    answer.says("The setup token is not right");
    answer.says("value=\"0000-wrong\"");
    answer.says("value=\"ada\"");
    assert!(!answer.body.contains("hunter2"));
    guest.get("/account").await.location();
}

#[tokio::test]
async fn a_poor_name_or_password_keeps_what_was_typed() {
    let bed = Bed::new().await;
    let token = token(&bed).await;
    let mut guest = bed.browser();
    guest.get("/setup").await;
    let answer = guest.post("/setup", &claim(&token, "short")).await.expect(422);
    answer.says("too short");
    answer.says(&token);
    let mut odd = claim(&token, PASSWORD);
    odd[1].1 = "<script>alert(1)</script>";
    let answer = guest.post("/setup", &odd).await.expect(422);
    answer.says("A name starts with a letter");
    assert!(!answer.body.contains("<script>alert"));
    let mut differing = claim(&token, PASSWORD);
    differing[3].1 = "another password";
    guest.post("/setup", &differing).await.expect(422).says("The two passwords differ");
}

#[tokio::test]
async fn signing_in_leads_to_the_page_that_was_asked_for_and_out_again() {
    let (bed, _) = Bed::ready().await;
    let mut ada = bed.browser();
    let place = ada.get("/audit?q=x").await.location().to_owned();
    assert_eq!(place, "/sign-in?next=/audit%3Fq%3Dx");
    ada.get(&place).await.expect(200).says("value=\"/audit?q=x\"");
    let fields = [("name", "ada"), ("password", PASSWORD), ("next", "/audit?q=x")];
    assert_eq!(ada.post("/sign-in", &fields).await.location(), "/audit?q=x");
    ada.get("/audit?q=x").await.expect(200);
    assert_eq!(ada.get("/sign-in?next=/about").await.location(), "/about");

    let cookie = ada.cookies[SESSION_COOKIE].clone();
    assert_eq!(ada.post("/sign-out", &[]).await.location(), "/sign-in");
    assert!(!ada.cookies.contains_key(SESSION_COOKIE));
    ada.get("/sign-in").await.expect(200).says("You are signed out.");
    let again = ada.get("/sign-in").await.expect(200);
    assert!(!again.body.contains("You are signed out."), "told once");
    ada.keep(SESSION_COOKIE, &cookie);
    assert_eq!(ada.get("/about").await.location(), "/sign-in?next=/about");
}

#[tokio::test]
async fn nobody_is_sent_to_another_site_after_signing_in() {
    let (bed, _) = Bed::ready().await;
    for evil in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
    ] {
        let mut ada = bed.sign_in("ada").await;
        let query = encode(&[("next", evil)]);
        assert_eq!(ada.get(&format!("/sign-in?{query}")).await.location(), "/", "{evil}");
        let answer = ada.post("/theme", &[("theme", "light"), ("back", evil)]).await;
        assert_eq!(answer.location(), "/", "{evil}");
        let mut guest = bed.browser();
        guest.address = IpAddr::V4(Ipv4Addr::new(203, 0, 113, evil.len() as u8));
        guest.get("/sign-in").await;
        let fields = [("name", "ada"), ("password", PASSWORD), ("next", evil)];
        assert_eq!(guest.post("/sign-in", &fields).await.location(), "/", "{evil}");
    }
}

#[tokio::test]
async fn wrong_passwords_are_refused_alike_and_many_are_slowed_down() {
    let (bed, _) = Bed::ready().await;
    let mut guest = bed.browser();
    guest.address = "203.0.113.9".parse().unwrap();
    guest.get("/sign-in").await;
    let wrong = [("name", "ada"), ("password", "not this one")];
    let known = guest.post("/sign-in", &wrong).await.expect(401);
    known.says("Name or password is wrong.");
    let nobody = [("name", "eve"), ("password", "not this one")];
    let unknown = guest.post("/sign-in", &nobody).await.expect(401);
    let shown = |page: &bed::Answer| {
        let main = page.body.split("<main").nth(1).expect("a page").to_owned();
        main.replace("value=\"ada\"", "value=\"eve\"")
    };
    assert_eq!(shown(&known), shown(&unknown), "who exists is not told");
    for _ in 0..8 {
        guest.post("/sign-in", &wrong).await.expect(401);
    }
    let slowed = guest.post("/sign-in", &wrong).await.expect(429);
    slowed.says("Too many attempts");
    let wait: u64 = slowed.header("retry-after").parse().unwrap();
    assert!((1..=12).contains(&wait), "{wait}");
    let right = [("name", "ada"), ("password", PASSWORD)];
    guest.post("/sign-in", &right).await.expect(429);
    bed.sign_in("ada").await;
}

#[tokio::test]
async fn forms_without_their_token_or_from_elsewhere_change_nothing() {
    let (bed, mut ada) = Bed::ready().await;
    ada.post_bare("/settings/presence", &[("grace", "600")]).await.expect(403);
    let other = bed.person(Role::Administrator).await.token();
    let fields = [("grace", "600"), ("csrf", other.as_str())];
    ada.post_bare("/settings/presence", &fields).await.expect(403);
    let body = encode(&[("csrf", &ada.token()), ("grace", "600")]);
    for origin in ["https://evil.example", "null", "http://router.lan"] {
        let request = ada
            .request(Method::POST, "/settings/presence")
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.clone()))
            .unwrap();
        ada.send(request).await.expect(403);
    }
    assert_eq!(bed.setting("discovery").await, None);
    assert_eq!(ada.post("/settings/presence", &[("grace", "600")]).await.status, 303);
    let mut guest = bed.browser();
    let fields = [("name", "ada"), ("password", PASSWORD)];
    guest.post_bare("/sign-in", &fields).await.expect(403).says("Load the page anew");
}

#[tokio::test]
async fn the_session_can_be_extended_by_script_and_by_form() {
    let (_bed, mut ada) = Bed::ready().await;
    let request = ada
        .request(Method::POST, "/session/extend")
        .header(header::ORIGIN, format!("https://{NAME}"))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(encode(&[("csrf", &ada.token())])))
        .unwrap();
    let ends = ada.send(request).await.expect(200).json()["expires"].as_i64().unwrap();
    assert!(ends > Timestamp::now().0);
    let answer = ada.post("/session/extend", &[("back", "/about")]).await;
    assert_eq!(answer.location(), "/about");
}

#[tokio::test]
async fn the_colours_are_remembered_by_the_browser() {
    let (_bed, mut ada) = Bed::ready().await;
    ada.get("/about").await.expect(200).says("data-theme=\"dark\"");
    let answer = ada.post("/theme", &[("theme", "light"), ("back", "/about")]).await;
    assert_eq!(answer.location(), "/about");
    ada.get("/about").await.expect(200).says("data-theme=\"light\"");
    ada.post("/theme", &[("theme", "<script>")]).await;
    ada.get("/about").await.expect(200).says("data-theme=\"dark\"");
}

#[tokio::test]
async fn a_link_from_elsewhere_finds_who_is_signed_in() {
    let (_bed, mut ada) = Bed::ready().await;
    let mut follow = async |path: &str, site: &str, cookies: bool| {
        let mut browser = ada.clone();
        if !cookies {
            browser.cookies.clear();
        }
        let request = browser.request(Method::GET, path).header("sec-fetch-site", site);
        ada.send(request.body(Body::empty()).unwrap()).await
    };
    let door = follow("/audit?q=x", "cross-site", false).await.location().to_owned();
    let answer = follow(&door, "cross-site", false).await.expect(200);
    let again = answer.header("refresh").strip_prefix("0; url=").unwrap().to_owned();
    let answer = follow(&again, "same-origin", true).await;
    assert_eq!(answer.location(), "/audit?q=x");
    let stranger = follow(&again, "same-origin", false).await.expect(200);
    assert_eq!(stranger.header("refresh"), "", "no going round in circles");
}

#[tokio::test]
async fn guessing_the_setup_token_is_slow() {
    let bed = Bed::new().await;
    let mut guest = bed.browser();
    guest.get("/setup").await;
    for _ in 0..10 {
        guest.post("/setup", &claim("0000-0000", PASSWORD)).await.expect(422);
    }
    let slowed = guest.post("/setup", &claim("0000-0000", PASSWORD)).await.expect(429);
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() > 0);
}
