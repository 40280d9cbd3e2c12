//! Which events become alerts. A kind that is not in the table never does.

use model::{Event, Severity};
use serde_json::Value;

/// The longest piece of an event's data that goes into a title or a key, in characters: names come
/// from the network and may be as long as somebody likes.
const LONGEST_WORD: usize = 64;

/// What an event of some kind means for alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Something to tell, this bad.
    Tell(Severity),
    /// A device that was never seen before: medium, or low when its address is a random one, as
    /// phones make up new ones by themselves.
    Newcomer,
    /// A device went away; how bad depends on the device.
    Absence,
    /// A device came back.
    Return,
    /// The cause of another kind of alert is over.
    Over,
    /// A device is not one any more: what was open about its being there is over.
    Gone,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The kind of event.
    pub event: &'static str,
    /// The kind of alert that it raises or resolves.
    pub alert: &'static str,
    /// What it does.
    pub effect: Effect,
    /// The fields of the event's data that make a cause; none for the device.
    pub cause: &'static [&'static str],
    /// The first words of the title.
    pub title: &'static str,
    /// What to do.
    pub recommendation: &'static str,
}

/// The kind of alert for a device that comes and goes.
pub(crate) const FLAPPING: &str = "flapping";
/// The kind of alert for a device that is gone.
pub(crate) const OFFLINE: &str = "device_offline";

/// The kind of alert for a device that was never seen before.
const NEWCOMER: &str = "new_device";
/// The kinds of alert that are about a device's being there.
pub(crate) const ABOUT_BEING_THERE: [&str; 3] = [NEWCOMER, OFFLINE, FLAPPING];

