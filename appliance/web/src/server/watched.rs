//! The byte stream of one connection, which notes when bytes move and gives back its place in the
//! admission table when it is dropped, wherever that happens (a WebSocket takes the stream along).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::admission::{AddressKey, Admission, Admitted, Pulse};

/// The admission table and the clock its times count from.
#[derive(Debug)]
pub(crate) struct Door {
    table: Mutex<Admission>,
    start: Instant,
}

impl Door {
    pub(crate) fn new(table: Admission) -> Self {
        Self { table: Mutex::new(table), start: Instant::now() }
    }

    /// Milliseconds since the server's start.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    pub(crate) fn open(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).open()
    }

    pub(crate) fn enter(self: &Arc<Self>, key: AddressKey, exempt: bool) -> Option<Place> {
        let now = self.now();
        let entered =
            self.table.lock().unwrap_or_else(PoisonError::into_inner).enter(key, exempt, now);
        entered.map(|Admitted { id, pulse }| Place { door: Arc::clone(self), key, id, pulse })
    }
}

/// A place in the admission table, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    key: AddressKey,
    id: u64,
    pub(crate) pulse: Arc<Pulse>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.door.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.leave(self.key, self.id);
    }
}

/// Where a connection stands, shared by the stream, the answers and the watchdog.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    door: Arc<Door>,
    pulse: Arc<Pulse>,
    phase: Arc<Mutex<Phase>>,
}

/// Since when, in milliseconds of the door's clock, a connection has been doing what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the first byte, or for the rest of a request's headers.
    Headers(u64),
    /// Between two requests.
    Idle(u64),
    /// Answering.
    Busy {
        /// When the request came.
        since: u64,
        /// Whether the answer may take as long as bytes move, as a download.
        patient: bool,
        /// Whether all of it has been written, though maybe not yet to the kernel.
        written: bool,
    },
    /// Handed to a WebSocket, which keeps its own time.
    Upgraded,
}

impl Watch {
    pub(crate) fn new(place: &Place) -> Self {
        let door = Arc::clone(&place.door);
        let phase = Arc::new(Mutex::new(Phase::Headers(door.now())));
        Self { door, pulse: Arc::clone(&place.pulse), phase }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When bytes last moved.
    pub(crate) fn last_moved(&self) -> u64 {
        self.pulse.since()
    }

    pub(crate) fn now(&self) -> u64 {
        self.door.now()
    }

    pub(crate) fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.pulse.set_busy(matches!(phase, Phase::Busy { .. } | Phase::Upgraded), self.door.now());
    }

    fn bytes_came(&self) {
        let now = self.door.now();
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        // A trickling header does not count as life, or it would outlast honest idle connections.
        match *phase {
            Phase::Idle(_) => *phase = Phase::Headers(now),
            Phase::Busy { .. } => self.pulse.touch(now),
            Phase::Headers(_) | Phase::Upgraded => {}
        }
    }

    /// A request came.
    pub(crate) fn begin(&self) {
        let since = self.door.now();
        self.set(Phase::Busy { since, patient: false, written: false });
    }

    /// The answer may take its time.
    pub(crate) fn be_patient(&self) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Busy { patient, .. } = &mut *phase {
            *patient = true;
        }
    }

    fn all_written(&self) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Busy { written, .. } = &mut *phase {
            *written = true;
        }
    }

    /// The kernel has taken all that was written.
    fn flushed(&self) {
        if let Phase::Busy { written: true, .. } = self.phase() {
            self.set(Phase::Idle(self.door.now()));
        }
    }

    fn bytes_went(&self) {
        if self.pulse.is_busy() {
            self.pulse.touch(self.door.now());
        }
    }
}

/// A stream with its watch and its place.
#[derive(Debug)]
pub(crate) struct Watched<Io> {
    io: Io,
    watch: Watch,
    _place: Place,
}

impl<Io> Watched<Io> {
    pub(crate) fn new(io: Io, watch: Watch, place: Place) -> Self {
        Self { io, watch, _place: place }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_ready() && buf.filled().len() > before {
            self.watch.bytes_came();
        }
        polled
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        if polled.is_ready() {
            self.watch.bytes_went();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        if polled.is_ready() {
            self.watch.flushed();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if polled.is_ready() {
            self.watch.bytes_went();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// An answer's body; when it has been written, or given up, and the kernel has taken it, the
/// connection is idle again.
#[derive(Debug)]
pub(crate) struct Answer {
    body: axum::body::Body,
    watch: Watch,
}

impl Answer {
    pub(crate) fn new(body: axum::body::Body, watch: Watch) -> Self {
        Self { body, watch }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.all_written();
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
