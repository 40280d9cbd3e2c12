//! One test: latency, then down, then up.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::http::{Link, Load, Place, drain, tls};
use super::line::Told;
use super::{SpeedOutcome, SpeedPhase, SpeedSettings, SpeedUpdate};
use crate::SystemError;
use crate::icmp::{EchoSocket, Fate, Plan};
use crate::quality::Measured;
use crate::tools::Target;

/// Requests for the latency, the first of which also brings the connection up.
const LATENCIES: usize = 11;
/// Echo requests for the loss.
const ECHOES: u16 = 20;
/// From one figure of progress to the next.
const STEP: Duration = Duration::from_millis(250);
/// The share of a direction in which the streams gather speed.
const WARM_UP: f64 = 0.25;
/// Bytes of one upload; another follows at once.
const UPLOAD: u64 = 50_000_000;
/// After a failed request.
const BREATH: Duration = Duration::from_millis(500);

pub(super) async fn run(
    settings: &SpeedSettings,
    roots: Option<PathBuf>,
    updates: &Sender<SpeedUpdate>,
    outcome: &Arc<Mutex<SpeedOutcome>>,
) -> Result<(), SystemError> {
    let set = |change: &dyn Fn(&mut SpeedOutcome)| {
        change(&mut outcome.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let down = Place::parse("download_url", &settings.download_url)?;
    let up = Place::parse("upload_url", &settings.upload_url)?;
    let near = Place::parse("latency_url", &settings.latency_url)?;
    set(&|o| o.server.clone_from(&down.host));
    let needs_tls = [&settings.download_url, &settings.upload_url, &settings.latency_url]
        .iter()
        .any(|url| url.starts_with("https"));
    let tls = if needs_tls {
        let loaded = tokio::task::spawn_blocking(move || tls(roots.as_deref())).await;
        Some(loaded.map_err(|e| SystemError::malformed("the TLS settings", e))??)
    } else {
        None
    };

    let (latency, loss) = tokio::join!(latency(&near, tls.as_ref()), loss(&down.host));
    let (latency, told) = latency?;
    set(&|o| {
        (o.seen_as, o.network) = (told.seen_as, told.network);
        o.latency_ms = latency.rtt_min.map(|ms| rounded(ms, 3));
        o.jitter_ms = latency.jitter_ms.map(|ms| rounded(ms, 3));
        o.loss_percent = loss.map(|percent| rounded(percent, 2));
    });
    if let Some(ms) = latency.rtt_min {
        let _ = updates.send(SpeedUpdate::Latency { ms, jitter_ms: latency.jitter_ms }).await;
    }
    let bps = direction(settings, SpeedPhase::Download, &down, tls.as_ref(), updates).await?;
    set(&|o| o.download_bps = Some(bps.round()));
    let bps = direction(settings, SpeedPhase::Upload, &up, tls.as_ref(), updates).await?;
    set(&|o| o.upload_bps = Some(bps.round()));
    Ok(())
}

/// With so many decimals. More were never measured, and would not all come back from storage.
fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// The time until an answer begins, on a connection that stands, and what the server tells of us.
async fn latency(
    place: &Place,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<(Measured, Told), SystemError> {
    let mut link = Link::open(place, tls).await?;
    let mut times = Vec::with_capacity(LATENCIES);
    let mut told = Told::default();
    for number in 0..LATENCIES {
        let began = Instant::now();
        let answer = link.ask(Load::none()).await?;
        if number > 0 {
            times.push(Some(began.elapsed()));
        } else {
            told = Told::of(answer.headers());
        }
        if !drain(answer, &AtomicU64::new(0)).await {
            link = Link::open(place, tls).await?;
        }
    }
    Ok((Measured::new(&times), told))
}

/// The share of echo requests without a reply; None where none may be sent or none is answered.
async fn loss(host: &str) -> Option<f64> {
    let ip = Target::parse(host).ok()?.resolve(None).await.ok()?;
    let socket = EchoSocket::open(ip, None).ok()?;
    let interval = Duration::from_millis(100);
    let plan = Plan { count: ECHOES, size: 56, interval, patience: Duration::from_secs(1) };
    let mut times = vec![None; ECHOES.into()];
    let mut run = socket.run(plan);
    while let Some((number, fate)) = run.next().await {
        if let (Fate::Replied { after, .. }, Some(place)) =
            (fate, times.get_mut(usize::from(number)))
        {
            *place = Some(after);
        }
    }
    let measured = Measured::new(&times);
    (measured.lost < measured.sent).then(|| measured.loss_percent())
}

/// Bits a second of one direction, after its warm-up.
async fn direction(
    settings: &SpeedSettings,
    phase: SpeedPhase,
    place: &Place,
    tls: Option<&Arc<ClientConfig>>,
    updates: &Sender<SpeedUpdate>,
) -> Result<f64, SystemError> {
    let count = Arc::new(AtomicU64::new(0));
    let mut streams = JoinSet::new();
    for _ in 0..settings.streams {
        let (place, tls, count) = (place.clone(), tls.cloned(), Arc::clone(&count));
        streams.spawn(async move { stream(phase, &place, tls.as_ref(), &count).await });
    }
    let whole = Duration::from_secs(settings.seconds.into());
    let began = Instant::now();
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut warm) = ((began, 0), None);
    while began.elapsed() < whole {
        tokio::select! {
            _ = steps.tick() => {}
            // They go on for ever, but for one that gets nowhere.
            ended = streams.join_next() => match ended {
                Some(Ok(error)) if streams.is_empty() => return Err(error),
                _ => continue,
            },
        }
        let now = (Instant::now(), count.load(Ordering::Relaxed));
        if warm.is_none() && began.elapsed() >= whole.mul_f64(WARM_UP) {
            warm = Some(now);
        }
        let bps = rate(last, now);
        last = now;
        if bps > 0.0 {
            // Progress that nobody takes in time is not worth waiting for.
            let _ = updates.try_send(SpeedUpdate::Progress { phase, bps });
        }
    }
    let bps = rate(warm.unwrap_or((began, 0)), last);
    if bps > 0.0 {
        return Ok(bps);
    }
    Err(SystemError::TimedOut { what: place.host.clone(), seconds: whole.as_secs() })
}

fn rate(older: (Instant, u64), newer: (Instant, u64)) -> f64 {
    let seconds = newer.0.duration_since(older.0).as_secs_f64();
    newer.1.saturating_sub(older.1) as f64 * 8.0 / seconds.max(1e-3)
}

/// Request after request; returns the error of a server that twice in a row gives nothing.
async fn stream(
    phase: SpeedPhase,
    place: &Place,
    tls: Option<&Arc<ClientConfig>>,
    count: &Arc<AtomicU64>,
) -> SystemError {
    let mut failures = 0;
    let mut link = None;
    loop {
        let outcome = once(phase, place, tls, count, &mut link).await;
        match outcome {
            Ok(()) => failures = 0,
            Err(error) if failures > 0 => return error,
            Err(_) => {
                failures += 1;
                link = None;
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn once(
    phase: SpeedPhase,
    place: &Place,
    tls: Option<&Arc<ClientConfig>>,
    count: &Arc<AtomicU64>,
    link: &mut Option<Link>,
) -> Result<(), SystemError> {
    let mut open = match link.take() {
        Some(open) => open,
        None => Link::open(place, tls).await?,
    };
    let is_whole = if phase == SpeedPhase::Upload {
        let answer = open.ask(Load::bytes(UPLOAD, Arc::clone(count))).await?;
        drain(answer, &AtomicU64::new(0)).await
    } else {
        let before = count.load(Ordering::Relaxed);
        let is_whole = drain(open.ask(Load::none()).await?, count).await;
        if count.load(Ordering::Relaxed) == before {
            return Err(SystemError::malformed(format!("the answer of {}", place.host), "empty"));
        }
        is_whole
    };
    if is_whole {
        *link = Some(open);
    }
    Ok(())
}
