use access::Role;
use system::routes::Vtysh;

use crate::router::{BOTH, Release, RouterBed};
use crate::{HOSTILE, is_inert};

/// What FRR 8 says of two routes, one of them over two ways.
const FRR: &str = r#"{"10.9.0.0/16":[{"prefix":"10.9.0.0/16","prefixLen":16,"protocol":"static",
"vrfId":0,"vrfName":"default","selected":true,"destSelected":true,"distance":1,"metric":0,
"installed":true,"table":254,"uptime":"01:00:05","nexthops":[
{"flags":3,"fib":true,"ip":"192.168.1.2","afi":"ipv4","interfaceIndex":2,"interfaceName":"eth1","active":true,"weight":1},
{"flags":3,"fib":true,"ip":"192.168.1.3","afi":"ipv4","interfaceIndex":2,"interfaceName":"eth1","active":true,"weight":1}]}],
"203.0.113.0/24":[{"prefix":"203.0.113.0/24","prefixLen":24,"protocol":"bgp","vrfId":7,"vrfName":"blue",
"distance":20,"metric":5,"table":254,"uptime":"2d03h00m","nexthops":[{"ip":"192.168.1.9","afi":"ipv4","interfaceName":"eth1","active":true}]}]}"#;

/// Asks a file instead of FRR.
async fn with_frr() -> (RouterBed, crate::bed::Browser) {
    let script = format!("cat <<'END'\n{FRR}\nEND\n");
    let vtysh = Vtysh { program: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script] };
    let looks = system::Options { vtysh, ..system::Options::default() };
    RouterBed::with(Release::Current, "", looks).await
}

#[tokio::test]
async fn all_ways_of_a_route_are_shown_with_distance_age_and_vrf() {
    let (_bed, mut ada) = with_frr().await;
    let page = ada.get("/router/routes").await.expect(200);
    for text in
        ["10.9.0.0/16", "192.168.1.2 on eth1", "192.168.1.3 on eth1", "bgp in VRF blue", "20/5"]
    {
        page.says(text);
    }
    page.says("in use");
    page.says("in reserve");
}

#[tokio::test]
async fn an_address_finds_the_routes_that_lead_to_it() {
    let (_bed, mut ada) = with_frr().await;
    let page = ada.get("/router/routes?q=10.9.44.1").await.expect(200);
    page.says("10.9.0.0/16");
    assert!(!page.body.contains("203.0.113.0/24"));
    let page = ada.get("/router/routes?protocol=bgp").await.expect(200);
    assert!(!page.body.contains("10.9.0.0/16"));
    ada.get("/router/routes?q=nothing").await.expect(200).says("Nothing matches");
}

#[tokio::test]
async fn without_frr_the_kernels_routes_are_shown_and_that_is_said() {
    let vtysh = Vtysh { program: "/nonexistent/vtysh".into(), ..Vtysh::default() };
    let looks = system::Options { vtysh, ..system::Options::default() };
    let (_bed, mut ada) = RouterBed::with(Release::Current, "", looks).await;
    ada.get("/router/routes").await.expect(200).says("These are the kernel");
    ada.get("/router/routes?family=v6").await.expect(200);
}

#[tokio::test]
async fn a_static_route_over_two_ways_is_added_changed_and_deleted() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let fields = [
            ("destination", "10.20.0.0/16"),
            ("description", "Office"),
            ("kind", "hops"),
            ("gateway1", "192.168.1.2"),
            ("gateway2", "192.168.1.3"),
            ("distance2", "20"),
        ];
        let answer = ada.post("/router/routes/static/edit", &fields).await;
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            [
                "set protocols static route 10.20.0.0/16 description Office",
                "set protocols static route 10.20.0.0/16 next-hop 192.168.1.2",
                "set protocols static route 10.20.0.0/16 next-hop 192.168.1.3 distance 20",
            ]
        );
        bed.apply(&mut ada, &answer).await.location();
        let distance = "protocols static route 10.20.0.0/16 next-hop 192.168.1.3 distance";
        assert_eq!(bed.runs(distance).as_deref(), Some("20"));
        let list = ada.get("/router/routes/static").await.expect(200);
        list.says("192.168.1.3, distance 20");
        let form = ada.get("/router/routes/static/edit?old=10.20.0.0/16").await.expect(200);
        form.says("value=\"192.168.1.3\"");

        let fields = [
            ("old", "10.20.0.0/16"),
            ("destination", "10.20.0.0/16"),
            ("description", "Office"),
            ("kind", "blackhole"),
            ("distance", "254"),
        ];
        let answer = ada.post("/router/routes/static/edit", &fields).await;
        let commands = bed.planned(&mut ada, &answer).await;
        let wanted = "set protocols static route 10.20.0.0/16 blackhole distance 254";
        assert_eq!(commands.last().map(String::as_str), Some(wanted));
        assert_eq!(commands.iter().filter(|c| c.starts_with("delete")).count(), 1, "{commands:?}");

        let fields = [("destination", "10.20.0.0/16"), ("table", "")];
        let answer = ada.post("/router/routes/static/delete", &fields).await;
        let commands = bed.planned(&mut ada, &answer).await;
        assert_eq!(commands, ["delete protocols"]);
    }
}

#[tokio::test]
async fn wrong_routes_are_told_beside_the_field() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    let wrong = [
        ("10.20.0.1/16", "192.168.1.2", "Bits are set behind the length"),
        ("10.20.0.0/16", "2001:db8::1", "An IPv4 address"),
        ("10.20.0.0/16", "", "A gateway, an interface"),
    ];
    for (destination, gateway, said) in wrong {
        let fields = [("destination", destination), ("kind", "hops"), ("gateway1", gateway)];
        let page = ada.post("/router/routes/static/edit", &fields).await.expect(422);
        page.says(said);
        page.says(destination);
    }
    ada.get("/router/routes/static/edit?old=10.1.0.0/16").await.expect(404);
}

#[tokio::test]
async fn hostile_routes_are_inert_and_a_viewer_is_offered_nothing() {
    let more = format!(
        "set protocols static route 10.9.0.0/16 description '{HOSTILE}'\n\
                        set protocols static route 10.9.0.0/16 blackhole"
    );
    let (bed, mut ada) = RouterBed::with(Release::Current, &more, system::Options::default()).await;
    is_inert(&ada.get("/router/routes/static").await.expect(200));
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/routes/static").await.expect(200);
    assert!(!page.body.contains("/router/routes/static/edit"));
    viewer.get("/router/routes/static/edit").await.expect(403);
    let fields = [("destination", "10.9.0.0/16")];
    viewer.post("/router/routes/static/delete", &fields).await.expect(403);
}
