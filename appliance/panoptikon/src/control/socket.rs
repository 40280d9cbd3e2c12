//! The socket itself: one appliance at a time, its owner only, on threads of its own.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use model::Explained;
use serde_json::Value;
use tiny_http::{Header, Response, Server};

use super::command::Request;
use super::desk::Desk;

/// Requests answered at the same time. Status is answered beyond that as well.
const MOST_AT_ONCE: usize = 8;

/// The largest body of a request.
const LARGEST_BODY: u64 = 64 * 1024;

/// The pause after the system refused a connection, for instance for want of file descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another appliance holds it.
    #[error(
        "another appliance is running: it holds {0} (see `panoptikon status`; stop it first, or \
         give this one its own --control-socket and --data-dir)"
    )]
    Running(PathBuf),
    /// Something that is no socket is in its place.
    #[error("{0} is there and is no socket: remove it, or set control_socket to another path")]
    NoSocket(PathBuf),
    /// The system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// The socket, held by this process and not served yet.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Held until the end of the process: the kernel releases it even after a kill, so that a
    /// socket left behind is told from a live one.
    lock: File,
}

impl Socket {
    /// Takes the place at `path`. A socket left behind by a dead appliance is replaced; that of a
    /// live one is refused.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| ControlError::Io { what, path, source }
        };
        if let Some(parent) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(failed("making the folder", parent))?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed("opening", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ControlError::Running(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed("locking", &lock_path)(source)),
        }
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(ControlError::NoSocket(path.to_owned()));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                return Err(ControlError::Running(path.to_owned()));
            }
            Ok(_) => std::fs::remove_file(path).map_err(failed("removing the old", path))?,
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed("listening at", path))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(failed("protecting", path))?;
        Ok(Self { listener, path: path.to_owned(), lock })
    }

    /// Starts to answer.
    pub fn serve(self, desk: Arc<Desk>) -> Result<Control, ControlError> {
        let closing = Arc::new(AtomicBool::new(false));
        let path = self.path.clone();
        let io = |source| ControlError::Io { what: "serving", path: path.clone(), source };
        let first = server(&self.listener).map_err(io)?;
        thread::Builder::new()
            .name("control".to_owned())
            .spawn({
                let closing = Arc::clone(&closing);
                move || accept(first, &self.listener, &desk, &closing)
            })
            .map_err(io)?;
        Ok(Control { path: self.path, closing, _lock: self.lock })
    }
}

/// The socket while it is served. Dropping it removes the socket.
pub struct Control {
    path: PathBuf,
    closing: Arc<AtomicBool>,
    _lock: File,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = std::fs::remove_file(&self.path);
    }
}

fn server(listener: &UnixListener) -> io::Result<Server> {
    Server::from_listener(listener.try_clone()?, None).map_err(io::Error::other)
}

/// Hands requests to threads. `tiny_http` gives up for good when the system refuses a connection, so
/// a new one is put on the same socket then.
fn accept(mut server: Server, listener: &UnixListener, desk: &Arc<Desk>, closing: &AtomicBool) {
    let busy = Arc::new(AtomicUsize::new(0));
    while !closing.load(Ordering::Relaxed) {
        match server.recv() {
            Ok(request) => hand_out(request, desk, &busy),
            Err(error) => {
                tracing::warn!(%error, "the control socket failed; opening it anew");
                thread::sleep(AFTER_REFUSAL);
                if let Ok(new) = self::server(listener) {
                    // Dropping the old one would remove the socket's file.
                    std::mem::forget(std::mem::replace(&mut server, new));
                }
            }
        }
    }
}

fn hand_out(mut request: tiny_http::Request, desk: &Arc<Desk>, busy: &Arc<AtomicUsize>) {
    let asked = read(&mut request);
    let quick = matches!(asked, Err(_) | Ok(Request::Status | Request::Stop | Request::Restart));
    if quick {
        return respond(request, asked.and_then(|asked| desk.answer(asked)));
    }
    if busy.fetch_add(1, Ordering::Relaxed) >= MOST_AT_ONCE {
        busy.fetch_sub(1, Ordering::Relaxed);
        let message = "too many commands at the same time; try again in a moment";
        return respond(request, Err(Explained::new("busy", message)));
    }
    let (desk, done) = (Arc::clone(desk), Arc::clone(busy));
    let spawned = thread::Builder::new().name("control-answer".to_owned()).spawn(move || {
        respond(request, asked.and_then(|asked| desk.answer(asked)));
        done.fetch_sub(1, Ordering::Relaxed);
    });
    if let Err(error) = spawned {
        // The request went with the thread; its connection closes unanswered.
        tracing::error!(%error, "no thread for a command");
        busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn read(request: &mut tiny_http::Request) -> Result<Request, Explained> {
    let mut body = Vec::new();
    let read = request.as_reader().take(LARGEST_BODY).read_to_end(&mut body);
    read.map_err(|error| Explained::new("bad_request", format!("reading the body: {error}")))?;
    Request::from_http(request.method().as_str(), request.url(), &body)
}

fn respond(request: tiny_http::Request, answer: Result<Value, Explained>) {
    let (status, body) = match answer {
        Ok(value) => (200, value.to_string()),
        Err(error) => {
            let status = match error.code {
                "bad_request" => 400,
                "not_found" => 404,
                "ending" => 409,
                "busy" | "starting" => 503,
                "timeout" => 504,
                _ => 500,
            };
            let body = serde_json::to_string(&error).unwrap_or_else(|_| "null".to_owned());
            (status, body)
        }
    };
    let mut response =
        Response::from_string(body).with_status_code(status).with_chunked_threshold(usize::MAX);
    if let Ok(header) = Header::from_bytes("Content-Type", "application/json") {
        response = response.with_header(header);
    }
    // The asker may have gone away.
    let _ = request.respond(response);
}
