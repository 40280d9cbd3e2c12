//! What the API says of the router.

use super::{anything, flag, maybe, number, real, text, texts, time, word};
use crate::http::Schema;

pub(in crate::api) fn router_status() -> Schema {
    let line = Schema::object(&[
        ("interface", text("Its name.")),
        ("addresses", texts()),
        ("rx_bps", maybe(real("Bits a second received; null at a first look."))),
        ("tx_bps", maybe(real("Bits a second sent."))),
    ]);
    Schema::object(&[
        ("link", word("Whether the router's own API answers.", &["asking", "up", "down"])),
        ("trouble", maybe(text("Why not, and what to do."))),
        ("host_name", maybe(text("The router's name."))),
        ("version", maybe(text("Its release."))),
        ("unsaved", maybe(flag("What it runs differs from what it would start with."))),
        ("uptime_seconds", number("Since it started.")),
        ("cpu_percent", maybe(real("How busy its processors are."))),
        ("memory_bytes", number("All memory.")),
        ("memory_available_bytes", number("What programs can still get.")),
        ("wans", Schema::list(line)),
        ("unsettled", Schema::list(unsettled())),
    ])
}

fn unsettled() -> Schema {
    Schema::object(&[
        ("number", number("The change.")),
        ("actor", text("Who made it.")),
        ("why", text("What for.")),
        ("state", state()),
        ("deadline", time("When it is undone unless it is kept.")),
        ("seconds", number("Until then; 0 while it is being undone.")),
        ("problem", maybe(text("Why undoing has not worked so far."))),
    ])
}

fn state() -> Schema {
    let words =
        ["applying", "waiting", "kept", "undoing", "undone", "refused", "failed", "outside"];
    word("How it stands; outside: others made it.", &words)
}

pub(super) fn router_change() -> Schema {
    Schema::object(&[
        ("number", number("Its number.")),
        ("at", time("When it began, or was seen.")),
        ("actor", text("Who.")),
        ("address", maybe(text("From where."))),
        ("why", text("What for.")),
        ("commands", text("A line each, secrets struck out.")),
        ("state", state()),
        ("said", text("What there is to say about it.")),
        ("ended", maybe(time("When it was settled."))),
    ])
}

pub(super) fn router_plan() -> Schema {
    let risk = Schema::object(&[
        ("stake", word("How grave it is.", &["note", "cuts", "refused"])),
        ("text", text("What may happen.")),
    ]);
    Schema::object(&[
        ("id", text("To apply it by.")),
        ("why", text("What for.")),
        ("commands", texts()),
        ("risks", Schema::list(risk)),
        ("confirm", maybe(text("What to give as confirm, where it may cut you off."))),
        ("refused", maybe(text("Why it is never applied, if so."))),
        ("change", maybe(number("The change that it became."))),
    ])
}

pub(in crate::api) fn new_plan() -> Schema {
    Schema::object(&[("commands", texts()), ("why", text("What for; at most 200 characters."))])
}

pub(in crate::api) fn apply_plan() -> Schema {
    Schema::object(&[
        ("seconds?", number("Undo it after so many unless it is kept: 1 to 3600; 120 if absent.")),
        ("confirm?", maybe(text("What the plan has as confirm, where it has that."))),
    ])
}

pub(in crate::api) fn router_interface() -> Schema {
    let counter = |about| number(about);
    let counters = Schema::object(&[
        ("rx_packets", counter("Packets received.")),
        ("tx_packets", counter("Packets sent.")),
        ("rx_bytes", counter("Bytes received.")),
        ("tx_bytes", counter("Bytes sent.")),
        ("rx_errors", counter("Broken packets received.")),
        ("tx_errors", counter("Packets that could not be sent.")),
        ("rx_dropped", counter("Dropped on the way in.")),
        ("tx_dropped", counter("Dropped on the way out.")),
        ("multicast", counter("Packets received for many.")),
    ]);
    let rates = Schema::object(&[
        ("rx_bps", real("Bits a second received.")),
        ("tx_bps", real("Bits a second sent.")),
        ("rx_pps", real("Packets a second received.")),
        ("tx_pps", real("Packets a second sent.")),
    ]);
    Schema::object(&[
        ("name", text("As the kernel calls it.")),
        ("kind", text("What sort it is.")),
        ("description", maybe(text("What somebody said of it."))),
        ("mac", maybe(text("Its hardware address."))),
        ("mtu", number("The largest packet, in bytes.")),
        ("enabled", flag("It is switched on.")),
        ("state", text("Whether it works.")),
        ("vrf", maybe(text("The VRF it is in."))),
        ("addresses", texts()),
        ("counters", counters),
        ("rates", maybe(rates)),
    ])
}

pub(in crate::api) fn router_routes() -> Schema {
    let kinds = ["gateway", "connected", "blackhole", "unreachable", "prohibited"];
    let hop = Schema::object(&[
        ("kind", word("What happens to packets.", &kinds)),
        ("gateway", maybe(text("The router they go to."))),
        ("interface", maybe(text("The interface they leave by."))),
        ("is_active", flag("It can be used.")),
        ("is_installed", flag("The kernel has it.")),
        ("is_recursive", flag("Its gateway is reached by another route.")),
        ("weight", number("Its share beside the others'.")),
    ]);
    let route = Schema::object(&[
        ("destination", text("A network.")),
        ("protocol", text("Who knows the route, such as static or bgp.")),
        ("vrf", text("The VRF; default outside any.")),
        ("selected", flag("It is the one in use.")),
        ("installed", flag("The kernel has it.")),
        ("distance", maybe(number("How far its protocol is believed; less is more."))),
        ("metric", number("The cost that its protocol gives.")),
        ("age_seconds", maybe(number("How long it has been there."))),
        ("hops", Schema::list(hop)),
    ]);
    Schema::object(&[
        ("source", word("Who told them.", &["frr", "kernel"])),
        ("note", maybe(text("Why FRR could not tell."))),
        ("left_out", number("Routes beyond the most that are shown.")),
        ("items", Schema::list(route)),
    ])
}

pub(in crate::api) fn router_config() -> Schema {
    Schema::object(&[
        ("path", text("What was asked for.")),
        ("config", anything("As the router's own API writes it; a setting is text or a list.")),
    ])
}
