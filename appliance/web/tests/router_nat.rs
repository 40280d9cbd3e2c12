//! The pages of the router's NAT, over a stand-in for the router.
#![allow(missing_docs, clippy::pedantic)]

mod bed;
#[path = "bed/router.rs"]
mod router;

use access::Role;
use router::{BOTH, Release, RouterBed};

const CLOSED: &str = "set firewall ipv4 forward filter default-action 'drop'\n\
                      set interfaces ethernet eth0 address '203.0.113.1/24'\n";

/// Applies a plan and keeps it, as the next change of the same wants it.
async fn kept(bed: &RouterBed, ada: &mut bed::Browser, answer: &bed::Answer) {
    let applied = bed.apply(ada, answer).await;
    let keep = format!("{}/keep", applied.location());
    ada.post(&keep, &[]).await.expect(303);
}

async fn closed(release: Release) -> (RouterBed, bed::Browser) {
    RouterBed::with(release, CLOSED, system::Options::default()).await
}

const FORWARD: [(&str, &str); 6] = [
    ("description", "Game server"),
    ("interface", "eth0"),
    ("protocol", "udp"),
    ("port", "27015"),
    ("target", "192.168.1.30"),
    ("target_port", "27016"),
];

#[tokio::test]
async fn port_forwards_are_shown_with_what_the_firewall_does_with_them() {
    for release in BOTH {
        let (_bed, mut ada) = RouterBed::new(release).await;
        let page = ada.get("/router/nat").await.expect(200);
        page.says("HTTPS to NAS");
        page.says("192.168.1.10:443");
        page.says("lets it in");
        page.says("Masquerade LAN");
        page.says("the address of the interface");
        let (_bed, mut ada) = closed(release).await;
        let page = ada.get("/router/nat").await.expect(200);
        page.says("not let in: no rule in");
        page.says("value=\"let-in destination 100\"");
    }
}

#[tokio::test]
async fn a_forward_comes_with_its_firewall_rule_in_the_same_change() {
    for release in BOTH {
        let (bed, mut ada) = closed(release).await;
        let form = ada.get("/router/nat/forward/new").await.expect(200);
        form.says("name=\"with_firewall_rule\" value=\"1\" checked");
        form.says("<option value=\"eth0\" selected>");
        let mut fields = FORWARD.to_vec();
        fields.push(("with_firewall_rule", "1"));
        let answer = ada.post("/router/nat/forward/new", &fields).await;
        let planned = bed.planned(&mut ada, &answer).await.join("\n").replace('\'', "");
        for line in [
            "set nat destination rule 110 translation address 192.168.1.30",
            "set nat destination rule 110 translation port 27016",
            "set nat destination rule 110 inbound-interface name eth0",
            "set firewall ipv4 forward filter rule 5 action accept",
            "set firewall ipv4 forward filter rule 5 destination port 27016",
        ] {
            assert!(planned.contains(line), "{line} is not in\n{planned}");
        }
        kept(&bed, &mut ada, &answer).await;
        let page = ada.get("/router/nat").await.expect(200);
        page.says("Game server");
        page.says("href=\"/router/firewall/ipv4/forward/filter/5\"");
    }
}

#[tokio::test]
async fn a_forward_that_is_kept_out_can_be_let_in() {
    let (bed, mut ada) = closed(Release::Current).await;
    let answer = ada.post("/router/nat", &[("do", "let-in destination 100")]).await;
    let planned = bed.planned(&mut ada, &answer).await.join("\n").replace('\'', "");
    assert!(
        planned.contains("set firewall ipv4 forward filter rule 20 action accept"),
        "{planned}"
    );
    assert!(planned.contains("destination address 192.168.1.10"), "{planned}");
    kept(&bed, &mut ada, &answer).await;
    ada.get("/router/nat").await.expect(200).says("lets it in:");
    let answer = ada.post("/router/nat", &[("do", "let-in destination 100")]).await;
    assert_eq!(answer.location(), "/router/nat", "it is let in already");
}