/// The table.
pub const RULES: &[Rule] = &[
    Rule {
        event: "new_device",
        alert: NEWCOMER,
        effect: Effect::Newcomer,
        cause: &[],
        title: "New device",
        recommendation: "If you know it, give it a name and mark it as known. If not, find out \
                         whose it is, or block it.",
    },
    Rule {
        event: "device_offline",
        alert: OFFLINE,
        effect: Effect::Absence,
        cause: &[],
        title: "Offline",
        recommendation: "Check its power and its cable or Wi-Fi. If it has left for good, forget \
                         the device or take it off the favourites.",
    },
    Rule {
        event: "device_online",
        alert: OFFLINE,
        effect: Effect::Return,
        cause: &[],
        title: "Back up",
        recommendation: "",
    },
    Rule {
        event: "device_forgotten",
        alert: OFFLINE,
        effect: Effect::Gone,
        cause: &["forgotten"],
        title: "The device was forgotten",
        recommendation: "",
    },
    Rule {
        event: "device_merged",
        alert: OFFLINE,
        effect: Effect::Gone,
        cause: &["absorbed"],
        title: "The device is part of another one",
        recommendation: "",
    },
    Rule {
        event: "ip_conflict",
        alert: "ip_conflict",
        effect: Effect::Tell(Severity::High),
        cause: &["ip"],
        title: "Two devices use one address",
        recommendation: "Give one of them another address: look for a fixed address inside the \
                         DHCP range.",
    },
    Rule {
        event: "dhcp_rogue",
        alert: "dhcp_rogue",
        effect: Effect::Tell(Severity::High),
        cause: &["server", "mac"],
        title: "Unknown DHCP server",
        recommendation: "Find the device and turn its DHCP server off; often it is a second router \
                         plugged in the wrong way round. If it is meant to be there, mute it.",
    },
    Rule {
        event: "router_advertisement_rogue",
        alert: "router_advertisement_rogue",
        effect: Effect::Tell(Severity::High),
        cause: &["router", "mac"],
        title: "Unknown IPv6 router",
        recommendation: "Find the device that announces itself as a router: until it stops, IPv6 \
                         traffic may pass through it.",
    },
    Rule {
        event: "arp_spoof",
        alert: "arp_spoof",
        effect: Effect::Tell(Severity::Critical),
        cause: &["ip"],
        title: "The gateway's address changed hands",
        recommendation: "If you did not change the router, somebody may be reading the traffic of \
                         this network: find the device with the new MAC address and unplug it.",
    },
    Rule {
        event: "storage_failing",
        alert: "storage_failing",
        effect: Effect::Tell(Severity::Critical),
        cause: &["what"],
        title: "Storage is failing",
        recommendation: "Free some space, or shorten the retention in the settings. What could not \
                         be written is said in the event.",
    },
    Rule {
        event: "storage_recovered",
        alert: "storage_failing",
        effect: Effect::Over,
        cause: &["what"],
        title: "Storage works again",
        recommendation: "",
    },
    Rule {
        event: "discovery_degraded",
        alert: "discovery_degraded",
        effect: Effect::Tell(Severity::Medium),
        cause: &["interface"],
        title: "Discovery is degraded",
        recommendation: "Run panoptikon doctor: it says what is missing and how to get it.",
    },
    Rule {
        event: "discovery_recovered",
        alert: "discovery_degraded",
        effect: Effect::Over,
        cause: &["interface"],
        title: "Discovery works again",
        recommendation: "",
    },
    Rule {
        event: "wan_degraded",
        alert: "wan_degraded",
        effect: Effect::Tell(Severity::Medium),
        cause: &["interface"],
        title: "The line to the Internet is degraded",
        recommendation: "Look at the loss and the delay to the gateway: if they are bad as well, \
                         the fault is on this line, otherwise behind it. Try the cable and the \
                         modem, then call the provider.",
    },
    Rule {
        event: "wan_recovered",
        alert: "wan_degraded",
        effect: Effect::Over,
        cause: &["interface"],
        title: "The line to the Internet is fine again",
        recommendation: "",
    },
    Rule {
        event: "service_failed",
        alert: "service_failed",
        effect: Effect::Tell(Severity::High),
        cause: &["unit"],
        title: "A service of the router failed",
        recommendation: "Read its log under Router, Logs: the last lines say why. Mend its \
                         configuration, or restart it under Router, Services.",
    },
    Rule {
        event: "service_recovered",
        alert: "service_failed",
        effect: Effect::Over,
        cause: &["unit"],
        title: "The service is well again",
        recommendation: "",
    },
    Rule {
        event: "tunnel_down",
        alert: "tunnel_down",
        effect: Effect::Tell(Severity::Medium),
        cause: &["interface"],
        title: "A tunnel does not work",
        recommendation: "Look at it under Router, VPN: whether its other end was heard lately, and \
                         whether the line below it works.",
    },
    Rule {
        event: "tunnel_up",
        alert: "tunnel_down",
        effect: Effect::Over,
        cause: &["interface"],
        title: "The tunnel works again, or is gone",
        recommendation: "",
    },
    Rule {
        event: "certificate_expiring",
        alert: "certificate_expiring",
        effect: Effect::Tell(Severity::Medium),
        cause: &["certificate"],
        title: "A certificate ends soon",
        recommendation: "Renew it before it ends: afterwards, who checks it refuses to connect.",
    },
    Rule {
        event: "certificate_renewed",
        alert: "certificate_expiring",
        effect: Effect::Over,
        cause: &["certificate"],
        title: "The certificate is renewed, or gone",
        recommendation: "",
    },
    Rule {
        event: "storage_near_cap",
        alert: "storage_near_cap",
        effect: Effect::Tell(Severity::Medium),
        cause: &["what"],
        title: "The database is nearly as large as it may be",
        recommendation: "Raise database_max_mb or shorten the retention in the settings: at its \
                         cap, the oldest days are forgotten before their time.",
    },
    Rule {
        event: "storage_below_cap",
        alert: "storage_near_cap",
        effect: Effect::Over,
        cause: &["what"],
        title: "The database has room again",
        recommendation: "",
    },
    Rule {
        event: "collector_silent",
        alert: "collector_silent",
        effect: Effect::Tell(Severity::Medium),
        cause: &["exporter"],
        title: "An exporter of flows is silent",
        recommendation: "See whether it still exports to this router, and whether its datagrams \
                         arrive: Flows, Sources.",
    },
    Rule {
        event: "collector_heard",
        alert: "collector_silent",
        effect: Effect::Over,
        cause: &["exporter"],
        title: "The exporter is heard again",
        recommendation: "",
    },
    Rule {
        event: "own_value_failed",
        alert: "own_value_failed",
        effect: Effect::Tell(Severity::Medium),
        cause: &["value"],
        title: "A value of your own cannot be had",
        recommendation: "Run its program in metrics.d of the configuration folder by hand and see \
                         what it says.",
    },
    over("own_value_recovered", "own_value_failed", &["value"], "The value can be had again"),
    Rule {
        event: "host_offline",
        alert: "host_offline",
        effect: Effect::Tell(Severity::High),
        cause: AGENT,
        title: "Host offline",
        recommendation: "Check its power and its network. If it answers, look at its agent: \
                         systemctl status panoptikon-agent.",
    },
    over("host_online", "host_offline", AGENT, "The host is online again"),
    Rule {
        event: "host_copied",
        alert: "host_copied",
        effect: Effect::Tell(Severity::High),
        cause: AGENT,
        title: "A host's identity is used twice",
        recommendation: "If the host was copied or put back from a backup, enrol the copy anew and \
                         trust the original again on its page. If not, somebody has its key: \
                         revoke it.",
    },
    over("host_copied_over", "host_copied", AGENT, "The host is trusted again"),
    warning("host_cpu", "Processor busy", "Look at its processes: the busiest come first."),
    over("host_cpu_over", "host_cpu", AGENT_WHAT, "The processor is less busy again"),
    warning("host_memory", "Memory short", "Look at its processes, or give it more memory."),
    over("host_memory_over", "host_memory", AGENT_WHAT, "There is memory again"),
    warning("host_disk", "Disk nearly full", "Free some space, or make the file system larger."),
    over("host_disk_over", "host_disk", AGENT_WHAT, "There is space again"),
    warning("host_temperature", "Too hot", "Look at its fans and at the air around it."),
    over("host_temperature_over", "host_temperature", AGENT_WHAT, "It is cooler again"),
    warning("host_unit", "A service has failed", "Read its log on the page of the host."),
    over("host_unit_over", "host_unit", AGENT_WHAT, "The service runs again"),
    warning("host_clock", "Clock wrong", "Have it set its clock by NTP: timedatectl set-ntp true."),
    over("host_clock_over", "host_clock", AGENT_WHAT, "The clock is right again"),
    warning(
        "host_lag",
        "A host's reports lag",
        "Look at its line and its load: panoptikon-agent status there tells of the link. After a \
         long time away it sends what it kept first.",
    ),
    over("host_lag_over", "host_lag", AGENT_WHAT, "The host reports as it should"),
];

