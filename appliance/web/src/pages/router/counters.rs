//! Hits of the firewall's and NAT's rules, read from the kernel when a page wants them and kept for
//! a moment, so that many open pages cost one look.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use vyos::runtime::{Counter, Counters, fetch_counters};

use crate::view::{bytes, count};

/// How long a look holds.
const FRESH: Duration = Duration::from_secs(2);

type Look = Result<Arc<Counters>, String>;

/// The last look. The kernel's rules are the machine's: one for all of the program.
static LAST: Mutex<Option<(Instant, Look)>> = Mutex::const_new(None);

/// Counters by rule, or why there are none.
pub(super) async fn counters() -> Look {
    let mut last = LAST.lock().await;
    if let Some((at, look)) = last.as_ref()
        && at.elapsed() < FRESH
    {
        return look.clone();
    }
    let look = match tokio::task::spawn_blocking(fetch_counters).await {
        Ok(Ok(counters)) => Ok(Arc::new(counters)),
        Ok(Err(error)) => Err(format!("Hit counters cannot be read: {error}.")),
        Err(_) => Err("Hit counters cannot be read.".to_owned()),
    };
    // A kernel without any rule of the router has nothing to count: nothing was hit or unused.
    let look = look.and_then(|counters| {
        if counters.iter().next().is_some() {
            Ok(counters)
        } else {
            Err("The kernel has no rules of the router, so there are no hit counters.".to_owned())
        }
    });
    *last = Some((Instant::now(), look.clone()));
    look
}

/// Packets and bytes as people read them; empty where they are not known.
pub(super) fn words(counter: Option<Counter>) -> (String, String) {
    counter.map(|c| (count(c.packets), bytes(c.bytes))).unwrap_or_default()
}
