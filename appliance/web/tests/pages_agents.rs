//! Hosts with agents, as browsers without JavaScript use their pages.
#![allow(clippy::float_cmp)] // what went in comes out

#[path = "../../agents/tests/common/client.rs"]
mod agent;
mod bed;
mod hosts;

use access::Role;
use bed::Bed;
use serde_json::json;
use wire::{Answer, FromAgent, FromAppliance};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_adds_a_host_gets_one_line_by_which_it_comes_in() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let empty = ada.get("/agents").await.expect(200);
    empty.says("No host has an agent yet").says("/agents/new");
    ada.get("/agents/new").await.expect(200).says("Make a token");
    let fields = [("name", "nas"), ("note", "cellar"), ("lasts", "60")];
    let page = ada.post("/agents/new", &fields).await.expect(200);
    let authority = bed.site.agents.authority();
    page.says("curl -fsSk --pinnedpubkey").says("/install.sh | PANOPTIKON_SERVER=");
    assert!(
        page.body.contains(&authority.pin().replace('+', "&#43;"))
            || page.body.contains(&authority.pin())
    );
    let pair = format!("{:02X}:{:02X}:", authority.fingerprint()[0], authority.fingerprint()[1]);
    page.says(&pair);
    let token = page.body.split("pa1.").nth(1).and_then(|t| t.split(['&', '\'', '<']).next());
    let token = format!("pa1.{}", token.expect("a token"));
    ada.get("/agents").await.expect(200).says("Waiting for their host").lacks(&token);
    let mut host = agent::enrol(door.address, &token, "localhost").await.expect("enrolled");
    let _link = host.link(door.address).await.expect("online");
    let list = ada.get("/agents").await.expect(200);
    list.says("nas").says("cellar").says("Online").lacks("Waiting for their host");
    assert!(bed.audit().await.iter().all(|line| !line.contains(&token)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_shows_all_that_it_reports_and_nothing_of_it_is_markup() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let (host, _link) = hosts::reporting(&bed, &door, "nas").await;
    for range in ["", "?range=24h", "?range=7d", "?range=30d", "?range=nonsense"] {
        let page = ada.get(&format!("/agents/{}{range}", host.id)).await.expect(200);
        for text in [
            "postgres",
            "backup.service",
            "started 3 times anew",
            "nginx:1",
            "192.0.2.5/24",
            "1000 Mbit/s",
            "5432",
            "coretemp",
            "critical at 100",
            "fan1",
            "pts/0",
            "3 % worn",
            "needed by an update",
            "Processors",
            "Reports every",
            "As a table",
        ] {
            page.says(text);
        }
        page.lacks("<data>");
    }
    let id = bed.site.agents.all()[0].id;
    assert_eq!(id.to_string(), host.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_searched_and_counted_and_what_is_selected_is_deleted_once_that_is_sure() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let (nas, _link) = hosts::reporting(&bed, &door, "nas").await;
    let gone = hosts::host(&bed, &door, "old-server").await;
    for (query, shown, hidden) in [
        ("?q=NAS", "nas", "old-server"),
        ("?status=offline", "old-server", ">nas<"),
        ("?status=online", "nas", "old-server"),
        ("?q=nothing", "No", ">nas<"),
    ] {
        ada.get(&format!("/agents{query}")).await.expect(200).says(shown).lacks(hidden);
    }
    let ids = [("id", nas.id.as_str()), ("id", gone.id.as_str())];
    let page = ada.post("/agents/delete", &ids).await.expect(200);
    page.says("Delete 2 hosts?");
    assert_eq!(bed.site.agents.all().len(), 2);
    let sure = [ids[0], ids[1], ("sure", "1")];
    ada.post("/agents/delete", &sure).await.expect(303);
    assert_eq!(bed.site.agents.all().len(), 0);
    ada.post("/agents/delete", &[]).await.expect(303);
    ada.get("/agents").await.expect(200).says("No host was selected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_kept_and_a_wrong_one_is_said_beside_its_field() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let (host, mut link) = hosts::reporting(&bed, &door, "nas").await;
    let path = format!("/agents/{}/settings", host.id);
    let good = [
        ("name", "store"),
        ("note", "cellar"),
        ("interval", "1"),
        ("auth", "1"),
        ("files", "/etc\r\n/srv/www"),
        ("cpu", "80"),
        ("memory", ""),
        ("disk", "90"),
        ("temperature", "70"),
        ("duration", "60"),
        ("offline", "30"),
    ];
    ada.post(&path, &good).await.expect(303);
    let kept = bed.site.agents.all().remove(0);
    assert_eq!((kept.name.as_str(), kept.settings.interval_s), ("store", 1));
    assert_eq!(kept.settings.watch.files, ["/etc", "/srv/www"]);
    assert_eq!(
        (kept.settings.thresholds.cpu_pct, kept.settings.thresholds.memory_pct),
        (Some(80), None)
    );
    let set = loop {
        if let FromAppliance::Set(set) = link.hear().await.expect("it is told")
            && set.interval_s.is_some()
        {
            break set;
        }
    };
    assert_eq!(set.interval_s, Some(1));
    for (field, value, says) in [
        ("cpu", "300", "Give 1 to 100"),
        ("cpu", "much", "Give a whole number"),
        ("interval", "0", "Give 1 to 300"),
        ("files", "etc", "absolute paths"),
        ("name", "", "Give 1 to 64"),
    ] {
        let mut bad = good.to_vec();
        bad.retain(|(name, _)| *name != field);
        bad.push((field, value));
        ada.post(&path, &bad).await.expect(422).says(says);
    }
    assert_eq!(bed.site.agents.all().remove(0).settings, kept.settings);
    ada.post(&format!("/agents/{}/mute", host.id), &[("hours", "8")]).await.expect(303);
    ada.get(&format!("/agents/{}", host.id)).await.expect(200).says("Unmute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_host_is_asked_is_answered_on_the_page() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let (host, mut link) = hosts::reporting(&bed, &door, "nas").await;
    let path = format!("/agents/{}/ask", host.id);
    let agent = tokio::spawn(async move {
        let ask = loop {
            if let FromAppliance::Ask(ask) = link.hear().await.expect("it is asked") {
                break ask;
            }
        };
        let part = Some(json!("reply from <192.0.2.1>"));
        link.say(&FromAgent::Answer(Answer { id: ask.id, part, ..Answer::default() })).await;
        let done = Some(json!({"lost": 0}));
        link.say(&FromAgent::Answer(Answer { id: ask.id, done, ..Answer::default() })).await;
        (link, ask)
    });
    let page = ada.post(&path, &[("command", "ping"), ("target", "192.0.2.1")]).await.expect(200);
    page.says("reply from").says("lost 0").lacks("<192.0.2.1>");
    let (link, ask) = agent.await.expect("asked");
    assert_eq!(ask.args["to"], "192.0.2.1");
    let wrong = ada.post(&path, &[("command", "ping"), ("target", "-f")]).await.expect(422);
    wrong.says("Give an address or a host name");
    ada.post(&path, &[("command", "dance")]).await.expect(422);
    drop(link);
    hosts::until("it is offline", || !bed.site.agents.all()[0].online).await;
    let gone = ada.post(&path, &[("command", "ping"), ("target", "a")]).await.expect(422);
    gone.says("is offline");
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.post(&path, &[("command", "ping"), ("target", "a")]).await.expect(422).says("Your role");
    assert!(bed.audit().await.iter().any(|l| l.starts_with("agent.ask") && l.contains("refused")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_administrator_changes_hosts_and_revoking_lets_the_agent_go() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let (host, mut link) = hosts::reporting(&bed, &door, "nas").await;
    let at = |what: &str| format!("/agents/{}{what}", host.id);
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/agents").await.expect(200).lacks("Add host");
    viewer.get(&at("")).await.expect(200).says("may look but not").lacks("Ask the host");
    viewer.get("/agents/new").await.expect(403);
    for what in ["/settings", "/revoke", "/delete", "/rotate", "/trust", "/mute", "/enrol"] {
        viewer.post(&at(what), &[]).await.expect(403);
    }
    ada.get(&at("/revoke")).await.expect(200).says("Revoke");
    ada.post(&at("/revoke"), &[]).await.expect(303);
    assert_eq!(link.closed().await, 4403);
    ada.get(&at("")).await.expect(200).says("is revoked");
    ada.post(&at("/enrol"), &[]).await.expect(200).says("as nas");
    ada.get("/agents/0000000000000000").await.expect(404);
    ada.get("/agents/nonsense").await.expect(404);
}
