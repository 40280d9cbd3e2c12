//! Signs of life for the service manager's watchdog.
//!
//! Each one goes through the async side and the database's writer thread and back. If either is
//! stuck or gone, none is sent, and the manager starts the appliance anew.

use std::future::Future;
use std::time::Duration;

use store::{Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use crate::health::{Health, Status};
use crate::notify::Notifier;

/// Signs of life a watchdog period, so that a late one does no harm.
const SIGNS_A_PERIOD: u32 = 3;

/// How often the status beside the service is brought up to date where no watchdog runs.
const WITHOUT_WATCHDOG: Duration = Duration::from_secs(60);

/// Sends signs of life until the runtime ends or the writer is gone.
pub(super) async fn keep_telling(notifier: Notifier, store: Store, health: Health) {
    let every = notifier.watchdog().map_or(WITHOUT_WATCHDOG, |period| period / SIGNS_A_PERIOD);
    let ask = move || {
        let store = store.clone();
        async move { store.write("sign of life", |_| Ok::<_, StoreError>(())).await }
    };
    tell(&notifier, every, ask, || status(&health)).await;
}

async fn tell<F, Fut>(notifier: &Notifier, every: Duration, ask: F, status: impl Fn() -> String)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), StoreError>>,
{
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match ask().await {
            // The writer that broke off does not come back by itself.
            Err(StoreError::Closed) => return,
            // A writer that says why it cannot write, such as a full disk, lives.
            Ok(()) | Err(_) => notifier.alive(&status()),
        }
    }
}

/// What stands beside the service in `systemctl status`.
pub(super) fn status(health: &Health) -> String {
    let parts = health.components();
    let ill: Vec<String> = parts
        .iter()
        .filter(|part| part.status == Status::Degraded)
        .map(|part| match &part.message {
            Some(message) => format!("{} ({message})", part.name),
            None => part.name.to_owned(),
        })
        .collect();
    if ill.is_empty() {
        "All parts are well".to_owned()
    } else {
        format!("Degraded: {}", ill.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A manager that listens, and how many signs of life it has heard so far.
    fn manager() -> (tempfile::TempDir, Notifier, impl Fn() -> usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let notifier = Notifier::open(path.as_os_str(), None).unwrap();
        let heard = move || {
            let mut buffer = [0; 512];
            std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
        };
        (folder, notifier, heard)
    }

    const EVERY: Duration = Duration::from_secs(40);

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_answers_is_alive_even_when_the_disk_is_full() {
        let (_folder, notifier, heard) = manager();
        let asked = Arc::new(AtomicU32::new(0));
        let ask = {
            let asked = Arc::clone(&asked);
            move || {
                let turn = asked.fetch_add(1, Ordering::Relaxed);
                async move { if turn == 1 { Err(StoreError::Broken("a batch")) } else { Ok(()) } }
            }
        };
        let telling = tell(&notifier, EVERY, ask, String::new);
        let _ = tokio::time::timeout(EVERY * 2 + Duration::from_secs(1), telling).await;
        assert_eq!(heard(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_writer_sends_no_sign_of_life() {
        let (_folder, notifier, heard) = manager();
        let telling = tell(&notifier, EVERY, std::future::pending, String::new);
        let _ = tokio::time::timeout(EVERY * 10, telling).await;
        assert_eq!(heard(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_is_gone_ends_the_signs_of_life() {
        let (_folder, notifier, heard) = manager();
        let gone = || async { Err(StoreError::Closed) };
        tokio::time::timeout(EVERY * 10, tell(&notifier, EVERY, gone, String::new))
            .await
            .expect("it ends");
        assert_eq!(heard(), 0);
    }

    #[test]
    fn the_status_names_what_is_not_well() {
        let health = Health::default();
        health.ok("store");
        assert_eq!(status(&health), "All parts are well");
        health.degraded("upkeep", "backup: no room");
        assert_eq!(status(&health), "Degraded: upkeep (backup: no room)");
    }
}
