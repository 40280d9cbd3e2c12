//! Hosts with agents.

use super::{anything, flag, map, maybe, number, real, text, texts, time, word};
use crate::http::Schema;

const REPORT: &str = "The parts of a report as docs/agent-protocol.md has them: cpu, mem, disks, \
                      nets, units, containers and so on.";

pub(super) fn agent() -> Schema {
    let sample = Schema::object(&[
        ("at", time("When.")),
        ("cpu", real("Busy processors, per cent.")),
        ("memory", real("Memory in use, per cent.")),
    ]);
    Schema::object(&[
        ("id", text("16 hexadecimal digits.")),
        ("name", text("What people call it.")),
        ("note", text("What people wrote about it.")),
        ("state", word("Whether its agent is let in.", &["active", "copied", "revoked"])),
        ("online", flag("Its agent is connected.")),
        ("since", time("Since when it is online or offline.")),
        ("seen_at", maybe(time("When anything was heard of it last."))),
        ("address", maybe(text("From where it is connected."))),
        ("enrolled_at", time("When it was enrolled.")),
        ("enrolled_by", text("Who made the token.")),
        ("expires_at", time("When its certificate ends.")),
        ("acked", number("The highest number of its messages in the tables.")),
        ("lost", number("Messages that its buffer had to drop.")),
        ("gaps", number("Messages that never came.")),
        ("clock_ms", number("How far its clock is ahead, milliseconds.")),
        ("device", maybe(number("The device that it is."))),
        ("hello", anything("What its agent said of itself: version, system, addresses.")),
        ("known", anything(REPORT)),
        ("recent", Schema::list(sample)),
        ("settings", agent_settings()),
        ("troubles", anything("What was told and is not over.")),
    ])
}

pub(crate) fn agent_settings() -> Schema {
    let thresholds = Schema::object(&[
        ("cpu_pct?", maybe(number("Busy processors, 1 to 100; null: never."))),
        ("memory_pct?", maybe(number("Memory in use, 1 to 100."))),
        ("disk_pct?", maybe(number("A file system in use, 1 to 100."))),
        ("temperature_c?", maybe(number("Degrees Celsius, 30 to 150."))),
        ("for_s?", number("For how many seconds, 0 to 3600.")),
        ("offline_s?", maybe(number("Gone for how many seconds, 0 to 3600."))),
        ("units?", flag("Failed units are told.")),
    ]);
    let watch = Schema::object(&[
        ("auth?", flag("Sign-ins.")),
        ("files?", texts()),
        ("units?", texts()),
        ("logs?", texts()),
        ("processes?", flag("Processes that begin and end, where the host allows it.")),
    ]);
    Schema::object(&[
        ("interval_s?", number("Seconds between two reports, 1 to 300.")),
        ("passive?", flag("It sends no probes.")),
        ("watch?", watch),
        ("thresholds?", thresholds),
        ("muted_until?", maybe(time("No warning before."))),
    ])
}

pub(crate) fn agent_patch() -> Schema {
    Schema::object(&[
        ("name?", text("1 to 64 characters.")),
        ("note?", text("At most 500 characters.")),
        ("settings?", agent_settings()),
    ])
}

pub(super) fn agent_report() -> Schema {
    Schema::object(&[
        ("seq", number("Its number.")),
        ("at", time("When, by the appliance's clock as far as it can be told.")),
        ("received", time("When it came.")),
        ("report", anything(REPORT)),
    ])
}

pub(crate) fn agent_history() -> Schema {
    let point = Schema::object(&[
        ("at", time("When the piece of time begins.")),
        ("least", real("The least value.")),
        ("mean", real("The mean.")),
        ("greatest", real("The greatest.")),
    ]);
    map("Points by the name of their series.", Schema::list(point))
}

pub(super) fn agent_token() -> Schema {
    Schema::object(&[
        ("id", text("What names it.")),
        ("name", text("The host's name once it is enrolled.")),
        ("note", text("What people wrote about it.")),
        ("made_at", time("When it was made.")),
        ("made_by", text("By whom.")),
        ("until", time("Until when it is good.")),
        ("used_at", maybe(time("When it was used."))),
        ("revoked_at", maybe(time("When it was taken back."))),
        ("agent", maybe(text("The host that it let in, or is for."))),
        ("replaces", flag("It enrols a host anew.")),
    ])
}

