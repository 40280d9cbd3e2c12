//! What a person changes about a device: checked here, before anything is stored.

use model::{Mac, is_hidden};
use serde::{Deserialize, Serialize};

use crate::device::{Correction, Personal};
use crate::enrich::DeviceType;

/// Bounds in characters.
const MAX_NAME: usize = 80;
const MAX_NOTES: usize = 4_000;
const MAX_WORD: usize = 80;
const MAX_TAG: usize = 32;
const MAX_TAGS: usize = 16;
/// The most that criticality can be.
pub const MAX_CRITICALITY: u8 = 4;

/// A value that cannot be, with what it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong and what to give instead.
    pub problem: String,
}

/// Changes to what people say about a device. An absent field stays as it is; an empty text takes
/// the value away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicePatch {
    /// Its name.
    pub name: Option<String>,
    /// The icon to show, one of the device types' words.
    pub icon: Option<String>,
    /// Anything worth noting.
    pub notes: Option<String>,
    /// It belongs here.
    pub known: Option<bool>,
    /// Shown first, and missed when it goes offline.
    pub favourite: Option<bool>,
    /// Words to group it by.
    pub tags: Option<Vec<String>>,
    /// How much depends on it, 0 to 4.
    pub criticality: Option<u8>,
}

/// What a device really is. Empty texts and absent fields leave the conclusion of automation; all
/// of them empty takes the correction back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnrichmentPatch {
    /// One of the device types' words.
    pub device_type: Option<String>,
    /// Operating system's family.
    pub os_family: Option<String>,
    /// Operating system's version.
    pub os_version: Option<String>,
    /// Who sells it.
    pub brand: Option<String>,
    /// Which one it is.
    pub model: Option<String>,
}

/// A device that a person enters by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// Its MAC address.
    pub mac: Mac,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Anything worth noting.
    #[serde(default)]
    pub notes: Option<String>,
}

impl DevicePatch {
    /// Applies the changes, or says which cannot be.
    pub fn apply(self, person: &mut Personal) -> Result<(), Invalid> {
        let mut changed = person.clone();
        if let Some(name) = self.name {
            changed.name = line("name", &name, MAX_NAME)?;
        }
        if let Some(icon) = self.icon {
            changed.icon = line("icon", &icon, MAX_WORD)?;
            if let Some(icon) = &changed.icon {
                device_type("icon", icon)?;
            }
        }
        if let Some(notes) = self.notes {
            bounded("notes", &notes, MAX_NOTES)?;
            let notes = notes.replace("\r\n", "\n");
            if notes.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\t')) {
                let problem = "give text without control or invisible characters".to_owned();
                return Err(Invalid { field: "notes", problem });
            }
            notes.trim().clone_into(&mut changed.notes);
        }
        if let Some(tags) = self.tags {
            changed.tags = clean_tags(&tags)?;
        }
        if let Some(criticality) = self.criticality {
            if criticality > MAX_CRITICALITY {
                let problem = format!("give a number from 0 to {MAX_CRITICALITY}");
                return Err(Invalid { field: "criticality", problem });
            }
            changed.criticality = criticality;
        }
        changed.known = self.known.unwrap_or(changed.known);
        changed.favourite = self.favourite.unwrap_or(changed.favourite);
        *person = changed;
        Ok(())
    }
}

impl EnrichmentPatch {
    /// The correction, or None where nothing is corrected.
    pub fn correction(&self) -> Result<Option<Correction>, Invalid> {
        let text = |field, value: &Option<String>| match value {
            Some(value) => line(field, value, MAX_WORD),
            None => Ok(None),
        };
        let kind = text("device_type", &self.device_type)?;
        let correction = Correction {
            device_type: kind.map(|word| device_type("device_type", &word)).transpose()?,
            os_family: text("os_family", &self.os_family)?,
            os_version: text("os_version", &self.os_version)?,
            brand: text("brand", &self.brand)?,
            model: text("model", &self.model)?,
        };
        Ok((correction != Correction::default()).then_some(correction))
    }
}

