//! The store with tables of a made-up room.

use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use panoptikon_store::{
    Bounds, DATABASE, DayKind, Migration, Options, Retention, Room, Store, StoreError,
    read_setting, write_setting,
};

const NOTES: Room = Room {
    name: "notes",
    migrations: &[Migration {
        number: 1,
        name: "notes",
        sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, text TEXT) STRICT",
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
    retention: &[Retention {
        table: "notes",
        column: "at",
        only: "text IS NOT 'keep'",
        setting: "retention.notes_days",
        default_days: 2,
    }],
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        rooms: vec![NOTES],
        built: Timestamp(1_790_000_000_000),
        max_bytes: 64 << 20,
        keep_backups: 3,
    }
}

fn open(dir: &Path) -> Store {
    Store::open(options(dir)).expect("opens")
}

async fn note(store: &Store, at: Timestamp, text: &str) {
    let text = text.to_owned();
    store
        .write("note", move |w| {
            w.main().execute("INSERT INTO notes (at, text) VALUES (?1, ?2)", (at.0, text))?;
            Ok::<_, StoreError>(())
        })
        .await
        .expect("writes");
}

async fn count(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM notes";
    store
        .read(move |r| Ok::<_, StoreError>(r.main().query_row(sql, [], |row| row.get(0))?))
        .await
        .expect("reads")
}

#[tokio::test]
async fn what_is_acknowledged_can_be_read_at_once_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    note(&store, NOW, "a").await;
    assert_eq!(count(&store).await, 1);
    store.close();
    assert_eq!(count(&open(dir.path())).await, 1);
}

#[tokio::test]
async fn a_failing_job_undoes_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let failing = store.write("failing", |w| {
        w.main().execute("INSERT INTO notes (at) VALUES (1)", [])?;
        w.day("lines", 5)?.execute("INSERT INTO lines (text) VALUES ('x')", [])?;
        w.after_commit(|| panic!("must not run"));
        Err::<(), _>(StoreError::Closed)
    });
    let (failed, ()) = tokio::join!(failing, note(&store, NOW, "kept"));
    assert!(failed.is_err());
    assert_eq!(count(&store).await, 1);
    let lines: i64 = store
        .read(|r| {
            let Some(day) = r.day("lines", 5)? else {
                return Ok(-1);
            };
            Ok::<_, StoreError>(day.query_row("SELECT count(*) FROM lines", [], |row| row.get(0))?)
        })
        .await
        .unwrap();
    assert_eq!(lines, 0);
}

#[tokio::test]
async fn a_panicking_job_is_an_error_and_the_writer_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let broken = store
        .write("panicking", |w| {
            w.main().execute("INSERT INTO notes (at) VALUES (1)", [])?;
            assert!(w.main().is_autocommit(), "on purpose");
            Ok::<_, StoreError>(())
        })
        .await;
    assert!(matches!(broken, Err(StoreError::Broken("panicking"))));
    note(&store, NOW, "after").await;
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn many_writers_at_once_are_all_served() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { note(&store, NOW, &n.to_string()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(count(&store).await, 500);
    assert!(store.commits() < 500, "writes were batched");
}

#[tokio::test]
async fn old_rows_and_days_are_forgotten_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let days_ago = |n: u64| NOW.minus(Duration::from_secs(n * 86_400));
    note(&store, days_ago(3), "old").await;
    note(&store, days_ago(3), "keep").await;
    note(&store, days_ago(1), "new").await;
    for n in [0, 3, 4, 9] {
        let day = days_ago(n).day();
        store
            .write("line", move |w| {
                w.day("lines", day)?.execute("INSERT INTO lines (text) VALUES ('x')", [])?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }
    let cleaned = store.maintain(NOW).await.unwrap();
    assert_eq!((cleaned.rows, cleaned.days), (1, 2));
    assert_eq!(count(&store).await, 2);
    let left = store.read(|r| r.days("lines")).await.unwrap();
    assert_eq!(left, [NOW.day(), days_ago(3).day()]);
    assert_eq!(store.maintenance_log(9).await.unwrap()[0].removed, 3);
}

#[tokio::test]
async fn the_number_of_days_can_be_set() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    note(&store, NOW.minus(Duration::from_secs(3 * 86_400)), "old").await;
    store
        .write("set", |w| write_setting(w.main(), "retention.notes_days", &30_u32, NOW, "test"))
        .await
        .unwrap();
    assert_eq!(store.maintain(NOW).await.unwrap().rows, 0);
    let set: Option<u32> =
        store.read(|r| read_setting(r.main(), "retention.notes_days")).await.unwrap();
    assert_eq!(set, Some(30));
}

#[tokio::test]
async fn nothing_is_forgotten_while_the_clock_is_in_1970() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    note(&store, Timestamp(-5_000_000_000_000), "ancient").await;
    let cleaned = store.maintain(Timestamp(1_000)).await.unwrap();
    assert_eq!(cleaned.rows, 0);
    assert!(cleaned.held_back.is_some());
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn tables_over_the_cap_lose_their_oldest_days() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options { max_bytes: 400 << 10, ..options(dir.path()) }).unwrap();
    for n in 0..3 {
        let day = NOW.day() - n;
        store
            .write("line", move |w| {
                w.day("lines", day)?
                    .execute("INSERT INTO lines (text) VALUES (hex(randomblob(100000)))", [])?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }
    let cleaned = store.maintain(NOW).await.unwrap();
    assert!(cleaned.days_over_cap >= 1);
    let left = store.read(|r| r.days("lines")).await.unwrap();
    assert_eq!(left[0], NOW.day(), "the current day stays");
}

#[tokio::test]
async fn a_backup_brings_back_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    note(&store, NOW, "before").await;
    let backup = store.back_up(NOW).await.unwrap();
    note(&store, NOW, "after").await;
    store.close();
    panoptikon_store::restore(dir.path(), &backup.path, &[NOTES], |_, _| Ok(())).unwrap();
    assert_eq!(count(&open(dir.path())).await, 1);
}

