//! Whether traffic can be counted. Pure: answers in, checks out.

use flows::collect::Source;

use super::{Check, State};

/// A third of a second of very much export traffic.
const WANTED_QUEUE: u64 = 4 << 20;

/// Whether the kernel counts what connections carry. Nothing to say where that is not the source.
pub(super) fn accounting(source: Source, counts: Option<bool>) -> Option<Check> {
    const NAME: &str = "connection accounting";
    let needed = matches!(source, Source::Auto | Source::Conntrack);
    needed.then(|| match counts {
        Some(true) => Check::ok(NAME, "the kernel counts the bytes of connections"),
        Some(false) => Check::short(
            NAME,
            State::Degraded,
            "the kernel does not count the bytes of connections",
            "Traffic is not counted by device, unless an exporter tells of it.",
            format!("on VyOS: configure; {}; commit; save", flows::ACCOUNTING),
        ),
        None => Check::short(
            NAME,
            State::Degraded,
            "the kernel tracks no connections",
            "Traffic is not counted by device, unless an exporter tells of it.",
            "a router tracks connections once it has a firewall or NAT; elsewhere: sudo modprobe \
             nf_conntrack",
        ),
    })
}

/// Whether export traffic can wait while it is not read.
pub(super) fn queue(may_exceed: bool, largest: Option<u64>) -> Check {
    const NAME: &str = "receive queue";
    match largest {
        _ if may_exceed => Check::ok(NAME, "as long as needed"),
        Some(octets) if octets >= WANTED_QUEUE => Check::ok(NAME, format!("{octets} bytes")),
        other => Check::short(
            NAME,
            State::Degraded,
            other.map_or("its bound is not known".to_owned(), |octets| {
                format!("at most {octets} bytes")
            }),
            "Many flows at once from exporters may be lost.",
            format!("grant CAP_NET_ADMIN, or: sudo sysctl -w net.core.rmem_max={WANTED_QUEUE}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_does_not_count_is_told_with_the_command_that_mends_it() {
        let check = accounting(Source::Auto, Some(false)).unwrap();
        assert_eq!(check.state, State::Degraded);
        let remedy = check.remedy.unwrap();
        assert!(remedy.contains("set system conntrack flow-accounting"), "{remedy}");
        assert_eq!(accounting(Source::Auto, Some(true)).unwrap().state, State::Ok);
        assert_eq!(accounting(Source::Conntrack, None).unwrap().state, State::Degraded);
        assert_eq!(accounting(Source::Exporters, Some(false)), None);
        assert_eq!(accounting(Source::Off, None), None);
    }

    #[test]
    fn a_short_queue_is_told_to_who_cannot_lengthen_it() {
        assert_eq!(queue(true, Some(212_992)).state, State::Ok);
        assert_eq!(queue(false, Some(8 << 20)).state, State::Ok);
        assert_eq!(queue(false, Some(212_992)).state, State::Degraded);
        assert_eq!(queue(false, None).state, State::Degraded);
    }
}
