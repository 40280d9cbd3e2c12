//! Whatever bytes proptest thinks of, and templates of any make.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::layout::VARIABLE;
use super::*;

/// Takes everything and looks at all of it.
struct All(u64);

impl Sink for All {
    fn flow(&mut self, flow: &Flow) {
        assert!(flow.start <= flow.end && flow.sampling >= 1);
        assert!(flow.bytes != 0 || flow.packets != 0);
        self.0 += 1;
    }

    fn complete(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        let mut line = String::new();
        record.write_json(&mut line);
        serde_json::from_str::<serde_json::Value>(&line).expect(&line);
    }
}

fn feed(datagrams: &[Vec<u8>]) -> Decoder {
    let mut decoder = Decoder::default();
    let mut all = All(0);
    for bytes in datagrams {
        decoder.datagram(ROUTER, Timestamp::from_secs(NOW.into()), bytes, &mut all);
        looks_like_export(bytes);
    }
    let flows: u64 = decoder.exporters().map(|(_, stats)| stats.flows).sum();
    assert_eq!(flows, all.0);
    decoder
}

/// Fields of which a flow may be made, and others.
fn fields() -> impl Strategy<Value = Vec<FieldSpec>> {
    let field = (0..500_u64, prop_oneof![0..20_u16, Just(4), Just(16), Just(VARIABLE)]);
    let foreign = (1..40_000_u64, 1..1000_u64, 0..20_u16)
        .prop_map(|(pen, id, length)| (pen << 16 | id, length));
    vec(prop_oneof![4 => field, 1 => foreign], 1..40)
}

/// What a record of this template is made of, for each field.
fn values(fields: &[FieldSpec], seed: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = seed.iter().copied().cycle();
    let mut next = || bytes.next().unwrap_or(1);
    let length = |told: u16, draw: u8| if told == VARIABLE { u16::from(draw) * 2 } else { told };
    fields
        .iter()
        .map(|(_, told)| {
            let length = length(*told, next());
            (0..length).map(|_| next()).collect()
        })
        .collect()
}

fn encode(fields: &[FieldSpec], values: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for ((_, told), value) in fields.iter().zip(values) {
        if *told == VARIABLE {
            match u8::try_from(value.len()) {
                Ok(length) if length < 255 => out.push(length),
                _ => out.extend([&[255][..], &(value.len() as u16).to_be_bytes()].concat()),
            }
        }
        out.extend(value);
    }
    out
}

/// The octets of every field of every record.
#[derive(Default)]
struct Octets(Vec<Vec<u8>>);

impl Sink for Octets {
    fn flow(&mut self, _: &Flow) {}

    fn complete(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        let mut reader = wire::Reader::new(record.bytes);
        layout::walk(record.fields, &mut reader, |_, bytes| self.0.push(bytes.to_vec()));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(datagrams in vec(vec(any::<u8>(), 0..200), 1..8)) {
        feed(&datagrams);
    }

    #[test]
    fn any_bytes_behind_a_sound_header_are_survived(
        version in 0..4_usize,
        bodies in vec(vec(any::<u8>(), 0..300), 1..8),
    ) {
        let start: &[u8] = [&[0, 5, 0, 3][..], &[0, 9, 0, 1], &[0, 10, 0, 200], &[0, 0, 0, 5, 0, 0, 0, 1]][version];
        let datagrams: Vec<_> = bodies.iter().map(|body| [start, body].concat()).collect();
        feed(&datagrams);
    }

    #[test]
    fn any_template_and_any_data_are_survived(
        fields in fields(), scopes in 0..3_usize, data in vec(any::<u8>(), 0..600), nine in any::<bool>(),
    ) {
        let message = if nine { v9() } else { ipfix() };
        let scopes = scopes.min(fields.len());
        let decoder = feed(&[
            message.clone().set(256, &data).bytes(),
            message.clone().template(256, &fields).bytes(),
            message.clone().options(300, scopes, &fields).bytes(),
            message.set(256, &data).set(300, &data).bytes(),
        ]);
        let saved = decoder.save();
        let mut again = Decoder::default();
        prop_assert!(again.restore(Timestamp(0), &saved).is_ok());
        prop_assert_eq!(again.save().len(), saved.len());
    }

    #[test]
    fn records_of_any_template_come_out_as_they_went_in(
        fields in fields(), seed in vec(any::<u8>(), 1..50), records in 1..5_usize,
    ) {
        prop_assume!(fields.iter().any(|(_, length)| *length > 0));
        let each: Vec<_> = (0..records)
            .map(|at| values(&fields, &seed[at % seed.len()..]))
            .collect();
        let body: Vec<u8> = each.iter().flat_map(|values| encode(&fields, values)).collect();
        prop_assume!(body.len() < 60_000);
        let mut decoder = Decoder::default();
        let mut octets = Octets::default();
        let message = ipfix().template(256, &fields).set(256, &body).bytes();
        decoder.datagram(ROUTER, Timestamp::from_secs(NOW.into()), &message, &mut octets);
        let expected: Vec<_> = each.concat();
        prop_assert_eq!(octets.0, expected);
    }

    #[test]
    fn any_saved_bytes_are_survived(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Decoder::default().restore(Timestamp(0), &[&b"pft\x01"[..], &bytes].concat());
    }
}
