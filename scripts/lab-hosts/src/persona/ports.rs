//! Open TCP ports with a greeting, for the port scan.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::kinds::Greeting;

/// How long a caller may take to ask.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens on all ports, each in a thread of its own, until the program ends.
pub(crate) fn open(ports: &[(u16, Greeting)]) -> Result<()> {
    for (port, greeting) in ports.iter().copied() {
        // One socket for both families where the host has IPv6.
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
            .with_context(|| format!("listen on port {port}"))?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A caller that hangs up is no concern of the device.
                let _ = greet(stream, greeting);
            }
        });
    }
    Ok(())
}

fn greet(mut stream: TcpStream, greeting: Greeting) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match greeting {
        Greeting::Silent => Ok(()),
        Greeting::Text(text) => stream.write_all(text.as_bytes()),
        Greeting::Http(server) => {
            let mut request = [0; 1024];
            if stream.read(&mut request)? == 0 {
                return Ok(());
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes())
        }
    }
}
