//! Just enough of D-Bus (specification 0.43) to ask systemd for its units: calls with strings and
//! lists of strings, answers read with every length checked.
//!
//! Asking over the bus costs a hundredth of starting `systemctl`, and any user may.

#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// No answer that is asked for comes near, octets.
const LONGEST: usize = 4 * 1024 * 1024;
const CALL: u8 = 1;
const RETURN: u8 = 2;
const WAIT: Duration = Duration::from_secs(3);

/// Octets as D-Bus lays them out.
#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn string(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn set(&mut self, at: usize, number: u32) {
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&number.to_le_bytes());
        }
    }

    fn strings(&mut self, texts: &[&str]) {
        self.number(0);
        let at = self.0.len();
        for text in texts {
            self.string(text);
        }
        self.set(at - 4, (self.0.len() - at) as u32);
    }
}

/// Reads what D-Bus laid out, little endian.
pub(crate) struct In<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> In<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.octets.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        self.align(4);
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(crate) fn string(&mut self) -> Option<&'a str> {
        let length = self.number()? as usize;
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        self.take(1)?;
        Some(text)
    }

    fn signature(&mut self) -> Option<&'a str> {
        let length = usize::from(self.octet()?);
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        self.take(1)?;
        Some(text)
    }
}

fn call_message(serial: u32, call: &Call<'_>) -> Vec<u8> {
    let mut body = Out::default();
    for argument in call.arguments {
        match argument {
            Argument::Text(text) => body.string(text),
            Argument::Texts(texts) => body.strings(texts),
        }
    }
    let signature: String = call
        .arguments
        .iter()
        .map(|argument| if matches!(argument, Argument::Text(_)) { "s" } else { "as" })
        .collect();
    // Little endian, no flags, version 1.
    let mut out = Out(vec![b'l', CALL, 0, 1]);
    out.number(body.0.len() as u32);
    out.number(serial);
    out.number(0);
    let fields = out.0.len();
    let texts = [
        (1, "o", call.path),
        (2, "s", call.interface),
        (3, "s", call.member),
        (6, "s", call.destination),
    ];
    for (code, kind, text) in texts {
        out.align(8);
        out.0.push(code);
        out.signature(kind);
        out.string(text);
    }
    if !signature.is_empty() {
        out.align(8);
        out.0.push(8);
        out.signature("g");
        out.signature(&signature);
    }
    let length = out.0.len() - fields;
    out.set(fields - 4, length as u32);
    out.align(8);
    out.0.extend(body.0);
    out.0
}

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    pub(crate) arguments: &'a [Argument<'a>],
}

/// An argument of a call.
pub(crate) enum Argument<'a> {
    Text(&'a str),
    Texts(&'a [&'a str]),
}

/// A connection to the bus.
pub(crate) struct Bus<S> {
    stream: S,
    serial: u32,
}

impl Bus<UnixStream> {
    /// Connects to the bus of the system.
    pub(crate) fn system(socket: &Path, user: u32) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        let mut bus = Self { stream, serial: 0 };
        bus.sign_in(user)?;
        Ok(bus)
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the bus answers nonsense")
}

impl<S: Read + Write> Bus<S> {
    fn sign_in(&mut self, user: u32) -> io::Result<()> {
        let hex = wire::text::hex(user.to_string().as_bytes());
        self.stream.write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut octet = [0];
            self.stream.read_exact(&mut octet)?;
            line.extend(octet);
            if line.len() > 1024 {
                return Err(nonsense());
            }
        }
        if !line.starts_with(b"OK ") {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the bus says no"));
        }
        self.stream.write_all(b"BEGIN\r\n")?;
        let bus = "org.freedesktop.DBus";
        let path = "/org/freedesktop/DBus";
        self.call(&Call { destination: bus, path, interface: bus, member: "Hello", arguments: &[] })
            .map(drop)
    }

    /// Calls and waits for the answer, whose body is given.
    pub(crate) fn call(&mut self, call: &Call<'_>) -> io::Result<Vec<u8>> {
        self.serial += 1;
        self.stream.write_all(&call_message(self.serial, call))?;
        // Signals and what belongs to others may come in between.
        for _ in 0..1000 {
            let (kind, reply_to, body) = self.message()?;
            if reply_to != Some(self.serial) {
                continue;
            }
            if kind != RETURN {
                return Err(io::Error::other("the bus refuses the call"));
            }
            return Ok(body);
        }
        Err(nonsense())
    }

    fn message(&mut self) -> io::Result<(u8, Option<u32>, Vec<u8>)> {
        let mut head = [0; 16];
        self.stream.read_exact(&mut head)?;
        let mut fixed = In::new(&head);
        let (endian, kind) = (fixed.octet(), fixed.octet());
        let body = fixed.number().ok_or_else(nonsense)?;
        fixed.number();
        let fields = fixed.number().ok_or_else(nonsense)?;
        // The two octets behind the kind were skipped by the alignment.
        let length = (fields as usize).next_multiple_of(8);
        if endian != Some(b'l') || length.saturating_add(body as usize) > LONGEST {
            return Err(nonsense());
        }
        let mut rest = vec![0; length + body as usize];
        self.stream.read_exact(&mut rest)?;
        let body = rest.split_off(length);
        rest.truncate(fields as usize);
        Ok((kind.ok_or_else(nonsense)?, reply_to(&rest), body))
    }
}

/// The field `REPLY_SERIAL`.
fn reply_to(fields: &[u8]) -> Option<u32> {
    let mut fields = In::new(fields);
    loop {
        // 16 octets stand before the fields, so that their alignment is the same.
        fields.align(8);
        let code = fields.octet()?;
        match fields.signature()? {
            "u" => {
                let number = fields.number()?;
                if code == 5 {
                    return Some(number);
                }
            }
            "g" => drop(fields.signature()?),
            _ => drop(fields.string()?),
        }
    }
}

/// A unit as systemd lists it: its name and its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) object: String,
}

/// Reads the answer to `ListUnitsByPatterns`: `a(ssssssouso)`.
pub(crate) fn units(body: &[u8]) -> Option<Vec<Unit>> {
    let mut input = In::new(body);
    let end = 8 + input.number()? as usize;
    let mut units = Vec::new();
    input.align(8);
    while input.at < end && units.len() < 1024 {
        input.align(8);
        let name = input.string()?.to_owned();
        for _ in 0..5 {
            input.string()?;
        }
        let object = input.string()?.to_owned();
        input.number()?;
        input.string()?;
        input.string()?;
        units.push(Unit { name, object });
    }
    Some(units)
}

/// Reads the answer to a `Get` of a number: a variant of type `u`.
pub(crate) fn variant_number(body: &[u8]) -> Option<u32> {
    let mut input = In::new(body);
    (input.signature()? == "u").then_some(())?;
    input.number()
}
