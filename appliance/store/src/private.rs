//! Small files for their owner's eyes only, such as keys: a start finds the old one or the new one,
//! whole, whatever dies when.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a folder that only its owner may look into, with those above it.
///
/// # Errors
/// What the kernel says.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// Writes a file that only its owner may read: under another name, made durable, then renamed. It
/// is never written through something that lies there already.
///
/// # Errors
/// What the kernel says; nothing of the new content is left then.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = put(&fresh, path, bytes);
    if written.is_err() {
        // Half of it, with secrets and on a disk that may be full.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

fn put(fresh: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_private_file_is_its_owners_alone_and_is_written_through_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/keys");
        make_private_folder(&folder).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let (key, elsewhere) = (folder.join("x.key"), dir.path().join("elsewhere"));
        std::fs::write(&elsewhere, "theirs").unwrap();
        symlink(&elsewhere, folder.join("x.new")).unwrap();
        write_private(&key, b"one").unwrap();
        write_private(&key, b"two").unwrap();
        assert_eq!((std::fs::read(&key).unwrap(), mode(&key)), (b"two".to_vec(), 0o600));
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"theirs");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_put_in_place_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        std::fs::create_dir_all(taken.join("x")).unwrap();
        assert!(write_private(&taken, b"secret").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
