use access::Role;

use crate::router::{BOTH, Release, RouterBed};
use crate::{HOSTILE, is_inert};

#[tokio::test]
async fn services_are_listed_with_ports_and_without_keys() {
    let more = "service {\n    lldp {\n        interface eth1 {\n        }\n    }\n    \
                snmp {\n        community topsecret {\n            authorization ro\n        }\n    \
                }\n}\n";
    let (_bed, mut ada) = RouterBed::with(Release::Current, more, system::Options::default()).await;
    let page = ada.get("/router/services").await.expect(200);
    for text in ["SSH", "22/tcp", "8443/tcp", "127.0.0.1", "LLDP", "SNMP", "161/udp", "not set up"]
    {
        page.says(text);
    }
    for secret in ["TESTKEY", "topsecret"] {
        assert!(!page.body.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn ssh_moves_to_another_port() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let fields = [
            ("enabled", "1"),
            ("ports", "2222"),
            ("listen_addresses", "192.168.1.1"),
            ("without_passwords", "1"),
        ];
        let answer = ada.post("/router/services/ssh", &fields).await;
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            [
                "delete service ssh port 22",
                "set service ssh port 2222",
                "set service ssh disable-password-authentication",
                "set service ssh listen-address 192.168.1.1",
            ]
        );
        bed.apply(&mut ada, &answer).await.location();
        assert_eq!(bed.runs("service ssh port").as_deref(), Some("2222"));
        let answer = ada.post("/router/services/ssh", &[]).await;
        assert_eq!(bed.planned(&mut ada, &answer).await, ["delete service ssh"]);
        let wrong = [("enabled", "1"), ("ports", "99999")];
        ada.post("/router/services/ssh", &wrong).await.expect(422).says("id=\"e-ports\"");
    }
}

#[tokio::test]
async fn time_servers_are_set() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let fields =
        [("servers", "time.example.org nts prefer\n192.0.2.1"), ("allowed", "192.168.1.0/24")];
    let answer = ada.post("/router/services/ntp", &fields).await;
    assert_eq!(
        bed.planned(&mut ada, &answer).await,
        [
            "set service ntp allow-client address 192.168.1.0/24",
            "set service ntp server 192.0.2.1",
            "set service ntp server time.example.org nts",
            "set service ntp server time.example.org prefer",
        ]
    );
    let page = ada.post("/router/services/ntp", &[("servers", "a.example bogus")]).await;
    page.expect(422).says("none of nts, pool, prefer");
}

#[tokio::test]
async fn the_web_servers_port_says_what_it_puts_at_risk() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let form = ada.get("/router/services/https").await.expect(200);
    form.says("127.0.0.1</textarea>");
    let fields = [("port", "9443"), ("listen_addresses", "127.0.0.1")];
    let answer = ada.post("/router/services/https", &fields).await;
    let commands = bed.planned(&mut ada, &answer).await;
    assert_eq!(commands, ["delete service https port 8443", "set service https port 9443"]);
    let review = ada.get(answer.location()).await.expect(200);
    review.says("class=\"flash");
    let wrong = [("listen_addresses", "everywhere")];
    ada.post("/router/services/https", &wrong).await.expect(422).says("e-listen_addresses");
}

#[tokio::test]
async fn hostile_services_are_inert_and_a_viewer_changes_none() {
    let more = format!(
        "service {{\n    lldp {{\n        interface \"{HOSTILE}\" {{\n        }}\n    }}\n}}\n"
    );
    let (bed, mut ada) = RouterBed::with(Release::Current, &more, system::Options::default()).await;
    is_inert(&ada.get("/router/services").await.expect(200));
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/services").await.expect(200);
    assert!(!page.body.contains(">Change<"));
    for path in ["/router/services/ssh", "/router/services/https", "/router/services/ntp"] {
        viewer.get(path).await.expect(403);
        viewer.post(path, &[]).await.expect(403);
    }
}

#[tokio::test]
async fn the_router_is_made_to_count_connections_by_a_plan() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let to = "/flows/sources/accounting";
        let plan = ada.post(to, &[]).await.location().to_owned();
        assert!(plan.starts_with("/router/plans/"), "{plan}");
        ada.get(&plan).await.expect(200).says("set system conntrack flow-accounting");
        let mut viewer = bed.bed.person(Role::Viewer).await;
        viewer.post(to, &[]).await.expect(403);
    }
}