#[test]
fn a_foreign_file_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close();
    let file = dir.path().join("holiday.jpg");
    std::fs::write(&file, "not a database at all, but long enough to be looked at").unwrap();
    let refused = panoptikon_store::restore(dir.path(), &file, &[NOTES], |_, _| Ok(()));
    assert!(matches!(refused, Err(StoreError::NotABackup { .. })));
    open(dir.path()).close();
}

#[tokio::test]
async fn a_restore_that_cannot_be_settled_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let backup = store.back_up(NOW).await.unwrap();
    note(&store, NOW, "after").await;
    store.close();
    let refused: Result<(), _> =
        panoptikon_store::restore(dir.path(), &backup.path, &[NOTES], |incoming, before| {
            let count = |conn: &rusqlite::Connection| {
                conn.query_row("SELECT count(*) FROM notes", [], |r| r.get::<_, i64>(0)).unwrap()
            };
            assert_eq!((count(incoming), before.map(count)), (0, Some(1)));
            Err(StoreError::Closed)
        });
    assert!(refused.is_err());
    assert_eq!(count(&open(dir.path())).await, 1);
}

#[tokio::test]
async fn a_reset_leaves_an_empty_database_backups_and_strangers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    note(&store, NOW, "before").await;
    let backup = store.back_up(NOW).await.unwrap();
    store.close();
    std::fs::write(dir.path().join("photo.jpg"), "x").unwrap();
    for _ in 0..2 {
        panoptikon_store::reset(dir.path(), &[NOTES], |_, _| Ok(())).unwrap();
        assert!(!dir.path().join("days").exists());
    }
    assert!(backup.path.exists() && dir.path().join("photo.jpg").exists());
    assert_eq!(count(&open(dir.path())).await, 0);
}

#[tokio::test]
async fn a_damaged_database_is_refused_with_the_restore_command() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    note(&store, NOW, "x").await;
    let backup = store.back_up(NOW).await.unwrap();
    store.close();
    let path = dir.path().join(DATABASE);
    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() / 4;
    bytes[from..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let Err(error) = Store::open(options(dir.path())) else { panic!("opened a damaged file") };
    let text = error.to_string();
    assert!(text.contains("damaged"), "{text}");
    assert!(text.contains(&format!("panoptikon restore {}", backup.path.display())), "{text}");
}

#[tokio::test]
async fn a_damaged_day_is_put_aside_and_the_store_opens() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let insert = |store: Store| async move {
        store
            .write("line", |w| {
                w.day("lines", 20_000)?.execute("INSERT INTO lines (text) VALUES ('x')", [])?;
                Ok::<_, StoreError>(())
            })
            .await
    };
    insert(store.clone()).await.unwrap();
    store.close();
    let file = dir.path().join("days/lines-20241004.db");
    std::fs::write(&file, [0x5a; 8192]).unwrap();
    let store = open(dir.path());
    insert(store).await.unwrap();
    assert!(dir.path().join("days/lines-20241004.db.damaged").exists());
}

#[test]
fn a_database_of_a_newer_release_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close();
    let older = Options { rooms: vec![], ..options(dir.path()) };
    assert!(matches!(Store::open(older), Err(StoreError::Newer { number: 1, .. })));
}

#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("data");
    open(&inner).close();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&inner.join(DATABASE)), 0o600);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.close();
    let late = store.write("late", |_| Ok::<_, StoreError>(())).await;
    assert!(matches!(late, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_reader_never_sees_a_day_without_its_tables() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for day in 20_000..20_040 {
        let reader = store.clone();
        let reading = tokio::spawn(async move {
            loop {
                let seen = reader
                    .read(move |r| {
                        let Some(conn) = r.day("lines", day)? else { return Ok(None) };
                        let sql = "SELECT count(*) FROM lines";
                        Ok::<_, StoreError>(Some(
                            conn.query_row(sql, [], |row| row.get::<_, i64>(0))?,
                        ))
                    })
                    .await
                    .expect("no table is missing");
                if seen == Some(1) {
                    break;
                }
            }
        });
        store
            .write("line", move |w| {
                w.day("lines", day)?.execute("INSERT INTO lines (text) VALUES ('x')", [])?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        reading.await.unwrap();
    }
}

#[tokio::test]
async fn bounds_may_change_while_it_is_open() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path());
    for hour in 0..4 {
        store.back_up(NOW.plus(Duration::from_secs(hour * 3_600))).await.expect("backed up");
    }
    let before = store.backups().expect("listed").len();
    store.set_bounds(Bounds { max_bytes: 128 << 20, keep_backups: 1 });
    assert_eq!(store.sizes().cap, 128 << 20);
    store.back_up(NOW.plus(Duration::from_secs(5 * 3_600))).await.expect("backed up");
    assert!(store.backups().expect("listed").len() < before);
}
