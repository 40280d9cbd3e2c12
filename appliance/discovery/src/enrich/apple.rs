//! Apple's model codes, such as `iPhone14,6`, and what people call them.
//!
//! From `data/apple-models.csv`: code, name, device type, operating system.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::identity::DeviceType;
use crate::vendor::csv;

static MODELS: LazyLock<HashMap<String, AppleModel>> =
    LazyLock::new(|| read(include_str!("../../data/apple-models.csv")).into_iter().collect());

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppleModel {
    /// What Apple calls it, such as `iPhone SE (3rd generation)`; nothing for an unknown number.
    pub name: Option<String>,
    /// What kind of thing it is.
    pub device_type: DeviceType,
    /// Its operating system.
    pub os: &'static str,
}

/// The families of codes, so that next year's models are understood as well. `Mac14,2` and the
/// like name no form, hence are only understood when they are listed.
const FAMILIES: &[(&str, DeviceType, &str)] = &[
    ("iphone", DeviceType::Phone, "iOS"),
    ("ipod", DeviceType::Phone, "iOS"),
    ("ipad", DeviceType::Tablet, "iPadOS"),
    ("appletv", DeviceType::Tv, "tvOS"),
    ("audioaccessory", DeviceType::Speaker, "audioOS"),
    ("watch", DeviceType::Iot, "watchOS"),
    ("realitydevice", DeviceType::Iot, "visionOS"),
    ("macbook", DeviceType::Laptop, "macOS"),
    ("macbookair", DeviceType::Laptop, "macOS"),
    ("macbookpro", DeviceType::Laptop, "macOS"),
    ("imac", DeviceType::Desktop, "macOS"),
    ("imacpro", DeviceType::Desktop, "macOS"),
    ("macmini", DeviceType::Desktop, "macOS"),
    ("macpro", DeviceType::Desktop, "macOS"),
    ("airport", DeviceType::Network, "AirPort"),
    ("timecapsule", DeviceType::Network, "AirPort"),
];

/// What an Apple model code stands for; `None` when the text is no code of a known family.
pub fn apple_model(code: &str) -> Option<AppleModel> {
    // Macs append their colour: `MacBookAir10,1@ECOLOR=...`.
    let code = code.split('@').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (family, numbers) = code.split_at(code.find(|c: char| c.is_ascii_digit())?);
    let (major, minor) = numbers.split_once(',')?;
    let is_number = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(major) || !is_number(minor) {
        return None;
    }
    if let Some(model) = MODELS.get(&code) {
        return Some(model.clone());
    }
    let (_, device_type, os) = FAMILIES.iter().find(|(name, ..)| *name == family)?;
    Some(AppleModel { name: None, device_type: *device_type, os })
}

fn read(text: &str) -> Vec<(String, AppleModel)> {
    csv::records(text)
        .into_iter()
        .filter_map(|(_, fields)| {
            let [code, name, kind, os] = fields.as_slice() else {
                return None;
            };
            let os = SYSTEMS.iter().find(|known| *known == os)?;
            let model =
                AppleModel { name: Some(name.clone()), device_type: kind.parse().ok()?, os };
            Some((code.to_ascii_lowercase(), model))
        })
        .collect()
}

const SYSTEMS: &[&str] =
    &["iOS", "iPadOS", "macOS", "tvOS", "audioOS", "watchOS", "visionOS", "AirPort"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_row_of_the_file_is_understood_and_none_is_twice() {
        let text = include_str!("../../data/apple-models.csv");
        let rows = csv::records(text).len() - 1;
        assert_eq!(read(text).len(), rows);
        assert_eq!(MODELS.len(), rows);
        assert!(rows >= 80, "{rows}");
    }

    #[test]
    fn codes_become_names() {
        for (code, name, kind) in [
            ("iPhone14,6", "iPhone SE (3rd generation)", DeviceType::Phone),
            ("MacBookAir10,1@ECOLOR=8,8", "MacBook Air (M1, 2020)", DeviceType::Laptop),
            ("appletv14,1", "Apple TV 4K (3rd generation)", DeviceType::Tv),
            ("AudioAccessory5,1", "HomePod mini", DeviceType::Speaker),
        ] {
            let model = apple_model(code).unwrap();
            assert_eq!((model.name.as_deref(), model.device_type), (Some(name), kind), "{code}");
        }
    }

    #[test]
    fn a_model_of_next_year_is_still_an_iphone() {
        let model = apple_model("iPhone99,1").unwrap();
        assert_eq!((model.name, model.device_type), (None, DeviceType::Phone));
    }

    #[test]
    fn other_texts_are_no_codes() {
        for text in ["", "iPhone", "0,1,2", "Mac99,1", "iPhone1", "SM-G991B", "iphone1,1234"] {
            assert_eq!(apple_model(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = apple_model(&text);
        }
    }
}
