//! A commit: which parts of a configuration have an owner of their own, what the owners refuse, and
//! what is committed although another part was refused.
//!
//! Each part passes or fails for itself. That is why an answer may be an error and half of the
//! change be running.

use std::fmt::Write as _;

use vyos::config::{Command, Node, diff};

use crate::verify::{Facts, verify};
use crate::{tree, words};

/// What a commit came to.
pub(crate) struct Outcome {
    /// The configuration that runs after it.
    pub(crate) running: Node,
    /// What was printed: warnings of a commit that passed, or why parts failed.
    pub(crate) said: Result<String, String>,
}

/// The changed parts, in the order in which their owners run.
pub(crate) fn owners(running: &Node, working: &Node) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for command in diff(running, working) {
        let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) = command;
        for owner in owner(&path, running, working) {
            if !found.contains(&owner) {
                found.push(owner);
            }
        }
    }
    found.sort_by_key(|owner| order(owner));
    found
}

/// The part that a path belongs to; several where the path is above them.
fn owner(path: &[String], running: &Node, working: &Node) -> Vec<Vec<String>> {
    let names: Vec<_> = path.iter().map(String::as_str).collect();
    let depth = match names.as_slice() {
        ["interfaces", ..] | ["service", "dns", ..] | ["policy", "route" | "route6", ..] => 3,
        ["service" | "system" | "protocols" | "vpn" | "policy" | "load-balancing", ..] => 2,
        _ => 1,
    };
    if path.len() >= depth {
        return vec![path[..depth].to_vec()];
    }
    // All that is below, before and after.
    let mut all = Vec::new();
    for root in [running, working] {
        let below = root.at(names.iter().copied()).and_then(Node::children);
        for (name, _) in below.into_iter().flat_map(vyos::config::Children::iter) {
            let longer: Vec<_> = path.iter().cloned().chain([name.to_owned()]).collect();
            all.extend(owner(&longer, running, working));
        }
    }
    if all.is_empty() { vec![path.to_vec()] } else { all }
}

/// Lower runs first.
fn order(owner: &[String]) -> usize {
    let first = ["pki", "vrf", "interfaces", "system", "firewall", "nat", "policy", "protocols"];
    let name = owner.first().map_or("", String::as_str);
    if owner == words("service https").as_slice() {
        return usize::MAX;
    }
    first.iter().position(|known| *known == name).unwrap_or(first.len())
}

/// Commits what differs. `refused` names a part that fails whatever it holds.
pub(crate) fn commit(
    running: &Node,
    working: &Node,
    facts: &Facts<'_>,
    refused: Option<&[String]>,
) -> Outcome {
    let mut next = running.clone();
    let (mut errors, mut warned) = (String::new(), String::new());
    for owner in owners(running, working) {
        let title = owner.join(" ");
        let mut warnings = Vec::new();
        let fails = refused.is_some_and(|part| {
            let touched = |command: &Command| {
                let (Command::Set(path) | Command::Delete(path) | Command::Comment(path, _)) =
                    command;
                path.starts_with(part) && path.starts_with(&owner)
            };
            owner.starts_with(part) || diff(running, working).iter().any(touched)
        });
        let verdict = if fails {
            Err("Refused on request of a test".to_owned())
        } else {
            verify(&owner, working, facts, &mut warnings)
        };
        for warning in warnings {
            let text = wrapped(&format!("WARNING: {warning}"));
            let _ = write!(warned, "[ {title} ]\n\n{text}\n\n\n");
        }
        match verdict {
            Ok(()) => {
                let path: Vec<_> = owner.iter().map(String::as_str).collect();
                tree::graft(&mut next, working, &path);
            }
            Err(reason) => {
                // A report is printed as it is, a reason is broken into lines.
                let text =
                    reason.strip_prefix('\0').map_or_else(|| wrapped(&reason), str::to_owned);
                let _ = write!(errors, "[ {title} ]\n{text}\n\n[[{title}]] failed\n");
            }
        }
    }
    let said = if errors.is_empty() { Ok(warned) } else { Err(errors + "Commit failed\n") };
    // What no owner reported, such as remarks above them.
    if said.is_ok() {
        next.clone_from(working);
    }
    Outcome { running: next, said }
}

/// Breaks a text into lines of at most 72 characters, at blanks and behind hyphens.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 72;
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let mut pieces: Vec<String> = vec![String::new()];
        let letters: Vec<char> = word.chars().collect();
        for (at, c) in letters.iter().enumerate() {
            if let Some(piece) = pieces.last_mut() {
                piece.push(*c);
            }
            let letter = |at: Option<usize>| {
                at.and_then(|at| letters.get(at)).is_some_and(|c| c.is_alphabetic())
            };
            let inner =
                letter(at.checked_sub(1)) && letter(at.checked_sub(2)) && letter(Some(at + 1));
            if *c == '-' && inner {
                pieces.push(String::new());
            }
        }
        for (place, piece) in pieces.iter().enumerate() {
            let length = piece.chars().count();
            let blank = usize::from(place == 0 && used > 0);
            if used > 0 && used + blank + length > WIDTH {
                out.push('\n');
                used = 0;
            } else if blank > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(piece);
            used += length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_broken_as_the_router_breaks_it() {
        let text = "Configured static lease address for mapping \"odd\" is not within \
                    shared-network \"LAN, 192.168.1.0/24\"!";
        let lines = "Configured static lease address for mapping \"odd\" is not within \
                     shared-\nnetwork \"LAN, 192.168.1.0/24\"!";
        assert_eq!(wrapped(text), lines);
        let text = "Source NAT configuration error in rule 200: translation requires address and/or \
                    port";
        let lines = "Source NAT configuration error in rule 200: translation requires \
                     address\nand/or port";
        assert_eq!(wrapped(text), lines);
    }
}
