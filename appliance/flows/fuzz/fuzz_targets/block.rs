#![no_main]
//! A block of flows: the length of the addresses, the addresses, the columns. Checksums are put
//! right, so that what is behind them is reached.

use libfuzzer_sys::fuzz_target;
use panoptikon_flows_fuzz::block::{Dictionary, MAX_ROWS, Reader, Scratch, encode};

fuzz_target!(|data: &[u8]| {
    let Some((length, data)) = data.split_first_chunk::<2>() else { return };
    let Some((addresses, columns)) = data.split_at_checked(u16::from_le_bytes(*length).into())
    else {
        return;
    };
    let mut addresses = addresses.to_vec();
    addresses.extend(crc32fast::hash(&addresses).to_le_bytes());
    let columns = repaired(columns);
    let scratch = Scratch::default();
    let (Ok(dictionary), Ok(reader)) =
        (Dictionary::open(&addresses), Reader::open(&columns, &scratch))
    else {
        return;
    };
    if let Ok(flows) = reader.flows(&dictionary) {
        assert!(flows.len() == reader.rows() && flows.len() <= MAX_ROWS);
        let again = encode(&flows).expect("as many as were read");
        assert_eq!(again.flows, flows.len());
    }
});

/// The columns with right checksums over the head and over each column.
fn repaired(columns: &[u8]) -> Vec<u8> {
    let mut columns = columns.to_vec();
    repair(&mut columns);
    columns
}

fn repair(columns: &mut [u8]) -> Option<()> {
    // Two letters and the version, then the checksum of the head, then its length.
    let mut at = 7;
    let head = number(columns, &mut at)? as usize;
    let (begin, mut piece) = (at, at.checked_add(head)?);
    number(columns, &mut at)?;
    number(columns, &mut at)?;
    at += 8;
    while at < begin + head {
        let length = number(columns, &mut at)? as usize;
        let sum = crc32fast::hash(columns.get(piece..piece.checked_add(length)?)?);
        columns.get_mut(at..at + 4)?.copy_from_slice(&sum.to_le_bytes());
        (at, piece) = (at + 4, piece + length);
    }
    let sum = crc32fast::hash(columns.get(begin..begin + head)?);
    columns.get_mut(3..7)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}

fn number(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let octet = *data.get(*at)?;
        *at += 1;
        value |= u64::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return Some(value);
        }
    }
    None
}
