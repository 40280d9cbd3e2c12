//! Groups of the firewall.

use serde::{Deserialize, Serialize};

use super::draft::{below, words};
use super::{Check, Draft, EditError, value};
use crate::facts::{Group, GroupKind, groups};

/// A group as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupEdit {
    /// What to call it.
    pub description: Option<String>,
    /// All of its members; the address of the list for a remote group.
    pub members: Vec<String>,
    /// Groups of its kind whose members are its own as well.
    pub includes: Vec<String>,
}

impl From<&Group> for GroupEdit {
    fn from(group: &Group) -> Self {
        Self {
            description: group.description.clone(),
            members: group.members.clone(),
            includes: group.includes.clone(),
        }
    }
}

impl Draft<'_> {
    /// Makes a group, or changes one.
    pub fn set_group(
        &mut self,
        kind: GroupKind,
        name: &str,
        edit: &GroupEdit,
    ) -> Result<(), EditError> {
        self.dialect.firewall()?;
        let path = kind.path(name);
        let path = words(&path);
        let mut check = Check::default();
        if !self.exists(&path) {
            check.is("name", name, value::name);
        }
        check.maybe("description", edit.description.as_ref(), value::text);
        check_members(&mut check, kind, &edit.members);
        self.check_includes(&mut check, kind, name, &edit.includes);
        check.done()?;
        self.node(&path);
        self.put(&below(&path, &["description"]), edit.description.as_ref());
        if let Some(word) = kind.member_word() {
            self.fill(&below(&path, &[word]), &edit.members);
        }
        self.fill(&below(&path, &["include"]), &edit.includes);
        Ok(())
    }

    /// Puts a member into a group; one that is in it already stays.
    pub fn add_group_member(
        &mut self,
        kind: GroupKind,
        name: &str,
        member: &str,
    ) -> Result<(), EditError> {
        let mut edit = self.group_edit(kind, name)?;
        if !edit.members.iter().any(|known| known == member) {
            edit.members.push(member.to_owned());
        }
        self.set_group(kind, name, &edit)
    }

    /// Takes a member out of a group.
    pub fn remove_group_member(
        &mut self,
        kind: GroupKind,
        name: &str,
        member: &str,
    ) -> Result<(), EditError> {
        let mut edit = self.group_edit(kind, name)?;
        let before = edit.members.len();
        edit.members.retain(|known| known != member);
        if edit.members.len() == before {
            return Err(EditError::of("members", format!("{member} is not in {name}")));
        }
        self.set_group(kind, name, &edit)
    }

    /// Takes a group away, unless it is still used.
    pub fn delete_group(&mut self, kind: GroupKind, name: &str) -> Result<(), EditError> {
        let groups = groups(self.tree());
        let found = groups.iter().find(|group| group.kind == kind && group.name == name);
        let found = found.ok_or_else(|| EditError::of("name", "there is no such group"))?;
        if !found.used_in.is_empty() {
            let places = found.used_in.join(", ");
            return Err(EditError::of("name", format!("still used in {places}")));
        }
        let path = kind.path(name);
        self.remove(&words(&path));
        let parents = path.get(..path.len().saturating_sub(1)).unwrap_or_default();
        self.prune(&words(parents), 0);
        Ok(())
    }

    fn group_edit(&self, kind: GroupKind, name: &str) -> Result<GroupEdit, EditError> {
        let groups = groups(self.tree());
        let found = groups.iter().find(|group| group.kind == kind && group.name == name);
        found.map(GroupEdit::from).ok_or_else(|| EditError::of("name", "there is no such group"))
    }

    fn check_includes(&self, check: &mut Check, kind: GroupKind, name: &str, includes: &[String]) {
        if includes.is_empty() {
            return;
        }
        check.that(kind.can_include(), "includes", "groups of this kind include no others");
        let groups = groups(self.tree());
        let mut pending: Vec<String> = includes.to_vec();
        let mut at = 0;
        while let Some(include) = pending.get(at).cloned() {
            if include == name {
                return check.fail("includes", "the group would include itself");
            }
            let found = groups.iter().find(|group| group.kind == kind && group.name == include);
            let Some(found) = found else {
                return check.fail("includes", format!("there is no group {include} of this kind"));
            };
            for next in &found.includes {
                if !pending.contains(next) {
                    pending.push(next.clone());
                }
            }
            at += 1;
        }
    }
}

fn check_members(check: &mut Check, kind: GroupKind, members: &[String]) {
    let of_kind: fn(&str) -> Result<(), String> = match kind {
        GroupKind::Address => value::ipv4_or_range,
        GroupKind::Ipv6Address => value::ipv6_or_range,
        GroupKind::Network => value::ipv4_prefix,
        GroupKind::Ipv6Network => value::ipv6_prefix,
        GroupKind::Port => value::port_range,
        GroupKind::Mac => value::mac,
        GroupKind::Domain => value::fqdn,
        GroupKind::Interface => value::rule_interface,
        GroupKind::DynamicAddress | GroupKind::DynamicIpv6Address => {
            let message = "rules put members into it, people do not";
            return check.that(members.is_empty(), "members", message);
        }
        GroupKind::Remote => {
            check.that(members.len() <= 1, "members", "one address of a list");
            |value: &str| {
                value::text(value)?;
                let known = value.starts_with("http://") || value.starts_with("https://");
                if known && !value.contains(' ') {
                    Ok(())
                } else {
                    Err("an address such as https://lists.example/bad.txt".to_owned())
                }
            }
        }
    };
    check.each("members", members, of_kind);
}
