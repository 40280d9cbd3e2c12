//! How fast the way between the browser's host and the router is: bytes that are made as they are
//! sent, bytes that are thrown away as they come, and the outcome among the speed tests. One device
//! at a time, for seconds, with pauses that leave a share of a core to the router's own work.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use access::Permission as P;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::json;
use system::SystemError;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::{TOOLS, note, tabs};
use crate::http::{Entry, Failure, Route, Routes};
use crate::pages::errors::sentence;
use crate::pages::{Ask, Form, done};
use crate::site::Site;
use crate::view::Tone;
use crate::view::router::DevicePage;

const HERE: &str = "/router/tools/device";
const STREAM: &str = "/router/tools/device/stream";
const SINK: &str = "/router/tools/device/sink";
/// The longest that bytes are sent or taken.
const LIMIT: Duration = Duration::from_secs(10);
/// The most that one answer carries: ten seconds of 3 Gbit/s.
const MOST_SENT: u64 = 4 << 30;
/// The most that one request may bring.
const MOST_TAKEN: usize = 64 << 20;
/// Bytes that are handed over at a time.
const CHUNK: usize = 64 << 10;
/// Work and the pause after it: four fifths of a core at most.
const WORK: Duration = Duration::from_millis(32);
const PAUSE: Duration = Duration::from_millis(8);

pub(super) fn routes() -> Routes<Site> {
    let (get, post) = (|| Method::GET, || Method::POST);
    let tools = || Entry::Needs(P::RouterTools);
    Routes::new()
        .add(Route::new(get(), HERE, TOOLS, show, "Speed between this device and the router"))
        .add(Route::new(post(), HERE, TOOLS, keep, "Keep what a device has measured"))
        .add(
            Route::new(get(), STREAM, tools(), send, "Bytes without meaning, as fast as they go")
                .query("bytes", "integer", "How many, at most 4 GiB; they end after 10 s.")
                .patient(),
        )
        .add(
            Route::new(post(), SINK, tools(), take, "Take bytes and count them")
                .body_limit(MOST_TAKEN)
                .patient(),
        )
}

async fn show(ask: Ask) -> Result<Response, Failure> {
    // With its port, as it came through the front door.
    let host = ask.header(&HOST).map_or_else(|| ask.site.facts.host.get(), str::to_owned);
    let page = DevicePage {
        tools: tabs(&ask),
        stream: STREAM,
        sink: SINK,
        command: format!(
            "curl -o /dev/null -H 'Authorization: Bearer API-KEY' \
             -w '%{{speed_download}} bytes/s\\n' https://{host}{STREAM}"
        ),
        shell: ask.router_shell("Speed to this device").await,
    };
    ask.page(&page)
}

/// The turn of one device. It ends when the sender is dropped, and in any case after the limit: who
/// reads nothing keeps others waiting no longer.
async fn turn(ask: &Ask) -> Result<oneshot::Sender<Infallible>, Failure> {
    let permit = ask.site.system.device_turn().await.map_err(|error| match error {
        SystemError::Busy { .. } => Failure::unavailable(sentence(&error.to_string())),
        other => Failure::internal("Giving a device its turn", other),
    })?;
    let (held, ended) = oneshot::channel();
    tokio::spawn(async move {
        let _permit = permit;
        let _ = timeout(LIMIT + Duration::from_secs(2), ended).await;
    });
    Ok(held)
}

async fn send(ask: Ask) -> Result<Response, Failure> {
    let wanted = ask.query.get("bytes").map_or(Ok(MOST_SENT), str::parse);
    let wanted = wanted.map_err(|_| Failure::invalid("`bytes` is a number."))?.min(MOST_SENT);
    let held = turn(&ask).await?;
    // A download that is not looked at in the browser, and which nothing packs on the way.
    let kind = HeaderValue::from_static("application/octet-stream");
    let name = HeaderValue::from_static("attachment; filename=\"speed.bin\"");
    let body = flow(wanted, LIMIT).map(move |chunk| {
        let _ = &held;
        Ok::<_, Infallible>(chunk)
    });
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], Body::from_stream(body))
        .into_response())
}

