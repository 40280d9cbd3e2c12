//! The pages of the router's firewall, over a stand-in for the router.
#![allow(missing_docs, clippy::pedantic)]

mod bed;
#[path = "bed/router.rs"]
mod router;

use access::Role;
use router::{BOTH, Release, RouterBed};

const FORWARD: &str = "/router/firewall/ipv4/forward/filter";

/// Applies a plan and keeps it, as the next change of the same wants it.
async fn kept(bed: &RouterBed, ada: &mut bed::Browser, answer: &bed::Answer) {
    let applied = bed.apply(ada, answer).await;
    let keep = format!("{}/keep", applied.location());
    ada.post(&keep, &[]).await.expect(303);
}

async fn with(more: &str) -> (RouterBed, bed::Browser) {
    RouterBed::with(Release::Current, more, system::Options::default()).await
}

#[tokio::test]
async fn the_page_shows_what_the_router_does_with_packets() {
    for release in BOTH {
        let (_bed, mut ada) = RouterBed::new(release).await;
        let page = ada.get("/router/firewall").await.expect(200);
        page.says("IPv4 forward");
        page.says("Blocked devices");
        page.says("<li>from mac group BLOCKED</li>");
        page.says("No management from WAN");
        page.says("<li>coming in by group WAN</li>");
        page.says("drop, before any rule");
        let chain = ada.get("/router/firewall/ipv4/input/filter").await.expect(200);
        chain.says("No management from WAN");
        assert!(!chain.body.contains("Blocked devices"));
        ada.get("/router/firewall/ipv4/name/NONE").await.expect(404);
        ada.get("/router/firewall/ipv4/forward/filter/11").await.expect(404);
    }
}

#[tokio::test]
async fn a_new_rule_is_shown_as_commands_and_then_runs() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        ada.get(&format!("{FORWARD}/new")).await.expect(200).says("name=\"destination.port\"");
        let answer = ada
            .post(
                &format!("{FORWARD}/new"),
                &[
                    ("action", "accept"),
                    ("description", "The printer"),
                    ("place", "before 10"),
                    ("protocol", "tcp"),
                    ("destination.address", "192.168.1.20"),
                    ("destination.port", "9100"),
                    ("source.group", "!network-group/LAN-NET"),
                    ("inbound", "group WAN"),
                    ("states.new", "1"),
                    ("log", "1"),
                ],
            )
            .await;
        let rule = "set firewall ipv4 forward filter rule 5";
        let mut planned = bed.planned(&mut ada, &answer).await;
        planned.sort();
        let mut wanted = [
            "action accept",
            "description 'The printer'",
            "destination address 192.168.1.20",
            "destination port 9100",
            "inbound-interface group WAN",
            "log",
            "protocol tcp",
            "source group network-group !LAN-NET",
            "state new",
        ]
        .map(|words| format!("{rule} {words}").replace("!LAN-NET", "'!LAN-NET'"));
        wanted.sort();
        let plain =
            |lines: &[String]| lines.iter().map(|line| line.replace('\'', "")).collect::<Vec<_>>();
        assert_eq!(plain(&planned), plain(&wanted));
        let applied = bed.apply(&mut ada, &answer).await;
        assert!(applied.location().starts_with("/router/changes/"), "{}", applied.location());
        let at = |words: &str| bed.runs(&format!("firewall ipv4 forward filter rule 5 {words}"));
        assert_eq!(at("destination port").as_deref(), Some("9100"));
        assert_eq!(at("source group network-group").as_deref(), Some("!LAN-NET"));
        ada.get(FORWARD).await.expect(200).says("The printer");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_told_beside_its_field() {
    let (bed, mut ada) = RouterBed::new(Release::Sagitta).await;
    let path = format!("{FORWARD}/new");
    let page = ada
        .post(
            &path,
            &[
                ("action", "jump"),
                ("description", "It's \"wrong\""),
                ("destination.port", "9100"),
                ("source.address", "300.1.1.1"),
                ("place", "before 77"),
            ],
        )
        .await
        .expect(422);
    page.says("id=\"e-jump_target\"");
    page.says("id=\"e-description\"");
    page.says("id=\"e-protocol\"");
    page.says("id=\"e-source.address\"");
    page.says("value=\"300.1.1.1\"");
    page.says("value=\"9100\"");
    let sent = ["place", "before 77"];
    let page = ada.post(&path, &[("action", "drop"), (sent[0], sent[1])]).await.expect(422);
    page.says("id=\"e-place\"");
    assert_eq!(bed.runs("firewall ipv4 forward filter rule 5"), None);
}

