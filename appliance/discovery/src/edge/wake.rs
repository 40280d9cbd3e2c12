//! Wakes a thread that waits for sockets.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The end that wakes.
#[derive(Debug)]
pub(super) struct Waker(UnixStream);

/// The end that is waited for.
#[derive(Debug)]
pub(super) struct Wake(UnixStream);

pub(super) fn pair() -> io::Result<(Waker, Wake)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    Ok((Waker(ours), Wake(theirs)))
}

impl Waker {
    pub(super) fn wake(&self) {
        // A full pipe wakes just as well, and a closed one has nobody left to wake.
        let _ = (&self.0).write(&[1]);
    }
}

impl Wake {
    pub(super) fn clear(&self) {
        let mut sink = [0; 64];
        while matches!((&self.0).read(&mut sink), Ok(read) if read == sink.len()) {}
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
