//! Devices, events, alerts, mutes and the map.

use super::{anything, flag, map, maybe, number, real, severity, text, texts, time, word};
use crate::http::Schema;

fn device_type() -> Schema {
    let words: Vec<&str> =
        discovery::enrich::DeviceType::ALL.iter().map(|kind| kind.as_str()).collect();
    word("What kind of thing it is.", &words)
}

fn personal() -> Vec<(&'static str, Schema)> {
    vec![
        ("icon", maybe(text("The icon that a person chose."))),
        ("notes", text("A person's notes.")),
        ("known", flag("A person said that it belongs here.")),
        ("favourite", flag("Shown first, and missed when it goes offline.")),
        ("tags", texts()),
        ("criticality", number("How much depends on it, 0 to 4.")),
    ]
}

fn correction() -> Vec<(&'static str, Schema)> {
    vec![
        ("device_type", maybe(device_type())),
        ("os_family", maybe(text("Operating system."))),
        ("os_version", maybe(text("Its version."))),
        ("brand", maybe(text("Who sells it."))),
        ("model", maybe(text("Which one it is."))),
    ]
}

pub(super) fn device() -> Schema {
    let address = Schema::object(&[
        ("ip", text("The address.")),
        ("interface", text("The interface behind which it was seen.")),
        ("first_seen", time("When it was first seen here.")),
        ("last_seen", time("When it was last seen here.")),
        ("current", flag("The device has it now.")),
    ]);
    let finding = || {
        maybe(Schema::object(&[
            ("value", text("What was concluded.")),
            ("source", text("What it rests on.")),
            ("confidence", number("How sure that is by itself, 0 to 100.")),
        ]))
    };
    let identity = Schema::object(&[
        ("os_family", finding()),
        ("os_version", finding()),
        ("device_type", finding()),
        ("brand", finding()),
        ("model", finding()),
        ("confidence", number("How sure the whole is, 0 to 100.")),
        ("because", texts()),
    ]);
    let mut fields = vec![
        ("id", number("Number.")),
        ("name", text("The name to show.")),
        ("mac", text("The MAC address it uses now.")),
        ("macs", texts()),
        ("randomised_mac", flag("The address was chosen by the device, not by its maker.")),
        ("ip", maybe(text("The address to show first."))),
        ("addresses", Schema::list(address)),
        ("interface", maybe(text("Where it was last heard."))),
        ("hostname", maybe(text("The host name it goes by."))),
        ("vendor", maybe(text("Owner of its MAC prefix."))),
        ("type", maybe(device_type())),
        ("os_family", maybe(text("Operating system."))),
        ("os_version", maybe(text("Its version."))),
        ("brand", maybe(text("Who sells it."))),
        ("model", maybe(text("Which one it is."))),
        ("services", texts()),
        ("identity", identity),
        ("online", flag("Heard within the grace period.")),
        ("since", time("Since when it is so.")),
        ("first_seen", time("When it was first heard.")),
        ("last_seen", maybe(time("When it was last heard."))),
        ("custom_name", maybe(text("The name that a person gave."))),
        ("corrected", maybe(Schema::object(&correction()))),
        ("manual", flag("Entered by a person, never heard yet.")),
    ];
    fields.extend(personal());
    Schema::object(&fields)
}

pub(in crate::api) fn new_device() -> Schema {
    Schema::object(&[
        ("mac", text("Its MAC address.")),
        ("name?", maybe(text("Its name."))),
        ("notes?", maybe(text("Anything worth noting."))),
    ])
}

pub(in crate::api) fn device_patch() -> Schema {
    Schema::object(&[
        ("name?", text("Its name; empty takes it away. At most 80 characters.")),
        ("icon?", text("One of the types' words; empty takes it away.")),
        ("notes?", text("At most 4000 characters.")),
        ("known?", flag("It belongs here.")),
        ("favourite?", flag("Shown first, and missed when it goes offline.")),
        ("tags?", texts()),
        ("criticality?", number("0 to 4.")),
    ])
}

pub(in crate::api) fn enrichment() -> Schema {
    Schema::object(&[
        ("device_type?", text("One of the types' words.")),
        ("os_family?", text("Operating system.")),
        ("os_version?", text("Its version.")),
        ("brand?", text("Who sells it.")),
        ("model?", text("Which one it is.")),
    ])
}

pub(in crate::api) fn merge() -> Schema {
    Schema::object(&[("into", number("The device that stays."))])
}

pub(in crate::api) fn mark() -> Schema {
    Schema::object(&[
        ("ids", Schema::list(number("A device."))),
        ("known", flag("They belong here.")),
    ])
}

pub(in crate::api) fn marked() -> Schema {
    Schema::object(&[("devices", number("How many there were of them."))])
}

pub(in crate::api) fn risk() -> Schema {
    let reason =
        Schema::object(&[("points", number("What it adds.")), ("text", text("In a sentence."))]);
    Schema::object(&[
        ("score", number("0 (nothing speaks against it) to 100.")),
        ("level", word("The score as a colour.", &["none", "amber", "red"])),
        ("reasons", Schema::list(reason)),
    ])
}

