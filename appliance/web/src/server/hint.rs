//! What a client hears that speaks plain HTTP to the TLS port: where the page really is.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::Hosts;

/// Enough for the first headers of any browser; whatever comes after is not looked at.
const MAX_HEAD: usize = 4096;

/// Reads a request's head as far as it comes and answers once. The caller limits the time.
pub(super) async fn answer(mut stream: TcpStream, hosts: &Hosts) {
    let mut head = Vec::with_capacity(512);
    let mut part = [0; 512];
    while head.len() < MAX_HEAD && !ends(&head) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(n) => head.extend_from_slice(&part[..n]),
        }
    }
    let _ = stream.write_all(hint(&head, hosts).as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn ends(head: &[u8]) -> bool {
    head.windows(4).any(|w| w == b"\r\n\r\n")
}

fn hint(head: &[u8], hosts: &Hosts) -> String {
    const BODY: &str = "This port speaks HTTPS: put https:// before the address.\n";
    let (status, location) = match target(head, hosts) {
        Some(url) => ("301 Moved Permanently", format!("Location: {url}\r\n")),
        None => ("400 Bad Request", String::new()),
    };
    format!(
        "HTTP/1.1 {status}\r\n{location}Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{BODY}",
        BODY.len()
    )
}

/// The same page over HTTPS, for a GET or HEAD whose host is one of ours.
fn target(head: &[u8], hosts: &Hosts) -> Option<String> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let plain = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if !matches!(method, "GET" | "HEAD") || !words.next()?.starts_with("HTTP/1.") || !plain {
        return None;
    }
    let host = lines
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("host").then_some(value.trim()))?;
    hosts.allows(host).then(|| format!("https://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic_or_split_the_answer(tail in "\\PC{0,40}", host in "\\PC{0,20}") {
            let head = format!("GET /{tail} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = hint(head.as_bytes(), &Hosts::new(["router.lan"]));
            let head = answer.split("\r\n\r\n").next().unwrap_or_default();
            prop_assert!(head.lines().count() <= 6);
        }
    }

    #[test]
    fn a_page_asked_for_without_tls_is_named_with_https() {
        let hosts = Hosts::new(["router.lan"]);
        let answer = hint(b"GET /devices?a=1 HTTP/1.1\r\nHost: router.lan:8443\r\n\r\n", &hosts);
        assert!(answer.starts_with("HTTP/1.1 301 "));
        assert!(answer.contains("\r\nLocation: https://router.lan:8443/devices?a=1\r\n"));
    }

    #[test]
    fn a_foreign_host_an_odd_path_or_noise_gets_words_only() {
        let hosts = Hosts::new(["router.lan"]);
        for head in [
            &b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"[..],
            b"GET //evil.example/ HTTP/1.1\r\nHost: router.lan\r\n\r\n",
            b"GET /\\evil HTTP/1.1\r\nHost: router.lan\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: router.lan\r\n\r\n",
            b"\x00\xff\r\n\r\n",
            b"",
        ] {
            assert!(hint(head, &hosts).starts_with("HTTP/1.1 400 "));
        }
    }
}
