//! The command line's end of the control socket: one request, one answer.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::command::Request;

/// More than this is no answer of ours.
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// How much longer the asker waits than the appliance does.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens at the socket.
    #[error(
        "the appliance is not running: nobody answers at {0} (start it with `panoptikon serve`, or \
         name its socket with --control-socket)"
    )]
    NotRunning(PathBuf),
    /// The socket belongs to somebody else.
    #[error("no permission to use {0}: run this as the user that runs the appliance, such as root")]
    NoPermission(PathBuf),
    /// The connection broke, or the answer did not come in time.
    #[error("asking the appliance at {path} failed: {detail}")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        detail: String,
    },
    /// The appliance refused, with its own words.
    #[error("{message}")]
    Refused {
        /// The word for programs.
        code: String,
        /// The words for people.
        message: String,
    },
}

/// Sends a request to the appliance behind a socket and waits for its answer.
pub fn ask(socket: &Path, request: &Request) -> Result<Value, AskError> {
    ask_within(socket, request, request.time_out() + PATIENCE)
}

/// The same, with as much patience as is given.
pub fn ask_within(socket: &Path, request: &Request, limit: Duration) -> Result<Value, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            AskError::NotRunning(socket.to_owned())
        }
        io::ErrorKind::PermissionDenied => AskError::NoPermission(socket.to_owned()),
        _ => broken(socket, &error),
    })?;
    exchange(&mut stream, request, limit).map_err(|error| broken(socket, &error)).and_then(
        |answer| {
            let (status, body) =
                parse(&answer).ok_or_else(|| broken(socket, &"the answer makes no sense"))?;
            let body: Value =
                serde_json::from_slice(body).map_err(|error| broken(socket, &error))?;
            if status == 200 {
                return Ok(body);
            }
            let refusal: Refusal =
                serde_json::from_value(body).map_err(|error| broken(socket, &error))?;
            Err(AskError::Refused { code: refusal.code, message: refusal.message })
        },
    )
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

fn broken(socket: &Path, detail: &dyn ToString) -> AskError {
    AskError::Broken { path: socket.to_owned(), detail: detail.to_string() }
}

fn exchange(stream: &mut UnixStream, request: &Request, limit: Duration) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(PATIENCE.min(limit)))?;
    let (method, path, body) = request.to_http();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Status and body of an answer that states its length.
fn parse(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())?;
    (body.len() == length).then_some((status, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_answer_makes_the_asker_panic(answer: Vec<u8>) {
            let _ = parse(&answer);
        }
    }

    #[test]
    fn an_answer_cut_short_is_none() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(whole), Some((200, &b"{}"[..])));
        assert_eq!(parse(&whole[..whole.len() - 1]), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\n{}"), None);
    }
}
