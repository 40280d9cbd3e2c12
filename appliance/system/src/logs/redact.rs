//! Takes out of text what must not leave the router: secrets, and whose addresses they are.
//!
//! The same address becomes the same word everywhere, so that lines that belong together
//! can still be told.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::Mac;

/// What stands in the place of a secret.
const REMOVED: &str = "<removed>";

/// A word of letters and digits of this length is a key and no word.
const LONGEST_WORD: usize = 20;

/// What comes before a secret.
const BEFORE_SECRETS: [&str; 8] =
    ["key", "token", "password", "passphrase", "secret", "cookie", "bearer", "authorization"];

/// Remembers which address is which word.
#[derive(Default)]
pub struct Redactor {
    known: BTreeMap<String, String>,
    counted: BTreeMap<&'static str, usize>,
}

impl Redactor {
    /// A line without addresses of others and without secrets.
    pub fn line(&mut self, line: &str) -> String {
        let mut text = String::with_capacity(line.len());
        let mut after_secret_word = false;
        for piece in pieces(line) {
            let is_word = piece.starts_with(is_part) && piece.contains(char::is_alphanumeric);
            if !is_word {
                // `key = x`, `key: x` and `key x`, but not `the key. Then`.
                after_secret_word &= piece.trim().chars().all(|c| "=:\"'".contains(c));
                text.push_str(piece);
                continue;
            }
            if after_secret_word && !BEFORE_SECRETS.contains(&piece.to_lowercase().as_str()) {
                text.push_str(REMOVED);
                after_secret_word = false;
                continue;
            }
            text.push_str(&self.word(piece));
            let lower = piece.trim_end_matches([':', '.']).to_lowercase();
            after_secret_word = BEFORE_SECRETS.iter().any(|secret| lower.ends_with(secret));
        }
        text
    }

    fn word(&mut self, word: &str) -> String {
        let bare = word.trim_end_matches([':', '.']);
        let tail = &word[bare.len()..];
        if let Ok(ip) = bare.parse::<IpAddr>() {
            if ip.is_loopback() || ip.is_unspecified() {
                return word.to_owned();
            }
            return self.name("address", &ip.to_canonical().to_string()) + tail;
        }
        if let Some((ip, prefix)) = bare.split_once('/')
            && let Ok(ip) = ip.parse::<IpAddr>()
        {
            return format!("{}/{prefix}{tail}", self.name("address", &ip.to_string()));
        }
        // An address with its port.
        if let Some((ip, port)) = bare.rsplit_once(':')
            && let Ok(IpAddr::V4(v4)) = ip.parse()
        {
            if v4.is_loopback() || v4.is_unspecified() {
                return word.to_owned();
            }
            return format!("{}:{port}{tail}", self.name("address", ip));
        }
        if bare.contains([':', '-']) && bare.parse::<Mac>().is_ok() {
            return self.name("mac", &bare.to_lowercase()) + tail;
        }
        if looks_like_a_key(bare) {
            return REMOVED.to_owned() + tail;
        }
        word.to_owned()
    }

    fn name(&mut self, kind: &'static str, what: &str) -> String {
        if let Some(known) = self.known.get(what) {
            return known.clone();
        }
        let number = self.counted.entry(kind).or_insert(0);
        *number += 1;
        let name = format!("<{kind} {number}>");
        self.known.insert(what.to_owned(), name.clone());
        name
    }
}

/// Words that may be addresses or keys, and what lies between them.
fn pieces(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = is_part(first);
        let end = rest.find(|c| is_part(c) != is_word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        found.push(piece);
        rest = after;
    }
    found
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '+' | '/')
}

/// Long, without the dots and slashes of names and paths, and with digits among letters.
fn looks_like_a_key(word: &str) -> bool {
    let longest = word.split(['/', '.', ':', '-', '_']).map(str::len).max().unwrap_or(0);
    longest >= LONGEST_WORD
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redacted(line: &str) -> String {
        Redactor::default().line(line)
    }

    #[test]
    fn addresses_become_words_that_stay_the_same() {
        let mut redactor = Redactor::default();
        assert_eq!(
            redactor.line("refused 203.0.113.7:4711, then 203.0.113.7 and 2001:db8::1."),
            "refused <address 1>:4711, then <address 1> and <address 2>."
        );
        assert_eq!(redactor.line("again 2001:db8::1: no"), "again <address 2>: no");
        assert_eq!(redactor.line("mac=00:11:22:AA:bb:cc"), "mac=<mac 1>");
        assert_eq!(redactor.line("mac 00:11:22:aa:bb:cc"), "mac <mac 1>");
        let own = "serving address=0.0.0.0:8443 and [::]:8443 on 127.0.0.1";
        assert_eq!(redactor.line(own), own);
    }

    #[test]
    fn secrets_are_removed_however_they_are_written() {
        for line in [
            "setup token: hunter2",
            "token=hunter2",
            "api_key=hunter2 used",
            "password \"hunter2\" refused",
            "Authorization: Bearer hunter2",
            "{\"secret\":\"hunter2\"}",
        ] {
            let text = redacted(line);
            assert!(!text.contains("hunter2"), "{line} -> {text}");
        }
        let key = "pnk_9f8e7d6c5b4a39281706f5e4d3c2b1a0";
        assert!(!redacted(&format!("used {key}")).contains("9f8e7d"), "{}", redacted(key));
    }

    #[test]
    fn plain_words_stay() {
        for line in [
            "2026-11-22T00:00:00Z INFO panoptikon::serve: all rooms are open",
            "reading /var/lib/panoptikon/panoptikon.db failed: no space left on device",
            "opening the room access",
        ] {
            assert_eq!(redacted(line), line);
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic_and_no_address_is_left(before in "\\PC{0,20}", ip: [u8; 4]) {
            let ip = IpAddr::from(ip);
            prop_assume!(!ip.is_loopback() && !ip.is_unspecified());
            let text = redacted(&format!("{before} {ip} x"));
            prop_assert!(!text.contains(&format!(" {ip} ")), "{text}");
        }
    }
}