#[tokio::test]
async fn a_form_that_the_router_refused_comes_back_with_its_words() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    let under = ["firewall", "ipv4", "forward"].map(str::to_owned).to_vec();
    bed.sim.fail_commit_under(Some(under));
    let fields = [("action", "drop"), ("protocol", "tcp"), ("states.new", "1"), ("log", "1")];
    let answer = ada.post(&format!("{FORWARD}/new"), &fields).await;
    let review = bed.apply(&mut ada, &answer).await.expect(422);
    let link = review.body.split("href=\"").find(|part| part.contains("said=")).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let page = ada.get(&link).await.expect(200);
    page.says("Commit failed");
    page.says("<option value=\"drop\" selected>");
    page.says("name=\"states.new\" value=\"1\" checked");
    assert!(!page.body.contains("name=\"states.related\" value=\"1\" checked"));
}

#[tokio::test]
async fn a_link_puts_no_words_of_its_own_into_a_form() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    for said in ["Call+0800-SCAM", "0123456789abcdef01234567"] {
        let page = ada.get(&format!("{FORWARD}/10?action=drop&said={said}")).await.expect(200);
        assert!(!page.body.contains("Call 0800-SCAM"), "{}", page.body);
        page.says("Send it again to see why");
        page.says("<option value=\"drop\" selected>");
    }
}

const MORE: &str = "set firewall ipv4 forward filter rule 11 action 'accept'\n\
                    set firewall ipv4 forward filter rule 11 description 'Second'\n\
                    set firewall ipv4 forward filter rule 11 ttl eq '7'\n\
                    set firewall ipv4 forward filter rule 12 action 'reject'\n\
                    set firewall ipv4 name LIST default-action 'return'\n\
                    set firewall ipv4 name LIST rule 10 action 'accept'\n";

#[tokio::test]
async fn a_moved_rule_is_taken_along_whole_in_one_change() {
    let (bed, mut ada) = with(MORE).await;
    let answer = ada.post(FORWARD, &[("do", "up 11")]).await;
    let planned = bed.planned(&mut ada, &answer).await;
    assert!(planned.iter().any(|line| line == "delete firewall ipv4 forward filter rule 11"));
    assert!(planned.iter().any(|line| line.contains("rule 5 ttl eq")), "{planned:?}");
    kept(&bed, &mut ada, &answer).await;
    assert_eq!(
        bed.runs("firewall ipv4 forward filter rule 5 description").as_deref(),
        Some("Second")
    );
    assert_eq!(bed.runs("firewall ipv4 forward filter rule 11"), None);
    assert!(bed.runs("firewall ipv4 forward filter rule 10").is_some());
    let answer = ada.post(FORWARD, &[("do", "up 5")]).await;
    assert_eq!(answer.location(), FORWARD, "it is the first already");
    for nonsense in ["", "up", "sideways 10", "up x"] {
        ada.post(FORWARD, &[("do", nonsense)]).await.expect(400);
    }
}

#[tokio::test]
async fn rules_are_changed_switched_copied_and_deleted() {
    let (bed, mut ada) = with(MORE).await;
    let answer = ada.post(FORWARD, &[("do", "off 10")]).await;
    assert_eq!(
        bed.planned(&mut ada, &answer).await,
        ["set firewall ipv4 forward filter rule 10 disable"]
    );
    let rule = format!("{FORWARD}/11");
    ada.get(&rule).await.expect(200).says("ttl eq 7");
    let change = [("action", "drop"), ("description", "Second"), ("log", "1")];
    let answer = ada.post(&rule, &change).await;
    let planned = bed.planned(&mut ada, &answer).await;
    let plain: Vec<_> = planned.iter().map(|line| line.replace('\'', "")).collect();
    assert!(plain.contains(&"set firewall ipv4 forward filter rule 11 action drop".to_owned()));
    assert!(plain.contains(&"set firewall ipv4 forward filter rule 11 log".to_owned()));
    assert!(!plain.iter().any(|line| line.contains("ttl")), "what the form does not know stays");
    let copy = ada.get(&format!("{FORWARD}/new?copy=11")).await.expect(200);
    copy.says("value=\"Second\"");
    let answer = ada.post(&rule, &[("do", "delete")]).await;
    assert_eq!(
        bed.planned(&mut ada, &answer).await,
        ["delete firewall ipv4 forward filter rule 11"]
    );
}

