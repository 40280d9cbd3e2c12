//! Changes of the router from the pages: planned, applied, kept, undone, refused; the configuration
//! walked, searched, compared, taken away and brought back.
#![allow(clippy::unwrap_used)]

#[path = "bed/mod.rs"]
mod bed;
#[path = "bed/router.rs"]
mod router;

use access::Role;
use router::{BOTH, Release, RouterBed};

const FORM: &str = "/router/config/commands";

#[tokio::test]
async fn what_is_typed_is_shown_applied_and_kept() {
    for release in BOTH {
        let (router, mut ada) = RouterBed::new(release).await;
        let text = "set system host-name edge\r\ndelete system name-server 9.9.9.9";
        let answer = ada.post(FORM, &[("why", "Rename it"), ("commands", text)]).await;
        assert_eq!(
            router.planned(&mut ada, &answer).await,
            ["set system host-name edge", "delete system name-server 9.9.9.9"]
        );
        let applied = router.apply(&mut ada, &answer).await;
        let change = applied.location().to_owned();
        assert_eq!(router.runs("system host-name").as_deref(), Some("edge"));

        let anywhere = ada.get("/devices").await.expect(200);
        assert!(anywhere.body.contains("will be undone in"), "no banner");
        ada.post(&format!("{change}/keep"), &[]).await;
        let page = ada.get(&change).await.expect(200);
        assert!(page.body.contains("It is kept, and saved."), "{}", page.body);
        let saved = router.sim.saved();
        assert_eq!(saved.value_at(["system", "host-name"]), Some("edge"));
        let anywhere = ada.get("/devices").await.expect(200);
        assert!(!anywhere.body.contains("will be undone in"));
    }
}

#[tokio::test]
async fn a_change_is_undone_from_any_page() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    let before = router.sim.running();
    let answer = ada.post(FORM, &[("commands", "set system host-name edge")]).await;
    let change = router.apply(&mut ada, &answer).await.location().to_owned();
    ada.post(&format!("{change}/undo"), &[]).await;
    assert!(router.sim.running().means_the_same(&before));
    let list = ada.get("/router/changes").await.expect(200);
    assert!(list.body.contains("undone"), "{}", list.body);
}

#[tokio::test]
async fn the_routers_own_words_stand_on_the_form_that_is_filled_in_again() {
    for release in BOTH {
        let (router, mut ada) = RouterBed::new(release).await;
        let before = router.sim.running();
        let form = [("why", "Rename"), ("commands", "set system host-name bad_name!")];
        let answer = ada.post(FORM, &form).await;
        let refused = router.apply(&mut ada, &answer).await.expect(422);
        assert!(refused.body.contains("Nothing was changed."), "{}", refused.body);
        assert!(refused.body.contains("Set failed"), "{}", refused.body);
        assert_eq!(router.sim.running(), before);

        let again = refused.body.split("href=\"/router/config/commands?").nth(1).unwrap();
        let again = again.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
        let form = ada.get(&format!("{FORM}?{again}")).await.expect(200);
        assert!(form.body.contains("set system host-name bad_name!"), "{}", form.body);
        assert!(form.body.contains("Set failed"), "{}", form.body);
    }
}

#[tokio::test]
async fn what_may_cut_somebody_off_is_confirmed_by_typing() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    let text = "set firewall ipv4 input filter default-action drop";
    let answer = ada.post(FORM, &[("commands", text)]).await;
    let path = answer.location().to_owned();
    let page = ada.get(&path).await.expect(200);
    assert!(page.body.contains("guards the router itself"), "{}", page.body);
    for typed in ["", "yes", "VYOS"] {
        ada.post(&path, &[("minutes", "2"), ("typed", typed)]).await.expect(422);
        let action = router.runs("firewall ipv4 input filter default-action");
        assert_eq!(action.as_deref(), Some("accept"), "{typed}");
    }
    ada.post(&path, &[("minutes", "2"), ("typed", "vyos")]).await.expect(303);
    let action = router.runs("firewall ipv4 input filter default-action");
    assert_eq!(action.as_deref(), Some("drop"));
}

