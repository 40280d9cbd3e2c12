//! `panoptikon unifi decode`: recordings of consoles on the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn decode(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_panoptikon"))
        .args(["unifi", "decode"])
        .arg(file)
        .output()
        .expect("the program runs")
}

fn decoded(recording: &str) -> (Output, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("recording.json");
    fs::write(&file, recording).expect("written");
    let output = decode(&file);
    let lines = text(&output.stdout);
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    (output, lines)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Packets that a real recorder sent, with what they are known to hold.
fn recording() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../unifi/tests/data");
    fs::read_to_string(folder.join("protect_packets.json")).expect("the recording")
}

#[test]
fn every_packet_of_protect_is_a_line_with_its_action_and_its_data() {
    let recording = recording();
    let known: Vec<Value> = serde_json::from_str(&recording).expect("a list");
    let (output, lines) = decoded(&recording);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!((lines.len(), text(&output.stderr)), (known.len(), String::new()));
    for (line, packet) in lines.iter().zip(&known) {
        let expected = json!({"ok": true, "action": packet["action"], "data": packet["data"]});
        assert_eq!(*line, expected);
    }
}

#[test]
fn what_is_broken_is_a_line_that_says_why_and_the_rest_is_told() {
    let mut packets: Vec<Value> = serde_json::from_str(&recording()).expect("a list");
    packets.truncate(3);
    let whole = packets[1]["raw_b64"].as_str().expect("base64").to_owned();
    packets[1]["raw_b64"] = json!(&whole[..whole.len() / 4 * 2]);
    packets.insert(1, json!({"raw_b64": "!"}));
    let (output, lines) = decoded(&json!(packets).to_string());
    assert_eq!(output.status.code(), Some(0));
    let fine: Vec<_> = lines.iter().map(|line| line["ok"] == true).collect();
    assert_eq!(fine, [true, false, false, true]);
    assert_eq!(lines[1], json!({"ok": false, "error": "raw_b64 is no base64"}));
    assert!(lines[2]["error"].as_str().is_some_and(|why| why.contains("cut off")), "{}", lines[2]);
    assert!(text(&output.stderr).contains("2 of 4 could not be decoded"));
}

#[test]
fn frames_of_network_are_lines_with_what_they_say_of_themselves_and_their_rows() {
    let meta = json!({"rc": "ok", "message": "events"});
    let rows = json!([{"_id": "a", "key": "EVT_SW_Connected"}, {"_id": "b", "key": "EVT_X"}]);
    let frame = json!({"meta": meta, "data": rows});
    let refused = json!({"meta": {"rc": "error", "msg": "api.err.LoginRequired"}, "data": []});
    let expected = json!({"ok": true, "action": meta, "data": rows});
    for recording in [
        json!([frame, refused]).to_string(),
        json!({"a": frame, "b": refused}).to_string(),
        format!("{frame}\n{refused}\n"),
    ] {
        let (output, lines) = decoded(&recording);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(lines[0], expected, "{recording}");
        assert_eq!(lines[1]["ok"], false);
        assert!(lines[1]["error"].as_str().is_some_and(|why| why.contains("LoginRequired")));
        assert_eq!(lines.len(), 2);
    }
}

#[test]
fn a_bomb_is_a_line_that_says_so() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![b' '; 9 << 20]).expect("deflated");
    let bomb = encoder.finish().expect("deflated");
    let mut packet = vec![1, 1, 1, 0];
    packet.extend((bomb.len() as u32).to_be_bytes());
    packet.extend(&bomb);
    packet.extend([2, 1, 0, 0, 0, 0, 0, 2, b'{', b'}']);
    let (_, lines) = decoded(&json!([{"raw_b64": base64(&packet)}]).to_string());
    assert_eq!(lines[0]["ok"], false);
    assert!(lines[0]["error"].as_str().is_some_and(|why| why.contains("inflated")), "{}", lines[0]);
}

fn base64(bytes: &[u8]) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let held = group.iter().fold(0_u32, |held, byte| held << 8 | u32::from(*byte));
        let held = held << (8 * (3 - group.len()));
        (0..=group.len()).map(move |n| char::from(letters[(held >> (18 - 6 * n) & 63) as usize]))
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[test]
fn a_file_that_is_missing_cut_off_or_no_json_is_said_and_fails() {
    let missing = decode(Path::new("/nonexistent/recording.json"));
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("reading /nonexistent"), "{}", text(&missing.stderr));
    let recording = recording();
    let (cut, lines) = decoded(&recording[..recording.len() - 100]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(lines.len() > 20 && lines.iter().all(|line| line["ok"] == true));
    assert!(text(&cut.stderr).contains("cut off"), "{}", text(&cut.stderr));
    let (odd, lines) = decoded("<html>");
    assert_eq!((odd.status.code(), lines.len()), (Some(1), 0));
    assert!(text(&odd.stderr).contains("no JSON"), "{}", text(&odd.stderr));
}
