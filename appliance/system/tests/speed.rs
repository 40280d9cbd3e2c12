//! The speed test against a real HTTP server of a known speed.

use std::sync::Arc;
use std::time::Duration;

use events::Events;
use model::Timestamp;
use panoptikon_system::tools::{SPEED_KEY, SpeedPhase, SpeedSettings, SpeedUpdate};
use panoptikon_system::{Options, ROOM, System};
use store::{Store, write_setting};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Answers `/small` with nothing, `/down` with as much as is taken, `/up` by taking all, and
/// anything else with 404.
async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), 0_u64);
        if stream.read_line(&mut first).await? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let path = first.split(' ').nth(1).expect("a path").to_owned();
        tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await?;
        let (status, size) = match path.as_str() {
            "/small" | "/up" => ("200 OK", 0),
            "/down" => ("200 OK", 20_000_000),
            _ => ("404 Not Found", 0),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..size / 10_000 {
            stream.write_all(&[7; 10_000]).await?;
        }
        stream.flush().await?;
    }
}

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    format!("http://{at}")
}

async fn room(folder: &tempfile::TempDir, down: &str) -> System {
    let store = Store::open(store::Options {
        dir: folder.path().to_owned(),
        rooms: vec![events::ROOM, ROOM],
        built: Timestamp(0),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .expect("a store");
    let base = server().await;
    let settings = SpeedSettings {
        download_url: format!("{base}/{down}"),
        upload_url: format!("{base}/up"),
        latency_url: format!("{base}/small"),
        streams: 2,
        seconds: 2,
    };
    let write = move |w: &mut store::Writing<'_>| {
        write_setting(w.main(), SPEED_KEY, &settings, Timestamp::now(), "test")
    };
    store.write("test", write).await.expect("set");
    let events = Events::new(store.clone());
    System::open(store, events, Options::default()).expect("the room")
}

async fn all(system: &System) -> Vec<SpeedUpdate> {
    let mut updates = system.test_speed("anna").await.expect("begun");
    let mut told = Vec::new();
    let read = async {
        while let Some(update) = updates.next().await {
            told.push(update);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("it ends by itself");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_measures_both_directions_and_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = Arc::new(room(&folder, "down").await);
    let told = all(&system).await;
    for wanted in [SpeedPhase::Download, SpeedPhase::Upload] {
        let is_progress =
            |u: &SpeedUpdate| matches!(u, SpeedUpdate::Progress { phase, .. } if *phase == wanted);
        assert!(told.iter().any(is_progress), "{wanted:?}: {told:?}");
    }
    let Some(SpeedUpdate::Ended(test)) = told.last() else { panic!("{told:?}") };
    let outcome = &test.outcome;
    assert_eq!((outcome.failure.as_deref(), outcome.server.as_str()), (None, "127.0.0.1"));
    assert!(outcome.download_bps.is_some_and(|bps| bps > 1e6), "{outcome:?}");
    assert!(outcome.upload_bps.is_some_and(|bps| bps > 1e6), "{outcome:?}");
    assert!(outcome.latency_ms.is_some_and(|ms| ms < 1_000.0), "{outcome:?}");
    assert_eq!(system.speed_tests(10).await.expect("read"), std::slice::from_ref(test));
    let again = system.test_speed("anna").await.expect_err("too soon");
    assert_eq!(again.explain().code, "too_soon");
}

#[tokio::test]
async fn a_server_that_refuses_is_told_with_what_it_said_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = room(&folder, "nothing-here").await;
    let told = all(&system).await;
    let Some(SpeedUpdate::Ended(test)) = told.last() else { panic!("{told:?}") };
    let why = test.outcome.failure.as_deref().expect("a failure");
    assert!(why.contains("404"), "{why}");
    assert!(test.outcome.latency_ms.is_some() && test.outcome.download_bps.is_none());
    assert_eq!(system.speed_tests(10).await.expect("read").len(), 1);
}