#[tokio::test]
async fn what_takes_our_own_access_is_never_offered_to_be_applied() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    let answer = ada.post(FORM, &[("commands", "delete service https api")]).await;
    let path = answer.location().to_owned();
    let page = ada.get(&path).await.expect(200);
    assert!(!page.body.contains(">Apply</button>"), "{}", page.body);
    ada.post(&path, &[("minutes", "2"), ("typed", "vyos")]).await.expect(422);
    assert!(router.runs("service https api keys id panoptikon key").is_some());
}

#[tokio::test]
async fn nonsense_is_told_beside_its_field_and_harm_is_not_sent() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    for (commands, said) in [
        ("", "Write at least one command"),
        ("show version", "is no command"),
        ("set system 'host", "quote is not closed"),
        ("set", "path is missing"),
        ("set interfaces ethernet eth2 description //lost", "begins with //"),
        ("set interfaces ethernet eth2 description 'a\"b'", "quotation mark"),
        ("set interfaces ethernet eth2 description ' blank'", "begins with a blank"),
    ] {
        let sent = router.sim.request_count();
        let answer = ada.post(FORM, &[("commands", commands)]).await.expect(422);
        let text = answer.body.replace("&#34;", "\"").replace("&#39;", "'");
        assert!(text.contains(said), "{commands}: {text}");
        let writes = router.sim.requests().into_iter().filter(|s| s.path == "/configure").count();
        assert_eq!(writes, 0, "{commands}: {sent}");
    }
}

