use access::Role;

use crate::router::{BOTH, Release, RouterBed};
use crate::{HOSTILE, is_inert};

#[tokio::test]
async fn the_page_says_who_may_ask_and_who_is_asked() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    let page = ada.get("/router/dns").await.expect(200);
    for text in ["192.168.1.1", "192.168.1.0/24", "own name servers", "nas.home.arpa"] {
        page.says(text);
    }
}

#[tokio::test]
async fn the_forwarder_is_changed() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let fields = [
            ("listen_addresses", "192.168.1.1"),
            ("allow_from", "192.168.1.0/24"),
            ("name_servers", "9.9.9.9\r\n1.1.1.1 853"),
            ("cache_size", "10000"),
            ("dnssec", "validate"),
        ];
        let answer = ada.post("/router/dns/forwarder", &fields).await;
        let at = "service dns forwarding";
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            [
                format!("delete {at} system"),
                format!("set {at} dnssec validate"),
                format!("set {at} name-server 1.1.1.1 port 853"),
                format!("set {at} name-server 9.9.9.9"),
            ]
        );
        bed.apply(&mut ada, &answer).await.location();
        assert_eq!(bed.runs(&format!("{at} dnssec")).as_deref(), Some("validate"));
        let page = ada.post("/router/dns/forwarder", &[("allow_from", "all")]).await.expect(422);
        page.says("id=\"e-allow_from\"");
        page.says("id=\"e-listen_addresses\"");
    }
}

#[tokio::test]
async fn a_domain_gets_servers_of_its_own_and_loses_them() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let fields = [("domain", "office.example"), ("name_servers", "10.0.0.53")];
    let answer = ada.post("/router/dns/domain", &fields).await;
    let at = "service dns forwarding domain office.example";
    let commands = bed.planned(&mut ada, &answer).await;
    assert_eq!(commands, [format!("set {at} name-server 10.0.0.53")]);
    bed.apply(&mut ada, &answer).await.location();
    ada.get("/router/dns").await.expect(200).says("office.example");
    ada.get("/router/dns/domain?old=office.example").await.expect(200).says("10.0.0.53</textarea>");
    let page = ada.post("/router/dns/domain", &fields).await.expect(422);
    page.says("It is there already");
    let answer = ada.post("/router/dns/domain/delete", &fields[..1]).await;
    let commands = bed.planned(&mut ada, &answer).await;
    assert_eq!(commands, ["delete service dns forwarding domain"]);
}

#[tokio::test]
async fn a_host_gets_a_name_a_new_name_and_none() {
    let (bed, mut ada) = RouterBed::new(Release::Sagitta).await;
    let fields = [("name", "nas.lan"), ("addresses", "192.168.1.10"), ("aliases", "files.lan")];
    let answer = ada.post("/router/dns/host", &fields).await;
    let at = "system static-host-mapping host-name nas.lan";
    assert_eq!(
        bed.planned(&mut ada, &answer).await,
        [format!("set {at} alias files.lan"), format!("set {at} inet 192.168.1.10")]
    );
    bed.apply(&mut ada, &answer).await.location();
    assert_eq!(bed.runs(&format!("{at} inet")).as_deref(), Some("192.168.1.10"));
    let fields = [("old", "nas.lan"), ("name", "box.lan"), ("addresses", "192.168.1.10")];
    let answer = ada.post("/router/dns/host", &fields).await;
    let commands = bed.planned(&mut ada, &answer).await;
    assert!(commands.iter().any(|command| *command == format!("delete {at}")), "{commands:?}");
    let answer = ada.post("/router/dns/host/delete", &[("name", "nas.lan")]).await;
    assert_eq!(bed.planned(&mut ada, &answer).await.len(), 1);
    let page = ada.post("/router/dns/host", &[("name", "-"), ("addresses", "x")]).await.expect(422);
    page.says("id=\"e-name\"");
    page.says("id=\"e-addresses\"");
    ada.post("/router/dns/host/delete", &[("name", "nobody")]).await.expect(404);
}

#[tokio::test]
async fn without_a_forwarder_it_can_be_set_up_and_a_viewer_cannot() {
    let more =
        format!("delete service dns\nset system static-host-mapping host-name a alias '{HOSTILE}'");
    let (bed, mut ada) = RouterBed::with(Release::Current, &more, system::Options::default()).await;
    let page = ada.get("/router/dns").await.expect(200);
    page.says("Set it up");
    is_inert(&page);
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/dns").await.expect(200);
    assert!(!page.body.contains("Set it up"));
    for path in ["/router/dns/forwarder", "/router/dns/domain", "/router/dns/host"] {
        viewer.get(path).await.expect(403);
        viewer.post(path, &[]).await.expect(403);
    }
}
