use access::Role;

use crate::router::{BOTH, Release, RouterBed};
use crate::{HOSTILE, is_inert};

#[tokio::test]
async fn the_list_has_what_is_configured_and_what_only_the_kernel_has() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    // The kernel's own view comes from a thread.
    let mut seen = bed.bed.site.system.watch();
    seen.wait_for(|snapshot| snapshot.at.0 > 0).await.unwrap();
    let page = ada.get("/router/interfaces").await.expect(200);
    for text in ["eth0", "WAN", "192.168.1.1/24", "Road warriors", "by DHCP", "wireguard", ">lo<"] {
        page.says(text);
    }
    assert!(!page.body.contains("iJJyEARGK52Ls1GYRCcFvPuTj7WyWYDo"), "a private key");
    let own = ada.get("/router/interfaces/lo").await.expect(200);
    own.says("127.0.0.1/8");
    own.says("Packets");
    ada.get("/router/interfaces/nosuch0").await.expect(404);
}

#[tokio::test]
async fn what_is_filled_in_becomes_exactly_these_commands_and_then_runs() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let fields = [
            ("description", "Uplink"),
            ("mtu", "1400"),
            ("addresses", "192.168.1.1/24\r\n2001:db8:1::1/64"),
            ("enabled", "1"),
        ];
        let answer = ada.post("/router/interfaces/eth1", &fields).await;
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            [
                "delete interfaces ethernet eth1 description LAN",
                "set interfaces ethernet eth1 address 2001:db8:1::1/64",
                "set interfaces ethernet eth1 description Uplink",
                "set interfaces ethernet eth1 mtu 1400",
            ]
        );
        bed.apply(&mut ada, &answer).await.location();
        assert_eq!(bed.runs("interfaces ethernet eth1 mtu").as_deref(), Some("1400"));
        let addresses = bed.runs("interfaces ethernet eth1 address");
        assert_eq!(addresses.as_deref(), Some("192.168.1.1/24 2001:db8:1::1/64"));
    }
}

#[tokio::test]
async fn an_interface_is_switched_off_and_on_again_from_the_list() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let answer = ada.post("/router/interfaces/eth2/switch", &[]).await;
    let commands = bed.planned(&mut ada, &answer).await;
    assert_eq!(commands, ["set interfaces ethernet eth2 disable"]);
    bed.apply(&mut ada, &answer).await.location();
    ada.get("/router/interfaces").await.expect(200).says("switched off");
    let answer = ada.post("/router/interfaces/eth2/switch", &[("on", "1")]).await;
    let commands = bed.planned(&mut ada, &answer).await;
    assert_eq!(commands, ["delete interfaces ethernet eth2 disable"]);
}

#[tokio::test]
async fn wrong_input_is_told_beside_its_field_and_stays_there() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let fields = [("mtu", "20"), ("addresses", "300.1.1.1/24"), ("enabled", "1")];
    let page = ada.post("/router/interfaces/eth1", &fields).await.expect(422);
    page.says("300.1.1.1/24</textarea>");
    page.says("id=\"e-addresses\"");
    page.says("id=\"e-mtu\"");
    let page = ada.post("/router/interfaces/eth1", &[("mtu", "many")]).await.expect(422);
    page.says("id=\"e-mtu\"");
    ada.post("/router/interfaces/nosuch0", &[]).await.expect(404);
    assert!(bed.bed.site.router.unsettled().is_empty());
}

#[tokio::test]
async fn what_the_router_refuses_comes_back_to_the_field() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let under = ["interfaces", "ethernet", "eth2"].map(str::to_owned).to_vec();
    bed.sim.fail_commit_under(Some(under));
    let fields = [("description", "Spare"), ("enabled", "1")];
    let answer = ada.post("/router/interfaces/eth2", &fields).await;
    let review = bed.apply(&mut ada, &answer).await.expect(422);
    let link = review.body.split("href=\"").find(|part| part.starts_with("/router/interfaces/"));
    let link = review.body.split("href=\"").find(|part| part.contains("said=")).or(link).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let page = ada.get(&link).await.expect(200);
    page.says("value=\"Spare\"");
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let (bed, _ada) = RouterBed::new(Release::Current).await;
    let mut viewer = bed.bed.person(Role::Viewer).await;
    for path in ["/router/interfaces", "/router/interfaces/eth1"] {
        let page = viewer.get(path).await.expect(200);
        assert!(!page.body.contains("action=\"/router/interfaces"), "{path} offers a form");
    }
    viewer.post("/router/interfaces/eth1", &[("enabled", "1")]).await.expect(403);
    viewer.post("/router/interfaces/eth1/switch", &[]).await.expect(403);
}

#[tokio::test]
async fn hostile_descriptions_are_only_text() {
    let more = format!("set interfaces ethernet eth2 description '{HOSTILE}'");
    let looks = system::Options::default();
    let (_bed, mut ada) = RouterBed::with(Release::Current, &more, looks).await;
    is_inert(&ada.get("/router/interfaces").await.expect(200));
    is_inert(&ada.get("/router/interfaces/eth2").await.expect(200));
}
