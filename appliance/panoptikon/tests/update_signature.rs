//! Packages signed by minisign itself, and everything that is not one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use panoptikon::update::{SignatureError, verify};
use tempfile::TempDir;

type Change = fn(&mut Vec<u8>);

/// A key pair and a package that is signed with it.
struct Release {
    folder: TempDir,
}

impl Release {
    /// None where minisign is not installed.
    fn new() -> Option<Self> {
        let release = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::write(release.path("x.deb"), vec![7; 200_000]).expect("written");
        release.minisign(&["-G", "-W", "-p", "pub", "-s", "key"])?;
        release.minisign(&["-S", "-s", "key", "-m", "x.deb"])?;
        Some(release)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn minisign(&self, arguments: &[&str]) -> Option<()> {
        let mut command = Command::new("minisign");
        let output = command.args(arguments).current_dir(self.folder.path()).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(())
    }

    fn verify(&self) -> Result<(), SignatureError> {
        verify(&self.path("x.deb"), &self.path("x.deb.minisig"), &self.path("pub"))
    }

    fn refused(&self) -> String {
        self.verify().expect_err("refused").to_string()
    }
}

/// A release, or none: then there is nothing to test, and the run says so.
fn release() -> Option<Release> {
    let release = Release::new();
    if release.is_none() {
        eprintln!("minisign is not installed; left out");
    }
    release
}

fn edit(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("read");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

#[test]
fn what_minisign_signed_is_trusted() {
    let Some(release) = release() else { return };
    release.verify().expect("trusted");
}

#[test]
fn a_truncated_lengthened_or_altered_package_is_refused() {
    let Some(release) = release() else { return };
    let whole = fs::read(release.path("x.deb")).expect("read");
    let changes: [Change; 4] = [
        |bytes| bytes.truncate(100_000),
        Vec::clear,
        |bytes| bytes.push(0),
        |bytes| bytes[150_000] ^= 1,
    ];
    for change in changes {
        edit(&release.path("x.deb"), change);
        assert!(release.refused().contains("is not what was signed"), "{}", release.refused());
        fs::write(release.path("x.deb"), &whole).expect("written");
    }
    release.verify().expect("whole again");
}

#[test]
fn an_altered_signature_is_refused_whichever_byte_it_is() {
    let Some(release) = release() else { return };
    let signature = release.path("x.deb.minisig");
    let whole = fs::read(&signature).expect("read");
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    let mut at_line = 0;
    for (number, line) in lines.iter().enumerate() {
        let begins = at_line;
        at_line += line.len();
        // The first line is a comment that nobody vouches for; the last bits of base64 mean
        // nothing.
        if number > 0 {
            for at in (begins..begins + line.len().min(80)).step_by(7) {
                refuse_with_another_byte(&release, &signature, &whole, at);
            }
        }
    }
}

fn refuse_with_another_byte(release: &Release, signature: &Path, whole: &[u8], at: usize) {
    edit(signature, |bytes| bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' });
    release.verify().expect_err("refused");
    fs::write(signature, whole).expect("written");
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let Some(release) = release() else { return };
    release.minisign(&["-G", "-W", "-p", "other.pub", "-s", "other.key"]).expect("made");
    release.minisign(&["-S", "-s", "other.key", "-m", "x.deb"]).expect("signed");
    assert!(release.refused().contains("by somebody else"), "{}", release.refused());
}

#[test]
fn without_signature_or_key_it_is_said_what_is_missing() {
    let Some(release) = release() else { return };
    fs::rename(release.path("x.deb.minisig"), release.path("away")).expect("moved");
    assert!(matches!(release.verify(), Err(SignatureError::Unsigned(_))));
    assert!(release.refused().contains("x.deb.minisig is missing"), "{}", release.refused());
    fs::rename(release.path("pub"), release.path("elsewhere")).expect("moved");
    assert!(matches!(release.verify(), Err(SignatureError::NoKey(_))));
}

#[test]
fn files_that_make_no_sense_are_named() {
    let Some(release) = release() else { return };
    for (name, text) in [("x.deb.minisig", "\u{7f}ELF"), ("pub", "not a key\nat all\n")] {
        fs::write(release.path(name), text).expect("written");
        assert!(release.refused().contains(&format!("{name} is no ")), "{}", release.refused());
    }
    fs::remove_file(release.path("x.deb")).expect("removed");
    release.verify().expect_err("no package");
}
