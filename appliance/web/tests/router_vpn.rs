//! The pages of VPNs: what runs is shown, changes go by plans, and a client's private key is seen
//! by nobody but the one who made it.

#![allow(missing_docs, clippy::pedantic)]
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod bed;
#[path = "bed/router.rs"]
mod router;

use std::path::Path;

use access::Role;
use bed::Answer;
use router::{BOTH, Release, RouterBed};

/// The private key of the recorded configurations, and a public one of nobody.
const OWN: &str = "iJJyEARGK52Ls1GYRCcFvPuTj7WyWYDo//BknoDU0XY=";
const KEY: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

const CLIENT: [(&str, &str); 7] = [
    ("interface", "wg0"),
    ("client", "anna-phone"),
    ("client_addresses", "10.99.0.3/32"),
    ("client_endpoint", "gw.example.org"),
    ("client_dns", "10.99.0.1"),
    ("client_routes", "0.0.0.0/0\r\n::/0"),
    ("client_keepalive", "25"),
];

/// The same fields with one changed.
fn with<'a>(fields: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect()
}

/// A line of the client's configuration on the page.
fn line(page: &Answer, name: &str) -> String {
    let config = page.body.split("readonly>").nth(1).expect("a configuration");
    let config = config.split("</textarea>").next().unwrap();
    let found = config.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
    found.unwrap_or_else(|| panic!("no {name} in {config}")).to_owned()
}

/// The page of the plan that a page links to.
fn plan_in(page: &Answer) -> String {
    let at = page.body.find("/router/plans/").expect("a plan");
    page.body[at..].split('"').next().unwrap().to_owned()
}

/// Whether any file below a folder holds these bytes.
fn is_kept(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_kept(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn interfaces_and_peers_are_shown_without_private_keys() {
    for release in BOTH {
        let (_bed, mut ada) = RouterBed::new(release).await;
        let page = ada.get("/router/vpn").await.expect(200);
        for text in ["wg0", "10.99.0.1/24", "phone", "10.99.0.2/32", "51820, UDP"] {
            page.says(text);
        }
        assert!(!page.body.contains(OWN));
        for form in ["interface?interface=wg0", "peer?interface=wg0&peer=phone"] {
            let page = ada.get(&format!("/router/vpn/{form}")).await.expect(200);
            assert!(!page.body.contains(OWN), "{form}");
        }
    }
}

#[tokio::test]
async fn a_client_is_made_whose_private_key_only_its_maker_sees() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let page = ada.post("/router/vpn/client", &CLIENT).await.expect(200);
        assert_eq!(page.header("cache-control"), "no-store");
        page.says("<svg class=\"qr\"");
        let private = line(&page, "PrivateKey");
        vyos::edit::value::wireguard_key(&private).expect("a key");
        assert_eq!(line(&page, "Endpoint"), "gw.example.org:51820");
        assert_eq!(line(&page, "AllowedIPs"), "0.0.0.0/0, ::/0");
        assert_ne!(line(&page, "PublicKey"), OWN);
        let shared = line(&page, "PresharedKey");
        vyos::edit::value::wireguard_key(&shared).expect("a key");

        let plan = plan_in(&page);
        let review = ada.get(&plan).await.expect(200);
        review.says("set interfaces wireguard wg0 peer anna-phone allowed-ips 10.99.0.3/32");
        review.says("set interfaces wireguard wg0 peer anna-phone public-key");
        review.says("set interfaces wireguard wg0 peer anna-phone preshared-key");
        assert!(!review.body.contains(&private) && !review.body.contains(&shared));
        ada.post(&plan, &[("minutes", "10"), ("typed", "vyos")]).await.expect(303);
        let peer = "interfaces wireguard wg0 peer anna-phone";
        let public = bed.runs(&format!("{peer} public-key")).expect("a peer");
        assert_eq!(public.len(), 44);
        assert_eq!(bed.runs(&format!("{peer} preshared-key")), Some(shared.clone()));
        assert_ne!(public, private);

        for path in ["/router/vpn", "/router/changes", "/router/config", "/events", "/audit"] {
            let page = ada.get(path).await.body;
            assert!(!page.contains(&private) && !page.contains(&shared), "{path}");
        }
        assert!(!is_kept(bed.bed.dir.path(), &private), "kept on disk");
        assert!(!bed.bed.audit().await.join("\n").contains(&private));
    }
}

#[tokio::test]
async fn the_clients_file_is_what_stood_on_the_page() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    let config = "[Interface]\r\nPrivateKey = x\r\n";
    let fields = [("name", "anna\"/phone"), ("config", config)];
    let file = ada.post("/router/vpn/client/file", &fields).await.expect(200);
    assert_eq!(file.body, "[Interface]\nPrivateKey = x\n");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"annaphone.conf\"");
    assert!(file.header("content-type").starts_with("text/plain"));
    let other = [("name", "x"), ("config", "<script>")];
    ada.post("/router/vpn/client/file", &other).await.expect(422);
}