fn device_type(field: &'static str, word: &str) -> Result<DeviceType, Invalid> {
    word.parse()
        .map_err(|e: crate::enrich::UnknownDeviceType| Invalid { field, problem: e.to_string() })
}

fn clean_tags(tags: &[String]) -> Result<Vec<String>, Invalid> {
    let mut clean: Vec<String> = Vec::new();
    for tag in tags {
        if let Some(tag) = line("tags", tag, MAX_TAG)?
            && !clean.iter().any(|t| t.eq_ignore_ascii_case(&tag))
        {
            clean.push(tag);
        }
    }
    if clean.len() > MAX_TAGS {
        let problem = format!("give at most {MAX_TAGS} tags");
        return Err(Invalid { field: "tags", problem });
    }
    Ok(clean)
}

/// One line of text without characters that could deceive a reader, or nothing.
fn line(field: &'static str, text: &str, most: usize) -> Result<Option<String>, Invalid> {
    bounded(field, text, most)?;
    if text.chars().any(is_hidden) {
        let problem = "give one line without control or invisible characters".to_owned();
        return Err(Invalid { field, problem });
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn bounded(field: &'static str, text: &str, most: usize) -> Result<(), Invalid> {
    if text.chars().count() > most {
        return Err(Invalid { field, problem: format!("give at most {most} characters") });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_absent_field_stays_and_an_empty_one_goes() {
        let mut person = Personal { name: Some("a".into()), known: true, ..Personal::default() };
        let patch = DevicePatch { notes: Some("x".into()), ..DevicePatch::default() };
        patch.apply(&mut person).expect("fine");
        assert_eq!((person.name.as_deref(), person.known), (Some("a"), true));
        let patch = DevicePatch { name: Some("  ".into()), ..DevicePatch::default() };
        patch.apply(&mut person).expect("fine");
        assert_eq!(person.name, None);
    }

    #[test]
    fn a_value_that_cannot_be_changes_nothing() {
        let mut person = Personal::default();
        let patch = DevicePatch {
            name: Some("fine".into()),
            criticality: Some(9),
            ..DevicePatch::default()
        };
        assert_eq!(patch.apply(&mut person).expect_err("too much").field, "criticality");
        assert_eq!(person, Personal::default());
    }

    #[test]
    fn what_makes_one_name_look_like_another_is_refused() {
        for text in ["gnp.\u{202e}exe", "rou\u{200b}ter", "a\u{2066}b", "\u{feff}a", "a\nb"] {
            let text = Some(text.to_owned());
            let patches = [
                DevicePatch { name: text.clone(), ..DevicePatch::default() },
                DevicePatch { tags: text.clone().map(|t| vec![t]), ..DevicePatch::default() },
            ];
            for patch in patches {
                patch.apply(&mut Personal::default()).expect_err("deceives");
            }
            let patch = EnrichmentPatch { brand: text, ..EnrichmentPatch::default() };
            assert_eq!(patch.correction().expect_err("deceives").field, "brand");
        }
        let notes = |text: &str| {
            let patch = DevicePatch { notes: Some(text.to_owned()), ..DevicePatch::default() };
            patch.apply(&mut Personal::default()).is_ok()
        };
        assert!(notes("two\r\nlines") && !notes("\u{202e}backwards"));
    }

    #[test]
    fn an_empty_correction_is_none() {
        let patch = EnrichmentPatch { brand: Some(String::new()), ..EnrichmentPatch::default() };
        assert_eq!(patch.correction(), Ok(None));
        let patch = EnrichmentPatch { device_type: Some("toaster".into()), ..patch };
        assert_eq!(patch.correction().expect_err("no such type").field, "device_type");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_bounded(name: String, notes: String, tags: Vec<String>) {
            let mut person = Personal::default();
            let patch = DevicePatch {
                name: Some(name), notes: Some(notes), tags: Some(tags), ..DevicePatch::default()
            };
            if patch.apply(&mut person).is_ok() {
                prop_assert!(person.name.is_none_or(|n| n.chars().count() <= MAX_NAME));
                prop_assert!(person.notes.chars().count() <= MAX_NOTES);
                prop_assert!(person.tags.len() <= MAX_TAGS);
            }
        }
    }
}
