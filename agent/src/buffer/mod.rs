//! What was made and is not acknowledged yet. Messages go in, text frames in order come out, and
//! acknowledgements let go of them.
//!
//! While the appliance acknowledges, nothing touches the disk: a message lies in memory and is
//! written only when no acknowledgement came within two seconds, or when there is no link. Nothing
//! is made durable one by one: a kill loses at most two seconds of what was never sent, a power cut
//! what the kernel had not written yet. Segments are made durable when they are full.
//!
//! Numbers: a run of the agent counts its messages from 0. Only at its first welcome, which tells
//! how far the appliance is, does it get the number of its first message, and writes it down before
//! it sends any. So a kill, however it hits, makes neither gaps nor numbers that were used before.

mod segment;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::book::{Book, Run};
use crate::files::{self, FileError};
use crate::log;
pub(crate) use segment::Kind;
use segment::{Reader, Segment};

/// A message that is not acknowledged for so long goes to disk, milliseconds.
const PATIENCE_MS: u64 = 2000;
/// More in memory than this goes to disk at once, octets.
const MEMORY: usize = 256 * 1024;

struct Held {
    kind: Kind,
    body: String,
    made: u64,
}

/// The buffer.
pub(crate) struct Outbox {
    folder: PathBuf,
    limit: u64,
    pub(crate) book: Book,
    segments: VecDeque<Segment>,
    names: u64,
    /// The last segment, if it is written to.
    writer: Option<File>,
    memory: VecDeque<Held>,
    memory_octets: usize,
    /// Index within the run of the first message in memory.
    memory_first: u64,
    numbered: bool,
    acked: u64,
    next: u64,
    reader: Option<(PathBuf, Reader)>,
    full: bool,
    disk_works: bool,
}

