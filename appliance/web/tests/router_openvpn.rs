//! Clients of `OpenVPN` servers: a file is sent, read, shown as a plan and forgotten; its secrets
//! are seen by nobody.

#![allow(missing_docs, clippy::pedantic)]
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod bed;
#[path = "bed/router.rs"]
mod router;

use access::Role;
use axum::body::Body;
use axum::http::{Method, header};
use bed::{Answer, Browser, NAME};
use router::{BOTH, Release, RouterBed};

const FILE: &str = include_str!("../../vyos/tests/data/client.ovpn");
const HERE: &str = "/router/vpn/openvpn";
const LOGIN: [(&str, &str); 4] = [
    ("name", "vtun0"),
    ("description", "Provider"),
    ("username", "anna"),
    ("password", "s3cr3t-9"),
];

/// Sends the form with a file as a browser does.
async fn send(browser: &mut Browser, fields: &[(&str, &str)], file: &[u8]) -> Answer {
    let token = browser.token();
    let mut all = vec![("csrf", token.as_str())];
    all.extend_from_slice(fields);
    send_bare(browser, &all, file).await
}

async fn send_bare(browser: &mut Browser, fields: &[(&str, &str)], file: &[u8]) -> Answer {
    let mut body = Vec::new();
    let name = |name: &str| format!("--x-y\r\nContent-Disposition: form-data; name=\"{name}\"");
    for (field, value) in fields {
        body.extend(format!("{}\r\n\r\n{value}\r\n", name(field)).bytes());
    }
    let kind = "; filename=\"a.ovpn\"\r\nContent-Type: application/octet-stream\r\n\r\n";
    body.extend(format!("{}{kind}", name("file")).bytes());
    body.extend(file);
    body.extend(b"\r\n--x-y--\r\n");
    let request = browser
        .request(Method::POST, HERE)
        .header(header::ORIGIN, format!("https://{NAME}"))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x-y")
        .header(header::CONTENT_LENGTH, body.len())
        .body(Body::from(body))
        .unwrap();
    browser.send(request).await
}

