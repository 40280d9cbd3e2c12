//! The speed test against a real HTTP server of a known speed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use events::Events;
use model::Timestamp;
use panoptikon_system::tools::{SPEED_KEY, SpeedPhase, SpeedSettings, SpeedUpdate};
use panoptikon_system::{Options, ROOM, System};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use store::{Store, write_setting};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers `/small` with nothing, `/down` with as much as is taken, `/up` by taking all, and
/// anything else with 404.
async fn serve<T: AsyncRead + AsyncWrite + Unpin>(stream: T) -> std::io::Result<()> {
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
        let told = "cf-meta-ip: 203.0.113.9\r\ncf-meta-asn: 64500\r\n";
        let head = format!("HTTP/1.1 {status}\r\n{told}content-length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..size / 10_000 {
            stream.write_all(&[7; 10_000]).await?;
        }
        stream.flush().await?;
    }
}

async fn server(tls: Option<TlsAcceptor>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let at = listener.local_addr().expect("an address");
    let scheme = if tls.is_some() { "https" } else { "http" };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => serve(stream).await,
                    Some(tls) => serve(tls.accept(stream).await?).await,
                }
            });
        }
    });
    format!("{scheme}://{at}")
}

/// An authority of our own in a file, and a server's certificate that it vouches for.
fn authority(folder: &Path, address: &str) -> (PathBuf, TlsAcceptor) {
    let (own, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let file = folder.join("authority.pem");
    let authority = params.self_signed(&own).expect("an authority");
    std::fs::write(&file, authority.pem()).expect("written");
    let issuer = Issuer::new(params, own);
    let leaf = CertificateParams::new(vec![address.to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .expect("a certificate with its key");
    (file, TlsAcceptor::from(Arc::new(config)))
}

async fn room(folder: &tempfile::TempDir, down: &str) -> System {
    room_with(folder, down, server(None).await, None).await
}

async fn room_with(
    folder: &tempfile::TempDir,
    down: &str,
    base: String,
    roots: Option<PathBuf>,
) -> System {
    let store = Store::open(store::Options {
        dir: folder.path().to_owned(),
        rooms: vec![events::ROOM, ROOM],
        built: Timestamp(0),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .expect("a store");
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
    System::open(store, events, Options { roots, ..Options::default() }).expect("the room")
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
    let told = (outcome.seen_as, outcome.network, outcome.line_name.as_deref());
    assert_eq!(told, ("203.0.113.9".parse().ok(), Some(64_500), None), "as the server told");
    assert_eq!(system.speed_tests(10).await.expect("read"), [(**test).clone()]);
    assert_eq!(system.speed_test(test.id).await.expect("read").as_ref(), Some(&**test));
    assert_eq!(system.speed_test(test.id + 1).await.expect("read"), None);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_by_https_is_tested_only_where_its_authority_is_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, tls) = authority(folder.path(), "127.0.0.1");
    let base = server(Some(tls.clone())).await;
    let system = room_with(&folder, "down", base, Some(file.clone())).await;
    let told = all(&system).await;
    let Some(SpeedUpdate::Ended(test)) = told.last() else { panic!("{told:?}") };
    let outcome = &test.outcome;
    assert_eq!(outcome.failure, None);
    assert!(outcome.download_bps.is_some_and(|bps| bps > 1e6), "{outcome:?}");
    assert!(outcome.upload_bps.is_some_and(|bps| bps > 1e6), "{outcome:?}");

    // The same server by an authority that is not trusted, and one whose certificate is another's.
    let (other, strange) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().unwrap());
    let (stranger, _) = authority(other.path(), "127.0.0.1");
    let (its_own, another) = authority(strange.path(), "127.0.0.9");
    for (tls, roots) in [(tls, stranger), (another, its_own)] {
        let folder = tempfile::tempdir().expect("a folder");
        let base = server(Some(tls)).await;
        let system = room_with(&folder, "down", base, Some(roots)).await;
        let told = all(&system).await;
        let Some(SpeedUpdate::Ended(test)) = told.last() else { panic!("{told:?}") };
        let why = test.outcome.failure.as_deref().expect("a failure");
        assert!(why.contains("certificate"), "{why}");
        assert_eq!(test.outcome.download_bps, None);
    }
}

#[tokio::test]
async fn one_device_at_a_time_is_tested_and_only_rates_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = room(&folder, "down").await;
    let turn = system.device_turn().await.expect("the first");
    assert_eq!(system.device_turn().await.expect_err("busy").explain().code, "busy");
    let (next, ()) = tokio::join!(system.device_turn(), async {
        tokio::task::yield_now().await;
        drop(turn);
    });
    drop(next.expect("it waited for the first to end"));
    let device = "192.168.1.20".parse().expect("an address");
    for (down, up) in [(f64::NAN, 1e6), (1e6, f64::INFINITY), (-1.0, 1e6), (1e6, 1e15)] {
        system.keep_device_test("anna", device, down, up).await.expect_err("no rate");
    }
    let id = system.keep_device_test("anna", device, 9.4e8, 8.0e8).await.expect("kept");
    let test = system.speed_test(id).await.expect("read").expect("it is there");
    assert_eq!((test.outcome.device, test.outcome.download_bps), (Some(device), Some(9.4e8)));
}