impl Outbox {
    /// Opens it and takes up what earlier runs left. `limit` is in octets.
    pub(crate) fn open(folder: &Path, book: Book, limit: u64) -> Result<Self, FileError> {
        files::private_folder(folder)?;
        let failed = |e| FileError::new("reading the buffer in", folder, e);
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|end| end == "seg") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut segments = VecDeque::new();
        let mut names = 0;
        for path in paths {
            let name = path.file_stem().and_then(|name| name.to_str()).map(str::parse);
            if let Some(Ok(name)) = name {
                names = names.max(name);
            }
            match Segment::recover(&path).map_err(|e| FileError::new("reading", &path, e))? {
                Some(segment) if segment.count > 0 => segments.push_back(segment),
                _ => fs::remove_file(&path).map_err(|e| FileError::new("removing", &path, e))?,
            }
        }
        let mut outbox = Self {
            folder: folder.to_owned(),
            limit,
            book,
            segments,
            names,
            writer: None,
            memory: VecDeque::new(),
            memory_octets: 0,
            memory_first: 0,
            numbered: false,
            acked: 0,
            next: 0,
            reader: None,
            full: false,
            disk_works: true,
        };
        outbox.begin_run();
        Ok(outbox)
    }

    /// Adds this run to those that left something.
    fn begin_run(&mut self) {
        let last_run =
            self.segments.iter().map(|s| s.run).chain(self.book.runs.iter().map(|r| r.id));
        let run = last_run.max().unwrap_or(0) + 1;
        let mut runs: Vec<Run> = Vec::new();
        for known in &self.book.runs {
            let on_disk = self.segments.iter().any(|segment| segment.run == known.id);
            // What was dropped before it had numbers is to be told as lost.
            if on_disk || known.base.is_none() && known.count > 0 {
                runs.push(known.clone());
            }
        }
        for segment in &self.segments {
            if !runs.iter().any(|known| known.id == segment.run) {
                runs.push(Run { id: segment.run, base: None, count: 0 });
            }
        }
        runs.sort_by_key(|known| known.id);
        for known in &mut runs {
            let of_run = self.segments.iter().filter(|segment| segment.run == known.id);
            let ends = of_run.map(|segment| segment.first + segment.count);
            known.count = known.count.max(ends.max().unwrap_or(0));
        }
        runs.push(Run { id: run, base: None, count: 0 });
        self.book.runs = runs;
        self.numbered = false;
        self.memory_first = 0;
    }

    fn run(&self) -> u64 {
        self.book.runs.last().map_or(0, |run| run.id)
    }

    fn base(&self, run: u64) -> Option<u64> {
        self.book.runs.iter().find(|known| known.id == run)?.base
    }

    /// Messages of this run so far.
    fn made(&self) -> u64 {
        self.memory_first + self.memory.len() as u64
    }

    /// Takes a message: a JSON object without `t` and `seq`.
    pub(crate) fn push(&mut self, kind: Kind, body: String, now: u64) {
        if body.len() + 64 > wire::limits::TEXT || !body.starts_with('{') {
            log::warn("a message is too long for the link and left out");
            return;
        }
        self.memory_octets += body.len();
        self.memory.push_back(Held { kind, body, made: now });
        if self.memory_octets > MEMORY {
            self.spill();
        }
        // The disk is full: the oldest in memory gives way, and is told as lost.
        while self.memory_octets > 2 * MEMORY {
            self.let_go_of_first();
            self.full = true;
        }
    }

    /// Writes to disk what has waited too long; everything when there is no link.
    pub(crate) fn settle(&mut self, now: u64, linked: bool) {
        let waits = |held: &Held| !linked || now.saturating_sub(held.made) >= PATIENCE_MS;
        if self.memory.front().is_some_and(waits) {
            self.spill();
        }
    }

    fn let_go_of_first(&mut self) -> Option<Held> {
        let held = self.memory.pop_front()?;
        self.memory_octets -= held.body.len();
        self.memory_first += 1;
        Some(held)
    }

    /// Moves everything from memory to disk, as far as the disk takes it.
    fn spill(&mut self) {
        while !self.memory.is_empty() {
            match self.write_first() {
                Ok(()) => {
                    self.let_go_of_first();
                    self.disk_works = true;
                }
                Err(error) => {
                    if self.disk_works {
                        log::warn(format!(
                            "writing to the buffer {}: {error}",
                            self.folder.display()
                        ));
                    }
                    self.disk_works = false;
                    break;
                }
            }
        }
        while self.segments.len() > 1 && self.octets() > self.limit {
            self.drop_oldest();
        }
    }

    fn write_first(&mut self) -> io::Result<()> {
        let size = (self.limit / 16).clamp(16 * 1024, 4 << 20);
        if self.segments.back().is_some_and(|segment| segment.octets >= size)
            && let Some(file) = self.writer.take()
        {
            file.sync_data()?;
        }
        if self.writer.is_none() {
            self.names += 1;
            let path = self.folder.join(format!("{:012}.seg", self.names));
            let (segment, file) = Segment::create(path, self.run(), self.memory_first)?;
            self.segments.push_back(segment);
            self.writer = Some(file);
        }
        let (Some(segment), Some(file), Some(held)) =
            (self.segments.back_mut(), self.writer.as_mut(), self.memory.front())
        else {
            return Ok(());
        };
        segment.append(file, held.kind, &held.body)
    }

    /// Whether something in memory waits for its acknowledgement.
    pub(crate) fn impatient(&self) -> bool {
        !self.memory.is_empty()
    }

    /// The highest number that the appliance has.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// Octets on disk.
    pub(crate) fn octets(&self) -> u64 {
        self.segments.iter().map(|segment| segment.octets).sum()
    }

    /// Messages that are not acknowledged.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> u64 {
        self.segments.iter().map(|segment| segment.count).sum::<u64>() + self.memory.len() as u64
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.segments.pop_front() else { return };
        if !self.full {
            log::warn("the buffer is full: the oldest reports are dropped");
        }
        self.full = true;
        self.forget(&oldest.path);
        let end = oldest.first + oldest.count;
        let gone = !self.segments.iter().any(|segment| segment.run == oldest.run);
        if let Some(run) = self.book.runs.iter_mut().find(|run| run.id == oldest.run)
            && gone
            && run.base.is_none()
        {
            run.count = run.count.max(end);
            if let Err(error) = self.book.save() {
                log::warn(error);
            }
        }
    }

    fn forget(&mut self, path: &Path) {
        if self.reader.as_ref().is_some_and(|(open, _)| open == path) {
            self.reader = None;
        }
        if let Err(error) = fs::remove_file(path) {
            log::warn(format!("removing {}: {error}", path.display()));
        }
    }

    /// The oldest number and the next one as far as they are known, for `hello`.
    pub(crate) fn first_and_next(&self) -> (u64, u64) {
        let mut next = self.acked + 1;
        let mut first = None;
        for run in &self.book.runs {
            let Some(base) = run.base else { continue };
            let made = if run.id == self.run() { self.made() } else { run.count };
            next = next.max(base + made);
            let on_disk = self.segments.iter().find(|s| s.run == run.id).map(|s| base + s.first);
            first = first.or(on_disk);
        }
        (first.unwrap_or(next).min(next), next)
    }

    /// The appliance has everything up to `acked`: gives this run its numbers if it has none, and
    /// begins to send with the next one.
    pub(crate) fn welcome(&mut self, acked: u64) -> Result<(), FileError> {
        if self.numbered && self.base(self.run()).is_some_and(|base| acked >= base + self.made()) {
            // It has more than this run made: what comes now is a run of its own, so that no number
            // is used twice.
            self.ack(acked);
            self.begin_run();
        }
        if !self.numbered {
            let mut next = acked + 1;
            let made = self.made();
            let current = self.run();
            for run in &mut self.book.runs {
                let base = *run.base.get_or_insert(next);
                let count = if run.id == current { made } else { run.count };
                next = next.max(base + count);
            }
            self.book.save()?;
            self.numbered = true;
        }
        self.next = acked + 1;
        self.ack(acked);
        Ok(())
    }

    /// Lets go of everything up to `seq`.
    pub(crate) fn ack(&mut self, seq: u64) {
        self.acked = seq;
        while let Some(oldest) = self.segments.front() {
            let Some(base) = self.base(oldest.run) else { break };
            if base + oldest.first + oldest.count > seq + 1 {
                break;
            }
            if let Some(done) = self.segments.pop_front() {
                self.forget(&done.path);
            }
        }
        if self.segments.is_empty() {
            self.writer = None;
            self.full = false;
        }
        let Some(base) = self.base(self.run()) else { return };
        while !self.memory.is_empty() && base + self.memory_first <= seq {
            self.let_go_of_first();
        }
    }

    /// Before the end of the program: nothing stays in memory.
    pub(crate) fn close(&mut self) -> Result<(), FileError> {
        self.spill();
        if let Some(file) = &self.writer {
            file.sync_data().map_err(|e| FileError::new("writing", &self.folder, e))?;
        }
        let made = self.made();
        if let Some(run) = self.book.runs.last_mut() {
            run.count = made;
        }
        self.book.save()
    }
}
