//! What lies, loops, floods or pretends to be many.

use super::super::domain::MAX_TEMPLATES;
use super::*;

#[test]
fn what_is_no_export_traffic_is_counted_and_makes_no_exporter() {
    let mut heard = Heard::default();
    for bytes in [&b""[..], b"\0", b"\0\x05\0", b"GET / HTTP/1.1", &[0, 7, 0, 0, 0, 0]] {
        heard.take_at(NOW, bytes);
    }
    assert_eq!((heard.decoder.unknown(), heard.decoder.exporters().count()), (5, 0));
}

#[test]
fn every_shorter_version_of_a_message_is_counted_and_never_a_wrong_number() {
    let whole = ipfix().template(256, &PLAIN).set(256, &plain(1, 77, 3)).bytes();
    for length in 0..whole.len() {
        let mut heard = Heard::default();
        heard.take_at(NOW, &whole[..length]);
        assert_eq!(heard.flows.len(), 0, "{length}");
        assert_eq!(
            length >= 4,
            heard.decoder.exporters().any(|(_, stats)| stats.malformed_total() > 0),
            "{length}"
        );
    }
}

#[test]
fn sets_whose_length_lies_end_the_message() {
    for length in [0_u16, 1, 3, 5000] {
        let mut heard = Heard::default();
        heard.take(&v9().template(256, &PLAIN));
        let lie = [300_u16.to_be_bytes(), length.to_be_bytes()].concat();
        heard.take(&v9().raw(&lie).set(256, &plain(1, 1, 1)));
        assert_eq!((heard.flows.len(), heard.malformed(Malformed::Set)), (0, 1), "{length}");
    }
}

#[test]
fn templates_without_length_are_refused() {
    let mut heard = Heard::default();
    heard.take(&v9().template(256, &[(1, 0), (2, 0)])).take(&v9().set(256, &[0; 400]));
    heard.take(&ipfix().template(256, &[(1, 0)])).take(&ipfix().set(256, &[0; 400]));
    assert_eq!((heard.flows.len(), heard.malformed(Malformed::Template)), (0, 2));
    assert_eq!(heard.stats().records, 0);
}

#[test]
fn a_template_with_too_many_fields_is_skipped_and_the_next_one_taken() {
    let mut heard = Heard::default();
    let body = |id: u16, count: u16| {
        let mut out = [id.to_be_bytes(), count.to_be_bytes()].concat();
        (0..count).for_each(|_| out.extend([0, 1, 0, 4]));
        out
    };
    heard.take(&v9().set(0, &[body(256, 1000), body(257, 2)].concat()));
    heard.take(&v9().set(257, &be(&[5, 6])));
    assert_eq!((heard.bytes(), heard.malformed(Malformed::TooMany)), (vec![5], 1));
}

#[test]
fn a_template_that_is_cut_off_is_not_kept() {
    let mut heard = Heard::default();
    heard.take(&v9().set(0, &[256_u16, 5, 8, 4, 12, 4].map(u16::to_be_bytes).concat()));
    heard.take(&v9().set(256, &[1; 64]));
    assert_eq!((heard.flows.len(), heard.malformed(Malformed::Template)), (0, 1));
}

#[test]
fn any_number_of_templates_stays_within_bounds_and_those_in_use_stay() {
    let mut heard = Heard::default();
    heard.take(&v9().template(256, &PLAIN));
    for id in 257..=u16::MAX {
        heard.take(&v9().template(id, &PLAIN));
        if id % 100 == 0 {
            heard.take(&v9().set(256, &plain(1, 1, 1)));
        }
    }
    let kept: usize = heard
        .decoder
        .exporters
        .values()
        .flat_map(|known| &known.domains)
        .map(|domain| domain.templates.len())
        .sum();
    assert_eq!(kept, MAX_TEMPLATES);
    assert_eq!(heard.flows.len(), 653, "it was in use all the time");
    let wide: Vec<FieldSpec> = (0..250).map(|id| (id + 1, 4)).collect();
    for domain in 0..200 {
        for id in 256..300 {
            heard.take(&v9().domain(domain).template(id, &wide));
        }
    }
    let exporter = &heard.decoder.exporters[&ROUTER];
    let fields: usize = exporter.domains.iter().map(Domain::fields).sum();
    assert!(exporter.domains.len() <= MAX_DOMAINS && fields <= MAX_FIELDS, "{fields}");
}

#[test]
fn made_up_exporters_do_not_push_out_real_ones() {
    let mut heard = Heard::default();
    heard.take(&v9().template(256, &PLAIN).set(256, &plain(1, 1, 1)));
    let flood = v9().template(256, &PLAIN).bytes();
    for second in 0..300_u32 {
        for low in 0..=255 {
            let from = IpAddr::from([198, 51, second as u8, low]);
            let at = Timestamp::from_secs((NOW + second).into());
            heard.decoder.datagram(from, at, &flood, &mut |_: &Flow| {});
        }
    }
    assert!(heard.decoder.exporters().count() <= MAX_EXPORTERS);
    assert!(heard.decoder.refused() > 70_000);
    heard.take_at(NOW + 300, &v9().set(256, &plain(1, 1, 1)).bytes());
    assert_eq!(heard.flows.len(), 2);
}

#[test]
fn a_record_of_variable_length_that_goes_beyond_its_set_is_no_record() {
    let mut heard = Heard::default();
    heard.take(&ipfix().template(256, &[(82, super::super::layout::VARIABLE), (1, 4)]));
    heard.take(&ipfix().set(256, &[&[2][..], b"ab", &be(&[7]), &[200], b"abcdef"].concat()));
    assert_eq!((heard.bytes(), heard.malformed(Malformed::Record)), (vec![7], 1));
    let long = [&[255, 1, 0][..], &[b'x'; 256], &be(&[8])].concat();
    heard.take(&ipfix().set(256, &long));
    assert_eq!(heard.bytes(), [7, 8]);
}

#[test]
fn what_waits_is_bounded_for_all_exporters_together() {
    let mut decoder = Decoder::default();
    for host in 0..60 {
        for id in 256..300 {
            let message = v9().set(id, &[1; 1400]).bytes();
            let from = IpAddr::from([10, 0, 0, host]);
            decoder.datagram(from, Timestamp::from_secs(NOW.into()), &message, &mut |_: &Flow| {});
        }
    }
    assert!(decoder.held <= 1 << 20, "{}", decoder.held);
    decoder.expire(Timestamp::from_secs(i64::from(NOW) + 61));
    assert_eq!(decoder.held, 0);
    let undecoded: u64 = decoder.exporters().map(|(_, stats)| stats.undecoded).sum();
    assert_eq!(undecoded, 60 * 44);
}
