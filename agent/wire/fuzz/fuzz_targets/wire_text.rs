#![no_main]
//! A text frame from either side, and a token.

use libfuzzer_sys::fuzz_target;
use panoptikon_wire::{FromAgent, FromAppliance, Token};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(Some(message)) = FromAgent::decode(text) {
        assert_ne!(message.seq(), Some(0));
        // A number beyond what f32 holds becomes null, so only the kind is certain to come back.
        assert!(message.encode().starts_with("{\"t\":\""));
    }
    if let Ok(Some(message)) = FromAppliance::decode(text) {
        // The last digit of a number beyond what f64 holds may change, so only the kind is compared.
        let again = FromAppliance::decode(&message.encode()).expect("what was written is read");
        let kind = std::mem::discriminant(&message);
        assert_eq!(again.as_ref().map(std::mem::discriminant), Some(kind));
    }
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string().parse(), Ok(token));
    }
});