pub(crate) fn new_agent_token() -> Schema {
    Schema::object(&[
        ("name?", text("The host's name; empty for its own.")),
        ("note?", text("At most 500 characters.")),
        ("minutes?", number("How long it is good, 1 to 10080; 15 if absent.")),
        ("agent?", text("The host that it enrols anew.")),
    ])
}

pub(crate) fn fresh_agent_token() -> Schema {
    Schema::object(&[
        ("id", text("What names it.")),
        ("token", text("The token, which is in this answer only.")),
        ("until", time("Until when it is good.")),
        ("fingerprint", text("SHA-256 of the agents' CA, hexadecimal.")),
        ("pin", text("The pin of the key, as curl takes it.")),
        ("line", text("The line for a shell on the host.")),
    ])
}

pub(crate) fn agent_question() -> Schema {
    let words = ["tail", "processes", "ping", "trace", "scan", "update", "restart"];
    Schema::object(&[
        ("command", word("What.", &words)),
        ("unit?", text("For tail: a unit.")),
        ("file?", text("For tail: a file below /var/log.")),
        ("lines?", number("For tail: 1 to 1000.")),
        ("n?", number("For processes: 1 to 200.")),
        ("to?", text("For ping and trace: an address or a name.")),
        ("count?", number("For ping: 1 to 20.")),
        ("network?", text("For scan: a network of at most 256 addresses.")),
    ])
}

pub(crate) fn agent_answer() -> Schema {
    Schema::object(&[
        ("parts", Schema::list(anything("A part, as the host sent it."))),
        ("done", anything("What the end said.")),
    ])
}

pub(crate) fn agent_file() -> Schema {
    Schema::object(&[
        ("arch", word("For which architecture.", &["x86_64", "aarch64"])),
        ("version", maybe(text("Its version, as its signature says."))),
        ("sha256", text("Hexadecimal.")),
        ("size", number("Octets.")),
    ])
}

pub(crate) fn many_agents() -> Schema {
    Schema::object(&[
        ("ids?", texts()),
        ("pattern?", text("Instead of ids: names like this, with * and ?.")),
        ("dry_run?", flag("Only tell which would go.")),
    ])
}

pub(crate) fn agents_gone() -> Schema {
    Schema::object(&[("deleted", number("How many there were.")), ("names", texts())])
}

pub(super) fn measured() -> Schema {
    Schema::object(&[
        ("at", time("When it ended.")),
        ("kind", word("What was measured.", &["latency", "throughput", "jitter"])),
        ("from", text("Who sent: a host's id, or router.")),
        ("to", text("To whom.")),
        ("by", text("Who wanted it; empty: nobody, it was time.")),
        ("sent", number("Echo requests, octets or datagrams sent.")),
        ("received", number("How many arrived, or were answered.")),
        ("value", maybe(real("Mean round trip in ms, bits a second, or jitter in ms."))),
        ("least", maybe(real("The least round trip, ms."))),
        ("greatest", maybe(real("The greatest round trip, ms."))),
        ("why", text("Why it failed; empty where it did not.")),
    ])
}

pub(crate) fn mesh_settings() -> Schema {
    Schema::object(&[
        ("enabled", flag("Round trips are measured again and again.")),
        ("every_minutes", number("Minutes from one round to the next, 5 to 1440.")),
    ])
}

pub(crate) fn mesh() -> Schema {
    let progress =
        Schema::object(&[("done", number("Pairs measured.")), ("of", number("All of them."))]);
    Schema::object(&[
        ("settings", mesh_settings()),
        ("progress", maybe(progress)),
        ("items", Schema::list(Schema::named("Measured"))),
    ])
}

pub(crate) fn trial() -> Schema {
    Schema::object(&[
        ("kind", word("What to measure.", &["throughput", "jitter"])),
        ("from", text("Who sends: a host's id, or router.")),
        ("to", text("Who receives.")),
        ("seconds?", number("1 to 10; 5 if absent.")),
    ])
}
