//! All files with the places at which they are installed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::definition::Definition;
use crate::{config_mode, op_cache, op_mode, xml_ref};

/// What operators reach as root.
const OP_MODE_PROGRAM: &str = include_str!("../../op-mode/panoptikon");

/// The owner of the node.
const OWNER: &str = include_str!("../../config-mode/service_panoptikon.py");

/// A file as it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the root, without a slash at the start.
    pub path: String,
    /// What it holds.
    pub text: String,
    /// Its permissions.
    pub mode: u32,
}

impl File {
    pub(crate) fn text(path: String, text: String) -> Self {
        Self { path, text, mode: 0o644 }
    }
}

/// Why the tree was not written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The system refused.
    #[error("writing {path}: {source}")]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The subtree cannot be written as JSON.
    #[error("writing the commands for operators as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Every file, sorted by its path.
pub fn files(op: &[Definition], config: &[Definition]) -> Result<Vec<File>, TreeError> {
    let mut files = op_mode::templates(op);
    files.extend(config_mode::templates(config));
    let cache = serde_json::to_string_pretty(&op_cache::subtree(op))? + "\n";
    files.push(File::text("usr/share/panoptikon/op_cache.json".to_owned(), cache));
    files.push(File::text(
        "usr/lib/python3/dist-packages/vyos/xml_ref/pkg_cache/panoptikon_cache.py".to_owned(),
        xml_ref::python(config) + "\n",
    ));
    let program =
        |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), mode: 0o755 };
    files.push(program("usr/libexec/vyos/op_mode/panoptikon", OP_MODE_PROGRAM));
    files.push(program("usr/libexec/vyos/conf_mode/service_panoptikon.py", OWNER));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Writes the files below a folder, which is made if it is not there.
pub fn write(root: &Path, files: &[File]) -> Result<(), TreeError> {
    for file in files {
        let path = root.join(&file.path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            fs::write(&path, &file.text)?;
            fs::set_permissions(&path, Permissions::from_mode(file.mode))
        });
        written.map_err(|source| TreeError::Io { path, source })?;
    }
    Ok(())
}
