//! The bus against octets laid out as the specification says.

use super::*;

/// An answer with two units, built as the specification lays it out.
fn answer() -> Vec<u8> {
    let mut out = Out::default();
    out.number(0);
    out.align(8);
    for unit in ["a.service", "b.mount"] {
        out.align(8);
        for text in [unit, "about", "loaded", "failed", "failed", "", "/org/u"] {
            out.string(text);
        }
        out.number(0);
        out.string("");
        out.string("/");
    }
    let length = out.0.len() as u32 - 8;
    out.set(0, length);
    out.0
}

#[test]
fn units_are_read_and_a_cut_answer_is_none() {
    let answer = answer();
    let names: Vec<String> = units(&answer).unwrap().into_iter().map(|unit| unit.name).collect();
    assert_eq!(names, ["a.service", "b.mount"]);
    for cut in 0..answer.len() {
        assert_eq!(units(&answer[..cut]), None, "{cut}");
    }
}

#[test]
fn a_call_is_laid_out_as_the_specification_says() {
    let arguments = [Argument::Text("x"), Argument::Texts(&["yy"])];
    let call =
        Call { destination: "d", path: "/p", interface: "i", member: "m", arguments: &arguments };
    let message = call_message(7, &call);
    // Endian, call, no flags, version; length of the body; serial.
    assert_eq!(&message[..12], [b'l', 1, 0, 1, 19, 0, 0, 0, 7, 0, 0, 0]);
    let fields = u32::from_le_bytes(message[12..16].try_into().unwrap()) as usize;
    let body = &message[(16 + fields).next_multiple_of(8)..];
    assert_eq!(body, [1, 0, 0, 0, b'x', 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, b'y', b'y', 0]);
    // The first field: the path, as an object.
    assert_eq!(&message[16..28], [1, 1, b'o', 0, 2, 0, 0, 0, b'/', b'p', 0, 0]);
}

#[test]
fn a_number_in_a_variant_is_read() {
    assert_eq!(variant_number(&[1, b'u', 0, 0, 5, 0, 0, 0]), Some(5));
    assert_eq!(variant_number(&[1, b's', 0, 0, 5, 0, 0, 0]), None);
}

/// A message of a bus: an answer to a call, or a signal.
fn from_bus(kind: u8, reply_to: Option<u32>, body: &[u8]) -> Vec<u8> {
    let mut out = Out(vec![b'l', kind, 0, 1]);
    out.number(body.len() as u32);
    out.number(99);
    out.number(0);
    let fields = out.0.len();
    for (code, text) in [(1, "/org/freedesktop/DBus"), (7, "org.freedesktop.DBus")] {
        out.align(8);
        out.0.push(code);
        out.signature("s");
        out.string(text);
    }
    if let Some(serial) = reply_to {
        out.align(8);
        out.0.push(5);
        out.signature("u");
        out.number(serial);
    }
    let length = out.0.len() - fields;
    out.set(fields - 4, length as u32);
    out.align(8);
    out.0.extend(body);
    out.0
}

/// Reads a call as a bus does.
fn call_heard(stream: &mut UnixStream) {
    let mut head = [0; 16];
    stream.read_exact(&mut head).unwrap();
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
    let mut rest = vec![0; number(12).next_multiple_of(8) + number(4)];
    stream.read_exact(&mut rest).unwrap();
}

#[test]
fn a_bus_is_greeted_and_asked_past_signals_and_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let bus = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The user 0 in hexadecimal digits of its decimal ones.
        let mut greeting = [0; 19];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"\0AUTH EXTERNAL 30\r\n");
        stream.write_all(b"OK 0123456789abcdef\r\n").unwrap();
        let mut begin = [0; 7];
        stream.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"BEGIN\r\n");
        call_heard(&mut stream);
        stream.write_all(&from_bus(4, None, b"")).unwrap();
        stream.write_all(&from_bus(RETURN, Some(1), b"\x04\0\0\0:1.7\0")).unwrap();
        call_heard(&mut stream);
        stream.write_all(&from_bus(RETURN, Some(1), b"late")).unwrap();
        stream.write_all(&from_bus(RETURN, Some(2), &answer())).unwrap();
        call_heard(&mut stream);
        stream.write_all(&from_bus(3, Some(3), b"")).unwrap();
    });
    let mut client = Bus::system(&path, 0).unwrap();
    let call = Call { destination: "d", path: "/p", interface: "i", member: "m", arguments: &[] };
    assert_eq!(units(&client.call(&call).unwrap()).unwrap().len(), 2);
    assert!(client.call(&call).is_err());
    bus.join().unwrap();
    assert!(client.call(&call).is_err());
}
