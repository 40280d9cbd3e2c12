//! Whose hands copy the database. Alone in its file: the whole process changes its user.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};

use nix::unistd::geteuid;
use panoptikon::update::database;

#[test]
fn the_copy_and_what_is_put_back_belong_to_the_owner_of_the_data() {
    if !geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("made");
    fs::write(data.join("panoptikon.db"), "x").expect("written");
    // Something of root's that the owner of the data would like to read.
    let secret = folder.path().join("secret");
    fs::write(&secret, "root's").expect("written");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("protected");
    // The way to the data is open to its owner.
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("opened");
    for path in [data.clone(), data.join("panoptikon.db")] {
        chown(&path, Some(65_532), Some(65_532)).expect("given away");
    }
    database::copy(&data).expect("copied");
    database::restore(&data).expect("restored");
    for path in [data.join(database::FOLDER).join("panoptikon.db"), data.join("panoptikon.db")] {
        let owner = fs::metadata(&path).expect("there");
        assert_eq!((owner.uid(), owner.gid()), (65_532, 65_532), "{}", path.display());
    }
    fs::remove_file(data.join("panoptikon.db")).expect("removed");
    std::os::unix::fs::symlink(&secret, data.join("panoptikon.db")).expect("linked");
    database::copy(&data).expect_err("root's file is not read on the owner's behalf");
    assert!(geteuid().is_root(), "and root is root again");
}
