//! Computes the contrast of every documented pair of colours of the style sheet, in both themes,
//! as WCAG 2.2 defines it, and holds them to 7:1.

#![allow(missing_docs, clippy::pedantic, clippy::needless_range_loop)]

use std::collections::BTreeMap;

const CSS: &str = include_str!("../assets/app.css");

/// Colours by name: light, dark.
fn colours() -> BTreeMap<&'static str, [[f64; 3]; 2]> {
    CSS.lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("--")?.split_once(":light-dark(")?;
            let (light, dark) = value.strip_suffix(");")?.split_once(',')?;
            Some((name, [channels(light)?, channels(dark)?]))
        })
        .collect()
}

fn channels(hex: &str) -> Option<[f64; 3]> {
    let digits = hex.strip_prefix('#').filter(|d| d.len() == 6)?;
    let channel =
        |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).ok().map(|c| f64::from(c) / 255.0);
    Some([channel(0)?, channel(2)?, channel(4)?])
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] =
        colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn black_on_white_is_21_to_1() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
}

#[test]
fn all_text_has_a_contrast_of_7_to_1_in_both_themes() {
    let colours = colours();
    let mut pairs = 0;
    for line in CSS.lines().filter_map(|l| l.trim().strip_prefix("contrast: ")) {
        let (texts, grounds) =
            line.trim_end_matches("*/").split_once(" ON ").expect("texts ON grounds");
        for text in texts.split_whitespace() {
            for ground in grounds.split_whitespace() {
                for (theme, i) in [("light", 0), ("dark", 1)] {
                    let ratio = contrast(colours[text][i], colours[ground][i]);
                    assert!(ratio >= 7.0, "{text} on {ground}, {theme}: {ratio:.2}");
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs >= 60, "only {pairs} pairs are documented");
}

#[test]
fn edges_of_controls_have_a_contrast_of_3_to_1() {
    let colours = colours();
    for ground in ["bg", "panel", "raised"] {
        for i in 0..2 {
            assert!(contrast(colours["edge"][i], colours[ground][i]) >= 3.0, "{ground} {i}");
        }
    }
}

#[test]
fn text_takes_its_colour_from_the_documented_names_only() {
    let documented: Vec<&str> = CSS
        .lines()
        .filter_map(|l| l.trim().strip_prefix("contrast: "))
        .flat_map(|l| l.split_whitespace())
        .collect();
    for (i, _) in CSS.match_indices("color:var(--") {
        let before = CSS[..i].chars().next_back();
        if before.is_some_and(|c| c == '-') {
            continue;
        }
        let name = CSS[i + 12..].split(')').next().unwrap_or_default();
        // The lamp colours pictures and the large status figure only.
        assert!(name == "lamp" || documented.contains(&name), "{name}");
    }
}