pub(in crate::api) fn network_health() -> Schema {
    let part = Schema::object(&[
        ("name", text("What it is about.")),
        ("weight", number("How much it counts.")),
        ("score", real("0 to 1.")),
        ("detail", text("Why.")),
    ]);
    Schema::object(&[
        ("score", maybe(number("0 to 100; null where nothing is known."))),
        ("word", word("In a word.", &["good", "fair", "bad", "unknown"])),
        ("parts", Schema::list(part)),
        ("formula", text("How the score is made of its parts.")),
    ])
}

pub(in crate::api) fn facets() -> Schema {
    let counts = ["all", "online", "offline", "unknown", "new", "favourite"];
    let counts = counts.map(|name| (name, number("Devices.")));
    let values = || {
        Schema::list(Schema::object(&[
            ("value", text("What to filter by.")),
            ("devices", number("How many have it.")),
        ]))
    };
    Schema::object(&[
        ("counts", Schema::object(&counts)),
        ("types", values()),
        ("interfaces", values()),
        ("vendors", values()),
    ])
}

pub(in crate::api) fn uptime() -> Schema {
    let stretch = Schema::object(&[
        ("from", time("Its beginning.")),
        ("to", time("Its end.")),
        ("online", flag("The device was there.")),
    ]);
    Schema::object(&[
        ("from", time("The window's beginning.")),
        ("to", time("Its end.")),
        ("percent", maybe(real("Of the time since it was first heard, within the window."))),
        ("stretches", Schema::list(stretch)),
    ])
}

pub(in crate::api) fn online_history() -> Schema {
    Schema::page(Schema::object(&[
        ("at", time("When.")),
        ("online", number("Devices online then.")),
    ]))
}

pub(super) fn port_scan() -> Schema {
    let port = Schema::object(&[
        ("port", number("Its number.")),
        ("protocol", word("What carries it.", &["tcp", "udp"])),
        ("state", word("How it answers.", &["open", "closed", "filtered"])),
        ("service", text("The service behind it.")),
        ("version", maybe(text("Program and version, as it says itself."))),
        ("risk", word("How bad it is that it is open.", &["none", "amber", "red"])),
        ("why", text("Why; empty where it is no risk.")),
    ]);
    Schema::object(&[
        ("device", number("The device.")),
        ("at", time("When it began.")),
        ("duration_ms", number("How long it took.")),
        ("ip", text("The address that was asked.")),
        ("asked", number("Ports asked.")),
        ("closed", number("Ports that refused.")),
        ("silent", number("Ports that did not answer.")),
        ("ports", Schema::list(port)),
    ])
}

pub(super) fn scan_report() -> Schema {
    Schema::object(&[
        ("at", time("When it began.")),
        ("took_ms", number("How long it took.")),
        ("asked", number("Addresses asked for.")),
        ("answered", number("Addresses that answered.")),
        ("sent", number("Requests sent.")),
        ("skipped", texts()),
    ])
}

pub(super) fn scanner() -> Schema {
    Schema::object(&[
        ("running", flag("It runs.")),
        ("scanning", flag("A round of questions is under way.")),
        ("last_scan", maybe(Schema::named("ScanReport"))),
        ("failures", map("Interfaces that cannot be listened to.", text("Why."))),
        ("frames", number("Frames read.")),
        ("dropped", number("Frames dropped.")),
        ("malformed", map("Frames that broke their protocol's rules.", number("How many."))),
        ("refused", number("Times that a new device was not taken in: too many at once.")),
        ("refused_at", maybe(time("The last time."))),
    ])
}

pub(super) fn discovery_settings() -> Schema {
    Schema::object(&[
        ("scan_enabled", flag("Ask every address of the local networks.")),
        ("scan_subnets", texts()),
        ("scan_interval_seconds", number("From one round to the next, 15 to 86400.")),
        ("ping_sweep_enabled", flag("Also send an ICMP echo.")),
        ("service_queries_enabled", flag("Ask by mDNS and SSDP.")),
        ("reverse_dns_enabled", flag("Ask the resolver for names.")),
        ("offline_grace_seconds", number("Silence until offline, 60 to 86400.")),
        ("scan_rate", number("ARP requests a second, 50 to 5000.")),
    ])
}

pub(super) fn event() -> Schema {
    Schema::object(&[
        ("id", number("Number; below 2^53.")),
        ("at", time("When it happened.")),
        ("source", text("Who saw it.")),
        ("kind", text("What kind of thing.")),
        ("severity", severity()),
        ("device", maybe(number("The device it is about."))),
        ("summary", text("One sentence.")),
        ("data", anything("Further facts.")),
    ])
}

pub(in crate::api) fn event_kinds() -> Schema {
    Schema::page(Schema::object(&[
        ("kind", text("The kind.")),
        ("count", number("How many are kept.")),
        ("latest", time("The newest.")),
    ]))
}