/// So many bytes, or what goes in so long.
fn flow(bytes: u64, limit: Duration) -> impl Stream<Item = Bytes> + Send + 'static {
    let chunk = noise();
    let began = Instant::now();
    stream::unfold((bytes, Pace::new()), move |(left, mut pace)| {
        let chunk = chunk.clone();
        async move {
            pace.step().await;
            let length = left.min(CHUNK as u64);
            if length == 0 || began.elapsed() >= limit {
                return None;
            }
            let piece = chunk.slice(..usize::try_from(length).unwrap_or(CHUNK));
            Some((piece, (left - length, pace)))
        }
    })
}

/// Not zeros, which something on the way might pack.
fn noise() -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    });
    next.flatten().take(CHUNK).collect()
}

/// Puts pauses between pieces of work.
struct Pace(Instant);

impl Pace {
    fn new() -> Self {
        Self(Instant::now())
    }

    async fn step(&mut self) {
        if self.0.elapsed() >= WORK {
            sleep(PAUSE).await;
            self.0 = Instant::now();
        }
    }
}

async fn take(ask: Ask, body: Body) -> Result<Response, Failure> {
    let _held = turn(&ask).await?;
    let began = Instant::now();
    let (mut pieces, mut pace, mut taken) = (body.into_data_stream(), Pace::new(), 0_usize);
    let read = async {
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Failure::bad_request("The bytes ended too early."))?;
            taken += piece.len();
            if taken > MOST_TAKEN {
                return Err(Failure::too_large("More bytes than were to be sent."));
            }
            pace.step().await;
        }
        Ok(())
    };
    let late = |_| Failure::too_large("These bytes take longer than 10 s: send fewer at a time.");
    timeout(LIMIT, read).await.map_err(late)??;
    let seconds = began.elapsed().as_secs_f64();
    Ok(axum::Json(json!({ "bytes": taken, "seconds": seconds })).into_response())
}

async fn keep(ask: Ask, form: Form) -> Result<Response, Failure> {
    let rate = |name: &str| form.get(name).parse::<f64>().unwrap_or(f64::NAN);
    let caller = &ask.visitor.caller;
    let device = caller.address.ok_or_else(|| Failure::bad_request("It has no address."))?;
    let kept =
        ask.site.system.keep_device_test(caller.actor.name(), device, rate("down"), rate("up"));
    let id = kept.await.map_err(|error| match error {
        SystemError::Invalid { .. } => Failure::invalid(sentence(&error.to_string())),
        other => Failure::internal("Keeping a speed test", other),
    })?;
    note(&ask, "router.tool.device", format!("host:{device}"), json!({})).await?;
    Ok(done(&format!("/router/tools/speed/{id}"), Tone::Ok, "The speed is measured."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_end_with_their_number_or_their_time() {
        let lengths: Vec<usize> = flow(100_000, LIMIT).map(|piece| piece.len()).collect().await;
        assert_eq!(lengths, [CHUNK, 100_000 - CHUNK]);
        let limit = Duration::from_millis(120);
        let began = Instant::now();
        let count = flow(u64::MAX, limit).count().await;
        assert!(count > 0 && began.elapsed() >= limit, "{count}");
        assert_eq!(flow(0, LIMIT).count().await, 0);
    }

    #[test]
    fn the_bytes_are_not_easy_to_pack() {
        let bytes = noise();
        let mut counts = [0_usize; 256];
        for byte in &bytes {
            counts[usize::from(*byte)] += 1;
        }
        assert_eq!(bytes.len(), CHUNK);
        assert!(counts.iter().all(|count| (128..512).contains(count)), "{counts:?}");
    }
}
