//! Renders every page with sample data into `var/gallery`, to be looked at in a browser.
//!
//! `cargo run -p panoptikon-web --example gallery`, then serve the folder beside `assets/`.

#[allow(missing_docs, unreachable_pub, clippy::pedantic)]
#[path = "../tests/samples/mod.rs"]
mod samples;

use std::fs;
use std::path::PathBuf;

use samples::{Mood, pages};

fn main() -> std::io::Result<()> {
    let folder =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from("var/gallery"), PathBuf::from);
    for (mood, name) in [
        (Mood::Empty, "empty"),
        (Mood::One, "one"),
        (Mood::Many, "many"),
        (Mood::Hostile, "hostile"),
    ] {
        fs::create_dir_all(folder.join(name))?;
        for (page, html) in pages(mood) {
            println!("{name:8}{page:16}{:>8} bytes", html.len());
            fs::write(folder.join(name).join(format!("{page}.html")), html)?;
        }
    }
    Ok(())
}
