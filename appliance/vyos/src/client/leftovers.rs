//! Uncommitted changes in the API's session: whether they are somebody's load that is under way, or
//! what a load that failed has left behind. The latter must go, for the next commit would take it
//! along; the former must not, for it would be spoilt.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use tokio::time::Instant;

/// Without a commit under way they stand as long before they are dropped: a load takes some seconds
/// before it commits, and what it has read by then grows.
const IDLE: Duration = Duration::from_secs(20);
/// Where it cannot be seen whether a commit is under way, as long as the longest commit may take.
const BLIND: Duration = Duration::from_secs(900);

/// Watches them.
pub(super) struct Leftovers {
    /// The file that a commit on the router keeps locked (vyatta-cfg, `commit-algorithm.cpp`).
    lock: Option<PathBuf>,
    /// What was seen last, and since when it is so.
    seen: Mutex<Option<(u64, Instant)>>,
}

impl Leftovers {
    pub(super) fn new(lock: Option<PathBuf>) -> Self {
        Self { lock, seen: Mutex::default() }
    }

    /// There are none.
    pub(super) fn none(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// There are some, told apart by a hash of them. Whether they may be dropped.
    pub(super) fn are_stale(&self, hash: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let committing = self.is_committing();
        let since = match *seen {
            // While somebody commits nothing is left behind yet.
            Some((before, since)) if before == hash && committing != Some(true) => since,
            _ => now,
        };
        *seen = Some((hash, since));
        now - since > if committing.is_some() { IDLE } else { BLIND }
    }

    /// Whether a commit is under way; none where that cannot be seen.
    fn is_committing(&self) -> Option<bool> {
        let file = File::open(self.lock.as_ref()?).ok()?;
        let mut lock = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        match fcntl(&file, FcntlArg::F_GETLK(&mut lock)) {
            Ok(_) => Some(lock.l_type != libc::F_UNLCK as libc::c_short),
            Err(Errno::EINTR | Errno::EACCES | Errno::EAGAIN) => Some(true),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn stale_after(leftovers: &Leftovers, seconds: u64) -> bool {
        leftovers.are_stale(7);
        tokio::time::advance(Duration::from_secs(seconds)).await;
        leftovers.are_stale(7)
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_commits_is_stale_after_a_while() {
        let lock = tempfile::NamedTempFile::new().unwrap();
        let leftovers = Leftovers::new(Some(lock.path().to_owned()));
        assert!(!stale_after(&leftovers, 19).await);
        leftovers.none();
        assert!(stale_after(&leftovers, 21).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_commits_is_never_stale() {
        let lock = tempfile::NamedTempFile::new().unwrap();
        let leftovers = Leftovers::new(Some(lock.path().to_owned()));
        let whole = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        // A lock of the open file counts as another's, as that of a commit does.
        fcntl(&lock, FcntlArg::F_OFD_SETLK(&whole)).unwrap();
        assert!(!stale_after(&leftovers, 3_600).await);
        drop(lock);
        let gone = Leftovers::new(leftovers.lock);
        assert!(!stale_after(&gone, 899).await, "blind, and yet dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn what_still_changes_is_not_stale_and_blind_it_takes_a_quarter_of_an_hour() {
        let leftovers = Leftovers::new(None);
        leftovers.are_stale(1);
        tokio::time::advance(Duration::from_secs(800)).await;
        assert!(!stale_after(&leftovers, 899).await);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(leftovers.are_stale(7));
    }
}
