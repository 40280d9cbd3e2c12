//! What the store does when jobs panic, callers go away and the disk is full.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::Timestamp;
use panoptikon_store::{DayKind, Migration, Options, Retention, Room, Store, StoreError};

const NOTES: Room = Room {
    name: "notes",
    migrations: &[Migration {
        number: 1,
        name: "notes",
        sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY) STRICT",
    }],
    day_kinds: &[DayKind {
        name: "lines",
        migrations: &[Migration {
            number: 1,
            name: "lines",
            sql: "CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT) STRICT",
        }],
        setting: "retention.lines_days",
        default_days: 3,
    }],
    retention: &[],
};

/// Connections that may read at the same time.
const READERS: usize = 3;

fn options(dir: &Path, rooms: Vec<Room>) -> Options {
    let built = Timestamp(1_790_000_000_000);
    Options { dir: dir.to_owned(), rooms, built, max_bytes: 64 << 20, keep_backups: 3 }
}

fn open(dir: &Path) -> Store {
    Store::open(options(dir, vec![NOTES])).expect("opens")
}

async fn note(store: &Store) -> Result<(), StoreError> {
    store
        .write("note", |w| {
            w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
            Ok(())
        })
        .await
}

async fn count(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM notes";
    store
        .read(move |r| Ok::<_, StoreError>(r.main().query_row(sql, [], |row| row.get(0))?))
        .await
        .expect("reads")
}

/// How many times this process has the main database open.
fn handles(dir: &Path) -> usize {
    let database = dir.join(panoptikon_store::DATABASE);
    let open = std::fs::read_dir("/proc/self/fd").expect("proc is mounted").filter_map(Result::ok);
    open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file == database)).count()
}

#[tokio::test]
async fn something_that_panics_after_the_commit_hurts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ran);
    store
        .write("panicking later", move |w| {
            w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
            w.after_commit(|| panic!("on purpose"));
            w.after_commit(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            Ok::<_, StoreError>(())
        })
        .await
        .expect("it is committed");
    assert_eq!(ran.load(Ordering::Relaxed), 1, "the others run all the same");
    note(&store).await.expect("the writer goes on");
    assert_eq!(count(&store).await, 2);
}

/// Panics where nobody expects it.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn an_answer_that_panics_on_its_way_hurts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            let _never = store
                .write("brittle", move |_| {
                    wait.recv().unwrap();
                    Ok::<_, StoreError>(Brittle)
                })
                .await
                .map(std::mem::forget);
        }
    });
    tokio::task::yield_now().await;
    writing.abort();
    let _ = writing.await;
    go.send(()).unwrap();
    note(&store).await.expect("the writer goes on");
}

#[tokio::test]
async fn a_write_whose_caller_went_away_counts_and_is_followed_by_what_was_to_follow() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let followed = Arc::new(AtomicUsize::new(0));
    let writing = tokio::spawn({
        let (store, followed) = (store.clone(), Arc::clone(&followed));
        async move {
            store
                .write("abandoned", move |w| {
                    wait.recv().unwrap();
                    w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
                    w.after_commit(move || {
                        followed.fetch_add(1, Ordering::Relaxed);
                    });
                    Ok::<_, StoreError>(())
                })
                .await
        }
    });
    tokio::task::yield_now().await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    note(&store).await.unwrap();
    assert_eq!(followed.load(Ordering::Relaxed), 1);
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_day_that_is_full_fails_the_batch_as_full_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let write = |pages: u32| {
        store.write("line", move |w| {
            w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
            let day = w.day("lines", 20_000)?;
            day.pragma_update(None, "max_page_count", pages)?;
            // The job does not care, so it is the writer that must notice.
            let _ = day.execute("INSERT INTO lines (text) VALUES (hex(zeroblob(100000)))", []);
            Ok::<_, StoreError>(())
        })
    };
    let full = write(1).await.expect_err("there is no room");
    assert!(full.is_full(), "{full}");
    assert!(store.health().borrow().full);
    assert_eq!(count(&store).await, 0);
    write(1 << 20).await.expect("there is room again");
    assert_eq!(store.health().borrow().failing, None);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn abandoned_reads_keep_their_turn_and_leave_no_connections_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let usual = handles(dir.path());
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..40 {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        let read = store.read(move |_| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, StoreError>(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(2), read).await.is_err());
    }
    assert_eq!(count(&store).await, 0);
    while running.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let most = most.load(Ordering::SeqCst);
    assert!((1..=READERS).contains(&most), "{most} ran at once");
    assert!(handles(dir.path()) <= usual, "{} handles, {usual} at first", handles(dir.path()));
}

