//! Joins a listener and a target, each TCP or a unix socket. Two of these with a unix socket
//! between them carry connections over the border of a network namespace.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Connections at once; more are closed at once, so that a load test on the page meets the
/// appliance's limits and not this program's threads.
const CONNECTIONS: usize = 4096;

/// One end: `tcp:127.0.0.1:8443` or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Tcp(String),
    Unix(PathBuf),
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("tcp", address)) if address.contains(':') => Ok(Self::Tcp(address.to_owned())),
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            _ => Err(format!("`{text}` is neither tcp:ADDRESS:PORT nor unix:PATH")),
        }
    }
}

/// What `lab-hosts forward` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long)]
    listen: End,
    /// Where each connection goes.
    #[arg(long)]
    to: End,
}

/// Both kinds of stream, as one.
trait Stream: Read + Write + Send + 'static {
    fn twin(&self) -> io::Result<Box<dyn Stream>>;
    fn finish_writing(&self);
}

impl Stream for TcpStream {
    fn twin(&self) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.try_clone()?))
    }
    fn finish_writing(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for UnixStream {
    fn twin(&self) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.try_clone()?))
    }
    fn finish_writing(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// Forwards until killed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let running = Arc::new(AtomicUsize::new(0));
    match &options.listen {
        End::Tcp(address) => {
            let listener =
                TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
            serve(|| Ok(Box::new(listener.accept()?.0)), &options.to, &running)
        }
        End::Unix(path) => {
            let _ = fs::remove_file(path);
            let listener = UnixListener::bind(path)
                .with_context(|| format!("listen on {}", path.display()))?;
            serve(|| Ok(Box::new(listener.accept()?.0)), &options.to, &running)
        }
    }
}

fn serve(
    accept: impl Fn() -> io::Result<Box<dyn Stream>>,
    to: &End,
    running: &Arc<AtomicUsize>,
) -> Result<()> {
    loop {
        let Ok(stream) = accept() else {
            // Out of descriptors; others close soon.
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        if running.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
            running.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (to, running) = (to.clone(), Arc::clone(running));
        thread::spawn(move || {
            // An end that does not answer closes the other, which is what a caller expects.
            let _ = join(stream, &to);
            running.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn join(near: Box<dyn Stream>, to: &End) -> io::Result<()> {
    let far: Box<dyn Stream> = match to {
        End::Tcp(address) => Box::new(TcpStream::connect(address)?),
        End::Unix(path) => Box::new(UnixStream::connect(path)?),
    };
    let (from_near, to_far) = (near.twin()?, far.twin()?);
    let up = thread::spawn(move || pour(from_near, to_far));
    pour(far, near);
    let _ = up.join();
    Ok(())
}

fn pour(mut from: Box<dyn Stream>, mut to: Box<dyn Stream>) {
    let _ = io::copy(&mut from, &mut to);
    to.finish_writing();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_from_text() {
        assert_eq!("tcp:127.0.0.1:80".parse(), Ok(End::Tcp("127.0.0.1:80".into())));
        assert_eq!("unix:/run/x".parse(), Ok(End::Unix("/run/x".into())));
        assert!("127.0.0.1:80".parse::<End>().is_err());
        assert!("unix:".parse::<End>().is_err());
    }

    #[test]
    fn bytes_pass_both_ways_until_each_side_has_ended() {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = End::Tcp(target.local_addr().unwrap().to_string());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echo = thread::spawn(move || {
            let (mut stream, _) = target.accept().unwrap();
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).unwrap();
            asked.reverse();
            stream.write_all(&asked).unwrap();
        });
        thread::spawn(move || join(Box::new(listener.accept().unwrap().0), &to));
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"abc").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "cba");
        echo.join().unwrap();
    }
}
