//! Datagrams of three dozen kinds of real exporters, compared with what an independent decoder
//! counted in them (`vectors/manifest.json`).

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use model::Timestamp;
use panoptikon_flows::Flow;
use panoptikon_flows::decode::{Decoder, ExporterStats, Record, Sink, Value};
use serde_json::Value as Json;

const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Flows, and the fields of every record.
#[derive(Default)]
struct Kept {
    flows: Vec<Flow>,
    records: Vec<Vec<(String, Value)>>,
}

impl Sink for Kept {
    fn flow(&mut self, flow: &Flow) {
        self.flows.push(*flow);
    }

    fn complete(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        let mut fields = Vec::new();
        record.each(|name, value| fields.push((name.to_owned(), value)));
        self.records.push(fields);
    }
}

fn decode(files: &[&str]) -> (ExporterStats, Kept) {
    let mut decoder = Decoder::default();
    let mut kept = Kept::default();
    for file in files {
        let bytes = std::fs::read(folder().join(file)).expect(file);
        decoder.datagram(EXPORTER, Timestamp::from_secs(1_500_000_000), &bytes, &mut kept);
    }
    let stats = decoder.exporters().next().expect("an exporter").1.clone();
    (stats, kept)
}

#[test]
fn every_group_holds_what_the_reference_counted() {
    let manifest = std::fs::read_to_string(folder().join("manifest.json")).unwrap();
    let groups: Vec<Json> = serde_json::from_str(&manifest).unwrap();
    assert_eq!(groups.len(), 36);
    let mut wrong = Vec::new();
    for group in &groups {
        let files: Vec<&str> =
            group["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
        let (stats, kept) = decode(&files);
        let reference = |key: &str| group["ref"].get(key).and_then(Json::as_u64).unwrap_or(0);
        let expected = [
            ("messages", reference("msgs"), stats.datagrams),
            ("templates", reference("templates") + reference("opt_templates"), stats.templates),
            ("options", reference("opt_data"), stats.options),
            ("data", reference("data"), stats.records),
            ("shown", reference("data"), kept.records.len() as u64),
            ("undecoded", reference("data_sets_no_template"), stats.held),
        ];
        for (what, expected, found) in expected {
            if expected != found {
                wrong.push(format!("{}: {found} {what}, not {expected}", group["group"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
