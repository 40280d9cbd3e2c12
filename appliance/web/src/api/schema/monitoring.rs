//! What the API says of the router's own state and of its logs.

use super::{flag, map, maybe, number, real, text, texts, time, word};
use crate::http::Schema;

const RATE: &str = "Kilobytes a second";

fn share() -> Vec<(&'static str, Schema)> {
    vec![
        ("total", number("Bytes of the whole.")),
        ("used", number("Bytes in use.")),
        ("free", number("Bytes that can still be written.")),
        ("percent", real("The share in use.")),
    ]
}

pub(in crate::api) fn monitoring_stats() -> Schema {
    let cpu = Schema::object(&[
        ("percent", maybe(real("How busy all processors are; null at a first look."))),
        ("count", number("Processors.")),
        ("cores", Schema::list(real("How busy each is."))),
    ]);
    let memory = Schema::object(&[
        ("total", number("Bytes.")),
        ("available", number("Bytes that programs can still get.")),
        ("used", number("Bytes that they cannot.")),
        ("percent", real("The share in use.")),
    ]);
    let swap = Schema::object(&[
        ("total", number("Bytes.")),
        ("used", number("Bytes.")),
        ("percent", real("The share in use.")),
    ]);
    let mut mount = share();
    mount.push(("path", text("Where it is mounted.")));
    let network = Schema::object(&[
        ("bandwidth_in", real(&format!("{RATE} received by all cards."))),
        ("bandwidth_out", real(&format!("{RATE} sent."))),
        ("bytes_sent", number("Since the start.")),
        ("bytes_recv", number("Since the start.")),
    ]);
    Schema::object(&[
        ("timestamp", time("When it was read; 0 before the first reading.")),
        ("cpu", cpu),
        ("load", Schema::list(real("Averaged over 1, 5 and 15 minutes."))),
        ("memory", memory),
        ("swap", swap),
        ("disk", maybe(Schema::object(&share()))),
        ("disks", Schema::list(Schema::object(&mount))),
        ("network", network),
    ])
}

pub(in crate::api) fn monitoring_history() -> Schema {
    let disk = Schema::object(&[
        ("path", text("Where it is mounted.")),
        ("percent", real("The share in use.")),
    ]);
    let point = Schema::object(&[
        ("timestamp", time("When its ten seconds begin.")),
        ("cpu", maybe(real("How busy all processors were, in percent."))),
        ("cores", Schema::list(real("How busy each was."))),
        ("memory", real("The share in use, in percent.")),
        ("swap", real("The share in use, in percent.")),
        ("load", real("Averaged over a minute.")),
        ("bandwidth_in", real(&format!("{RATE} received."))),
        ("bandwidth_out", real(&format!("{RATE} sent."))),
        ("disks", Schema::list(disk)),
    ]);
    Schema::object(&[
        ("interval_seconds", number("From one point to the next.")),
        ("span_seconds", number("How long all points are.")),
        ("points", Schema::list(point)),
    ])
}

pub(in crate::api) fn monitoring_connections() -> Schema {
    let service = Schema::object(&[
        ("service", text("Its name; empty where it is not known.")),
        ("protocol", word("How it is spoken to.", &["tcp", "udp"])),
        ("port", number("Its port.")),
        ("addresses", texts()),
        ("connections", maybe(number("To it; null where UDP is not followed."))),
    ]);
    Schema::object(&[
        ("total", number("TCP and UDP together.")),
        ("tcp", number("Established connections of the router itself.")),
        ("udp", maybe(number("Exchanges with the router itself that the kernel follows."))),
        ("followed", maybe(number("Connections that the kernel follows in all."))),
        ("capacity", maybe(number("Connections that it can follow."))),
        ("partial", flag("There were too many to count them all.")),
        ("services", Schema::list(service)),
    ])
}

pub(in crate::api) fn monitoring_traffic() -> Schema {
    let counts = || {
        vec![
            ("bytes_recv", number("Since the start.")),
            ("bytes_sent", number("Since the start.")),
            ("packets_recv", number("Since the start.")),
            ("packets_sent", number("Since the start.")),
            ("errors_in", number("Broken packets.")),
            ("errors_out", number("Packets that could not be sent.")),
            ("drops_in", number("Sound packets dropped on the way in.")),
            ("drops_out", number("Packets dropped on the way out.")),
        ]
    };
    let mut one = counts();
    one.push(("name", text("The interface.")));
    let mut all = counts();
    all.extend([
        ("softnet_drops", maybe(number("Dropped because a processor's queue was full."))),
        ("softnet_squeezed", maybe(number("Times that packets had to wait for a processor."))),
        ("interfaces", Schema::list(Schema::object(&one))),
    ]);
    Schema::object(&all)
}