#[tokio::test]
async fn what_is_wrong_with_a_client_is_told_beside_its_field() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    for (name, value, said) in [
        ("client", "two words", "e-client"),
        ("client", "phone", "There is one of this name"),
        ("client_addresses", "10.99.0.2/32", "is behind phone already"),
        ("client_addresses", "", "At least one is needed"),
        ("client_endpoint", "gw.example.org\nPostUp = reboot", "A name or address"),
        ("client_dns", "1.1.1.1\nPostUp=reboot", "Addresses of name servers"),
        ("client_routes", "everything", "e-client_routes"),
        ("client_keepalive", "-1", "1 to 65535 seconds"),
    ] {
        let page = ada.post("/router/vpn/client", &with(&CLIENT, name, value)).await.expect(422);
        page.says(said);
        assert!(!page.body.contains("PrivateKey"), "{name}");
    }
    ada.post("/router/vpn/client", &with(&CLIENT, "interface", "wg7")).await.expect(404);
}

#[tokio::test]
async fn a_client_that_has_its_key_goes_straight_to_review() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let fields: Vec<_> = CLIENT.into_iter().chain([("client_key", KEY)]).collect();
    let answer = ada.post("/router/vpn/client", &fields).await;
    let planned = bed.planned(&mut ada, &answer).await;
    let set = "set interfaces wireguard wg0 peer anna-phone";
    assert_eq!(
        planned,
        [format!("{set} allowed-ips 10.99.0.3/32"), format!("{set} public-key {KEY}")]
    );
}

#[tokio::test]
async fn an_interface_is_made_with_its_first_client_and_deleted_with_it() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let form = ada.get("/router/vpn/interface").await.expect(200);
        form.says("value=\"wg1\"");
        form.says("value=\"51821\"");
        let mut fields = vec![
            ("name", "wg1"),
            ("description", "Guests"),
            ("addresses", "10.77.0.1/24"),
            ("port", "51821"),
            ("mtu", ""),
            ("enabled", "1"),
        ];
        fields.extend(with(&CLIENT, "client_addresses", "10.77.0.2/32").into_iter().skip(1));
        let page = ada.post("/router/vpn/interface", &fields).await.expect(200);
        let plan = plan_in(&page);
        let review = ada.get(&plan).await.expect(200);
        review.says("set interfaces wireguard wg1 private-key");
        ada.post(&plan, &[("minutes", "10"), ("typed", "vyos")]).await.expect(303);
        let own = bed.runs("interfaces wireguard wg1 private-key").expect("a key");
        assert!(!review.body.contains(&own) && !page.body.contains(&own), "shown");
        assert_eq!(bed.runs("interfaces wireguard wg1 port").as_deref(), Some("51821"));
        assert!(bed.runs("interfaces wireguard wg1 peer anna-phone public-key").is_some());

        let answer = ada.post("/router/vpn/interface/delete", &[("interface", "wg1")]).await;
        let planned = bed.planned(&mut ada, &answer).await;
        assert_eq!(planned, ["delete interfaces wireguard wg1"]);
    }
}

#[tokio::test]
async fn peers_and_interfaces_are_changed_and_the_last_peer_stays() {
    let (bed, mut ada) = RouterBed::new(Release::Sagitta).await;
    let fields = [
        ("interface", "wg0"),
        ("peer", "phone"),
        ("name", "phone"),
        ("description", ""),
        ("public_key", KEY),
        ("allowed_ips", "10.99.0.2/32, 192.168.50.0/24"),
        ("endpoint_address", "198.51.100.9"),
        ("endpoint_port", "51820"),
        ("keepalive", "25"),
        ("enabled", "1"),
    ];
    let answer = ada.post("/router/vpn/peer", &fields).await;
    bed.apply(&mut ada, &answer).await.expect(303);
    let peer = "interfaces wireguard wg0 peer phone";
    assert_eq!(bed.runs(&format!("{peer} public-key")).as_deref(), Some(KEY));
    let behind = bed.runs(&format!("{peer} allowed-ips")).expect("networks");
    assert_eq!(behind, "10.99.0.2/32 192.168.50.0/24");

    let wrong = with(&fields, "endpoint_port", "");
    ada.post("/router/vpn/peer", &wrong).await.expect(422).says("Address and port together");
    let wrong = with(&fields, "public_key", "<script>alert(1)</script>");
    let page = ada.post("/router/vpn/peer", &wrong).await.expect(422);
    page.says("A key of 44 characters");
    assert!(!page.body.contains("<script>alert"));

    let last = [("interface", "wg0"), ("peer", "phone")];
    let answer = ada.post("/router/vpn/peer/delete", &last).await;
    assert_eq!(answer.location(), "/router/vpn");
    ada.get("/router/vpn").await.says("delete the interface");
}

#[tokio::test]
async fn who_may_only_look_sees_vpns_and_no_forms() {
    let (bed, _) = RouterBed::new(Release::Current).await;
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/vpn").await.expect(200);
    page.says("phone");
    for word in ["/router/vpn/client", "/router/vpn/interface", "/router/vpn/peer"] {
        assert!(!page.body.contains(word), "{word}");
        viewer.get(&format!("{word}?interface=wg0")).await.expect(403);
        viewer.post(word, &CLIENT).await.expect(403);
    }
}

#[tokio::test]
async fn hostile_words_in_the_configuration_are_inert() {
    let evil = "set interfaces wireguard wg0 description '<img src=x onerror=alert(1)>'\n\
                set interfaces openvpn vtun0 mode 'client'\n\
                set interfaces openvpn vtun0 description '\"><script>alert(2)</script>'";
    let (_bed, mut ada) = RouterBed::with(Release::Current, evil, system::Options::default()).await;
    let page = ada.get("/router/vpn").await.expect(200);
    assert!(!page.body.contains("<img") && !page.body.contains("<script>"));
    page.says("alert(2)");
}
