//! Makes our commands and nodes known to `VyOS`'s own caches, and takes them out again.
//!
//! The runner for operators of rolling releases reads `/usr/share/vyos/op_cache.json`, which belongs
//! to vyos-1x: our subtree is merged into it and everything else stays. The Python library's cache is
//! made anew by `VyOS`'s own program. Where neither is there, nothing is done.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Gid, Uid, fchown};
use serde_json::{Value, json};

/// Ours, as the package brings it.
const OURS: &str = "usr/share/panoptikon/op_cache.json";
/// What the runner reads.
const THEIRS: &str = "usr/share/vyos/op_cache.json";
/// Where packages hand in what the Python library is to know.
const PACKAGES: &str = "usr/lib/python3/dist-packages/vyos/xml_ref/pkg_cache";
/// Puts all of that together.
const UPDATE: &str = "usr/lib/python3/dist-packages/vyos/xml_ref/update_cache.py";
/// The word of all that is ours.
const WORD: &str = "panoptikon";

/// Why a cache stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// A file could not be read or written.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is not as expected, and stays as it is: {why}")]
    Strange {
        /// The file.
        path: PathBuf,
        /// What is odd about it.
        why: String,
    },
    /// `VyOS`'s own program failed.
    #[error("{path} failed: {why}")]
    Update {
        /// The program.
        path: PathBuf,
        /// What it said last.
        why: String,
    },
}

/// Merges ours in. Gives back what was done, a line each. Doing it again changes nothing.
pub fn register(root: &Path) -> Result<Vec<String>, RegisterError> {
    let mut done = Vec::new();
    let ours = json_file(&root.join(OURS))?;
    if let (Some(ours), Some(theirs)) = (ours, json_file(&root.join(THEIRS))?) {
        let merged = merged(&theirs, &ours);
        done.extend(write_changed(&root.join(THEIRS), &theirs, &merged)?);
    }
    if root.join(PACKAGES).join(format!("{WORD}_cache.py")).exists() {
        done.extend(update(root)?);
    }
    Ok(done)
}

/// Takes ours out again.
pub fn unregister(root: &Path) -> Result<Vec<String>, RegisterError> {
    let mut done = Vec::new();
    if let Some(theirs) = json_file(&root.join(THEIRS))? {
        done.extend(write_changed(&root.join(THEIRS), &theirs, &without(&theirs))?);
    }
    // The update reads whatever lies there, so ours has to go before it.
    let mut removed = false;
    for folder in [root.join(PACKAGES), root.join(PACKAGES).join("__pycache__")] {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&format!("{WORD}_cache.")) {
                let path = entry.path();
                fs::remove_file(&path).map_err(io_failed("removing", &path))?;
                removed = true;
            }
        }
    }
    if removed {
        done.extend(update(root)?);
    }
    Ok(done)
}

/// `theirs` with our subtree of each verb that it knows, and with a child of that name.
fn merged(theirs: &Value, ours: &Value) -> Value {
    let mut merged = without(theirs);
    for (verb, subtree) in ours.as_object().into_iter().flatten() {
        let known = merged.get_mut(verb).and_then(Value::as_object_mut);
        let (Some(known), Some(node)) = (known, subtree.get(WORD)) else {
            continue;
        };
        known.insert(WORD.to_owned(), node.clone());
        let children = known.get_mut("__node_data").and_then(|data| data.get_mut("children"));
        if let Some(children) = children.and_then(Value::as_array_mut) {
            children.push(json!([WORD, node["__node_data"]["node_type"]]));
        }
    }
    merged
}

fn without(theirs: &Value) -> Value {
    let mut left = theirs.clone();
    for verb in left.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let Some(verb) = verb.as_object_mut() else {
            continue;
        };
        if verb.remove(WORD).is_none() {
            continue;
        }
        let children = verb.get_mut("__node_data").and_then(|data| data.get_mut("children"));
        if let Some(children) = children.and_then(Value::as_array_mut) {
            children.retain(|child| child[0] != WORD);
        }
    }
    left
}

fn io_failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RegisterError {
    let path = path.to_owned();
    move |source| RegisterError::Io { what, path, source }
}

/// An object; none where the file is not there.
fn json_file(path: &Path) -> Result<Option<Value>, RegisterError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_failed("reading", path)(error)),
    };
    let strange = |why: String| RegisterError::Strange { path: path.to_owned(), why };
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| strange(e.to_string()))?;
    if value.is_object() { Ok(Some(value)) } else { Err(strange("no JSON object".to_owned())) }
}

/// A new file in the place of the old one, of the same owner and mode.
fn write_changed(
    path: &Path,
    before: &Value,
    after: &Value,
) -> Result<Option<String>, RegisterError> {
    if before == after {
        return Ok(None);
    }
    let old = fs::metadata(path).map_err(io_failed("looking at", path))?;
    let beside = path.with_extension(format!("{WORD}-new"));
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(after.to_string().as_bytes())?;
        fchown(&file, Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid())))?;
        file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(io_failed("writing", path))?;
    Ok(Some(format!("{} is up to date.", path.display())))
}

fn update(root: &Path) -> Result<Option<String>, RegisterError> {
    let path = root.join(UPDATE);
    if !path.exists() {
        return Ok(None);
    }
    let failed = |why: String| RegisterError::Update { path: path.clone(), why };
    let output = Command::new("python3")
        .arg("-B")
        .arg(&path)
        .output()
        .map_err(|error| failed(format!("python3 cannot be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.trim().lines().last().unwrap_or("no word of why").to_owned()));
    }
    Ok(Some(format!("{} has run.", path.display())))
}
