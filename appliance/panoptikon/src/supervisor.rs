//! Keeps rooms running: a room that fails, panics or ends by itself is started again after a pause
//! that doubles from 1 s to 60 s, and is shown as degraded meanwhile. The others go on.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::health::Health;
use crate::lifecycle::Lifecycle;

/// The pause after a first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A room that ran for this long is well again: the next pause is the first one.
const CALM: Duration = Duration::from_secs(60);

/// Starts rooms and watches over them.
pub struct Supervisor {
    health: Health,
    lifecycle: Lifecycle,
    rooms: JoinSet<()>,
}

impl Supervisor {
    /// A supervisor that reports to `health` and ends its rooms with `lifecycle`.
    pub fn new(health: Health, lifecycle: Lifecycle) -> Self {
        Self { health, lifecycle, rooms: JoinSet::new() }
    }

    /// Runs a room for as long as the appliance lives. `start` is called for the first run and for
    /// each restart; the future it returns ends, with `Ok`, once [`Lifecycle::ended`] returns.
    pub fn room<F, Fut>(&mut self, name: &'static str, start: F)
    where
        F: Fn(Lifecycle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (health, lifecycle) = (self.health.clone(), self.lifecycle.clone());
        // Rooms differ; watching over them does not, and is compiled once.
        let start: Start = Arc::new(move |lifecycle| Box::pin(start(lifecycle)));
        self.rooms.spawn(supervise(name, start, health, lifecycle));
    }

    /// Waits until all rooms have ended after [`Lifecycle::end`], at most for `limit`, and then
    /// aborts the others. Gives back how many had to be aborted.
    pub async fn finish(mut self, limit: Duration) -> usize {
        let all = async { while self.rooms.join_next().await.is_some() {} };
        if timeout(limit, all).await.is_ok() {
            return 0;
        }
        let left = self.rooms.len();
        self.rooms.shutdown().await;
        left
    }
}

/// A task that ends with its owner.
struct Owned(JoinHandle<anyhow::Result<()>>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One run of a room.
type Run = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Makes a run of a room.
type Start = Arc<dyn Fn(Lifecycle) -> Run + Send + Sync>;

async fn supervise(name: &'static str, start: Start, health: Health, lifecycle: Lifecycle) {
    let mut pause = FIRST_PAUSE;
    health.ok(name);
    while !lifecycle.has_ended() {
        let begun = Instant::now();
        let mut task = Owned(tokio::spawn({
            let (start, lifecycle) = (Arc::clone(&start), lifecycle.clone());
            async move { start(lifecycle).await }
        }));
        // A restarted room has recovered once it has held for as long as the pause before it was.
        let outcome = tokio::select! {
            outcome = &mut task.0 => outcome,
            () = sleep(pause) => {
                health.recovered(name);
                (&mut task.0).await
            }
        };
        if lifecycle.has_ended() {
            break;
        }
        if begun.elapsed() >= CALM {
            pause = FIRST_PAUSE;
        }
        let reason = reason(outcome);
        let seconds = pause.as_secs();
        tracing::error!(room = name, restart_in_s = seconds, %reason, "a room failed");
        health.failed(name, format!("{reason}; started again after {seconds} s"));
        tokio::select! {
            () = sleep(pause) => {}
            () = lifecycle.ended() => break,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    health.stopped(name);
}

fn reason(outcome: Result<anyhow::Result<()>, JoinError>) -> String {
    match outcome {
        Ok(Ok(())) => "it ended by itself".to_owned(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => format!("it panicked: {}", panic_text(panic.as_ref())),
            Err(_) => "it was cancelled".to_owned(),
        },
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::health::{Component, Status};
    use crate::lifecycle::Ending;

    fn only(health: &Health) -> Component {
        health.components().pop().expect("one room")
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_room_is_restarted_with_a_growing_pause() {
        let (health, lifecycle) = (Health::default(), Lifecycle::default());
        let mut supervisor = Supervisor::new(health.clone(), lifecycle.clone());
        let begun = Instant::now();
        let starts = Arc::new(Mutex::new(Vec::new()));
        supervisor.room("discovery", {
            let starts = Arc::clone(&starts);
            move |_| {
                let starts = Arc::clone(&starts);
                async move {
                    starts.lock().expect("no panic in between").push(begun.elapsed().as_secs());
                    panic!("a bad frame")
                }
            }
        });
        sleep(Duration::from_secs(200)).await;
        let seen = starts.lock().expect("no panic in between").clone();
        assert_eq!(seen, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
        let room = only(&health);
        assert_eq!((room.status, room.restarts), (Status::Degraded, 9));
        assert_eq!(
            room.message.as_deref(),
            Some("it panicked: a bad frame; started again after 60 s")
        );
        lifecycle.end(Ending::Stop);
        assert_eq!(supervisor.finish(Duration::from_secs(1)).await, 0);
        assert_eq!(only(&health).status, Status::Stopped);
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_holds_is_well_again_and_its_next_pause_is_short() {
        let (health, lifecycle) = (Health::default(), Lifecycle::default());
        let mut supervisor = Supervisor::new(health.clone(), lifecycle.clone());
        let runs = Arc::new(AtomicU32::new(0));
        supervisor.room("web", {
            let runs = Arc::clone(&runs);
            move |_| {
                let run = runs.fetch_add(1, Ordering::Relaxed);
                async move {
                    // Fails at once three times, then after two minutes.
                    if run >= 3 {
                        sleep(Duration::from_secs(120)).await;
                    }
                    anyhow::bail!("no address")
                }
            }
        });
        sleep(Duration::from_secs(2)).await;
        assert_eq!(only(&health).status, Status::Degraded);
        sleep(Duration::from_secs(20)).await; // third failure at 3 s, up since 7 s
        assert_eq!(only(&health).status, Status::Ok);
        sleep(Duration::from_millis(105_500)).await; // fails at 127 s
        assert_eq!(only(&health).status, Status::Degraded);
        let message = only(&health).message.expect("a reason");
        assert_eq!(message, "no address; started again after 1 s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_others_go_on_and_a_room_that_ignores_the_end_is_aborted() {
        let (health, lifecycle) = (Health::default(), Lifecycle::default());
        let mut supervisor = Supervisor::new(health.clone(), lifecycle.clone());
        let ticks = Arc::new(AtomicU32::new(0));
        supervisor.room("fails", |_| async { anyhow::bail!("always") });
        supervisor.room("works", {
            let ticks = Arc::clone(&ticks);
            move |lifecycle| {
                let ticks = Arc::clone(&ticks);
                async move {
                    while !lifecycle.has_ended() {
                        sleep(Duration::from_secs(1)).await;
                        ticks.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                }
            }
        });
        supervisor.room("deaf", |_| std::future::pending());
        sleep(Duration::from_secs(30)).await;
        assert!(ticks.load(Ordering::Relaxed) >= 29);
        lifecycle.end(Ending::Stop);
        assert_eq!(supervisor.finish(Duration::from_secs(3)).await, 1);
    }
}
