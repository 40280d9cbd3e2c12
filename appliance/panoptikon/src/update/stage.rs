//! Before an update: everything that can be known is checked, and what is needed lies ready.
//! Whatever is refused here has changed nothing.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::candidate::{self, Need, Package, Refusal};
use super::database;
use super::machine::{State, Which};
use super::shelf::{Shelf, ShelfError, signature_of};
use super::signature::{SignatureError, verify};
use super::tools::{ToolError, Tools};
use crate::checkup;
use crate::config::Config;

/// The public key of who built the installed package.
pub const KEY: &str = "/usr/share/panoptikon/release.pub";

/// Where the package's own files go.
const SYSTEM: &str = "/usr";

/// Why an update does not begin.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The package is not to be trusted.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The package is not to be installed here.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file could not be had.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The system's own programs failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file or file system cannot be looked at.
    #[error("looking at {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The appliance did not come by a package.
    #[error("panoptikon is not installed as a package here; install it with dpkg -i {0}")]
    NoPackage(PathBuf),
    /// An update was interrupted.
    #[error(
        "the update to {0} was interrupted; to go on with it or back: panoptikon update --resume"
    )]
    Unfinished(String),
    /// There is nothing to go back to.
    #[error("there is no previous release to go back to: none is kept from an update")]
    NoPrevious,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> StageError {
    let path = path.to_owned();
    move |source| StageError::Io { path, source }
}

/// Checks a package and lays everything ready; gives back what is to be written down to begin.
/// `program` is the running program, `key` the public key.
pub fn stage(
    config: &Config,
    shelf: &Shelf,
    tools: &Tools,
    package: &Path,
    signature: Option<&Path>,
    program: &Path,
    key: &Path,
) -> Result<State, StageError> {
    unfinished(shelf)?;
    let data = checkup::data_dir(config);
    let length = fs::metadata(package).map_err(failed(package))?.len();
    let signature = signature.map_or_else(|| signature_of(package), Path::to_owned);
    // Once for a quick answer, once for the copy that will be installed.
    verify(package, &signature, key)?;
    let installed = tools.installed()?.ok_or_else(|| StageError::NoPackage(package.to_owned()))?;
    let candidate = tools.look_into(package)?;
    judge(&candidate, &installed, tools)?;
    let kept = shelf.kept(&installed.version, &installed.architecture);
    let kept_length = fs::metadata(&kept).map_or(0, |file| file.len());
    let program_length = fs::metadata(program).map_err(failed(program))?.len();
    candidate::space(&[
        need(shelf.folder(), length.saturating_mul(2) + kept_length + program_length)?,
        need(&data, database::size(&data))?,
        // dpkg unpacks beside what is there.
        need(Path::new(SYSTEM), candidate.installed_kib.saturating_mul(2 * 1024))?,
    ])?;

    stage_way_back(shelf, &kept, &installed, tools)?;
    let staged = shelf.stage(Which::New, package, &signature)?;
    let checked = verify(&staged, &signature_of(&staged), key)
        .map_err(StageError::from)
        .and_then(|()| Ok(tools.look_into(&staged)?))
        .and_then(|package| judge(&package, &installed, tools).map(|()| package));
    let ready = checked.and_then(|package| {
        shelf.name(&staged, &package)?;
        shelf.keep_updater(program)?;
        Ok(package)
    });
    match ready {
        Ok(package) => {
            let failing = checkup::look(config).failing;
            Ok(State::staged(installed.version, package.version, failing, data))
        }
        Err(error) => {
            let _ = shelf.forget(Which::New);
            Err(error)
        }
    }
}

/// Lays the way back to the previous release ready.
pub fn stage_return(
    config: &Config,
    shelf: &Shelf,
    tools: &Tools,
    program: &Path,
) -> Result<State, StageError> {
    unfinished(shelf)?;
    let previous = shelf.package(Which::Previous).ok_or(StageError::NoPrevious)?;
    let installed = tools.installed()?.ok_or_else(|| StageError::NoPackage(previous.clone()))?;
    let package = tools.look_into(&previous)?;
    if package.version == installed.version {
        return Err(StageError::NoPrevious);
    }
    shelf.keep_updater(program)?;
    let failing = checkup::look(config).failing;
    let data = checkup::data_dir(config);
    Ok(State::staged(package.version, installed.version, failing, data).going_back())
}

fn unfinished(shelf: &Shelf) -> Result<(), StageError> {
    shelf.state()?.map_or(Ok(()), |state| Err(StageError::Unfinished(state.to)))
}

fn judge(package: &Package, installed: &Package, tools: &Tools) -> Result<(), StageError> {
    let machine = tools.machine()?;
    let order = tools.compare(&package.version, &installed.version)?;
    Ok(candidate::judge(package, installed, &machine, order)?)
}

/// Lays the kept package of the installed version ready, or else there is no way back.
fn stage_way_back(
    shelf: &Shelf,
    kept: &Path,
    installed: &Package,
    tools: &Tools,
) -> Result<(), StageError> {
    let no_way_back = || {
        let (version, path) = (installed.version.clone(), kept.to_owned());
        StageError::from(Refusal::NoWayBack { version, path })
    };
    if !kept.exists() {
        return Err(no_way_back());
    }
    let staged = shelf.stage_kept(kept)?;
    let package = tools.look_into(&staged).map_err(|_| no_way_back())?;
    if package.name != installed.name || package.version != installed.version {
        return Err(no_way_back());
    }
    shelf.name(&staged, &package)?;
    Ok(())
}

fn need(folder: &Path, bytes: u64) -> Result<Need, StageError> {
    let device = fs::metadata(folder).map_err(failed(folder))?.dev();
    let system = statvfs(folder).map_err(|error| failed(folder)(error.into()))?;
    let free = system.blocks_available().saturating_mul(system.fragment_size());
    Ok(Need { path: folder.to_owned(), device, free, bytes })
}