#[tokio::test]
async fn a_forward_can_work_from_inside() {
    let (bed, mut ada) = closed(Release::Current).await;
    let mut fields = FORWARD.to_vec();
    fields.extend([("hairpin", "1"), ("hairpin_for", "203.0.113.1")]);
    let answer = ada.post("/router/nat/forward/new", &fields).await;
    let planned = bed.planned(&mut ada, &answer).await.join("\n").replace('\'', "");
    assert!(planned.contains("set nat destination rule 120 destination address 203.0.113.1"));
    assert!(planned.contains("translation address masquerade"), "{planned}");
    kept(&bed, &mut ada, &answer).await;
    ada.get("/router/nat").await.expect(200).says(">works</td>");
    let mut fields = FORWARD.to_vec();
    fields.push(("hairpin", "1"));
    let page = ada.post("/router/nat/forward/new", &fields).await.expect(422);
    page.says("id=\"e-hairpin_for\"");
}

#[tokio::test]
async fn what_is_wrong_with_a_forward_is_told_beside_its_field() {
    let (_bed, mut ada) = closed(Release::Sagitta).await;
    let fields = [("interface", "eth9"), ("protocol", "tcp"), ("port", "0"), ("target", "nas")];
    let page = ada.post("/router/nat/forward/new", &fields).await.expect(422);
    for field in ["interface", "port", "target"] {
        page.says(&format!("id=\"e-{field}\""));
    }
    page.says("value=\"nas\"");
}

#[tokio::test]
async fn rules_of_every_list_are_made_changed_moved_and_deleted() {
    for release in BOTH {
        let (bed, mut ada) = closed(release).await;
        let fields = [
            ("outbound", "eth0"),
            ("source.address", "10.1.0.0/16"),
            ("translation.address", "masquerade"),
            ("place", "first"),
        ];
        let answer = ada.post("/router/nat/source/new", &fields).await;
        kept(&bed, &mut ada, &answer).await;
        let at = |words: &str| bed.runs(&format!("nat source rule {words}"));
        assert_eq!(at("10 source address").as_deref(), Some("10.1.0.0/16"));
        let rule = "/router/nat/source/10";
        ada.get(rule).await.expect(200).says("value=\"10.1.0.0/16\"");
        let fields = [("outbound", "eth0"), ("source.address", "10.1.0.0/16"), ("exclude", "1")];
        let answer = ada.post(rule, &fields).await;
        let planned = bed.planned(&mut ada, &answer).await;
        assert!(planned.contains(&"set nat source rule 10 exclude".to_owned()), "{planned:?}");
        let answer = ada.post("/router/nat", &[("do", "down source 10")]).await;
        kept(&bed, &mut ada, &answer).await;
        assert_eq!(at("110 source address").as_deref(), Some("10.1.0.0/16"));
        let answer = ada.post("/router/nat", &[("do", "off source 110")]).await;
        assert_eq!(bed.planned(&mut ada, &answer).await, ["set nat source rule 110 disable"]);
        let answer = ada.post("/router/nat/source/110", &[("do", "delete")]).await;
        assert_eq!(bed.planned(&mut ada, &answer).await, ["delete nat source rule 110"]);
        let fields = [("source.address", "2001:db8::/64"), ("translation.address", "10.0.0.1")];
        let page = ada.post("/router/nat/source66/new", &fields).await.expect(422);
        page.says("id=\"e-translation.address\"");
        for table in ["static", "destination", "destination66"] {
            ada.get(&format!("/router/nat/{table}/new")).await.expect(200);
        }
        ada.get("/router/nat/sideways/new").await.expect(404);
        ada.get("/router/nat/source/7").await.expect(404);
        ada.post("/router/nat", &[("do", "down sideways 10")]).await.expect(400);
    }
}

#[tokio::test]
async fn a_viewer_looks_and_may_not_change() {
    let (bed, _) = closed(Release::Current).await;
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/nat").await.expect(200);
    page.says("HTTPS to NAS");
    assert!(!page.body.contains("name=\"do\""));
    viewer.get("/router/nat/destination/100").await.expect(200).says("may look but not");
    viewer.get("/router/nat/forward/new").await.expect(403);
    viewer.post("/router/nat", &[("do", "off destination 100")]).await.expect(403);
    viewer.post("/router/nat/destination/100", &[("do", "delete")]).await.expect(403);
}

#[tokio::test]
async fn hostile_words_are_shown_inert() {
    let more = "set nat destination rule 100 description '<script>alert(1)</script>{{7*7}}'\n";
    let (_bed, mut ada) = RouterBed::with(Release::Current, more, system::Options::default()).await;
    for path in
        ["/router/nat", "/router/nat/destination/100", "/router/nat/destination/new?copy=100"]
    {
        let page = ada.get(path).await.expect(200);
        assert!(!page.body.contains("<script>alert"), "{path}");
        page.says("{{7*7}}");
    }
}
