//! The page about the protocol holds what this crate reads.
#![allow(clippy::unwrap_used)] // these are tests

use panoptikon_wire::enrol::{Enrolled, Refused, Request};
use panoptikon_wire::{FromAgent, FromAppliance, Token, batch_messages, text};

const PAGE: &str = include_str!("../../../docs/agent-protocol.md");

/// What stands in the blocks with this label.
fn blocks(label: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut rest = PAGE;
    while let Some((_, behind)) = rest.split_once(&format!("```{label}\n")) {
        let (block, behind) = behind.split_once("```").unwrap();
        found.push(block);
        rest = behind;
    }
    assert!(!found.is_empty(), "no example of {label}");
    found
}

fn lines(label: &str) -> impl Iterator<Item = &'static str> {
    blocks(label).into_iter().flat_map(str::lines)
}

/// Every field of the example must be one that the crate knows.
fn is_whole(example: &str, again: &str) {
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(example), value(again));
}

#[test]
fn every_example_of_an_agents_message_is_read_whole() {
    let mut kinds = Vec::new();
    for line in lines("json agent") {
        let message = FromAgent::decode(line).unwrap().unwrap();
        is_whole(line, &message.encode());
        kinds.push(line.split('"').nth(3).unwrap());
    }
    kinds.dedup();
    assert_eq!(kinds, ["hello", "report", "events", "lost", "answer", "renew"]);
}

#[test]
fn every_example_of_an_appliances_message_is_read_whole() {
    let mut kinds = Vec::new();
    for line in lines("json appliance") {
        let message = FromAppliance::decode(line).unwrap().unwrap();
        is_whole(line, &message.encode());
        kinds.push(line.split('"').nth(3).unwrap());
    }
    assert_eq!(kinds, ["welcome", "ack", "set", "ask", "cancel", "certificate", "close"]);
}

#[test]
fn the_examples_of_token_and_enrolment_are_read() {
    let token: Token = blocks("token")[0].parse().unwrap();
    assert_eq!(
        (token.id, token.secret, token.ca),
        ([1, 2, 3, 4, 5], *b"0123456789abcdef", [7; 32])
    );
    let request: Request = serde_json::from_str(blocks("json request")[0]).unwrap();
    assert_eq!(request.token.parse(), Ok(token));
    assert_eq!(request.hello.proto, [1, 1]);
    let enrolled: Enrolled = serde_json::from_str(blocks("json enrolled")[0]).unwrap();
    assert_eq!(enrolled.agent.len(), 16);
    let refused: Refused = serde_json::from_str(blocks("json refused")[0]).unwrap();
    assert!(!refused.error.is_empty());
}

#[test]
fn the_example_of_a_batch_is_read() {
    let digits: String = blocks("hex batch")[0].split_ascii_whitespace().collect();
    let octets = digits.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
    let frame: Vec<u8> = octets.map(|two| text::from_hex::<1>(two).unwrap()[0]).collect();
    let (messages, unknown) = batch_messages(&frame).unwrap();
    let numbers: Vec<u64> = messages.iter().filter_map(FromAgent::seq).collect();
    assert_eq!((numbers, unknown), (vec![1, 2], 0));
}
