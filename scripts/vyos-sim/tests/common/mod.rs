//! A small HTTP client over a unix socket, and a stand-in to ask.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]
#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use vyos_sim::{Options, Release, Sim};

pub(crate) const KEY: &str = "TESTKEY-panoptikon-0123456789";

/// The starting configuration of a release.
pub(crate) fn config(release: Release) -> String {
    let name = if release == Release::Sagitta { "sagitta" } else { "current" };
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcript");
    std::fs::read_to_string(place.join(format!("{name}.config.boot"))).unwrap()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// `data` of a success.
    pub(crate) fn data(&self) -> Value {
        let json: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!((self.status, &json["success"]), (200, &json!(true)), "{}", self.body);
        json["data"].clone()
    }

    /// `error` of a failure.
    pub(crate) fn error(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(json["success"], json!(false), "{}", self.body);
        json["error"].as_str().unwrap().to_owned()
    }
}

/// Sends a request and reads its answer; none where the connection ends without one.
pub(crate) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
) -> Option<Answer> {
    stream.write_all(request).await.ok()?;
    let mut text = Vec::new();
    let (head, mut body) = loop {
        if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = text.split_off(end + 4);
            break (String::from_utf8(text).unwrap(), body);
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await.ok()? {
            0 => return None,
            read => text.extend_from_slice(&more[..read]),
        }
    };
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    while body.len() < length && !request.starts_with(b"HEAD") {
        let mut more = [0; 4096];
        match stream.read(&mut more).await.ok()? {
            0 => return None,
            read => body.extend_from_slice(&more[..read]),
        }
    }
    Some(Answer { status, headers, body: String::from_utf8(body).unwrap() })
}

/// A request's bytes.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Vec<u8> {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nHost: vyos\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    [text.as_bytes(), b"\r\n", body].concat()
}

/// A stand-in with a folder of its own.
pub(crate) struct Bed {
    pub(crate) sim: Sim,
    pub(crate) socket: PathBuf,
    folder: TempDir,
}

impl Bed {
    pub(crate) async fn new(release: Release) -> Self {
        Self::with(release, |_| {}).await
    }

    pub(crate) async fn with(release: Release, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("api.sock");
        let mut options = Options::new(release, config(release), folder.path().join("state"));
        options.socket = Some(socket.clone());
        change(&mut options);
        let sim = Sim::start(options).await.unwrap();
        Self { sim, socket, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Any request.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Option<Answer> {
        send(&self.socket, method, path, headers, body).await
    }

    /// JSON with the key.
    pub(crate) async fn post(&self, path: &str, json: Value) -> Answer {
        self.try_post(path, json).await.expect("an answer")
    }

    pub(crate) async fn try_post(&self, path: &str, json: Value) -> Option<Answer> {
        post(&self.socket, path, json).await
    }

    pub(crate) async fn set(&self, line: &str) -> Answer {
        let path: Vec<_> = line.split(' ').collect();
        self.post("/configure", json!({"op": "set", "path": path})).await
    }

    pub(crate) async fn get(&self, line: &str) -> Value {
        let path: Vec<_> = line.split(' ').collect();
        self.post("/retrieve", json!({"op": "returnValue", "path": path})).await.data()
    }

    /// Waits until nothing is committed any more and the server answers.
    pub(crate) async fn settled(&self) {
        let settled = async {
            while self.sim.is_busy() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("it settles");
    }

    pub(crate) async fn status(&self) -> u16 {
        let answer = self.try_post("/retrieve", json!({"op": "exists", "path": ["system"]})).await;
        answer.map_or(0, |answer| answer.status)
    }
}

pub(crate) async fn send(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Option<Answer> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    talk(&mut stream, &request(method, path, headers, body)).await
}

pub(crate) async fn post(socket: &Path, path: &str, mut json: Value) -> Option<Answer> {
    if json.get("key").is_none() {
        json["key"] = json!(KEY);
    }
    let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
    send(socket, "POST", path, &headers, json.to_string().as_bytes()).await
}
