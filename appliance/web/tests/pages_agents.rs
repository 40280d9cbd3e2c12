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
    // No line on the page holds the token: it is asked for.
    page.says("as root").says("install.sh | sudo PANOPTIKON_SERVER=").lacks("PANOPTIKON_TOKEN");
    assert_eq!(page.body.matches("pa1.").count(), 1);
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
async fn hosts_are_deleted_by_a_pattern_once_it_was_shown_which_would_go() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    for name in ["old-web", "OLD-mail", "very-old-nas", "nas"] {
        hosts::host(&bed, &door, name).await;
    }
    ada.get("/agents").await.expect(200).says("Delete by name").says("name=\"pattern\"");
    let shown = ada.post("/agents/delete", &[("pattern", "old-*")]).await.expect(200);
    shown.says("Delete 2 hosts?").says("OLD-mail, old-web").lacks("very-old");
    assert_eq!(bed.site.agents.all().len(), 4);
    // What was shown goes, and not what has come to match since.
    hosts::host(&bed, &door, "old-late").await;
    let mut sure: Vec<(&str, &str)> = vec![("sure", "1")];
    let ids: Vec<&str> = shown.body.split("name=\"id\" value=\"").skip(1).collect();
    sure.extend(ids.iter().filter_map(|rest| Some(("id", rest.split('"').next()?))));
    assert_eq!(sure.len(), 3, "{}", shown.body);
    ada.post("/agents/delete", &sure).await.expect(303);
    let names: Vec<String> = bed.site.agents.all().into_iter().map(|host| host.name).collect();
    assert_eq!(names, ["nas", "old-late", "very-old-nas"]);
    ada.post("/agents/delete", &[("pattern", "printer-?")]).await.expect(303);
    ada.get("/agents").await.expect(200).says("No host has a name like printer-?");
    let long = "x".repeat(65);
    ada.post("/agents/delete", &[("pattern", &long)]).await.expect(303);
    ada.get("/agents").await.expect(200).says("1 to 64 characters");
    assert_eq!(bed.site.agents.all().len(), 3);
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.post("/agents/delete", &[("pattern", "*")]).await.expect(403);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_between_hosts_is_measured_from_the_page_and_shown_as_heat_map_and_table() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    ada.get("/agents/mesh").await.expect(200).says("No host has an agent yet");
    let mut nas = hosts::host(&bed, &door, "nas <b>").await;
    nas.from = "127.0.0.2".parse().expect("an address");
    let (mut link, _) = nas.link(door.address).await.expect("online");
    let page = ada.get("/agents/mesh").await.expect(200);
    page.says("Heat map").says("As a table").says("not measured").lacks("<b>nas").lacks("nas <b>");
    let agent = tokio::spawn(async move {
        while let Ok(message) = link.hear().await {
            let FromAppliance::Ask(ask) = message else { continue };
            let done = Some(match ask.cmd.as_str() {
                "ping" => {
                    json!({"sent": 3, "received": 3, "min_ms": 1, "avg_ms": 7.25, "max_ms": 9})
                }
                _ => json!({}),
            });
            link.say(&FromAgent::Answer(Answer { id: ask.id, done, ..Answer::default() })).await;
        }
    });
    let begun = ada.post("/agents/mesh/round", &[]).await.expect(303);
    assert_eq!(begun.location(), "/agents/mesh");
    hosts::until("it is measured", || bed.site.agents.mesh_progress().is_none()).await;
    let page = ada.get("/agents/mesh").await.expect(200);
    page.says("1 pair under way").says("7.25").says("3 of 3 answered");
    let trial = |from: &str, to: &str| {
        let of = |name, value: &str| (name, value.to_owned());
        [of("kind", "throughput"), of("from", from), of("to", to), of("seconds", "2")]
    };
    let send = async |browser: &mut bed::Browser, from: &str, to: &str| {
        let fields = trial(from, to);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        browser.post("/agents/mesh/trial", &fields).await
    };
    send(&mut ada, "router", "router").await.expect(422).says("Give two different ends");
    send(&mut ada, "router", "nobody").await.expect(422).says("Choose a host or the router");
    // The host ends it without listening: that is kept with its reason.
    send(&mut ada, "router", &nas.id).await.expect(303);
    let page = ada.get("/agents/mesh").await.expect(200);
    page.says("it does not say where it listens").says("Throughput");
    let set = [("enabled", "1"), ("every", "30")];
    ada.post("/agents/mesh/settings", &set).await.expect(303);
    assert_eq!(bed.site.agents.mesh_settings().every_minutes, 30);
    assert!(bed.site.agents.mesh_settings().enabled);
    let wrong = ada.post("/agents/mesh/settings", &[("every", "1")]).await.expect(422);
    wrong.says("Give 5 to 1440 minutes");
    assert!(bed.site.agents.mesh_settings().enabled);
    let mut viewer = bed.person(Role::Viewer).await;
    viewer.get("/agents/mesh").await.expect(200).lacks("Measure round trips").lacks("By itself");
    for path in ["/agents/mesh/round", "/agents/mesh/trial", "/agents/mesh/settings"] {
        viewer.post(path, &[]).await.expect(403);
    }
    agent.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_asked_for_only_when_somebody_ticks_it_and_the_page_says_who_must_allow_it() {
    let (bed, mut ada) = Bed::ready().await;
    let door = hosts::open(&bed).await;
    let (host, mut link) = hosts::reporting(&bed, &door, "nas").await;
    let at = format!("/agents/{}", host.id);
    let page = ada.get(&at).await.expect(200);
    page.says("name=\"processes\"").says("watch_processes = true in its agent.toml");
    assert!(!bed.site.agents.all()[0].settings.watch.processes);
    let fields = [("name", "nas"), ("interval", "10"), ("duration", "60"), ("processes", "1")];
    ada.post(&format!("{at}/settings"), &fields).await.expect(303);
    let watch = loop {
        if let FromAppliance::Set(set) = link.hear().await.expect("it is told")
            && let Some(watch) = set.watch
        {
            break watch;
        }
    };
    assert!(watch.processes);
    let mut again = host.clone();
    let mut hello = again.hello();
    hello.counter += 10;
    hello.abilities.push(wire::WATCH_PROCESSES.into());
    let (_link, welcome) = again.link_as(door.address, hello).await.expect("online");
    assert!(welcome.watch.processes);
    ada.get(&at).await.expect(200).lacks("watch_processes = true");
}
