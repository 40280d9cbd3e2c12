//! One sentence for people about an event. The event and who knows names of devices in, text out.

use super::part::{self, Names, Words, readable, told, untold, words};
use super::{entry, family};
use crate::json::{text, tidy};
use crate::{Happening, Source};

/// Characters of the longest sentence.
const LONGEST: usize = 300;

/// What happened, in one sentence: that of the catalogue, else what the console says, else the words
/// of its kind.
pub fn sentence(happening: &Happening, names: Names<'_>) -> String {
    let ours = entry(&happening.key).and_then(|entry| filled(entry.template, happening, names));
    let said = ours
        .or_else(|| of_log(happening, names))
        .or_else(|| Some(readable(happening, text(&happening.facts, "msg")?, names)))
        .unwrap_or_else(|| of_kind(happening, names));
    tidy(&said, LONGEST).into_owned()
}

/// A template with its parts. None where a part is missing without which it says nothing.
fn filled(template: &str, happening: &Happening, names: Names<'_>) -> Option<String> {
    let mut said = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '[']) {
        let (before, behind) = rest.split_at_checked(at)?;
        said.push_str(before);
        if let Some(behind) = behind.strip_prefix('[') {
            let (inside, after) = behind.split_once(']')?;
            let part = |name: &str| told(happening, name, names);
            said.push_str(&parts(inside, &part).unwrap_or_default());
            rest = after;
        } else {
            let (name, after) = behind.strip_prefix('{')?.split_once('}')?;
            let words = told(happening, name, names).or_else(|| untold(happening, name))?;
            push(&mut said, words);
            rest = after;
        }
    }
    said.push_str(rest);
    Some(said)
}

/// Text with parts in braces, all of which must be told.
fn parts(template: &str, part: &dyn Fn(&str) -> Option<Words>) -> Option<String> {
    let mut said = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}')?;
        said.push_str(before);
        push(&mut said, part(name)?);
        rest = after;
    }
    said.push_str(rest);
    Some(said)
}

fn push(said: &mut String, words: Words) {
    let mut letters = words.text.chars();
    match letters.next() {
        Some(first) if words.common && said.is_empty() => {
            said.push(first.to_ascii_uppercase());
            said.push_str(letters.as_str());
        }
        _ => said.push_str(&words.text),
    }
}

/// The sentence that a row of the log brings along.
fn of_log(happening: &Happening, names: Names<'_>) -> Option<String> {
    if happening.source != Source::Log {
        return None;
    }
    let part = |name: &str| {
        let missing = || Words { text: words(name), common: true };
        Some(told(happening, name, names).unwrap_or_else(missing))
    };
    let message = text(&happening.facts, "message_raw").and_then(|raw| parts(raw, &part));
    message.or_else(|| text(&happening.facts, "title_raw").map(str::to_owned))
}

/// The words of a kind that nobody knows, and what it is about.
fn of_kind(happening: &Happening, names: Names<'_>) -> String {
    let mut said = String::new();
    if let Some((_, rest)) = family(&happening.key) {
        push(&mut said, part::unit(happening, names));
        return format!("{said}: {}", words(rest));
    }
    let kind = happening.key.strip_prefix("derived.").unwrap_or(&happening.key);
    push(&mut said, Words { text: words(kind), common: true });
    let about = ["camera", "sensorName", "name", "client"];
    if let Some(about) = about.into_iter().find_map(|part| told(happening, part, names)) {
        said.push_str(": ");
        said.push_str(&about.text);
    }
    said
}
