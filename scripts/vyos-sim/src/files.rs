//! The router's files, below a folder of this host.

use std::path::{Component, Path, PathBuf};

/// No file is larger; more is not read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The root of the router's files.
#[derive(Debug)]
pub(crate) struct Files(PathBuf);

impl Files {
    /// All below a folder.
    pub(crate) const fn below(root: PathBuf) -> Self {
        Self(root)
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// Where a file of the router is on this host; a relative name is taken from the root, as the
    /// server's own folder is that. None for a path that would lead out.
    pub(crate) fn place(&self, path: &str) -> Option<PathBuf> {
        let mut place = self.0.clone();
        for part in Path::new(path).components() {
            match part {
                Component::Normal(name) => place.push(name),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => return None,
            }
        }
        (place != self.0).then_some(place)
    }

    /// A file's text.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let place = self.place(path)?;
        let length = std::fs::metadata(&place).ok().filter(std::fs::Metadata::is_file)?.len();
        if length > LARGEST {
            return None;
        }
        std::fs::read_to_string(place).ok()
    }

    /// Writes a file; the folder is made if that is asked for.
    pub(crate) fn write(&self, path: &str, text: &str, make: bool) -> std::io::Result<()> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let place = self.place(path).ok_or_else(missing)?;
        if path.starts_with("/proc/") {
            return Err(missing());
        }
        if let Some(folder) = place.parent().filter(|_| make) {
            std::fs::create_dir_all(folder)?;
        }
        // Never half a file: a test may end the process at any time.
        let fresh = place.with_extension("new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(fresh, place)
    }
}
