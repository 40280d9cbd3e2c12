//! The decoders alone, so that fuzzing builds neither database nor runtime, and what must hold for
//! whatever they return.

#[path = "../../src/decode/mod.rs"]
pub mod decode;

use decode::dns::{Instance, Question};

/// Panics unless a string is as short and as clean as promised.
pub fn check_text(text: &str, most: usize) {
    assert!(!text.is_empty() && text.len() <= most, "{} octets of {most}", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// The same for strings that may be missing.
pub fn check_texts<'a>(texts: impl IntoIterator<Item = &'a Option<String>>, most: usize) {
    texts.into_iter().flatten().for_each(|text| check_text(text, most));
}

/// A DNS name: 255 octets on the wire, each of which may become a replacement character and a dot.
pub fn check_name(name: &str) {
    assert!(name.len() <= 1_020 && !name.chars().any(char::is_control), "{name:?}");
}

/// Questions, names of either protocol that asks them.
pub fn check_questions(questions: &[Question]) {
    assert!(questions.len() <= 32);
    questions.iter().for_each(|question| check_name(&question.name));
}

/// A service on offer.
pub fn check_instance(instance: &Instance) {
    check_name(&instance.name);
    check_name(&instance.service);
    instance.target.iter().for_each(|target| check_name(target));
    assert!(instance.properties.len() <= 32);
    for (key, value) in &instance.properties {
        check_text(key, 63);
        check_text(value, 255);
    }
}