#[tokio::test]
async fn hostile_values_are_shown_inert() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    let hostile = "<script>alert(1)</script>{{7*7}}";
    let command = format!("set interfaces ethernet eth2 description '{hostile}'");
    let answer = ada.post(FORM, &[("why", hostile), ("commands", &command)]).await;
    assert_eq!(router.planned(&mut ada, &answer).await, [command]);
    let change = router.apply(&mut ada, &answer).await.location().to_owned();
    let description = router.runs("interfaces ethernet eth2 description");
    assert_eq!(description.as_deref(), Some(hostile), "not sent unaltered");
    for path in [&change, "/router/changes", "/router/config?q=alert", "/router/config/raw", "/"] {
        let page = ada.get(path).await.expect(200);
        assert!(!page.body.contains("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn the_configuration_is_walked_searched_and_shown_without_secrets() {
    for release in BOTH {
        let (router, mut ada) = RouterBed::new(release).await;
        let top = ada.get("/router/config").await.expect(200);
        for name in ["firewall", "interfaces", "nat", "service", "system"] {
            assert!(top.body.contains(&format!(">{name}</a>")), "{name}");
        }
        let found = ada.get("/router/config?q=192.168.1.10").await.expect(200);
        assert!(found.body.contains("static-mapping nas"), "{}", found.body);
        let key = router.sim.key();
        for path in [
            "/router/config?q=key",
            "/router/config/raw",
            "/router/config/download",
            "/router/config?at=service%1Fhttps%1Fapi%1Fkeys%1Fid%1Fpanoptikon",
            "/router/config?at=interfaces%1Fwireguard%1Fwg0",
        ] {
            let page = ada.get(path).await.expect(200);
            assert!(!page.body.contains(&key), "the key stands on {path}");
            assert!(!page.body.contains("iJJyEARGK52Ls1GYRCcFvPuTj7WyWYDo"), "{path}");
        }
        let whole = ada.get("/router/config/download?secrets=1").await.expect(200);
        assert!(whole.body.contains(&key));
        assert!(ada.get("/router/config?at=no%1Fsuch").await.status.as_u16() == 404);
    }
}

#[tokio::test]
async fn a_snapshot_is_kept_compared_and_brought_back() {
    let (router, mut ada) = RouterBed::new(Release::Sagitta).await;
    let before = router.sim.running();
    ada.post("/router/config/snapshots", &[("label", "as it was")]).await.expect(303);
    let answer = ada.post(FORM, &[("commands", "set system host-name edge")]).await;
    router.apply(&mut ada, &answer).await.expect(303);
    let diff = ada.get("/router/config/diff?from=1&to=running").await.expect(200);
    assert!(diff.body.contains("set system host-name edge"), "{}", diff.body);
    assert!(diff.body.contains("as it was"), "{}", diff.body);
    let change = ada.get("/router/changes").await.expect(200).body;
    let number = change.split("/router/changes/").nth(1).unwrap();
    let number = number.split(['"', '/']).next().unwrap();
    ada.post(&format!("/router/changes/{number}/keep"), &[]).await;

    let answer = ada.post("/router/config/snapshots/1/restore", &[]).await;
    router.apply(&mut ada, &answer).await.expect(303);
    assert!(router.sim.running().means_the_same(&before));
    ada.post("/router/config/snapshots/1/delete", &[]).await.expect(303);
    assert!(ada.get("/router/config/diff?from=1&to=running").await.status.as_u16() == 404);
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_and_sees_no_secret() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    let answer = ada.post(FORM, &[("commands", "set system host-name edge")]).await;
    let plan = answer.location().to_owned();
    let change = router.apply(&mut ada, &answer).await.location().to_owned();
    for role in Role::ALL.iter().filter(|role| **role != Role::Administrator) {
        let mut other = router.bed.person(*role).await;
        let page = other.get(&change).await.expect(200);
        assert!(!page.body.contains("Keep it</button>"), "{role}");
        for path in [&format!("{change}/keep"), &format!("{change}/undo"), "/router/save", FORM] {
            other.post(path, &[("commands", "set system host-name x")]).await.expect(403);
        }
        other.get(&plan).await.expect(403);
        other.get("/router/config/download?secrets=1").await.expect(403);
        other.get("/router/config/download").await.expect(200);
    }
    assert_eq!(router.runs("system host-name").as_deref(), Some("edge"));
}

#[tokio::test]
async fn a_plan_is_its_makers_own() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    let answer = ada.post(FORM, &[("commands", "set system host-name edge")]).await;
    let plan = answer.location().to_owned();
    let mut ben = router.bed.person(Role::Administrator).await;
    ben.get(&plan).await.expect(404);
    ben.post(&plan, &[("minutes", "2")]).await.expect(404);
    assert_eq!(router.runs("system host-name").as_deref(), Some("vyos"));
    let applied = router.apply(&mut ada, &answer).await.expect(303);
    // Pressed twice, and asked for once more.
    let again = ada.post(&plan, &[("minutes", "2")]).await.expect(303);
    assert_eq!(again.location(), applied.location());
    assert_eq!(ada.get(&plan).await.expect(303).location(), applied.location());
}

#[tokio::test]
async fn a_commit_of_the_routers_own_archive_becomes_a_snapshot_and_names_who_made_it() {
    let (router, mut ada) = RouterBed::new(Release::Current).await;
    ada.get("/router/config").await.expect(200);
    let folder = router.bed.dir.path().join("router/config/archive");
    std::fs::create_dir_all(&folder).unwrap();
    let seconds = model::Timestamp::now().0 / 1_000;
    let log = format!("|{seconds}|ben|cli|rename|\n");
    std::fs::write(folder.join("commits"), log).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, b"system {\n    host-name \"older\"\n}\n").unwrap();
    std::fs::write(folder.join("config.boot.0.gz"), packed.finish().unwrap()).unwrap();

    let list = ada.get("/router/config/archive").await.expect(200);
    assert!(list.body.contains("rename") && list.body.contains("ben"), "{}", list.body);
    let kept = ada.post("/router/config/archive/0", &[]).await;
    let page = ada.get(kept.location()).await.expect(200);
    assert!(page.body.contains("set system host-name older"), "{}", page.body);
    ada.post("/router/config/archive/1", &[]).await.expect(404);

    let list = vyos::config::commands::parse("set system host-name renamed").unwrap();
    router.sim.change_outside(&list);
    ada.post("/router/save", &[]).await.expect(303);
    for _ in 0..300 {
        let page = ada.get("/router/changes").await.expect(200);
        if page.body.contains("ben (cli)") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("who changed it is not told");
}
