//! A flow as programs get it, and where the world's end of it is.

use std::net::IpAddr;

use ::flows::Flow;
use ::flows::answers::World;
use ::flows::world::City;
use model::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::http::Schema;

pub(super) fn flow_schema() -> Schema {
    let number = |about: &str| Schema::value("integer", about);
    let text = |about: &str| Schema::value("string", about);
    Schema::object(&[
        ("start", number("When its first packet passed.")),
        ("end", number("When its last packet passed.")),
        ("source", text("Who sent.")),
        ("destination", text("Who received.")),
        ("source_port", number("The sender's port.")),
        ("destination_port", number("The receiver's port.")),
        ("protocol", number("IP protocol (IANA).")),
        ("tcp_flags", number("All TCP flags that were seen.")),
        ("tos", number("The octet of DSCP and ECN.")),
        ("bytes", number("Octets of layer 3, scaled by sampling.")),
        ("packets", number("Packets, scaled by sampling.")),
        ("input", number("Index of the interface by which it came in; 0 is not known.")),
        ("output", number("Index of the interface by which it went out; 0 is not known.")),
        ("sampling", number("One packet in this many was looked at.")),
        ("nat?", text("The ends after translation, as source:port destination:port.")),
        ("exporter?", text("Who told of it; absent for the router's connections.")),
        (
            "mirrored?",
            Schema::value(
                "boolean",
                "True where another flow tells of the same packets, so that this one is not counted.",
            ),
        ),
        ("source_place?", place_schema()),
        ("destination_place?", place_schema()),
    ])
}

/// Where a remote address is, as far as databases of addresses tell.
pub(super) fn place_schema() -> Schema {
    let text = |about: &str| Schema::value("string", about);
    let degrees = |about: &str| Schema::value("number", about);
    Schema::object(&[
        ("country?", text("The two letters of its country.")),
        ("region?", text("The part of the country.")),
        ("city?", text("The town.")),
        ("latitude?", degrees("In degrees.")),
        ("longitude?", degrees("In degrees.")),
    ])
}

/// The same of an address; None for one of ours, and where nothing is known.
pub(super) fn place(world: &World, address: IpAddr) -> Option<Value> {
    if world.ours.contains(address) {
        return None;
    }
    let mut place = serde_json::Map::new();
    let mut put = |key: &str, value: Value| drop(place.insert(key.to_owned(), value));
    if let Some(code) = world.geo.place(address).country {
        put("country", String::from_utf8_lossy(&code).into());
    }
    let City { name, region, at } = world.geo.city(address).unwrap_or_default();
    for (key, text) in [("region", region), ("city", name)] {
        if !text.is_empty() {
            put(key, text.into());
        }
    }
    if let Some((latitude, longitude)) = at {
        put("latitude", latitude.into());
        put("longitude", longitude.into());
    }
    (!place.is_empty()).then_some(Value::Object(place))
}

/// A flow as programs get it.
#[derive(Serialize)]
pub(crate) struct FlowShown {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) protocol: u8,
    pub(super) tcp_flags: u8,
    pub(super) tos: u8,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) input: u32,
    pub(super) output: u32,
    pub(super) sampling: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exporter: Option<IpAddr>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) mirrored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_place: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination_place: Option<Value>,
}

impl FlowShown {
    /// To be called where reading a file may wait.
    pub(super) fn new(flow: &Flow, mirrored: bool, world: &World) -> Self {
        let nat = flow.nat.map(|nat| {
            let ends = (nat.source, nat.source_port, nat.destination, nat.destination_port);
            format!("{}:{} {}:{}", ends.0, ends.1, ends.2, ends.3)
        });
        Self {
            start: flow.start,
            end: flow.end,
            source: flow.source,
            destination: flow.destination,
            source_port: flow.source_port,
            destination_port: flow.destination_port,
            protocol: flow.protocol,
            tcp_flags: flow.tcp_flags,
            tos: flow.tos,
            bytes: flow.bytes,
            packets: flow.packets,
            input: flow.input,
            output: flow.output,
            sampling: flow.sampling,
            nat,
            exporter: (!flow.sensor.is_unspecified()).then_some(flow.sensor),
            mirrored,
            source_place: place(world, flow.source),
            destination_place: place(world, flow.destination),
        }
    }
}