#[tokio::test]
async fn a_chain_is_made_jumped_to_and_kept_while_it_is_used() {
    let (bed, mut ada) = with(MORE).await;
    let new = "/router/firewall/chains/new";
    ada.post(new, &[("family", "ipv4"), ("name", "LIST")]).await.expect(422).says("e-name");
    ada.post(new, &[("family", "ipx"), ("name", "X")]).await.expect(422).says("e-family");
    let fields = [("family", "ipv4"), ("name", "GUESTS"), ("default_action", "reject")];
    let answer = ada.post(new, &fields).await;
    kept(&bed, &mut ada, &answer).await;
    assert_eq!(bed.runs("firewall ipv4 name GUESTS default-action").as_deref(), Some("reject"));
    let jump = [("action", "jump"), ("jump_target", "GUESTS"), ("inbound", "eth1")];
    let answer = ada.post(&format!("{FORWARD}/new"), &jump).await;
    kept(&bed, &mut ada, &answer).await;
    let settings = "/router/firewall/ipv4/name/GUESTS/settings";
    let answer = ada.post(settings, &[("do", "delete")]).await;
    assert_eq!(answer.location(), "/router/firewall/ipv4/name/GUESTS");
    ada.get(answer.location()).await.says("Still used by ipv4 forward filter rule");
    let answer = ada.post("/router/firewall/ipv4/name/LIST/settings", &[("do", "delete")]).await;
    assert_eq!(bed.planned(&mut ada, &answer).await, ["delete firewall ipv4 name LIST"]);
    let close = [("default_action", "drop"), ("default_log", "1")];
    let answer = ada.post(&format!("{FORWARD}/settings"), &close).await;
    let planned = bed.planned(&mut ada, &answer).await.join("\n").replace('\'', "");
    assert!(planned.contains("set firewall ipv4 forward filter default-action drop"), "{planned}");
    assert!(planned.contains("set firewall ipv4 forward filter default-log"), "{planned}");
}

#[tokio::test]
async fn a_group_gets_and_loses_members_and_stays_while_it_is_used() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let list = ada.get("/router/firewall/groups").await.expect(200);
        list.says("TRUSTED");
        list.says("href=\"/router/firewall/ipv4/forward/filter/10\"");
        let group = "/router/firewall/groups/mac/BLOCKED";
        let page = ada.post(group, &[("do", "add"), ("add", "02:00:00:aa:bb")]).await.expect(422);
        page.says("aria-invalid=\"true\">02:00:00:aa:bb</textarea>");
        let two = [("do", "add"), ("add", "02:00:00:aa:bb:02, 02:00:00:aa:bb:03")];
        let answer = ada.post(group, &two).await;
        assert_eq!(bed.planned(&mut ada, &answer).await.len(), 2);
        kept(&bed, &mut ada, &answer).await;
        let runs = bed.runs("firewall group mac-group BLOCKED mac-address").unwrap();
        assert!(runs.contains("02:00:00:aa:bb:03"), "{runs}");
        let answer = ada.post(group, &[("do", "remove"), ("member", "02:00:00:aa:bb:01")]).await;
        let planned = bed.planned(&mut ada, &answer).await;
        assert_eq!(planned.len(), 1);
        assert!(planned[0].starts_with("delete firewall group mac-group BLOCKED mac-address"));
        let answer = ada.post(group, &[("do", "delete")]).await;
        assert_eq!(answer.location(), group);
        ada.get(group)
            .await
            .says("Still used in firewall ipv4 forward filter rule 10 source group");
        let new =
            [("name", "CAMERAS"), ("kind", "network"), ("members", "10.7.0.0/24\n10.8.0.0/24")];
        let answer = ada.post("/router/firewall/groups/new", &new).await;
        kept(&bed, &mut ada, &answer).await;
        let runs = bed.runs("firewall group network-group CAMERAS network");
        assert_eq!(runs.as_deref(), Some("10.7.0.0/24 10.8.0.0/24"));
        let same = ada.post("/router/firewall/groups/new", &new).await.expect(422);
        same.says("There is a group of this name already.");
    }
}

#[tokio::test]
async fn zones_are_a_matrix_and_can_be_made_and_changed() {
    let (bed, mut ada) = with(MORE).await;
    ada.get("/router/firewall/zones").await.expect(200).says("No zones");
    let new = "/router/firewall/zones/new";
    ada.post(new, &[("name", "LAN")]).await.expect(422).says("id=\"e-interfaces\"");
    for (name, interface) in [("LAN", "interfaces.eth1"), ("WAN", "interfaces.eth0")] {
        let answer = ada.post(new, &[("name", name), (interface, "1")]).await;
        kept(&bed, &mut ada, &answer).await;
    }
    assert_eq!(bed.runs("firewall zone LAN interface").as_deref(), Some("eth1"));
    let fields =
        [("interfaces.eth1", "1"), ("from.WAN.ipv4", "LIST"), ("default_action", "reject")];
    let answer = ada.post("/router/firewall/zones/LAN", &fields).await;
    kept(&bed, &mut ada, &answer).await;
    assert_eq!(bed.runs("firewall zone LAN from WAN firewall name").as_deref(), Some("LIST"));
    let page = ada.get("/router/firewall/zones").await.expect(200);
    page.says("<a href=\"/router/firewall/ipv4/name/LIST\">LIST</a>");
    page.says("else reject");
    let answer = ada.post("/router/firewall/zones/WAN", &[("do", "delete")]).await;
    assert_eq!(answer.location(), "/router/firewall/zones/WAN", "LAN still has a chain from it");
    ada.get("/router/firewall/zones/NONE").await.expect(404);
}

