//! How connections are taken, framed, timed and ended.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod common;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use common::{
    NAME, Options, ask_tls, closed_within, connect_from, connector, open, read_answer, request,
    tls_from,
};
use panoptikon_web::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Times short enough for a test.
fn hasty() -> Options {
    let limits = Limits {
        handshake: Duration::from_millis(300),
        headers: Duration::from_millis(300),
        idle: Duration::from_millis(700),
        stalled: Duration::from_millis(900),
        answer: Duration::from_millis(1200),
        drain: Duration::from_millis(1500),
        ..Limits::default()
    };
    Options { limits, ..Options::default() }
}

#[tokio::test]
async fn requests_whose_end_is_doubtful_are_refused() {
    let door = open(Options::default()).await;
    let head = "POST /open-form HTTP/1.1\r\nHost: router.lan\r\nOrigin: http://router.lan\r\n\
                Content-Type: application/json\r\n";
    for (lines, status) in [
        ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 411),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("Transfer-Encoding: xchunked\r\n\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n\r\n", 400),
        ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        ("Content-Length: 2, 3\r\n\r\n{}", 400),
        ("Content-Length: -2\r\n\r\n", 400),
        ("Content-Length: +2\r\n\r\n{}", 400),
        ("Content-Length: 0x2\r\n\r\n{}", 400),
        ("Content-Length: 99999999999999999999\r\n\r\n", 400),
    ] {
        let started = Instant::now();
        let answer = door.raw(format!("{head}{lines}").as_bytes()).await;
        assert_eq!(answer.status, status, "{lines:?} {answer:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{lines:?}: the connection stays open");
    }
    let one = format!("{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}");
    assert_eq!(door.raw(one.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let door = open(Options::default()).await;
    for bytes in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost router.lan\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: router.lan\r\n folded: yes\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHo st: router.lan\r\n\r\n",
    ] {
        assert_eq!(door.raw(bytes).await.status, 400, "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn headers_without_end_are_refused_early() {
    let door = open(Options::default()).await;
    let mut stream = TcpStream::connect(door.plain).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: router.lan\r\nX: ").await.unwrap();
    let mut sent = 0;
    while sent < 100 << 20 {
        if stream.write_all(&[b'a'; 16 * 1024]).await.is_err() {
            break;
        }
        sent += 16 * 1024;
    }
    assert!(sent < 20 << 20, "{sent} bytes of one header were taken");
    let many = ["x: y\r\n"; 65].concat();
    let answer = door
        .raw(
            request("GET /health", &[], "")
                .replace("\r\n\r\n", &format!("\r\n{many}\r\n"))
                .as_bytes(),
        )
        .await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let door = open(Options::default()).await;
    let one = "GET /health HTTP/1.1\r\nHost: router.lan\r\n\r\n";
    let all = format!("{one}{one}{}", request("GET /who", &[], ""));
    let answer = door.raw(all.as_bytes()).await;
    assert_eq!(answer.body.matches("HTTP/1.1 200").count(), 2);
    assert!(answer.body.ends_with("127.0.0.1"), "{answer:?}");
}

#[tokio::test]
async fn silence_and_slowness_end_a_connection() {
    let door = open(hasty()).await;
    let soon = Duration::from_secs(3);
    let mut silent = TcpStream::connect(door.plain).await.unwrap();
    assert!(closed_within(&mut silent, soon).await, "no byte at all");
    let mut silent = TcpStream::connect(door.tls).await.unwrap();
    assert!(closed_within(&mut silent, soon).await, "no handshake");
    let mut half = TcpStream::connect(door.tls).await.unwrap();
    half.write_all(&[22, 3, 1]).await.unwrap();
    assert!(closed_within(&mut half, soon).await, "half a handshake");

    let mut slow = TcpStream::connect(door.plain).await.unwrap();
    let started = Instant::now();
    for byte in b"GET /health HTTP/1.1\r\nHost: router.lan\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(started.elapsed() < Duration::from_secs(2), "a trickling header");
}

#[tokio::test]
async fn a_connection_lives_on_between_requests_but_not_for_ever() {
    let door = open(hasty()).await;
    let mut stream = TcpStream::connect(door.plain).await.unwrap();
    let mut buffer = [0; 4096];
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: router.lan\r\n\r\n").await.unwrap();
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..n].starts_with(b"HTTP/1.1 200"));
        // Longer than headers may take, shorter than idle may last.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert!(closed_within(&mut stream, Duration::from_secs(3)).await);
}

#[tokio::test]
async fn a_body_that_never_comes_ends_the_connection() {
    let door = open(hasty()).await;
    let mut stream = TcpStream::connect(door.plain).await.unwrap();
    let head = "POST /open-form HTTP/1.1\r\nHost: router.lan\r\nOrigin: http://router.lan\r\n\
                Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(closed_within(&mut stream, Duration::from_secs(3)).await);
}

