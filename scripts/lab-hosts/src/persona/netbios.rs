//! NetBIOS names over UDP (RFC 1001, 1002): answers to name and status queries, and the
//! registration with which a host claims its name. Pure.

use super::device::Device;

impl Device {
    /// The reply to a NetBIOS name query or node status request.
    pub(crate) fn netbios(&self, query: &[u8]) -> Option<Vec<u8>> {
        const NAME: [u8; 2] = [0, 0x20];
        const STATUS: [u8; 2] = [0, 0x21];
        if !self.kind.netbios || query.len() < 50 || query[2] & 0xf8 != 0 || query[12] != 32 {
            return None;
        }
        let asked = &query[13..45];
        let body = match [query[46], query[47]] {
            NAME if asked == netbios_name(&self.host, 0x00)
                || asked == netbios_name(&self.host, 0x20) =>
            {
                let mut body = vec![0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0];
                body.extend(self.ipv4()?.octets());
                body
            }
            STATUS if asked == netbios_any() || asked == netbios_name(&self.host, 0x00) => {
                let mut names = vec![3];
                for (name, suffix, flags) in [
                    (self.host.as_str(), 0_u8, 0x04_u8),
                    (&self.host, 0x20, 0x04),
                    ("WORKGROUP", 0, 0x84),
                ] {
                    names.extend(padded(name));
                    names.extend([suffix, flags, 0]);
                }
                names.extend(self.mac.0);
                names.extend([0; 40]);
                let mut body = vec![0, 0x21, 0, 1, 0, 0, 0, 0, 0, names.len() as u8];
                body.extend(names);
                body
            }
            _ => return None,
        };
        let mut reply = vec![query[0], query[1], 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 32];
        reply.extend(asked);
        reply.push(0);
        reply.extend(body);
        Some(reply)
    }

    /// The broadcast with which a host claims its NetBIOS name.
    pub(crate) fn netbios_registration(&self) -> Option<Vec<u8>> {
        let address = self.ipv4().filter(|_| self.kind.netbios)?;
        let mut message =
            vec![self.mac.0[4], self.mac.0[5], 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32];
        message.extend(netbios_name(&self.host, 0));
        message.extend([0, 0, 0x20, 0, 1, 0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0]);
        message.extend(address.octets());
        Some(message)
    }
}

/// Fifteen upper-case bytes, spaces behind.
fn padded(name: &str) -> [u8; 15] {
    let mut bytes = [b' '; 15];
    for (place, byte) in bytes.iter_mut().zip(name.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    bytes
}

/// A name in "half-ASCII" (RFC 1001, 14.1).
fn netbios_name(name: &str, suffix: u8) -> [u8; 32] {
    encode(padded(name).iter().copied().chain([suffix]))
}

/// `*`, which asks any host.
fn netbios_any() -> [u8; 32] {
    encode(std::iter::once(b'*').chain([0; 15]))
}

fn encode(bytes: impl Iterator<Item = u8>) -> [u8; 32] {
    let mut out = [b'A'; 32];
    for (pair, byte) in out.chunks_mut(2).zip(bytes) {
        pair[0] += byte >> 4;
        pair[1] += byte & 0x0f;
    }
    out
}

#[cfg(test)]
mod tests {
    use model::Mac;

    use super::super::kinds::kind;
    use super::*;

    #[test]
    fn windows_tells_its_name_and_workgroup() {
        let windows = Device {
            kind: kind("windows").unwrap(),
            host: "HP5AE077".into(),
            mac: Mac([0x3c, 0xd9, 0x2b, 0x5a, 0xe0, 0x77]),
            addresses: vec!["192.168.50.20".parse().unwrap()],
        };
        let mut query = vec![0xab, 0xcd, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 32];
        query.extend(netbios_name("hp5ae077", 0x20));
        query.extend([0, 0, 0x20, 0, 1]);
        let reply = windows.netbios(&query).unwrap();
        assert_eq!(
            (&reply[..2], &reply[reply.len() - 4..]),
            (&[0xab, 0xcd][..], &[192, 168, 50, 20][..])
        );
        query.splice(13..45, netbios_any());
        query[47] = 0x21;
        let status = windows.netbios(&query).unwrap();
        for name in ["HP5AE077       ", "WORKGROUP      "] {
            assert!(status.windows(15).any(|w| w == name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_name_is_written_in_half_ascii() {
        assert_eq!(&netbios_name("FRED", 0), b"EGFCEFEECACACACACACACACACACACAAA");
    }
}
