//! Puts the layer in its place, with certificate and key beside it: whole or not at all, and for
//! the service's eyes only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{User, fchown};

use super::beside;
use super::node::Wanted;

/// The user that the service runs as.
const SERVICE: &str = "panoptikon";

/// Larger than any layer, certificate or key.
const LARGEST: u64 = 4 << 20;

/// Why the layer could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {source}")]
pub struct PlaceError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// What was in the place before.
#[derive(Debug)]
pub struct Placed(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Placed {
    /// Puts back what was there.
    pub fn undo(self) -> Result<(), PlaceError> {
        self.0.into_iter().try_for_each(|(path, before)| put(&path, before.as_deref()))
    }
}

/// Writes what is wanted, or removes what was, where nothing is.
pub fn place(layer: &Path, wanted: Option<&Wanted>) -> Result<Placed, PlaceError> {
    let (certificate, key) = beside(layer);
    let pair = wanted.and_then(|wanted| wanted.pair.as_ref());
    let contents = [
        (certificate, pair.map(|pair| pair.chain.as_bytes())),
        (key, pair.map(|pair| pair.key.as_bytes())),
        // Last, since it names the others.
        (layer.to_owned(), wanted.map(|wanted| wanted.toml.as_bytes())),
    ];
    let mut placed = Placed(Vec::new());
    for (path, content) in contents {
        let before = match read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if is_nothing(&error) => None,
            Err(source) => return Err(PlaceError { what: "reading", path, source }),
        };
        put(&path, content)?;
        placed.0.push((path, before));
    }
    Ok(placed)
}

/// Nothing is there, or a link, which is nothing of ours and is replaced.
fn is_nothing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ELOOP as i32)
}

/// What is there, if it is a file: a link would lead root elsewhere.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn put(path: &Path, content: Option<&[u8]>) -> Result<(), PlaceError> {
    let failed = |what| move |source| PlaceError { what, path: path.to_owned(), source };
    let Some(content) = content else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("removing")(error)),
            _ => Ok(()),
        };
    };
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
        made.map_err(failed("making the folder of"))?;
    }
    write(path, content).map_err(failed("writing"))
}

/// The folder belongs to the service, so nothing in it is trusted: what is written is new, and takes
/// the place of whatever was there.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    if let Ok(Some(user)) = User::from_name(SERVICE) {
        fchown(&file, Some(user.uid), Some(user.gid))?;
    }
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_the_service_left_there_leads_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let (layer, other) = (folder.path().join("vyos.toml"), folder.path().join("shadow"));
        fs::write(&other, "root:x").expect("written");
        symlink(&other, &layer).expect("linked");
        symlink(&other, folder.path().join("vyos.toml.new")).expect("linked");
        let wanted = Wanted { toml: "backup_keep = 3\n".to_owned(), ..Wanted::default() };
        let placed = place(&layer, Some(&wanted)).expect("placed");
        assert_eq!(fs::read_to_string(&layer).expect("read"), wanted.toml);
        assert_eq!(fs::read_to_string(&other).expect("read"), "root:x");
        placed.undo().expect("undone");
        assert!(!layer.exists(), "the link is not put back, nor what it led to");
    }

    #[test]
    fn undoing_puts_back_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let layer = folder.path().join("run/vyos.toml");
        let wanted = |text: &str| Wanted { toml: text.to_owned(), ..Wanted::default() };
        drop(place(&layer, Some(&wanted("threads = 1\n"))).expect("placed"));
        let placed = place(&layer, None).expect("removed");
        assert!(!layer.exists());
        placed.undo().expect("undone");
        assert_eq!(fs::read_to_string(&layer).expect("read"), "threads = 1\n");
    }
}
