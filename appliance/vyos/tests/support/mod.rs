//! What tests of changes share: configurations, and what holds for every change.
#![allow(dead_code)] // each test program uses a part

use panoptikon_vyos::config::{Document, Node, diff};
use panoptikon_vyos::dialect::Dialect;
use panoptikon_vyos::edit::{Draft, EditError, RuleEdit};
use panoptikon_vyos::facts::{ChainFamily, ChainId, Hook};

pub(crate) const SAGITTA: &str = include_str!("../data/sagitta.config.boot");
pub(crate) const CURRENT: &str = include_str!("../data/current.config.boot");
pub(crate) const HOUSE: &str = include_str!("../data/house.boot");
pub(crate) const KEY: &str = "QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCc=";
pub(crate) const OTHER_KEY: &str = "iJJyEARGK52Ls1GYRCcFvPuTj7WyWYDo//BknoDU0XY=";

/// Makes changes and checks what holds for all of them: the commands, carried out, make the draft,
/// and what turns the result back makes the configuration it came from.
pub(crate) fn change<T>(
    text: &str,
    edit: impl FnOnce(&mut Draft<'_>) -> Result<T, EditError>,
) -> Changed {
    let document = Document::parse(text).expect("a configuration");
    let dialect = Dialect::of(&document);
    let mut draft = Draft::new(&document.root, &dialect);
    if let Err(error) = edit(&mut draft) {
        panic!("{error}");
    }
    let wanted = draft.tree().clone();
    let commands = draft.commands();
    let mut after = document.root.clone();
    after.apply(&commands).expect("commands that can be carried out");
    assert!(after.means_the_same(&wanted), "{}", Listed(&diff(&after, &wanted)));
    let mut back = after.clone();
    back.apply(&diff(&after, &document.root)).expect("a way back");
    assert!(back.means_the_same(&document.root), "{}", Listed(&diff(&back, &document.root)));
    Changed { root: after, lines: commands.iter().map(ToString::to_string).collect() }
}

pub(crate) struct Changed {
    pub(crate) root: Node,
    pub(crate) lines: Vec<String>,
}

pub(crate) struct Listed<'a>(&'a [panoptikon_vyos::config::Command]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|command| writeln!(f, "{command}"))
    }
}

/// Tries a change that is refused, and checks that it leaves nothing behind.
pub(crate) fn refused<T>(
    text: &str,
    edit: impl FnOnce(&mut Draft<'_>) -> Result<T, EditError>,
) -> EditError {
    let document = Document::parse(text).expect("a configuration");
    let dialect = Dialect::of(&document);
    let mut draft = Draft::new(&document.root, &dialect);
    let error = edit(&mut draft).err().expect("it is refused");
    assert_eq!(draft.commands(), [], "nothing is left of it");
    error
}

pub(crate) fn forward() -> ChainId {
    ChainId::base(ChainFamily::Ipv4, Hook::Forward)
}

pub(crate) fn rule(action: &str) -> RuleEdit {
    RuleEdit { action: action.to_owned(), ..RuleEdit::default() }
}

pub(crate) fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}
