//! `panoptikon flows decode`: captures of export traffic on the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn decode(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_panoptikon"))
        .args(["flows", "decode"])
        .arg(file)
        .output()
        .expect("the program runs")
}

fn vector(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/tests/vectors");
    fs::read(folder.join(name)).expect(name)
}

/// A capture of packets that 192.0.2.1 sent to port 2055, the first octets of a file of any tool.
fn capture(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [0xd4c3_b2a1_u32, 0x0200_0400, 0, 0, 0xffff_0000, 0x6500_0000]
        .map(u32::to_be_bytes)
        .concat();
    for payload in payloads {
        let udp = payload.len() as u16 + 8;
        let [high, low] = (udp + 20).to_be_bytes();
        let ip = [0x45, 0, high, low, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        let head = [40_000, 2055, udp, 0].map(u16::to_be_bytes).concat();
        let size = u32::from(udp) + 20;
        out.extend([1_500_000_000, 0, size, size].map(u32::to_le_bytes).concat());
        out.extend([&ip[..], &head, payload].concat());
    }
    out
}

fn place(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let file = folder.path().join("capture");
    fs::write(&file, bytes).expect("written");
    file
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_record_of_a_capture_is_a_line_of_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let payloads = [
        "netflow5_test_juniper_mx80.dat",
        "ipfix_test_viptela_tpl257.dat",
        "ipfix_test_viptela_data257.dat",
        "netflow9_test_cisco_1941K9.dat",
    ]
    .map(vector);
    let output = decode(&place(&folder, &capture(&payloads)));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |version: u64| lines.iter().filter(|line| line["version"] == version).count();
    assert_eq!((of(5), of(10), of(9)), (29, 1, 29));
    for line in &lines {
        assert_eq!(line["exporter"], "192.0.2.1");
        for key in ["domain", "template", "sampling", "protocol", "bytes", "packets"] {
            assert!(line[key].is_u64(), "{key} of {line}");
        }
        for key in ["start", "end", "source", "destination"] {
            assert!(line[key].is_string(), "{key} of {line}");
        }
        assert_eq!(line["protocol"], line["protocolIdentifier"], "{line}");
        assert_eq!(line["source"], line["sourceIPv4Address"], "{line}");
    }
    let ipfix = lines.iter().find(|line| line["version"] == 10).expect("one of IPFIX");
    assert!(
        ipfix.as_object().expect("an object").keys().any(|key| key.starts_with("enterprise")),
        "{ipfix}"
    );
    assert!(text(&output.stderr).contains("192.0.2.1:"), "{}", text(&output.stderr));
}

#[test]
fn what_is_malformed_is_counted_on_standard_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let payloads = [vector("ipfix_test_viptela_data257.dat"), vec![0, 5, 0, 99], vec![1; 40]];
    let output = decode(&place(&folder, &capture(&payloads)));
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    let said = text(&output.stderr);
    for expected in
        ["1 sets without a template", "1 malformed headers", "that are no export traffic"]
    {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_no_capture_and_what_is_cut_off_is_said_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = decode(&folder.path().join("nothing"));
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("reading"), "{}", text(&missing.stderr));
    let foreign = decode(&place(&folder, b"GET / HTTP/1.1"));
    assert_eq!(foreign.status.code(), Some(1));
    assert!(text(&foreign.stderr).contains("this is no capture"), "{}", text(&foreign.stderr));
    let payload = vector("netflow5_test_juniper_mx80.dat");
    let whole = capture(&[payload.clone(), payload]);
    let cut = decode(&place(&folder, &whole[..whole.len() - 100]));
    assert_eq!((cut.status.code(), text(&cut.stdout).lines().count()), (Some(1), 29));
    assert!(text(&cut.stderr).contains("cut off after 1 frames"), "{}", text(&cut.stderr));
}

#[test]
fn a_capture_is_imported_into_days_that_are_asked_without_the_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let payloads = ["netflow5_test_juniper_mx80.dat", "netflow9_test_cisco_1941K9.dat"].map(vector);
    let file = place(&folder, &capture(&payloads));
    let days = folder.path().join("days");
    let import = || {
        Command::new(env!("CARGO_BIN_EXE_panoptikon"))
            .args(["flows", "import"])
            .arg(&file)
            .arg("--into")
            .arg(&days)
            .output()
            .expect("the program runs")
    };
    let output = import();
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Of version 9 two records tell of no traffic.
    let decoded = text(&decode(&file).stdout);
    let there = decoded.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let (mut flows, mut bytes) = (0, 0);
    for line in there {
        let octets = line["bytes"].as_u64().expect("octets");
        flows += u64::from(octets > 0);
        bytes += octets;
    }
    assert_eq!(text(&output.stdout), format!("{flows} flows are kept in {}\n", days.display()));
    let asked = Command::new(env!("CARGO_BIN_EXE_panoptikon"))
        .args(["flows", "query"])
        .arg(&days)
        .args(["--json", "--top", "protocol"])
        .output()
        .expect("the program runs");
    let answer: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    let total = answer["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!((&total["protocol"], &total["bytes"]), (&"total".into(), &bytes.into()), "{answer}");
    // Nobody else may keep the folder meanwhile.
    let _keeper = flows::days::Keeper::open(&days, model::Timestamp::now()).expect("it opens");
    let refused = import();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("another process"), "{}", text(&refused.stderr));
}
