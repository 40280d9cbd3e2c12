//! Devices through a VPN, over a stand-in for the router.
#![allow(missing_docs, clippy::pedantic, clippy::unwrap_used)]

mod bed;
#[path = "bed/router.rs"]
mod router;

use access::Role;
use discovery::edit::NewDevice;
use model::Timestamp;
use router::{BOTH, Release, RouterBed};

const TV: &str = "02:00:00:00:10:30";

/// Applies a plan and keeps it, as the next change of the same wants it.
async fn kept(bed: &RouterBed, ada: &mut bed::Browser, answer: &bed::Answer) {
    let applied = bed.apply(ada, answer).await;
    let keep = format!("{}/keep", applied.location());
    ada.post(&keep, &[]).await.expect(303);
}

async fn with_a_tv(release: Release) -> (RouterBed, bed::Browser) {
    let (bed, ada) = RouterBed::new(release).await;
    let new = NewDevice {
        mac: TV.parse().unwrap(),
        name: Some("Living room TV".to_owned()),
        notes: None,
    };
    bed.bed.site.discovery.create(new, Timestamp::now(), |_, _| Ok(())).await.unwrap();
    (bed, ada)
}

fn fields(kill: bool) -> Vec<(&'static str, &'static str)> {
    let mut fields = vec![
        ("name", "TV"),
        ("device.02:00:00:00:10:30", "1"),
        ("devices", "192.168.1.77"),
        ("from.eth1", "1"),
        ("via", "wg0"),
    ];
    if kill {
        fields.push(("kill_switch", "1"));
    }
    fields
}

#[tokio::test]
async fn chosen_devices_go_through_a_vpn_and_nowhere_else() {
    for release in BOTH {
        let (bed, mut ada) = with_a_tv(release).await;
        ada.get("/router/policy").await.expect(200).says("Everything takes the usual way");
        let form = ada.get("/router/policy/new").await.expect(200);
        form.says("Living room TV");
        form.says("name=\"kill_switch\" value=\"1\" checked");
        let answer = ada.post("/router/policy/new", &fields(true)).await;
        let planned = bed.planned(&mut ada, &answer).await.join("\n").replace('\'', "");
        for line in [
            "set policy route TV interface eth1",
            "set policy route6 TV interface eth1",
            "set protocols static table 100 route 0.0.0.0/0 interface wg0",
            "set protocols static table 100 route 0.0.0.0/0 blackhole distance 254",
            "set protocols static table 100 route6 ::/0 blackhole distance 254",
            "source mac-address 02:00:00:00:10:30",
            "source address 192.168.1.77",
        ] {
            assert!(planned.contains(line), "{line} is not in\n{planned}");
        }
        kept(&bed, &mut ada, &answer).await;
        let list = ada.get("/router/policy").await.expect(200);
        list.says("Living room TV");
        list.says("nothing leaves");
        list.says("IPv4 and IPv6");
        let page = ada.get("/router/policy/TV").await.expect(200);
        page.says("name=\"device.02:00:00:00:10:30\" value=\"1\" checked");
        page.says("192.168.1.77</textarea>");
    }
}

#[tokio::test]
async fn a_policy_is_switched_off_changed_and_removed_without_a_trace() {
    let (bed, mut ada) = with_a_tv(Release::Current).await;
    let before = bed.sim.running();
    let answer = ada.post("/router/policy/new", &fields(false)).await;
    kept(&bed, &mut ada, &answer).await;
    ada.get("/router/policy").await.expect(200).says("they go out as all others");
    let answer = ada.post("/router/policy", &[("do", "off TV")]).await;
    kept(&bed, &mut ada, &answer).await;
    ada.get("/router/policy").await.expect(200).says("<span class=\"st quiet\">off</span>");
    let answer = ada.post("/router/policy", &[("do", "on TV")]).await;
    kept(&bed, &mut ada, &answer).await;
    let answer = ada.post("/router/policy/TV", &fields(true)).await;
    let planned = bed.planned(&mut ada, &answer).await.join("\n");
    assert!(planned.contains("blackhole"), "{planned}");
    let answer = ada.post("/router/policy", &[("do", "remove TV")]).await;
    kept(&bed, &mut ada, &answer).await;
    assert!(bed.sim.running().means_the_same(&before));
    ada.post("/router/policy", &[("do", "remove TV")]).await.expect(404);
    ada.get("/router/policy/TV").await.expect(404);
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_its_field() {
    let (_bed, mut ada) = with_a_tv(Release::Current).await;
    let wrong = [("name", "a b"), ("devices", "tv"), ("via", "wg7")];
    let page = ada.post("/router/policy/new", &wrong).await.expect(422);
    for field in ["name", "devices", "from", "via"] {
        page.says(&format!("id=\"e-{field}\""));
    }
    page.says(">tv</textarea>");
}

#[tokio::test]
async fn policies_of_others_are_shown_and_left_alone() {
    let more = "set policy route MARK rule 10 set mark '7'\n\
                set policy route MARK rule 10 source address '10.9.9.0/24'\n\
                set policy route MARK rule 10 description '<script>alert(1)</script>'\n";
    let (bed, mut ada) = RouterBed::with(Release::Current, more, system::Options::default()).await;
    let page = ada.get("/router/policy").await.expect(200);
    page.says("Other policy routes");
    page.says("from 10.9.9.0/24");
    assert!(!page.body.contains("<script>alert"));
    ada.post("/router/policy", &[("do", "remove MARK")]).await.expect(404);
    let mut viewer = bed.bed.person(Role::Viewer).await;
    viewer.get("/router/policy").await.expect(200);
    viewer.post("/router/policy", &[("do", "off MARK")]).await.expect(403);
}