const KEYED: Room = Room {
    name: "keyed",
    migrations: &[Migration {
        number: 1,
        name: "keyed",
        sql: "CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;
              CREATE TABLE keyed (
                  id INTEGER PRIMARY KEY,
                  parent INTEGER REFERENCES parents (id) DEFERRABLE initially  deferred
              ) STRICT;",
    }],
    day_kinds: &[],
    retention: &[],
};

#[test]
fn keys_that_would_fail_at_the_commit_and_undo_the_jobs_of_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Store::open(options(dir.path(), vec![NOTES, KEYED])).err();
    assert!(matches!(refused, Some(StoreError::Deferred(table)) if table == "keyed"));
}

const NOON: Timestamp = Timestamp(1_800_000_000_000);

const WRONG: Room = Room {
    retention: &[Retention {
        table: "no_such_table",
        column: "at",
        only: "1",
        setting: "retention.wrong_days",
        default_days: 1,
    }],
    ..KEYLESS
};

const KEYLESS: Room = Room { name: "wrong", migrations: &[], day_kinds: &[], retention: &[] };

async fn line(store: &Store, day: i64) {
    store
        .write("line", move |w| {
            w.day("lines", day)?.execute("INSERT INTO lines (text) VALUES ('x')", [])?;
            Ok::<_, StoreError>(())
        })
        .await
        .expect("writes");
}

#[tokio::test]
async fn a_part_of_the_upkeep_that_fails_does_not_end_the_round() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(options(dir.path(), vec![WRONG, NOTES])).unwrap();
    for days_ago in [0, 10, 11] {
        line(&store, NOON.day() - days_ago).await;
    }
    // Looks like the oldest day and cannot be deleted like one.
    std::fs::create_dir(dir.path().join("days/lines-20200101.db")).unwrap();
    let cleaned = store.maintain(NOON).await.unwrap();
    assert_eq!(cleaned.days, 2);
    assert_eq!(cleaned.failed.len(), 2, "{:?}", cleaned.failed);
    let logged = store.last_maintenance("retention").await.unwrap();
    assert_eq!(logged, Some(NOON));
}

#[tokio::test]
async fn a_clock_that_leaps_while_the_store_is_open_deletes_nothing_at_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    line(&store, NOON.day()).await;
    assert_eq!(store.maintain(NOON).await.unwrap().held_back, None);
    let leapt = NOON.plus(Duration::from_secs(20 * 86_400));
    let cleaned = store.maintain(leapt).await.unwrap();
    assert!(cleaned.held_back.is_some());
    assert_eq!(cleaned.days, 0);
}

#[tokio::test]
async fn backups_take_no_more_than_the_cap_and_the_one_just_made_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let folder = dir.path().join("backups");
    for day in ["18", "19", "20"] {
        let name = format!("panoptikon-202701{day}T000000Z.db");
        std::fs::File::create(folder.join(name)).unwrap().set_len(40 << 20).unwrap();
    }
    std::fs::write(folder.join("panoptikon-20270101T000000Z.db.unfinished"), "x").unwrap();
    // The clock says that it is before all of them.
    let made = store.back_up(NOON).await.unwrap();
    let left = store.backups().unwrap();
    let days: Vec<i64> = left.iter().map(|b| b.at.day()).collect();
    assert_eq!(days, [20_838, NOON.day()], "{left:?}");
    assert!(made.path.exists());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}
