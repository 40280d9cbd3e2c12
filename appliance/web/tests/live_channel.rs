//! The live channel over a real WebSocket, spoken by hand.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

mod common;

use std::sync::Arc;
use std::time::Duration;

use access::{Permission, Secret, SignIn};
use common::{Door, Options, open};
use model::Timestamp;
use panoptikon_web::http::SESSION_COOKIE;
use panoptikon_web::live::{Audience, Patch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

/// A tab's end of the channel.
struct Tab(TcpStream);

impl Tab {
    async fn open(door: &Door, cookie: &str, path: &str, origin: &str) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(door.plain).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: router.lan\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(SOON, stream.read_u8()).await.unwrap().unwrap());
        }
        let text = String::from_utf8(answer).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 101 { Ok(Self(stream)) } else { Err(status) }
    }

    /// The next frame: its opcode and payload. `None` when the channel ended.
    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let frame = async {
            let first = self.0.read_u8().await.ok()?;
            let mut length = u64::from(self.0.read_u8().await.ok()?);
            if length == 126 {
                length = u64::from(self.0.read_u16().await.ok()?);
            } else if length == 127 {
                length = self.0.read_u64().await.ok()?;
            }
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((first & 15, payload))
        };
        timeout(SOON, frame).await.expect("nothing came")
    }

    async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Some((1, payload)) => return String::from_utf8(payload).unwrap(),
                Some((9 | 10, _)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code of the closing frame.
    async fn close_code(&mut self) -> Option<u16> {
        loop {
            if let (8, payload) = self.next().await? {
                return payload.first_chunk().map(|b| u16::from_be_bytes(*b));
            }
        }
    }
}

fn patch(topic: &'static str, json: &str) -> Patch {
    Patch {
        audience: Audience::Permission(Permission::DevicesRead),
        topic: topic.into(),
        json: Arc::from(json),
    }
}

async fn wait_for_tabs(door: &Door, n: usize) {
    for _ in 0..200 {
        if door.app.live.tabs() == n {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} tabs, not {n}", door.app.live.tabs());
}

const OURS: &str = "http://router.lan";

#[tokio::test]
async fn a_tab_gets_what_is_meant_for_it_and_of_its_topics() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let mut all = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
    let mut some = Tab::open(&door, &cookie, "/live?topics=alerts,x", OURS).await.unwrap();
    let live = &door.app.live;
    let mine = Audience::Person(session.signed_in.person);
    let others = Audience::Person(model::PersonId(session.signed_in.person.0 + 1));
    live.publish(patch("devices", "{\"n\":1}"));
    live.publish(Patch { audience: others, ..patch("alerts", "{\"n\":2}") });
    live.publish(Patch { audience: mine, ..patch("alerts", "{\"n\":3}") });
    assert_eq!(all.text().await, "{\"n\":1}");
    assert_eq!(all.text().await, "{\"n\":3}");
    assert_eq!(some.text().await, "{\"n\":3}");
    drop((all, some));
    wait_for_tabs(&door, 0).await;
}

#[tokio::test]
async fn only_our_own_pages_with_a_session_may_open_it() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let refused =
        async |cookie: &str, origin: &str| Tab::open(&door, cookie, "/live", origin).await.err();
    assert_eq!(refused(&cookie, "http://evil.example").await, Some(403));
    assert_eq!(refused(&cookie, "null").await, Some(403));
    assert_eq!(refused("", OURS).await, Some(401));
    assert_eq!(refused(&cookie, OURS).await, None);
}

#[tokio::test]
async fn a_tab_that_falls_behind_is_told_to_load_anew_and_stays() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let mut tab = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
    let large = format!("\"{}\"", "x".repeat(20_000));
    for _ in 0..3_000 {
        door.app.live.publish(patch("devices", &large));
    }
    while tab.text().await != "{\"resync\":true}" {}
    door.app.live.publish(patch("devices", "\"after\""));
    while tab.text().await != "\"after\"" {}
}

#[tokio::test]
async fn the_end_of_a_session_closes_its_tabs_at_once() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let mut tab = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
    let by = session.signed_in.caller([127, 0, 0, 1].into());
    door.app.access.end_session(&by, session.signed_in.session, Timestamp::now()).await.unwrap();
    assert_eq!(tab.close_code().await, Some(1008));
    wait_for_tabs(&door, 0).await;
}

#[tokio::test]
async fn more_tabs_than_a_session_may_have_are_told_so_and_block_nothing() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let mut tabs = Vec::new();
    for _ in 0..12 {
        tabs.push(Tab::open(&door, &cookie, "/live", OURS).await.unwrap());
    }
    wait_for_tabs(&door, 12).await;
    for _ in 0..20 {
        let mut refused = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
        assert_eq!(refused.close_code().await, Some(1013));
    }
    tabs.pop();
    wait_for_tabs(&door, 11).await;
    let mut again = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
    wait_for_tabs(&door, 12).await;
    door.app.live.publish(patch("devices", "{}"));
    assert_eq!(again.text().await, "{}");
}

#[tokio::test]
async fn the_tabs_of_one_address_leave_half_of_its_connections_to_requests() {
    let door = open(Options::default()).await;
    door.administrator().await;
    let mut tabs = Vec::new();
    for round in 0..3 {
        let again = SignIn {
            name: "ada".to_owned(),
            password: Secret::new("correct horse battery staple"),
            address: [127, 0, 0, 1].into(),
            user_agent: "test".to_owned(),
        };
        let session = door.app.access.sign_in(again, Timestamp::now()).await.unwrap();
        let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
        for _ in 0..12 {
            tabs.push(Tab::open(&door, &cookie, "/live", OURS).await.unwrap());
        }
        wait_for_tabs(&door, [12, 16, 16][round]).await;
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_closes_the_tab() {
    let door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let mut tab = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
    let mut frame = vec![0x82, 0xff];
    frame.extend((100_u64 * 1024).to_be_bytes());
    frame.extend([0; 4]);
    tab.0.write_all(&frame).await.unwrap();
    let _ = tab.close_code().await;
    wait_for_tabs(&door, 0).await;
}

#[tokio::test]
async fn tabs_are_closed_when_the_appliance_stops() {
    let mut door = open(Options::default()).await;
    let session = door.administrator().await;
    let cookie = format!("{SESSION_COOKIE}={}", session.cookie.expose());
    let mut tab = Tab::open(&door, &cookie, "/live", OURS).await.unwrap();
    door.app.live.stop();
    let _ = door.stop.take().unwrap().send(());
    assert_eq!(tab.close_code().await, Some(1012));
    timeout(SOON, &mut door.done).await.expect("waits for a closed tab").unwrap();
}
