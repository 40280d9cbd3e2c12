//! Where addresses are and who runs them, from databases that the owner supplies.
//!
//! In comes a folder of `.mmdb` files (those of `MaxMind` and DB-IP, and others in that
//! format); out goes [`Atlas`], which answers as [`Geo`]. A file is read once into compact ranges and
//! not kept, but for one of towns, which are looked up in it; when the folder changes it is read
//! anew, on a thread of its own.

mod cities;
mod mmdb;
mod ranges;
mod record;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use model::Timestamp;

pub use mmdb::{Bytes, MmdbError};
pub use ranges::Tables;

use crate::world::{City, Geo, Place};
use cities::Cities;

/// How often the folder is looked at, in milliseconds.
const LOOK_MS: i64 = 30_000;
/// Databases that are read at most.
const MOST_FILES: usize = 16;

/// A database as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its file's name.
    pub file: String,
    /// What it calls itself, such as `GeoLite2-Country`; empty where it could not be read.
    pub kind: String,
    /// When it was built; None where it does not say.
    pub built: Option<Timestamp>,
    /// Why it could not be read.
    pub problem: Option<String>,
}

/// All that is known of addresses just now.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The ranges.
    pub tables: Tables,
    /// Where they come from.
    pub databases: Vec<Database>,
    /// The towns; where several databases tell of them, the last counts.
    cities: Option<Arc<Cities>>,
}

impl Geo for Known {
    fn place(&self, address: IpAddr) -> Place {
        self.tables.place(address)
    }

    fn problem(&self) -> Option<String> {
        let mut told = self.databases.iter();
        told.find_map(|its| its.problem.as_ref().map(|why| format!("{}: {why}", its.file)))
    }

    fn city(&self, address: IpAddr) -> Option<City> {
        self.cities.as_ref()?.city(address)
    }

    fn system_name(&self, number: u32) -> Option<String> {
        self.tables.system_name(number).map(str::to_owned)
    }
}

/// A file's name, its length, when it was written.
type Stamp = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

struct Folder {
    path: PathBuf,
    known: RwLock<(Stamp, Arc<Known>)>,
    looked: AtomicI64,
    busy: AtomicBool,
}

/// The databases of a folder. Clones are the same.
#[derive(Clone)]
pub struct Atlas(Arc<Folder>);

impl Atlas {
    /// The databases of a folder, which need not exist. Nothing is read yet.
    pub fn new(folder: &Path) -> Self {
        Self(Arc::new(Folder {
            path: folder.to_owned(),
            known: RwLock::default(),
            looked: AtomicI64::new(i64::MIN),
            busy: AtomicBool::new(false),
        }))
    }

    /// Where the databases are looked for.
    pub fn folder(&self) -> &Path {
        &self.0.path
    }

    /// What is known just now. Where the folder has changed, it is read in the background: what was
    /// known before is answered until that is done.
    pub fn known(&self) -> Arc<Known> {
        let now = Timestamp::now().0;
        let last = self.0.looked.load(Ordering::Relaxed);
        let due = !(0..LOOK_MS).contains(&now.saturating_sub(last));
        if due && !self.0.busy.swap(true, Ordering::AcqRel) {
            self.0.looked.store(now, Ordering::Relaxed);
            let folder = Arc::clone(&self.0);
            let read = move || {
                folder.read_if_changed();
                folder.busy.store(false, Ordering::Release);
            };
            if let Err(error) = std::thread::Builder::new().name("geo".to_owned()).spawn(read) {
                tracing::warn!(%error, "databases of addresses cannot be read");
                self.0.busy.store(false, Ordering::Release);
            }
        }
        Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Reads the folder now, where it has changed. Blocks.
    pub fn refresh(&self) -> Arc<Known> {
        self.0.read_if_changed();
        Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner).1)
    }
}

impl Folder {
    fn read_if_changed(&self) {
        let stamp = self.stamp();
        if self.known.read().unwrap_or_else(PoisonError::into_inner).0 == stamp {
            return;
        }
        let mut known = Known::default();
        for path in stamp.keys() {
            let database = read(path, &mut known);
            known.databases.push(database);
        }
        known.tables.finish();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (stamp, Arc::new(known));
    }

    fn stamp(&self) -> Stamp {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Stamp::new() };
        let files = entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let its = std::fs::metadata(&path).ok()?;
            let fits = its.is_file() && path.extension().is_some_and(|ending| ending == "mmdb");
            fits.then(|| (path, (its.len(), its.modified().ok())))
        });
        let mut files: Vec<_> = files.collect();
        files.sort_unstable();
        files.into_iter().take(MOST_FILES).collect()
    }
}

fn read(path: &Path, into: &mut Known) -> Database {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut read = || {
        let file = File::open(path).map_err(MmdbError::Read)?;
        let length = file.metadata().map_err(MmdbError::Read)?.len();
        let mut pages = Pages::new(file);
        let about = mmdb::read(&mut pages, length, &mut into.tables)?;
        if let Some(shape) = about.cities {
            into.cities = Some(Arc::new(Cities::new(shape, pages)));
        }
        Ok::<_, MmdbError>(about)
    };
    match read() {
        Ok(about) => {
            tracing::info!(file = name, kind = about.kind, "read a database of addresses");
            Database { file: name, kind: about.kind, built: about.built, problem: None }
        }
        Err(error) => {
            tracing::warn!(file = name, %error, "a database of addresses cannot be read");
            let problem = Some(error.to_string());
            Database { file: name, kind: String::new(), built: None, problem }
        }
    }
}

/// A file of which only a few pages are in memory: databases of cities have 60 MB and more.
struct Pages {
    file: File,
    pages: Vec<(u64, Vec<u8>)>,
}

impl Pages {
    const SIZE: u64 = 16_384;
    const COUNT: u64 = 128;

    fn new(file: File) -> Self {
        Self { file, pages: vec![(u64::MAX, Vec::new()); Self::COUNT as usize] }
    }
}

impl Bytes for Pages {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), MmdbError> {
        let mut done = 0;
        while done < into.len() {
            let at = at.checked_add(done as u64).ok_or(MmdbError::Short)?;
            let (number, offset) = (at / Self::SIZE, (at % Self::SIZE) as usize);
            let place = (number % Self::COUNT) as usize;
            let Some((held, page)) = self.pages.get_mut(place) else {
                return Err(MmdbError::Short);
            };
            if *held != number {
                page.resize(Self::SIZE as usize, 0);
                let mut filled = 0;
                while filled < page.len() {
                    let rest = &mut page[filled..];
                    let n = self.file.read_at(rest, number * Self::SIZE + filled as u64);
                    match n.map_err(MmdbError::Read)? {
                        0 => break,
                        n => filled += n,
                    }
                }
                page.truncate(filled);
                *held = number;
            }
            let from =
                page.get(offset..).filter(|from| !from.is_empty()).ok_or(MmdbError::Short)?;
            let n = from.len().min(into.len() - done);
            into[done..done + n].copy_from_slice(&from[..n]);
            done += n;
        }
        Ok(())
    }
}