pub(in crate::api) fn monitoring_interfaces() -> Schema {
    let one = Schema::object(&[
        ("name", text("As the kernel calls it.")),
        ("ipv4", texts()),
        ("ipv6", texts()),
        ("status", word("Whether it works.", &["UP", "DOWN"])),
        ("speed_mbps", maybe(number("Megabits a second of its line."))),
        ("bandwidth_in", maybe(real(&format!("{RATE} received.")))),
        ("bandwidth_out", maybe(real(&format!("{RATE} sent.")))),
    ]);
    Schema::object(&[
        ("items", Schema::list(one)),
        ("bandwidth_in", real(&format!("{RATE} received by all cards."))),
        ("bandwidth_out", real(&format!("{RATE} sent."))),
    ])
}

pub(in crate::api) fn monitoring_uptime() -> Schema {
    Schema::object(&[
        ("uptime_seconds", number("Since the start.")),
        ("days", number("Whole ones.")),
        ("hours", number("Beyond those.")),
        ("minutes", number("Beyond those.")),
        ("boot_time", maybe(time("When it started."))),
    ])
}

pub(super) fn router_service() -> Schema {
    Schema::object(&[
        ("name", text("The unit.")),
        ("label", text("What people call it.")),
        ("description", text("What its author says.")),
        ("active", text("active, inactive, failed, activating, deactivating or reloading.")),
        ("sub", text("More closely, such as running.")),
        ("result", text("How it ended last.")),
        ("starts", text("Whether it starts with the router.")),
        ("since", maybe(time("Since when it is as it is."))),
        ("started", maybe(time("When its main process began."))),
        ("restarts", number("How often it was restarted by itself.")),
        ("main_pid", maybe(number("Its main process."))),
        ("memory", maybe(number("Bytes of all its processes."))),
        ("tasks", maybe(number("Processes and threads."))),
        ("cpu_ns", maybe(number("Processor time taken, in nanoseconds."))),
        ("is_oneshot", flag("It does its work and ends.")),
    ])
}

pub(in crate::api) fn monitoring_process() -> Schema {
    let process = Schema::object(&[
        ("pid", number("Its number.")),
        ("name", text("Its program.")),
        ("status", text("running, sleeping and so on.")),
        ("cpu_percent", real("Of one processor, since the look before.")),
        ("cpu_seconds", real("Processor time taken.")),
        ("memory", number("Bytes that it holds.")),
        ("threads", number("Its threads.")),
        ("fds", maybe(number("Its open files; null where the kernel does not tell."))),
        ("started", time("When it began.")),
    ]);
    Schema::object(&[("service", Schema::named("RouterService")), ("process", maybe(process))])
}

pub(in crate::api) fn monitoring_services() -> Schema {
    Schema::object(&[
        ("services", Schema::list(Schema::named("RouterService"))),
        ("trouble", maybe(text("Why they are not known, if so."))),
    ])
}

pub(in crate::api) fn service_deed() -> Schema {
    Schema::object(&[(
        "confirm?",
        maybe(text("The unit's name, where the service carries people or traffic.")),
    )])
}

pub(in crate::api) fn monitoring_tunnel() -> Schema {
    Schema::object(&[
        ("interface", text("Its name.")),
        ("up", flag("It is switched on and works.")),
        ("addresses", texts()),
        ("asked", maybe(text("Who was asked through it."))),
        ("loss_percent", maybe(real("Requests without an answer."))),
        ("rtt_ms", maybe(real("Time until an answer."))),
        ("trouble", maybe(text("Why it does not work, if so."))),
    ])
}

pub(in crate::api) fn log_names() -> Schema {
    let one = Schema::object(&[
        ("service", text("To ask for its log by.")),
        ("label", text("What people call it.")),
    ]);
    Schema::object(&[
        ("services", Schema::list(one)),
        ("trouble", maybe(text("Why not all are known, if so."))),
    ])
}

pub(in crate::api) fn log_lines() -> Schema {
    let line = Schema::object(&[
        ("timestamp", time("When it was written.")),
        ("level", word("How bad it is.", &["debug", "info", "warning", "error"])),
        ("service", text("The unit that wrote it.")),
        ("program", text("The program.")),
        ("pid", maybe(number("Its process."))),
        ("message", text("What it wrote.")),
    ]);
    Schema::object(&[("service", text("As asked for.")), ("lines", Schema::list(line))])
}

pub(in crate::api) fn log_file() -> Schema {
    Schema::object(&[
        ("name", text("Its name.")),
        ("size", number("Its bytes.")),
        ("modified", time("When it was last written.")),
    ])
}

pub(in crate::api) fn log_text() -> Schema {
    Schema::object(&[("name", text("As asked for.")), ("lines", texts())])
}

pub(in crate::api) fn numbers() -> Schema {
    map("Each series by its name, labels included, as Prometheus writes it.", real("Its value."))
}

pub(in crate::api) fn system_storage() -> Schema {
    let mut mount = share();
    mount.extend([
        ("path", text("Where it is mounted.")),
        ("device", text("What it lies on.")),
        ("read_only", flag("Nothing can be written.")),
    ]);
    Schema::object(&[
        ("disks", Schema::list(Schema::object(&mount))),
        ("database", Schema::named("Storage")),
        ("flows_bytes", number("Bytes of flows kept beside the database.")),
        ("captures_bytes", maybe(number("Bytes of packets kept; null while none are."))),
    ])
}
