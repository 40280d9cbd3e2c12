//! Starts, stops and restarts units. The appliance has no right to: it asks a helper that systemd
//! starts as root for each request, and that does nothing but this, to units of the list.
//!
//! A request is a line `VERB UNIT`; the answer is a line `ok`, or `no: ` and why.

use std::io::{self, BufRead as _, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Programs;
use super::list::{Verb, allowed};
use crate::SystemError;
use crate::edge::{self, Bounds};

/// Where the helper listens.
pub const HELPER_SOCKET: &str = "/run/panoptikon-units.sock";

/// The longest line of a request or an answer, in bytes.
const LONGEST: u64 = 512;
/// The longest that a unit may take to start or stop: systemd's own limit is 90 s.
const PATIENCE: Duration = Duration::from_secs(95);
/// The same for the helper, which gives up before we do.
const HELPERS_PATIENCE: Duration = Duration::from_secs(92);
/// How often the helper looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);
/// What to do where nobody can act.
const REMEDY: &str = "systemctl enable --now panoptikon-units.socket on the router's console";

/// Does this to a unit.
pub(crate) async fn act(programs: &Programs, verb: Verb, unit: &str) -> Result<(), SystemError> {
    allowed(verb, unit).map_err(|why| SystemError::invalid("service", why.to_string()))?;
    let Some(socket) = &programs.helper else {
        let bounds = Bounds { longest: LONGEST, patience: PATIENCE, remedy: REMEDY };
        let words = words(verb, unit);
        return edge::run(&programs.systemctl, &words, bounds).await.map(drop);
    };
    let what = || format!("the helper at {}", socket.display());
    let asked = async {
        let mut stream = UnixStream::connect(socket).await?;
        stream.write_all(format!("{verb} {unit}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let seconds = PATIENCE.as_secs();
    let asked = timeout(PATIENCE, asked).await;
    let answer = asked
        .map_err(|_| SystemError::TimedOut { what: unit.to_owned(), seconds })?
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                SystemError::Missing { what: what(), remedy: REMEDY }
            }
            _ => SystemError::io("ask", what())(error),
        })?;
    match answer.trim_end().split_once(": ") {
        None if answer.trim_end() == "ok" => Ok(()),
        Some(("no", why)) => {
            Err(SystemError::Failed { what: format!("{verb} {unit}"), said: edge::told(why) })
        }
        _ => Err(SystemError::malformed("the helper's answer", "it is neither ok nor no")),
    }
}

fn words(verb: Verb, unit: &str) -> [&str; 4] {
    ["--no-ask-password", verb.as_str(), "--", unit]
}

/// The helper's side: one request in, one answer out. Whoever can write to its socket may ask for
/// any line of the list, and for nothing else.
///
/// # Errors
/// Where the request cannot be read or the answer not be written.
pub fn answer_helper(
    systemctl: &Path,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<()> {
    let mut line = String::new();
    io::BufReader::new(input.take(LONGEST)).read_line(&mut line)?;
    let outcome = match line.trim_end().split_once(' ') {
        Some((verb, unit)) => verb
            .parse()
            .and_then(|verb| allowed(verb, unit).map(|_| verb))
            .map_err(|why| why.to_string())
            .and_then(|verb| carry_out(systemctl, verb, unit)),
        None => Err("a request is a verb and a unit".to_owned()),
    };
    match outcome {
        Ok(()) => output.write_all(b"ok\n"),
        Err(why) => writeln!(output, "no: {why}"),
    }
}

fn carry_out(systemctl: &Path, verb: Verb, unit: &str) -> Result<(), String> {
    let failed = |error: io::Error| format!("running {}: {error}", systemctl.display());
    let mut child = Command::new(systemctl)
        .args(words(verb, unit))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let end = Instant::now() + HELPERS_PATIENCE;
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if Instant::now() < end => std::thread::sleep(LOOK),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{unit} took longer than {} s", HELPERS_PATIENCE.as_secs()));
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(errors) = child.stderr.take() {
        let _ = errors.take(LONGEST).read_to_string(&mut said);
    }
    Err(edge::told(said.lines().next().unwrap_or("systemd refused")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &str) -> String {
        let mut answer = Vec::new();
        answer_helper(Path::new("/bin/true"), &mut request.as_bytes(), &mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn the_helper_does_what_the_list_has_and_nothing_else() {
        assert_eq!(answered("restart chrony.service\n"), "ok\n");
        for wrong in [
            "restart getty@tty1.service\n",
            "stop panoptikon.service\n",
            "restart dbus.service\n",
            "mask chrony.service\n",
            "restart --no-block\n",
            "restart chrony.service reboot.target\n",
            "restart\n",
            "",
        ] {
            assert!(answered(wrong).starts_with("no: "), "{wrong:?}");
        }
        let long = format!("restart {}\n", "x".repeat(5_000));
        assert!(answered(&long).starts_with("no: "));
    }

    #[test]
    fn what_systemd_says_of_its_refusal_is_passed_on() {
        let mut answer = Vec::new();
        let request = &mut "stop chrony.service\n".as_bytes();
        answer_helper(Path::new("/bin/false"), request, &mut answer).unwrap();
        assert_eq!(answer, b"no: systemd refused\n");
        let mut answer = Vec::new();
        let request = &mut "stop chrony.service\n".as_bytes();
        answer_helper(Path::new("/no/such"), request, &mut answer).unwrap();
        assert!(answer.starts_with(b"no: running /no/such"));
    }
}
