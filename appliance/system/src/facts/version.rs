//! Which release of VyOS this is (vyos-1x, python/vyos/version.py).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file has less than a kilobyte.
const LONGEST: u64 = 64 << 10;

/// The release of VyOS, as the image tells it. What an image does not tell is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VyosVersion {
    /// Such as `1.4.2` or `2026.02.03-0027-rolling`.
    pub version: String,
    /// Who built it.
    pub built_by: String,
    /// When.
    pub built_on: String,
    /// The image's own number.
    pub build_uuid: String,
    /// Such as `sagitta` or `current`.
    pub release_train: String,
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `generic`.
    pub flavor: String,
}

/// What the file says; None where there is none or it cannot be understood.
pub(super) fn read(path: &Path) -> Option<VyosVersion> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    match serde_json::from_str::<VyosVersion>(&text) {
        Ok(version) => Some(version),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "the release of VyOS cannot be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_release_is_read_and_what_it_does_not_tell_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("version.json");
        fs::write(&path, r#"{"version": "1.4.2", "release_train": "sagitta", "other": 5}"#)
            .expect("written");
        let version = read(&path).expect("a release");
        assert_eq!((version.version.as_str(), version.flavor.as_str()), ("1.4.2", ""));
    }

    #[test]
    fn without_the_file_this_is_no_vyos() {
        assert_eq!(read(Path::new("/nonexistent/version.json")), None);
    }
}