#[tokio::test]
async fn the_port_of_a_service_is_opened_follows_it_and_is_closed() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let here = "/router/firewall/services";
        ada.get(here).await.expect(200).says("tcp 22");
        let answer = ada.post(here, &[("do", "open ssh"), ("inbound.ssh", "eth1")]).await;
        kept(&bed, &mut ada, &answer).await;
        let rule = "firewall ipv4 input filter rule 9000";
        assert_eq!(bed.runs(&format!("{rule} destination port")).as_deref(), Some("22"));
        assert_eq!(bed.runs(&format!("{rule} inbound-interface name")).as_deref(), Some("eth1"));
        let fields = [
            ("why", "Move SSH"),
            ("commands", "delete service ssh port 22\nset service ssh port 2222"),
        ];
        let moved = ada.post("/router/config/commands", &fields).await;
        kept(&bed, &mut ada, &moved).await;
        ada.get(here).await.expect(200).says("opens something else");
        let answer = ada.post(here, &[("do", "follow")]).await;
        let planned = bed.planned(&mut ada, &answer).await.join("\n").replace('\'', "");
        assert!(planned.contains("rule 9000 destination port 2222"), "{planned}");
        kept(&bed, &mut ada, &answer).await;
        let answer = ada.post(here, &[("do", "close ssh")]).await;
        assert_eq!(bed.planned(&mut ada, &answer).await, [format!("delete {rule}")]);
        let answer = ada.post(here, &[("do", "open snmp")]).await;
        assert_eq!(answer.location(), here, "there is no such service");
    }
}

#[tokio::test]
async fn a_viewer_looks_and_may_not_change() {
    let (bed, _) = with(MORE).await;
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/firewall").await.expect(200);
    page.says("Second");
    assert!(!page.body.contains("name=\"do\""));
    let rule = viewer.get(&format!("{FORWARD}/11")).await.expect(200);
    rule.says("may look but not change the router");
    assert!(!rule.body.contains("name=\"action\""));
    viewer.get("/router/firewall/groups/mac/BLOCKED").await.expect(200).says("02:00:00:aa:bb:01");
    for (path, field) in [
        (FORWARD, "off 10"),
        ("/router/firewall/ipv4/forward/filter/11", "delete"),
        ("/router/firewall/groups/mac/BLOCKED", "delete"),
        ("/router/firewall/ipv4/name/LIST/settings", "delete"),
    ] {
        viewer.post(path, &[("do", field)]).await.expect(403);
    }
}

#[tokio::test]
async fn hostile_words_of_a_configuration_are_shown_inert() {
    let nasty = "<script>alert(1)</script>{{7*7}}";
    let more = format!(
        "set firewall ipv4 forward filter rule 10 description '{nasty}'\n\
         set firewall group address-group TRUSTED description '{nasty}'\n\
         set firewall ipv4 forward filter description '{nasty}'\n"
    );
    let (_bed, mut ada) = with(&more).await;
    for path in [
        "/router/firewall",
        FORWARD,
        "/router/firewall/ipv4/forward/filter/10",
        "/router/firewall/ipv4/forward/filter/settings",
        "/router/firewall/groups",
        "/router/firewall/groups/address/TRUSTED",
    ] {
        let page = ada.get(path).await.expect(200);
        assert!(!page.body.contains("<script>alert"), "{path}");
        page.says("{{7*7}}");
    }
    ada.get("/router/firewall/log?rule=%3Cscript%3Ealert(1)&q=%22").await.expect(200);
}

#[tokio::test]
async fn a_router_that_cannot_be_asked_is_told_of_on_every_page() {
    let (_bed, mut ada) = bed::Bed::ready().await;
    for path in ["/router/firewall", "/router/firewall/zones", "/router/firewall/groups", FORWARD] {
        ada.get(path).await.expect(503).says("Try again");
    }
}
