//! Holds every page, with nothing, one thing, many and hostile text, to what all pages promise:
//! well formed, safe under the content policy, protected forms, labelled fields, small.

#![allow(missing_docs, clippy::pedantic)]

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use samples::{HOSTILE, Mood, alert, device, pages, shell};

const MOODS: [Mood; 4] = [Mood::Empty, Mood::One, Mood::Many, Mood::Hostile];

/// A tag as written: name, attributes; `close` for an end tag.
#[derive(Debug, Clone)]
struct Tag {
    name: String,
    attrs: BTreeMap<String, String>,
    close: bool,
    own_end: bool,
    /// The text between this tag and the next.
    after: String,
}

/// Splits a page of ours into tags. Not a browser's parser: ours escape `<` everywhere in text and
/// quote all values, and this fails where they do not.
fn tags(html: &str) -> Vec<Tag> {
    let mut out: Vec<Tag> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        if let Some(last) = out.last_mut() {
            last.after = rest[..at].trim().to_owned();
        }
        rest = &rest[at + 1..];
        let close = rest.starts_with('/');
        rest = rest.trim_start_matches('/');
        let end =
            rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').expect("a tag's end");
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let mut attrs = BTreeMap::new();
        let mut own_end = false;
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = rest.strip_prefix('/') {
                own_end = true;
                rest = after;
                continue;
            }
            let stop = rest.find(['=', '>', ' ', '\n', '/']).expect("an attribute's end");
            let key = rest[..stop].to_owned();
            assert!(
                !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "odd attribute {key:?} in <{name}>"
            );
            rest = &rest[stop..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix("=\"") {
                let quote = after.find('"').expect("a closing quote");
                value = after[..quote].to_owned();
                rest = &after[quote + 1..];
            }
            assert!(attrs.insert(key.clone(), value).is_none(), "<{name}> has {key} twice");
        }
        out.push(Tag { name, attrs, close, own_end, after: String::new() });
    }
    out
}

fn each(mut check: impl FnMut(Mood, &str, &str, &[Tag])) {
    for mood in MOODS {
        for (name, html) in pages(mood) {
            check(mood, name, &html, &tags(&html));
        }
    }
}

