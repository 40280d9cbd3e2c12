//! What may be installed over what. Pure: facts in, a refusal or nothing out.

use std::cmp::Ordering;
use std::path::PathBuf;

/// What dpkg says of a package file or of the installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, as Debian calls it.
    pub architecture: String,
    /// What it takes once installed, in KiB.
    pub installed_kib: u64,
}

/// Why a package is refused. Nothing was changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is a package of something else.
    #[error("this is a package of {0:?}, not of panoptikon")]
    OtherPackage(String),
    /// The version or architecture holds what none does.
    #[error("this package says of itself what no package of panoptikon says: {0:?}")]
    Strange(String),
    /// It is for another kind of machine.
    #[error(
        "this package is for {package}, and this router is {machine}: take the one for {machine}"
    )]
    OtherArchitecture {
        /// The package's.
        package: String,
        /// The machine's.
        machine: String,
    },
    /// It is what is installed.
    #[error("{0} is installed already")]
    Same(String),
    /// It is older than what is installed.
    #[error(
        "{package} is older than the installed {installed}, and its database would not be \
         understood; to go back to the release before, with its database: panoptikon update \
         --rollback"
    )]
    Older {
        /// The package's version.
        package: String,
        /// The installed version.
        installed: String,
    },
    /// There is no way back.
    #[error(
        "the package of the installed {version} is not kept as {path}, so there would be no way \
         back: put it there, or install the new one by hand (dpkg -i)"
    )]
    NoWayBack {
        /// The installed version.
        version: String,
        /// Where its package belongs.
        path: PathBuf,
    },
    /// There is too little space.
    #[error("{} has {} MiB free, and the update needs {} MiB there", path.display(), free >> 20, (needed >> 20) + 1)]
    NoSpace {
        /// A folder on the file system.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are needed.
        needed: u64,
    },
}

/// Whether a package may follow the installed one. `order` is how dpkg orders the two versions.
pub fn judge(
    package: &Package,
    installed: &Package,
    machine: &str,
    order: Ordering,
) -> Result<(), Refusal> {
    if package.name != "panoptikon" {
        return Err(Refusal::OtherPackage(package.name.clone()));
    }
    if !is_plain(&package.version) {
        return Err(Refusal::Strange(package.version.clone()));
    }
    if package.architecture != machine {
        let (package, machine) = (package.architecture.clone(), machine.to_owned());
        return Err(Refusal::OtherArchitecture { package, machine });
    }
    let (package, installed) = (package.version.clone(), installed.version.clone());
    match order {
        Ordering::Greater => Ok(()),
        Ordering::Equal => Err(Refusal::Same(installed)),
        Ordering::Less => Err(Refusal::Older { package, installed }),
    }
}

/// Versions become parts of file names and of commands.
pub fn is_plain(version: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'+' | b'-' | b'~');
    (1..=64).contains(&version.len())
        && version.bytes().all(allowed)
        && version.starts_with(|c: char| c.is_ascii_digit())
}

/// What is needed in a folder.
#[derive(Debug, Clone)]
pub struct Need {
    /// The folder.
    pub path: PathBuf,
    /// The number of its file system.
    pub device: u64,
    /// Bytes that are free there.
    pub free: u64,
    /// Bytes that will be written.
    pub bytes: u64,
}

/// What must stay free everywhere.
pub const SPARE: u64 = 16 << 20;

/// Whether there is space for all of it, where several folders may lie on one file system.
pub fn space(needs: &[Need]) -> Result<(), Refusal> {
    for need in needs {
        let same = needs.iter().filter(|other| other.device == need.device);
        let needed = same.map(|other| other.bytes).fold(SPARE, u64::saturating_add);
        if needed > need.free {
            return Err(Refusal::NoSpace { path: need.path.clone(), free: need.free, needed });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: &str) -> Package {
        Package {
            name: "panoptikon".to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            installed_kib: 16_000,
        }
    }

    #[test]
    fn only_a_newer_one_for_this_machine_may_follow() {
        let (old, new) = (package("1.0.0"), package("1.1.0"));
        assert_eq!(judge(&new, &old, "amd64", Ordering::Greater), Ok(()));
        let same = judge(&old, &old, "amd64", Ordering::Equal).expect_err("refused");
        assert_eq!(same.to_string(), "1.0.0 is installed already");
        let older = judge(&old, &new, "amd64", Ordering::Less).expect_err("refused");
        assert!(older.to_string().starts_with("1.0.0 is older than the installed 1.1.0"));
        let other = judge(&new, &old, "arm64", Ordering::Greater).expect_err("refused");
        assert_eq!(
            other.to_string(),
            "this package is for amd64, and this router is arm64: take the one for arm64"
        );
        assert!(!other.to_string().contains('\n'));
    }

    #[test]
    fn what_is_not_ours_is_refused_whatever_it_is() {
        let alien = Package { name: "vim".to_owned(), ..package("9") };
        assert!(judge(&alien, &package("1"), "amd64", Ordering::Greater).is_err());
        for version in ["", "1/../../x", "1;reboot", "1 2", "-1", &"1".repeat(65), "1:2"] {
            let odd = judge(&package(version), &package("0"), "amd64", Ordering::Greater);
            assert!(matches!(odd, Err(Refusal::Strange(_))), "{version}");
        }
    }

    #[test]
    fn folders_on_one_file_system_share_its_space() {
        let need = |device, free: u64, bytes: u64| Need {
            path: PathBuf::from("/x"),
            device,
            free: free << 20,
            bytes: bytes << 20,
        };
        assert_eq!(space(&[need(1, 66, 50), need(2, 66, 50)]), Ok(()));
        let refused = space(&[need(1, 66, 50), need(1, 66, 50)]).expect_err("too little");
        assert!(refused.to_string().contains("66 MiB free"), "{refused}");
        assert_eq!(space(&[]), Ok(()));
    }
}