fn alert_status() -> Schema {
    word("Where it stands.", &["new", "acknowledged", "resolved"])
}

pub(super) fn alert() -> Schema {
    Schema::object(&[
        ("id", number("Number.")),
        ("at", time("When it was raised.")),
        ("last_at", time("When its cause was seen last.")),
        ("kind", text("What kind of thing it is about.")),
        ("severity", severity()),
        ("status", alert_status()),
        ("device", maybe(number("The device it is about."))),
        ("title", text("A few words.")),
        ("detail", text("One sentence.")),
        ("evidence", Schema::list(number("An event behind it."))),
        ("count", number("How often its cause was seen.")),
        ("recommendation", text("What to do.")),
        ("read_at", maybe(time("When it was read."))),
        ("acknowledged_by", maybe(text("Who."))),
        ("acknowledged_at", maybe(time("When."))),
        ("note", text("What they said about it.")),
        ("assignee", maybe(text("Who looks after it."))),
        ("resolved_by", maybe(text("Who or what resolved it."))),
        ("resolved_at", maybe(time("When."))),
        ("resolution", text("Why.")),
        ("dedupe_key", text("Names its cause.")),
    ])
}

pub(in crate::api) fn alert_details() -> Schema {
    let entry = Schema::object(&[
        ("at", time("When.")),
        ("actor", text("Who.")),
        ("change", text("What was done.")),
        ("note", text("Their words.")),
    ]);
    Schema::object(&[
        ("alert", Schema::named("Alert")),
        ("history", Schema::list(entry)),
        ("evidence", Schema::list(Schema::named("Event"))),
    ])
}

pub(in crate::api) fn alert_counts() -> Schema {
    let pair = Schema::object(&[
        ("severity", severity()),
        ("status", alert_status()),
        ("alerts", number("How many.")),
    ]);
    Schema::object(&[
        ("open", number("New and acknowledged ones.")),
        ("unread", number("Those that nobody has read.")),
        ("by", Schema::list(pair)),
    ])
}

pub(in crate::api) fn alert_action() -> Schema {
    Schema::object(&[
        ("action", word("What to do.", &["read", "acknowledge", "assign", "resolve", "reopen"])),
        ("note?", text("With acknowledge and resolve; at most 2000 characters.")),
        ("to?", maybe(text("With assign: who looks after it; absent for nobody."))),
    ])
}

pub(in crate::api) fn alerts_changed() -> Schema {
    Schema::object(&[("alerts", number("How many there were."))])
}

pub(super) fn mute() -> Schema {
    Schema::object(&[
        ("id", number("Number.")),
        ("device", maybe(number("The device; null for everything."))),
        ("kind", maybe(text("The kind of alert; null for all."))),
        ("until", time("When it ends.")),
        ("by", text("Who muted.")),
        ("at", time("When.")),
        ("suppressed", number("Alerts that it has kept silent.")),
    ])
}

pub(in crate::api) fn new_mute() -> Schema {
    Schema::object(&[
        ("device?", maybe(number("The device; absent for everything."))),
        ("kind?", maybe(text("The kind of alert; absent for all."))),
        ("until", time("When it ends: later than now, within a year.")),
        ("from?", maybe(number("The alert from which somebody mutes: its history tells."))),
    ])
}

pub(super) fn position() -> Schema {
    Schema::object(&[
        ("node", text("The node of the map.")),
        ("x", real("To the right of the router.")),
        ("y", real("Below the router.")),
        ("pinned", flag("It is fixed there.")),
    ])
}

pub(in crate::api) fn new_position() -> Schema {
    Schema::object(&[
        ("x", real("To the right of the router, -100000 to 100000.")),
        ("y", real("Below the router, -100000 to 100000.")),
        ("pinned?", flag("It is fixed there; so if absent.")),
    ])
}

pub(in crate::api) fn topology() -> Schema {
    let node = Schema::object(&[
        ("id", text("Its name in saved positions.")),
        (
            "kind",
            word(
                "What it stands for.",
                &["router", "interface", "uplink", "subnet", "device", "more"],
            ),
        ),
        ("label", text("What it is called.")),
        ("detail", text("A few more words.")),
        ("device", maybe(number("The device."))),
        ("device_type", maybe(text("Its type."))),
        ("online", maybe(flag("It is there."))),
        ("devices", number("Devices below it.")),
        ("devices_online", number("Those of them that are there.")),
        ("x", real("To the right of the router.")),
        ("y", real("Below the router.")),
        ("moved", flag("A person has put it there.")),
        ("pinned", flag("A person has fixed it there.")),
    ]);
    let edge = Schema::object(&[
        ("from", text("The node nearer to the router.")),
        ("to", text("The other one.")),
    ]);
    Schema::object(&[
        ("nodes", Schema::list(node)),
        ("edges", Schema::list(edge)),
        ("bounds", Schema::list(real("Left, top, right, bottom."))),
    ])
}
