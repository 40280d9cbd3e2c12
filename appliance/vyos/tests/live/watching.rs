//! What others change, what is not saved, and what the router ran before.

use panoptikon_vyos::{Kept, Link, State};
use vyos_sim::Release;

use crate::bed::{Bed, House, LONG, list, person, until};

#[tokio::test]
async fn what_others_change_is_noticed_with_its_commands() {
    let bed = Bed::new(Release::Current).await;
    bed.router().config().await.unwrap();
    let mut heard = bed.house.events.subscribe();
    bed.sim.change_outside(&list("set system host-name elsewhere"));
    // Saving is what most people do next, and what is seen at once.
    bed.save_outside();
    let event = heard.recv().await.unwrap();
    assert_eq!(event.kind, "router_changed_outside");
    let change = bed.router().changes(None, 1).await.unwrap().remove(0);
    assert_eq!(change.state, State::Outside);
    assert_eq!(change.commands, "delete system host-name vyos\nset system host-name elsewhere");
}

#[tokio::test]
async fn what_we_change_is_not_taken_for_others() {
    let bed = Bed::new(Release::Current).await;
    bed.router().config().await.unwrap();
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    bed.router().undo(number, &person("ana")).await.unwrap();
    bed.apply("set system time-zone UTC", LONG).await.unwrap();
    let states: Vec<_> =
        bed.router().changes(None, 10).await.unwrap().into_iter().map(|c| c.state).collect();
    assert_eq!(states, [State::Waiting, State::Undone]);
}

#[tokio::test]
async fn what_others_change_while_the_appliance_does_not_run_is_noticed_when_it_starts() {
    let bed = Bed::new(Release::Current).await;
    bed.router().config().await.unwrap();
    let kept = bed.apply("set system time-zone UTC", LONG).await.unwrap();
    bed.router().keep(kept, &person("ana")).await.unwrap();
    bed.apply("set system domain-name home.arpa", LONG).await.unwrap();
    let is_on_disk = async || seen(bed.dir.path()).is_some_and(|text| text.contains("home.arpa"));
    until("what runs is on disk", is_on_disk).await;
    let Bed { sim, house, dir } = bed;
    house.kill().await;
    sim.change_outside(&list("set system host-name elsewhere"));

    let house = House::open(dir.path()).await;
    let bed = Bed { sim, house, dir };
    bed.router().config().await.unwrap();
    let outside = async || {
        let all = bed.router().changes(None, 10).await.unwrap();
        all.into_iter().filter(|change| change.state == State::Outside).collect::<Vec<_>>()
    };
    until("the outside change", async || !outside().await.is_empty()).await;
    let found = outside().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].commands, "delete system host-name vyos\nset system host-name elsewhere");
    assert_eq!(found[0].why, "Changed while Panoptikon did not run");

    // Once told, it is known.
    let Bed { sim, house, dir } = bed;
    house.kill().await;
    let house = House::open(dir.path()).await;
    let bed = Bed { sim, house, dir };
    bed.router().config().await.unwrap();
    let all = bed.router().changes(None, 10).await.unwrap();
    assert_eq!(all.iter().filter(|change| change.state == State::Outside).count(), 1);
}

/// What the appliance has kept of what the router runs.
fn seen(dir: &std::path::Path) -> Option<String> {
    let sealed = std::fs::read(dir.join("changes/seen")).ok()?;
    let packed = store::Vault::open(dir).ok()?.unseal("router seen", &sealed).ok()?;
    std::io::read_to_string(flate2::read::DeflateDecoder::new(&*packed)).ok()
}

#[tokio::test]
async fn what_the_router_runs_lies_sealed_on_disk() {
    let bed = Bed::new(Release::Current).await;
    bed.router().config().await.unwrap();
    let file = bed.dir.path().join("changes/seen");
    until("what runs is on disk", async || file.exists()).await;
    let (bytes, key) = (std::fs::read(file).unwrap(), bed.sim.key());
    assert!(!bytes.windows(key.len()).any(|part| part == key.as_bytes()));
}

#[tokio::test]
async fn unsaved_changes_are_seen() {
    let bed = Bed::new(Release::Current).await;
    let status = bed.router().status();
    until("the first look", async || status.borrow().link == Link::Up).await;
    assert_eq!(status.borrow().unsaved, Some(false));
    bed.apply("set system host-name edge", LONG).await.unwrap();
    until("unsaved", async || status.borrow().unsaved == Some(true)).await;
    bed.router().save(&person("ana")).await.unwrap();
    until("saved", async || status.borrow().unsaved == Some(false)).await;
}

#[tokio::test]
async fn a_snapshot_is_kept_before_every_change_and_holds_no_secret_in_clear() {
    let bed = Bed::new(Release::Current).await;
    let number = bed.apply("set system host-name edge", LONG).await.unwrap();
    bed.router().keep(number, &person("ana")).await.unwrap();
    let snapshots = bed.router().snapshots().await.unwrap();
    let (_, document) = bed.router().snapshot(snapshots[0].number).await.unwrap();
    assert_eq!(document.root.value_at(["system", "host-name"]), Some("vyos"));
    assert!(document.root.at(["service", "https", "api", "keys", "id", "panoptikon"]).is_some());
    for entry in std::fs::read_dir(bed.dir.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let key = bed.sim.key();
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "the key lies in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_snapshot_with_a_name_stays_and_the_same_again_without_one_is_not_kept_twice() {
    let bed = Bed::new(Release::Sagitta).await;
    let keep = async |label: &str| {
        bed.router().keep_snapshot("ana", label.to_owned(), "by hand".to_owned()).await.unwrap()
    };
    let Kept::New(first) = keep("").await else { panic!("not new") };
    assert_eq!(keep("").await, Kept::Same(first));
    let Kept::New(named) = keep("before the move").await else { panic!("not kept") };
    bed.router().name_snapshot(named, "after all".to_owned()).await.unwrap();
    bed.router().delete_snapshot(first).await.unwrap();
    let left = bed.router().snapshots().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].label, "after all");
}

#[tokio::test]
async fn a_snapshot_restored_gives_exactly_what_was() {
    for release in [Release::Sagitta, Release::Current] {
        let bed = Bed::new(release).await;
        let before = bed.sim.running();
        let Kept::New(number) =
            bed.router().keep_snapshot("ana", "as it was".to_owned(), String::new()).await.unwrap()
        else {
            panic!("not kept")
        };
        bed.sim.change_outside(&list(
            "set system host-name edge\ndelete nat destination\n\
             set interfaces ethernet eth1 description 'something else'\n\
             delete system name-server",
        ));
        let (_, mut document) = bed.router().snapshot(number).await.unwrap();
        document.root.forget_remarks();
        let now = bed.router().client().config().await.unwrap();
        let back = panoptikon_vyos::config::diff(&now, &document.root);
        let text: Vec<String> = back.iter().map(ToString::to_string).collect();
        bed.apply(&text.join("\n"), LONG).await.unwrap();
        assert!(bed.sim.running().means_the_same(&before), "{release:?}");
    }
}

#[tokio::test]
async fn a_router_without_an_api_is_said_to_have_none_and_how_to_mend_it() {
    let bed = Bed::new(Release::Current).await;
    bed.sim.rest(false);
    let status = bed.router().status();
    let _ = bed.router().client().config().await;
    until("the trouble", async || {
        let _ = bed.router().config().await;
        matches!(status.borrow().link, Link::Down(_))
    })
    .await;
    let Link::Down(trouble) = status.borrow().link.clone() else { panic!() };
    assert!(
        trouble.commands.iter().any(|line| line == "set service https api rest"),
        "{trouble:?}"
    );
}
