//! Which words a configuration may have: a table of our own, and what it says about a path.
//!
//! The table is written in `*.txt` beside this file. Deeper indentation means below; the lines
//! below belong to the last item of the line above. An item is a name with what it is behind it:
//! nothing a group, `=` one value, `*` many values, `+` many things of a kind by name, `!` a
//! switch, `~` an area of which only the name is known and everything below is taken as it comes.
//! `:` and a check of the value follow (`values.rs`). `4/`, `5/` and `n/` before an item limit it
//! to 1.4, to 1.5 and newer, or to newer releases. `@name` hangs in all lines that begin with
//! `@name:`.

mod values;
pub(crate) use values::within;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::Release;
use values::Check;

const TABLES: &str = concat!(
    include_str!("shared.txt"),
    "\n",
    include_str!("interfaces.txt"),
    "\n",
    include_str!("firewall.txt"),
    "\n",
    include_str!("service.txt"),
    "\n",
    include_str!("system.txt"),
);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    /// A group of nodes.
    Group,
    /// A setting with one value.
    One,
    /// A setting with many values.
    Many,
    /// Many things of a kind.
    Tag,
    /// On by being there.
    Switch,
    /// Known by name only.
    Anything,
}

/// A name's entry in the table.
#[derive(Debug)]
pub(crate) struct Def {
    /// What it is.
    pub(crate) is: Is,
    check: Check,
    below: Vec<(String, Arc<Def>)>,
}

impl Def {
    /// The entry of a name below it.
    pub(crate) fn below(&self, name: &str) -> Option<&Self> {
        self.below.iter().find(|(known, _)| known == name).map(|(_, def)| def.as_ref())
    }

    /// Whether a value, or a name of one of many, passes; else what the router prints of it.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        self.check.test(value)
    }
}

/// How a word of a path is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The name of a group.
    Group,
    /// The name of many things of a kind.
    Tag,
    /// The name of one of them.
    Instance,
    /// The name of a setting with one value.
    One,
    /// The name of a setting with many values.
    Many,
    /// The name of a switch.
    Switch,
    /// A value.
    Value,
    /// A word of an area known by name only.
    Anything,
}

/// Why a path does not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No such path in this release.
    Path,
    /// It ends where a value must follow.
    NoValue,
    /// A value is refused, and what is printed of it.
    Value(String),
}

/// The table of a release.
pub(crate) fn of(release: Release) -> &'static Def {
    static ALL: [OnceLock<Def>; 3] = [const { OnceLock::new() }; 3];
    ALL[release as usize].get_or_init(|| read(TABLES, release))
}

impl Def {
    /// What the words of a path are; values are checked if that is asked for.
    pub(crate) fn steps(&self, path: &[String], check: bool) -> Result<Vec<Step>, Wrong> {
        let mut steps = Vec::with_capacity(path.len());
        let mut def = self;
        let mut words = path.iter();
        while let Some(word) = words.next() {
            if def.is == Is::Anything {
                steps.push(Step::Anything);
                continue;
            }
            def = def.below(word).ok_or(Wrong::Path)?;
            let (name, value) = match def.is {
                Is::Group => (Step::Group, None),
                Is::Anything => (Step::Anything, None),
                Is::Switch => (Step::Switch, None),
                Is::Tag => (Step::Tag, Some(Step::Instance)),
                Is::One => (Step::One, Some(Step::Value)),
                Is::Many => (Step::Many, Some(Step::Value)),
            };
            steps.push(name);
            let Some(kind) = value else { continue };
            let Some(value) = words.next() else { break };
            if check {
                def.check(value).map_err(Wrong::Value)?;
            }
            steps.push(kind);
        }
        Ok(steps)
    }
}

/// An item as it is written.
#[derive(Debug, Clone)]
struct Item {
    text: String,
    below: Vec<Item>,
}

fn read(text: &str, release: Release) -> Def {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|line| (line.len() - line.trim_start().len(), line.trim()))
        .collect();
    let mut parts: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    let mut top = Vec::new();
    let mut at = 0;
    while let Some((_, line)) = lines.get(at) {
        let split = line.split_once(": ").filter(|(part, _)| part.starts_with('@'));
        let items = items(&lines, &mut at, split.map(|(_, rest)| rest));
        match split {
            Some((part, _)) => parts.entry(part.to_owned()).or_default().extend(items),
            None => top.extend(items),
        }
    }
    Def { is: Is::Group, check: Check::default(), below: build(&top, &parts, release) }
}

