//! `docs/vyos-commands.md`, written from the definitions.

use std::fmt::Write as _;

use crate::definition::{Definition, Kind};
use crate::op_mode::commands;

const INTRODUCTION: &str = "# VyOS commands

Written by `cargo run -p panoptikon-vyos-definitions -- --page`; change `vyos-packaging/`, not this \
page. The package adds these commands and nodes to VyOS's own command line, on 1.4, 1.5 and rolling.

## Operational mode

In configuration mode each is run with `run` in front. Words may be shortened as long as they are \
clear, and Tab offers devices and interfaces.
";

const OPERATORS: &str = "
Operators are people whom VyOS lets look but not configure. They cannot see the setup token, restart \
the service, reset the sign-in or write a support bundle: VyOS's runner for them does not know these \
commands, and the one program that they may run as root takes no other words than those above. On \
rolling, `system login operator-group NAME command-policy allow \"show panoptikon\"` says which of \
them a group may use.

A command that needs the running service says so when it is stopped, with what to do.

## Configuration mode

";

const MEANING: &str = "
What is set here wins over the file `/config/panoptikon/panoptikon.toml`; what is not set here is \
read from there. `panoptikon check-config` shows which value comes from where. Deleting `service \
panoptikon` takes all of these settings back; the service goes on.

A commit is refused, with the reason, when a port is taken (with the name of the program that has \
it), when an interface does not exist, or when a certificate has no key, does not match it or is \
encrypted. An address that the router does not have is a warning, since it may come later.

A commit applies to the running service at once, another `listen-address` or `port` too, without a \
restart: connections that are open stay open.

A certificate that is renewed under `pki` is read at the next commit that changes `service \
panoptikon`.

When the package is not installed while VyOS loads its configuration, for instance after an image \
upgrade without the boot hook, VyOS knows no `service panoptikon`, reports it as invalid and goes on \
without it; the next `save` would then lose it. The boot hook of the package installs it before the \
configuration is loaded.
";

/// The whole page as Markdown.
pub fn page(op: &[Definition], config: &[Definition]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| command | what it does | operators |\n|---|---|---|\n");
    let commands = commands(op);
    // A form that only answers as JSON is told of with the command itself.
    for command in commands.iter().filter(|c| c.words.last().is_none_or(|w| w != "json")) {
        let json = commands.iter().any(|other| {
            other
                .words
                .split_last()
                .is_some_and(|(last, rest)| last == "json" && rest == command.words.as_slice())
        });
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}{}` | {} | {} |",
            command.words.join(" "),
            if json { " [json]" } else { "" },
            command.help,
            if command.operators { "yes" } else { "no" },
        );
    }
    page.push_str(OPERATORS);
    page.push_str("| node | values | default | what it does |\n|---|---|---|---|\n");
    for definition in config {
        nodes(definition, "set", &mut page);
    }
    page.push_str(MEANING);
    page
}

fn nodes(definition: &Definition, above: &str, page: &mut String) {
    let path = format!("{above} {}", definition.name);
    if definition.kind == Kind::Leaf {
        let values: Vec<String> =
            definition.value_help.iter().map(|(format, _)| format!("`{format}`")).collect();
        let _ = writeln!(
            page,
            "| `{path}` | {}{} | {} | {} |",
            values.join(", "),
            if definition.multi { "; several" } else { "" },
            definition.default.as_ref().map_or_else(String::new, |text| format!("`{text}`")),
            definition.help.as_deref().unwrap_or_default(),
        );
    }
    for child in &definition.children {
        nodes(child, &path, page);
    }
}
