//! The client: what it finds out, waits for, and never does.

use std::time::Duration;

use panoptikon_vyos::api::{Refusal, Request};
use panoptikon_vyos::client::{Address, AskError, Client, KeySource, TransportError};
use panoptikon_vyos::config::Document;
use vyos_sim::{Release, Sim};

use crate::bed::{Bed, list, options, until};

#[tokio::test]
async fn it_finds_its_key_and_what_the_router_can_do() {
    for (release, confirm, import) in [
        (Release::Sagitta, false, false),
        (Release::Current, false, true),
        (Release::Newer, true, true),
    ] {
        let bed = Bed::new(release).await;
        let found = bed.router().client().probe().await.unwrap();
        assert_eq!((found.confirm, found.import_pki), (confirm, import), "{release:?}");
        assert!(found.version.is_some(), "{release:?}");
    }
}

#[tokio::test]
async fn what_it_reads_is_what_runs_remarks_and_all() {
    for release in [Release::Sagitta, Release::Current] {
        let bed = Bed::new(release).await;
        bed.sim.change_outside(&list("comment interfaces ethernet eth1 'to the switch'"));
        let config = bed.router().client().config().await.unwrap();
        let mut running = bed.sim.running();
        let document = bed.router().document().await.unwrap();
        assert_eq!(
            document.root.at(["interfaces", "ethernet", "eth1"]).unwrap().comment.as_deref(),
            Some("to the switch")
        );
        assert!(document.root.means_the_same(&running), "{release:?}");
        running.forget_remarks();
        assert!(config.means_the_same(&running), "{release:?}");
        assert!(document.footer.iter().any(|line| line.contains("vyos-config-version")));
    }
}

#[tokio::test]
async fn one_request_is_in_flight_however_many_ask() {
    let bed = Bed::new(Release::Current).await;
    let ask = (0..40).map(|_| {
        let client = bed.router().client().clone();
        tokio::spawn(async move { client.config().await.is_ok() })
    });
    for answered in ask.collect::<Vec<_>>() {
        assert!(answered.await.unwrap());
    }
    assert_eq!(bed.sim.most_at_once(), 1);
}

#[tokio::test]
async fn a_commit_by_somebody_else_is_waited_for() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.lock_for(Duration::from_millis(700));
    let request = Request::configure(list("set system host-name patient"));
    bed.router().client().ask(&request).await.unwrap();
    assert_eq!(bed.runs("system host-name").as_deref(), Some("patient"));
}

#[tokio::test]
async fn reading_waits_for_a_commit_instead_of_believing_half_of_it() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.commit_takes(Duration::from_millis(900));
    let other = Client::new(
        Address::Socket(bed.dir.path().join("api.sock")),
        None,
        KeySource::State(bed.dir.path().join("http-api-state")),
    );
    let writes = tokio::spawn(async move {
        other.ask(&Request::configure(list("set system host-name two"))).await.unwrap();
    });
    until("the commit", async || bed.sim.working() != bed.sim.running()).await;
    let config = bed.router().client().config().await.unwrap();
    assert_eq!(config.value_at(["system", "host-name"]), Some("two"));
    writes.await.unwrap();
}

#[tokio::test]
async fn a_restart_of_the_api_is_waited_for() {
    let bed = Bed::new(Release::Sagitta).await;
    bed.sim.down_for(Duration::from_millis(600));
    assert!(bed.router().client().config().await.is_ok());
}

#[tokio::test]
async fn a_wrong_key_and_a_switched_off_rest_are_told_at_once() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.rest(false);
    let error = bed.router().client().config().await.unwrap_err();
    assert!(matches!(error, AskError::Refused(Refusal::NotOffered(_))), "{error}");
    bed.sim.rest(true);

    let file = bed.dir.path().join("key");
    std::fs::write(&file, "not-the-key").unwrap();
    let address = Address::Socket(bed.dir.path().join("api.sock"));
    let stranger = Client::new(address, None, KeySource::File(file));
    let error = stranger.config().await.unwrap_err();
    assert!(matches!(error, AskError::Refused(Refusal::WrongKey)), "{error}");
}

#[tokio::test]
async fn no_error_ever_shows_the_key() {
    let bed = Bed::new(Release::Current).await;
    let key = bed.sim.key();
    for text in
        ["set system host-name bad_name!", "set no such path", "set interfaces ethernet eth1 mtu 1"]
    {
        let error = bed.router().client().ask(&Request::configure(list(text))).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&key), "{error}");
    }
}

#[tokio::test]
async fn over_https_the_first_certificate_is_trusted_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = options(Release::Current, dir.path());
    first.listen = Some("127.0.0.1:0".parse().unwrap());
    let sim = Sim::start(first).await.unwrap();
    let at = sim.address().unwrap();
    let keys = KeySource::State(dir.path().join("http-api-state"));
    let client = Client::new(Address::Https(at), None, keys.clone());
    client.config().await.unwrap();
    let pinned = client.pinned().unwrap();

    let wrong: panoptikon_vyos::client::Fingerprint = "00".repeat(32).parse().unwrap();
    let wary = Client::new(Address::Https(at), Some(wrong), keys.clone());
    let Err(AskError::Silent(TransportError::Stranger { shown, trusted, .. })) =
        wary.config().await
    else {
        panic!("another certificate was trusted, or not named")
    };
    assert_eq!((shown, trusted), (pinned, wrong));
    let sure = Client::new(Address::Https(at), Some(pinned), keys);
    assert!(sure.config().await.is_ok());
}

#[tokio::test]
async fn what_a_failed_load_left_behind_is_dropped_and_not_committed() {
    let bed = Bed::new(Release::Current).await;
    let mut root = bed.sim.running();
    let broken = "set nat source rule 500 outbound-interface name eth0\nset system host-name left";
    root.apply(&list(broken)).unwrap();
    let footer = bed.router().boot_document().await.unwrap().footer;
    let bad = bed.sim.state().join("config/bad.boot");
    std::fs::write(&bad, Document { root, footer }.print()).unwrap();
    let loaded = bed.router().client().ask(&Request::Load("/config/bad.boot".to_owned())).await;
    assert!(loaded.is_err());
    assert!(bed.sim.working() != bed.sim.running(), "the load left nothing behind");
    let config = bed.router().client().config().await.unwrap();
    assert!(config.at(["nat", "source", "rule", "500"]).is_none());
}