/// The items of the line at hand (or of the rest of it) and of the deeper lines that follow.
fn items(lines: &[(usize, &str)], at: &mut usize, rest: Option<&str>) -> Vec<Item> {
    let Some((indent, line)) = lines.get(*at).copied() else { return Vec::new() };
    let item = |text: &str| Item { text: text.to_owned(), below: Vec::new() };
    let mut found: Vec<Item> = rest.unwrap_or(line).split_whitespace().map(item).collect();
    *at += 1;
    while lines.get(*at).is_some_and(|(deeper, _)| *deeper > indent) {
        let below = items(lines, at, None);
        if let Some(last) = found.last_mut() {
            last.below.extend(below);
        }
    }
    found
}

fn build(
    items: &[Item],
    parts: &BTreeMap<String, Vec<Item>>,
    release: Release,
) -> Vec<(String, Arc<Def>)> {
    let mut below = Vec::new();
    for item in items {
        let (limit, text) = match item.text.split_once('/') {
            Some((limit @ ("4" | "5" | "n"), text)) => (limit, text),
            _ => ("", item.text.as_str()),
        };
        let holds = match limit {
            "4" => release == Release::Sagitta,
            "5" => release != Release::Sagitta,
            "n" => release == Release::Newer,
            _ => true,
        };
        if !holds {
            continue;
        }
        if text.starts_with('@') {
            let part = parts.get(text).map(Vec::as_slice).unwrap_or_default();
            below.extend(build(part, parts, release));
            continue;
        }
        let (name, check) = text.split_once(':').unwrap_or((text, ""));
        let kinds = [
            ('=', Is::One),
            ('*', Is::Many),
            ('+', Is::Tag),
            ('!', Is::Switch),
            ('~', Is::Anything),
        ];
        let kind = kinds.into_iter().find(|(mark, _)| name.ends_with(*mark));
        let is = kind.map_or(Is::Group, |(_, is)| is);
        let name = name.trim_end_matches(['=', '*', '+', '!', '~']).to_owned();
        let def = Def { is, check: Check::read(check), below: build(&item.below, parts, release) };
        below.push((name, Arc::new(def)));
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(release: Release, path: &str) -> Result<Vec<Step>, Wrong> {
        let path: Vec<_> = path.split(' ').map(str::to_owned).collect();
        of(release).steps(&path, true)
    }

    #[test]
    fn every_part_that_is_hung_in_exists_and_every_check_is_known() {
        for line in TABLES.lines().filter(|line| !line.trim_start().starts_with('#')) {
            for item in line.split_whitespace().filter(|item| item.contains('@')) {
                let name = item.trim_start_matches("4/").trim_start_matches("5/");
                let name = name.trim_end_matches(':');
                let defined = |line: &str| line.starts_with(&format!("{name}: "));
                assert!(TABLES.lines().any(defined), "{item}");
            }
            for item in line.split_whitespace().filter(|item| item.contains(':')) {
                let check = item.split_once(':').map_or("", |(_, check)| check);
                assert!(Check::is_known(check), "{item}");
            }
        }
    }

    #[test]
    fn no_name_stands_twice_below_another() {
        fn look(def: &Def, at: &str) {
            for (name, below) in &def.below {
                let same = def.below.iter().filter(|(other, _)| other == name).count();
                assert_eq!(same, 1, "{at} {name}");
                look(below, &format!("{at} {name}"));
            }
        }
        for release in [Release::Sagitta, Release::Current, Release::Newer] {
            look(of(release), "");
        }
    }

    #[test]
    fn the_releases_differ_where_the_routers_do() {
        let mapping =
            "service dhcp-server shared-network-name A subnet 10.0.0.0/8 static-mapping x";
        let old = format!("{mapping} mac-address 02:00:00:00:00:01");
        let new = format!("{mapping} mac 02:00:00:00:00:01");
        assert!(steps(Release::Sagitta, &old).is_ok());
        assert_eq!(steps(Release::Current, &old), Err(Wrong::Path));
        assert!(steps(Release::Current, &new).is_ok());
        assert_eq!(steps(Release::Sagitta, &new), Err(Wrong::Path));
    }
}
