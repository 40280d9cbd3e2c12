//! A bell that wakes a thread out of poll(2), and tells it when to end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Held by whoever wakes the thread, and by the thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bell(Arc<Inner>);

struct Inner {
    ring: UnixDatagram,
    hear: UnixDatagram,
    is_over: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (ring, hear) = UnixDatagram::pair()?;
        ring.set_nonblocking(true)?;
        hear.set_nonblocking(true)?;
        Ok(Self(Arc::new(Inner { ring, hear, is_over: AtomicBool::new(false) })))
    }

    /// Wakes the thread.
    pub(crate) fn ring(&self) {
        // Where there is no room for another word, one waits already.
        let _ = self.0.ring.send(&[0]);
    }

    /// Tells the thread to end.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, Relaxed);
        self.ring();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over.load(Relaxed)
    }

    /// Waits until the bell rings, one of `others` has something, or the time is over; None is for
    /// ever. Gives which of the others have something.
    pub(crate) fn wait(
        &self,
        others: &[BorrowedFd<'_>],
        time: Option<Duration>,
    ) -> io::Result<Vec<bool>> {
        let mut all = vec![PollFd::new(self.0.hear.as_fd(), PollFlags::POLLIN)];
        all.extend(others.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        let time = time.map_or(PollTimeout::NONE, |time| {
            PollTimeout::try_from(time.as_millis().saturating_add(1)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut all, time) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut has = all.iter().map(|fd| fd.any().unwrap_or(false));
        if has.next().unwrap_or(false) {
            let mut word = [0; 8];
            while self.0.hear.recv(&mut word).is_ok() {}
        }
        Ok(has.collect())
    }
}