#[tokio::test]
async fn whoever_reads_an_answer_too_slowly_is_cut_off_but_not_a_download() {
    let door = open(hasty()).await;
    for (path, cut) in [("/large", true), ("/download", false)] {
        let mut stream = TcpStream::connect(door.plain).await.unwrap();
        stream.write_all(request(&format!("GET {path}"), &[], "").as_bytes()).await.unwrap();
        let (mut part, mut taken) = (vec![0; 1 << 20], 0);
        while let Ok(n @ 1..) = stream.read(&mut part).await {
            taken += n;
            // About 10 MB/s: three seconds for all of it.
            tokio::time::sleep(Duration::from_millis(n as u64 / 10_000)).await;
        }
        assert_eq!(taken < 32 << 20, cut, "{path} {taken} bytes");
    }
}

#[tokio::test]
async fn a_crowd_of_requests_never_holds_up_the_clock() {
    let door = open(Options { per_minute: 0, ..Options::default() }).await;
    let crowd = async {
        let asks = (0..200).map(|_| door.ask("GET /health", &[], ""));
        let answers = futures_util::future::join_all(asks).await;
        assert!(answers.iter().all(|a| a.status == 200));
    };
    let clock = async {
        let mut worst = Duration::ZERO;
        loop {
            let before = Instant::now();
            tokio::time::sleep(Duration::from_millis(5)).await;
            worst = worst.max(before.elapsed());
            assert!(worst < Duration::from_millis(500), "a worker was blocked for {worst:?}");
        }
    };
    tokio::select! {
        () = crowd => {}
        () = clock => {}
    }
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_where_to_go() {
    let door = open(Options::default()).await;
    let mut stream = TcpStream::connect(door.tls).await.unwrap();
    let host = format!("{NAME}:{}", door.tls.port());
    let text = request("GET /devices", &[("host", &host)], "");
    stream.write_all(text.as_bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), Some(format!("https://{host}/devices").as_str()));
}

#[tokio::test]
async fn the_tls_port_speaks_tls_1_3_with_a_certificate_of_our_ca() {
    let door = open(Options::default()).await;
    let tls = connector(&door.ca);
    let stream = tls_from(&tls, HOME, door.tls).await.unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let answer = ask_tls(&tls, HOME, door.tls, "GET /health").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert_eq!(answer.header("strict-transport-security"), None, "our own certificate");
    let to = door.tls.to_string();
    let old = tokio::task::spawn_blocking(move || {
        std::process::Command::new("openssl")
            .args(["s_client", "-tls1_2", "-connect", &to])
            .stdin(std::process::Stdio::null())
            .output()
    });
    let old = old.await.unwrap().unwrap();
    assert!(!old.status.success(), "TLS 1.2 must be refused");
}

#[tokio::test]
async fn one_address_holds_only_its_share_and_its_newest_connections_win() {
    let limits = Limits { per_address: 4, ..Limits::default() };
    let door = open(Options { limits, ..Options::default() }).await;
    let tls = connector(&door.ca);
    let source = Ipv4Addr::new(127, 0, 5, 1);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect_from(source, door.tls).await.unwrap());
    }
    assert_eq!(ask_tls(&tls, source, door.tls, "GET /health").await.status, 200);
    assert!(closed_within(&mut held[0], Duration::from_secs(2)).await, "the oldest made room");
    assert!(!closed_within(&mut held[3], Duration::from_millis(200)).await);
    let other = Ipv4Addr::new(127, 0, 5, 2);
    assert_eq!(ask_tls(&tls, other, door.tls, "GET /health").await.status, 200);
}

#[tokio::test]
async fn the_end_waits_for_open_requests_and_takes_no_new_ones() {
    let mut door = open(hasty()).await;
    let mut busy = TcpStream::connect(door.plain).await.unwrap();
    busy.write_all(request("GET /slow", &[], "").as_bytes()).await.unwrap();
    let mut idle = TcpStream::connect(door.plain).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    let _ = door.stop.take().unwrap().send(());
    let answer = read_answer(&mut busy).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "slept"));
    assert!(closed_within(&mut idle, Duration::from_secs(2)).await);
    (&mut door.done).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(TcpStream::connect(door.plain).await.is_err(), "still listening");
}

#[tokio::test]
async fn who_is_not_admitted_is_not_even_heard() {
    let stranger = Ipv4Addr::new(127, 0, 0, 9);
    let door = open(Options { outside: Some(stranger), ..hasty() }).await;
    let mut outside = connect_from(stranger, door.tls).await.unwrap();
    let began = Instant::now();
    assert!(closed_within(&mut outside, Duration::from_secs(2)).await);
    assert!(began.elapsed() < Duration::from_millis(250), "sooner than a handshake times out");
    let connector = connector(&door.ca);
    assert!(tls_from(&connector, HOME, door.tls).await.is_ok());
    assert!(tls_from(&connector, stranger, door.tls).await.is_err());
}
