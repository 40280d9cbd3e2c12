//! `docs/configuration.md`, written from the table of settings.

use std::fmt::Write as _;

use super::definitions::{DEFINITIONS, Definition, Shape};
use super::{DEFAULT_FILE, FILE_VARIABLE, VYOS_FILE, VYOS_FILE_VARIABLE};

/// The whole page as Markdown. `panoptikon config-reference` prints it, and a test holds
/// `docs/configuration.md` against it.
pub fn reference() -> String {
    let mut page = format!(
        "# Configuration\n\n\
         Written by `panoptikon config-reference`; change `appliance/panoptikon/src/config/`, not \
         this page.\n\n\
         What is set before the start comes from a TOML file, on VyOS from `set service panoptikon`, \
         from environment variables and from flags; a later one of these wins over an earlier one. \
         The file is the one named by `--config` or `{FILE_VARIABLE}`, else `{DEFAULT_FILE}` if it \
         exists. What VyOS says is in `{VYOS_FILE}`, or where `{VYOS_FILE_VARIABLE}` says; \
         [vyos-commands.md](vyos-commands.md) lists its nodes. An unknown key, an \
         unknown variable that begins with `PANOPTIKON_`, or a value that is not accepted stops \
         the start and is shown with its place and with what would be accepted. `panoptikon \
         check-config` does all of this without starting and shows where each value comes from; \
         it exits with 2 if anything is wrong. `panoptikon reload` makes the running appliance read \
         all of it again: it applies the settings that are marked *live* at once and names those \
         that need a restart. What \
         people change while the appliance runs, such as scan interval and retention, is on the \
         settings page instead.\n\n\
         In variables and flags the entries of a list are separated by commas.\n\n\
         | key | default | what it does |\n|---|---|---|\n"
    );
    for d in DEFINITIONS {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} | {2} |", d.key, shown(d), d.help);
    }
    for d in DEFINITIONS {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n- Accepted: {}.\n- Default: {}.\n- Variable `{}`, flag `--{}`.\n{}\n\
             ```toml\n{} = {}\n```\n",
            d.key,
            d.help,
            d.accepts,
            shown(d),
            d.variable,
            d.flag,
            if d.live { "- Live.\n" } else { "" },
            d.key,
            in_toml(d),
        );
    }
    page
}

fn shown(d: &Definition) -> String {
    if d.default.is_empty() { "empty".to_owned() } else { format!("`{}`", d.default) }
}

/// The default as the file would say it.
fn in_toml(d: &Definition) -> String {
    let entries: Vec<String> =
        d.default.split(',').filter(|s| !s.is_empty()).map(|s| format!("\"{s}\"")).collect();
    match d.shape {
        Shape::Number | Shape::Switch => d.default.to_owned(),
        Shape::Text => format!("\"{}\"", d.default),
        Shape::List => format!("[{}]", entries.join(", ")),
    }
}