fn under(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let text = fs::read_to_string(&path).expect("a text");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn every_page_is_well_formed() {
    const EMPTY: [&str; 7] = ["meta", "link", "input", "br", "!doctype", "img", "hr"];
    each(|mood, name, _, tags| {
        let mut open: Vec<&str> = Vec::new();
        for tag in tags.iter().filter(|t| !EMPTY.contains(&t.name.as_str()) && !t.own_end) {
            // Ends of cells may be left out: the next cell, or the row's end, ends them.
            let in_cell = open.last().is_some_and(|o| ["td", "th"].contains(o));
            let ends_cell = if tag.close {
                open.last() != Some(&tag.name.as_str())
            } else {
                ["td", "th", "tr"].contains(&tag.name.as_str())
            };
            if in_cell && ends_cell {
                open.pop();
            }
            if tag.close {
                assert_eq!(open.pop(), Some(tag.name.as_str()), "{mood:?} {name}: {open:?}");
            } else {
                open.push(&tag.name);
            }
        }
        assert!(open.is_empty(), "{mood:?} {name}: never closed: {open:?}");
    });
}

#[test]
fn nothing_on_a_page_is_against_the_content_policy() {
    each(|mood, name, html, tags| {
        assert!(!html.contains("<script>"), "{mood:?} {name}");
        for tag in tags {
            for (key, value) in &tag.attrs {
                assert!(
                    key != "style" && !key.starts_with("on"),
                    "{mood:?} {name}: {key} on <{}>",
                    tag.name
                );
                assert!(!value.trim_start().to_lowercase().starts_with("javascript:"), "{name}");
            }
            if tag.name == "script" && !tag.close {
                assert!(tag.attrs.contains_key("src") && tag.after.is_empty(), "{mood:?} {name}");
            }
            assert_ne!(tag.name, "style", "{mood:?} {name}");
            for key in ["src", "href", "action"] {
                if let Some(target) = tag.attrs.get(key) {
                    assert!(
                        target.starts_with('/') && !target.starts_with("//")
                            || target.starts_with('#'),
                        "{mood:?} {name}: {key}={target}"
                    );
                }
            }
        }
    });
}

#[test]
fn hostile_text_stays_text() {
    for (name, html) in pages(Mood::Hostile) {
        assert!(!html.contains("<script>alert"), "{name}");
        assert!(!html.contains(HOSTILE), "{name}");
        assert!(
            html.contains("{{7*7}}") || name.starts_with("problem-bare"),
            "{name} shows none of it"
        );
    }
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    each(|mood, name, _, tags| {
        let mut inside: Option<bool> = None;
        for tag in tags {
            match (tag.name.as_str(), tag.close) {
                ("form", false) => {
                    assert!(inside.is_none(), "{mood:?} {name}: a form within a form");
                    inside = Some(tag.attrs.get("method").is_none_or(|m| m != "post"));
                }
                ("form", true) => {
                    assert_eq!(inside.take(), Some(true), "{mood:?} {name}: a form without csrf");
                }
                ("input", _) if tag.attrs.get("name").is_some_and(|n| n == "csrf") => {
                    assert!(!tag.attrs["value"].is_empty());
                    inside = Some(true);
                }
                _ => {}
            }
        }
    });
}

#[test]
fn every_field_and_button_has_a_name_that_can_be_read() {
    each(|mood, name, _, tags| {
        let mut labels = 0;
        let pointed: BTreeSet<_> =
            tags.iter().filter(|t| t.name == "label").filter_map(|t| t.attrs.get("for")).collect();
        for (i, tag) in tags.iter().enumerate() {
            match (tag.name.as_str(), tag.close) {
                ("label", false) => labels += 1,
                ("label", true) => labels -= 1,
                ("input" | "select" | "textarea", false) => {
                    let hidden = tag.attrs.get("type").is_some_and(|t| t == "hidden");
                    let named = tag.attrs.contains_key("aria-label")
                        || tag.attrs.get("id").is_some_and(|id| pointed.contains(id));
                    assert!(hidden || named || labels > 0, "{mood:?} {name}: {tag:?}");
                }
                ("button" | "a" | "summary", false) => {
                    let own = tag.attrs.get("aria-label").is_some_and(|l| !l.is_empty());
                    let text = tags[i..]
                        .iter()
                        .take_while(|t| !(t.close && t.name == tag.name))
                        .any(|t| !t.after.is_empty());
                    assert!(own || text || mood == Mood::Empty, "{mood:?} {name}: {tag:?}");
                }
                _ => {}
            }
        }
    });
}

#[test]
fn no_id_is_given_twice() {
    each(|mood, name, _, tags| {
        let mut seen = BTreeSet::new();
        for id in tags.iter().filter_map(|t| t.attrs.get("id")) {
            assert!(seen.insert(id), "{mood:?} {name}: {id}");
        }
        for tag in tags {
            for key in ["aria-describedby", "for", "form"] {
                if let Some(id) = tag.attrs.get(key) {
                    assert!(seen.contains(id), "{mood:?} {name}: {key}={id} points nowhere");
                }
            }
        }
    });
}

#[test]
fn every_page_has_one_heading_of_the_first_rank_and_a_main_part() {
    each(|mood, name, _, tags| {
        let count = |wanted: &str| tags.iter().filter(|t| t.name == wanted && !t.close).count();
        assert_eq!(count("h1"), 1, "{mood:?} {name}");
        assert_eq!(count("main"), 1, "{mood:?} {name}");
    });
}

#[test]
fn every_icon_is_in_the_sprite() {
    let sprite = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/icons.svg"))
        .expect("icons");
    for mood in [Mood::Empty, Mood::One, Mood::Many] {
        for (name, html) in pages(mood) {
            for tag in tags(&html).iter().filter(|t| t.name == "use") {
                let icon = tag.attrs["href"].split_once('#').expect("a fragment").1;
                assert!(sprite.contains(&format!("id=\"{icon}\"")), "{name}: {icon}");
            }
        }
    }
}

#[test]
fn pages_of_fifty_rows_stay_within_40_kib() {
    for (name, html) in pages(Mood::Many) {
        let most = if name == "topology" { 48 } else { 40 } * 1024;
        assert!(html.len() <= most, "{name} has {} bytes", html.len());
    }
}

#[test]
fn style_and_scripts_stay_small() {
    let size = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
        fs::metadata(path).expect("an asset").len()
    };
    assert!(size("app.css") <= 16_384, "app.css {}", size("app.css"));
    for beside in
        ["charts.css", "home.css", "devices.css", "journal.css", "topology.css", "enter.css"]
    {
        assert!(size("app.css") + size(beside) <= 18_944, "app.css and {beside}");
    }
    for beside in ["topology.js", "password.js", "palette.js"] {
        let both = size("app.js") + size(beside);
        assert!(both <= 11_264, "app.js and {beside}: {both}");
    }
    assert!(size("icons.svg") <= 8_192);
}

#[test]
fn no_template_switches_escaping_off_or_holds_style_or_script() {
    for (path, text) in under("../../templates", ".html") {
        for word in ["|safe", "| safe", "style=", "<style", "javascript:", " onclick", " onload"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
        for (i, _) in text.match_indices("<script") {
            assert!(text[i..].starts_with("<script src="), "{}", path.display());
        }
    }
    for (path, text) in under("assets", ".js") {
        for word in [
            "eval(",
            "new Function",
            "document.write",
            "outerHTML",
            ".style",
            "http://",
            "https://",
        ] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
    for (path, text) in under("assets", ".css") {
        assert!(!text.contains("url(") && !text.contains("@import"), "{}", path.display());
    }
}

#[test]
fn a_row_of_the_live_channel_is_the_row_of_the_page() {
    use askama::Template;
    use panoptikon_web::view::{AlertRowFragment, DeviceRowFragment};
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let list = pages(Mood::One);
    let page =
        |wanted: &str| squeeze(&list.iter().find(|(name, _)| *name == wanted).expect("a page").1);
    let row = DeviceRowFragment { d: &device(Mood::One, 0) }.render().expect("a row");
    assert!(page("devices").contains(squeeze(&row).trim()));
    let around = shell(Mood::One, "Alerts", None, "/alerts");
    let row = AlertRowFragment { a: &alert(Mood::One, 0), shell: &around }.render().expect("a row");
    assert!(page("alerts").contains(squeeze(&row).trim()));
}