/// A host by the id of its agent, which stays when it is renamed.
const AGENT: &[&str] = &["agent"];
/// One thing of a host.
const AGENT_WHAT: &[&str] = &["agent", "what"];

const fn warning(kind: &'static str, title: &'static str, recommendation: &'static str) -> Rule {
    let effect = Effect::Tell(Severity::Medium);
    Rule { event: kind, alert: kind, effect, cause: AGENT_WHAT, title, recommendation }
}

const fn over(
    event: &'static str,
    alert: &'static str,
    cause: &'static [&'static str],
    title: &'static str,
) -> Rule {
    Rule { event, alert, effect: Effect::Over, cause, title, recommendation: "" }
}

/// What an event is about: events with the same key have the same cause.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The line of the table.
    pub rule: &'static Rule,
    /// The cause's name, such as `device_offline:7`.
    pub key: String,
}

impl Rule {
    /// The rule for a kind of event.
    pub fn of(kind: &str) -> Option<&'static Self> {
        RULES.iter().find(|r| r.event == kind)
    }

    /// True when the event says that a device came or went.
    pub(crate) fn is_presence(&self) -> bool {
        matches!(self.effect, Effect::Absence | Effect::Return)
    }

    /// The one key for all alerts of this kind, once they are too many to tell one by one.
    pub(crate) fn group_key(&self) -> String {
        format!("{}:*", self.alert)
    }
}

/// The cause of an event; None for what never is an alert, such as unknown kinds, and for a
/// presence event that names no device.
pub fn cause(event: &Event) -> Option<Cause> {
    let rule = Rule::of(&event.kind)?;
    if rule.is_presence() && event.device.is_none() {
        return None;
    }
    let fields: Vec<_> = rule.cause.iter().filter_map(|f| word(&event.data, f)).collect();
    let which = if fields.is_empty() {
        // A newcomer that has no number yet is told apart by its address.
        event.device.map(|d| d.to_string()).or_else(|| word(&event.data, "mac")).unwrap_or_default()
    } else {
        fields.join(" ")
    };
    let key = format!("{}:{which}", rule.alert);
    Some(Cause { rule, key })
}

/// The words by which people know what the event is about; may be empty.
pub(crate) fn subject(rule: &Rule, event: &Event) -> String {
    // Nobody knows a host by its agent's id.
    let named = rule.cause.iter().filter(|f| **f != AGENT[0]).find_map(|f| word(&event.data, f));
    let device = || device_words(&event.data);
    match named {
        Some(what) if rule.cause.len() > 1 && rule.cause.starts_with(AGENT) => {
            format!("{} {what}", device())
        }
        Some(named) => named,
        None => device(),
    }
}

/// A device's name, or else whatever tells it apart.
fn device_words(data: &Value) -> String {
    let by_name = ["name", "hostname"].into_iter().find_map(|f| word(data, f));
    by_name
        .or_else(|| match (word(data, "vendor"), word(data, "mac")) {
            (Some(vendor), Some(mac)) => Some(format!("{vendor} ({mac})")),
            (vendor, mac) => mac.or(vendor),
        })
        .or_else(|| word(data, "ip"))
        .unwrap_or_default()
}

/// A field's text without control characters, cut where it is long; None where it is empty.
pub(crate) fn word(data: &Value, field: &str) -> Option<String> {
    let text = match data.get(field)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text: String =
        text.trim().chars().filter(|c| !model::is_hidden(*c)).take(LONGEST_WORD).collect();
    (!text.is_empty()).then_some(text)
}