/// The page of the plan that a page links to.
fn plan_in(page: &Answer) -> String {
    let at = page.body.find("/router/plans/").expect("a plan");
    page.body[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_that_is_sent_becomes_a_client_and_nobody_sees_its_keys() {
    for (release, ciphers) in [(BOTH[0], "ncp-ciphers"), (BOTH[1], "data-ciphers")] {
        let (bed, mut ada) = RouterBed::new(release).await;
        ada.get("/router/vpn").await.expect(200).says(HERE);
        ada.get(HERE).await.expect(200).says("value=\"vtun0\"");
        let page = send(&mut ada, &LOGIN, FILE.as_bytes()).await.expect(200);
        page.says("x-vendor");
        page.says("left out");
        page.says("remote-cert-tls server");
        let plan = plan_in(&page);
        let review = ada.get(&plan).await.expect(200);
        review.says("set interfaces openvpn vtun0 remote-host vpn.example.net");
        review.says("set pki certificate openvpn-vtun0 private key");
        assert_eq!(bed.runs("interfaces openvpn vtun0 mode"), None, "only a plan");
        let made = ada.post(&plan, &[("minutes", "10"), ("typed", "vyos")]).await.expect(303);
        let own = |more: &str| bed.runs(&format!("interfaces openvpn vtun0 {more}"));
        assert_eq!(own("mode").as_deref(), Some("client"));
        assert_eq!(own("authentication password").as_deref(), Some("s3cr3t-9"));
        assert_eq!(
            own(&format!("encryption {ciphers}")).as_deref(),
            Some("aes256gcm aes128gcm aes256")
        );
        let key = bed.runs("pki certificate openvpn-vtun0 private key").expect("a key");
        let shared = bed.runs("pki openvpn shared-secret openvpn-vtun0 key").expect("a key");

        let secrets = ["s3cr3t-9", &key, &shared];
        let hidden = |text: &str| secrets.iter().all(|secret| !text.contains(secret));
        assert!(hidden(&page.body) && hidden(&review.body));
        for path in [made.location(), "/router/vpn", "/router/changes", "/router/config", "/audit"]
        {
            let page = ada.get(path).await;
            assert!(hidden(&page.body), "{path}");
        }
        let audit = bed.bed.audit().await.join("\n");
        assert!(hidden(&audit) && audit.contains("openvpn"), "{audit}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_file_is_told_line_by_line() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let file = format!("script-security 2\nup /bin/sh\nremote <script>alert(1)</script>\n{FILE}");
    let page = send(&mut ada, &LOGIN, file.as_bytes()).await.expect(422);
    for text in ["Line 1: ", "Line 2: ", "Line 3: ", "other programs"] {
        page.says(text);
    }
    assert!(!page.body.contains("<script>alert"));
    assert!(!page.body.contains("s3cr3t-9"), "a password is not sent back");
    page.says("value=\"anna\"");
    send(&mut ada, &LOGIN, b"").await.expect(422).says("Choose the file");
    send(&mut ada, &LOGIN, b"\xff\xfe").await.expect(400).says("no text file");
    let long = vec![b'#'; 400 * 1024];
    send(&mut ada, &LOGIN, &long).await.expect(413);
    let nameless = [("name", "vtun0"), ("username", "anna")];
    send(&mut ada, &nameless, FILE.as_bytes()).await.expect(422).says("e-password");
    let wrong = [("name", "eth0"), ("username", "anna"), ("password", "x")];
    send(&mut ada, &wrong, FILE.as_bytes()).await.expect(422).says("e-name");
    assert_eq!(bed.runs("interfaces openvpn vtun0 mode"), None);
}

#[tokio::test]
async fn a_text_that_is_pasted_does_as_well() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    let mut fields = LOGIN.to_vec();
    fields.extend([("text", FILE), ("routes", "1")]);
    let page = ada.post(HERE, &fields).await.expect(200);
    page.says("redirect-gateway def1");
    ada.get(&plan_in(&page)).await.expect(200).says("everything may then go through that VPN");
}

#[tokio::test]
async fn a_client_is_disconnected_connected_and_deleted_by_plans() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let page = send(&mut ada, &LOGIN, FILE.as_bytes()).await.expect(200);
    let made = ada.post(&plan_in(&page), &[("minutes", "10"), ("typed", "vyos")]).await;
    ada.post(&format!("{}/keep", made.location()), &[]).await.expect(303);
    ada.get("/router/vpn").await.says("aria-label=\"Disconnect vtun0\"");
    let it = [("interface", "vtun0")];
    let answer = ada.post("/router/vpn/openvpn/switch", &it).await;
    assert_eq!(bed.planned(&mut ada, &answer).await, ["set interfaces openvpn vtun0 disable"]);
    let made = bed.apply(&mut ada, &answer).await;
    ada.post(&format!("{}/keep", made.location()), &[]).await.expect(303);
    let page = ada.get("/router/vpn").await;
    page.says("aria-label=\"Connect vtun0\"");
    page.says("switched off");
    let on = [("interface", "vtun0"), ("on", "1")];
    let answer = ada.post("/router/vpn/openvpn/switch", &on).await;
    assert_eq!(bed.planned(&mut ada, &answer).await, ["delete interfaces openvpn vtun0 disable"]);
    let answer = ada.post("/router/vpn/openvpn/delete", &it).await;
    let planned = bed.planned(&mut ada, &answer).await;
    assert!(
        planned.iter().any(|line| line.starts_with("delete interfaces openvpn")),
        "{planned:?}"
    );
    assert!(planned.iter().any(|line| line.starts_with("delete pki")), "{planned:?}");
    let gone = ada.post("/router/vpn/openvpn/switch", &[("interface", "vtun9")]).await;
    assert_eq!(gone.location(), "/router/vpn");
}

#[tokio::test]
async fn a_form_with_a_file_needs_its_token_and_one_who_may_change() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    send_bare(&mut ada, &LOGIN, FILE.as_bytes()).await.expect(403);
    let mut stale = LOGIN.to_vec();
    stale.push(("csrf", "00"));
    send_bare(&mut ada, &stale, FILE.as_bytes()).await.expect(403);
    let mut viewer = bed.bed.person(Role::Viewer).await;
    send(&mut viewer, &LOGIN, FILE.as_bytes()).await.expect(403);
    viewer.get(HERE).await.expect(403);
    assert!(!viewer.get("/router/vpn").await.expect(200).body.contains(HERE));
}
