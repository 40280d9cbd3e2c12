//! The way out of the buffer: frames in the order of their numbers, from disk and then from memory,
//! with a word for each number that is gone.

use std::io;
use std::path::Path;

use wire::{FromAgent, Lost};

use super::Outbox;
use super::segment::{Kind, Reader};
use crate::log;

impl Outbox {
    /// The next text frames in order, at most `most` of them and about `octets` long together;
    /// nothing before a welcome.
    pub(crate) fn take(&mut self, most: usize, octets: usize) -> Vec<(u64, String)> {
        let mut frames = Vec::new();
        let mut size = 0;
        while self.numbered && frames.len() < most && size < octets {
            let Some(frame) = self.take_one() else { break };
            size += frame.1.len();
            frames.push(frame);
        }
        frames
    }

    fn take_one(&mut self) -> Option<(u64, String)> {
        loop {
            let found = self.segments.iter().find_map(|segment| {
                let base = self.base(segment.run)?;
                (base + segment.first + segment.count > self.next)
                    .then(|| (base, base + segment.first, segment.path.clone()))
            });
            let base = self.base(self.run())?;
            let first = match &found {
                Some((_, first, _)) => *first,
                None if self.memory.is_empty() => return None,
                None => base + self.memory_first,
            };
            if first > self.next {
                return Some(self.lost(first - 1));
            }
            let Some((base, _, path)) = found else {
                let at = usize::try_from(self.next.checked_sub(first)?).ok()?;
                let held = self.memory.get(at)?;
                let text = frame(held.kind, self.next, &held.body);
                self.next += 1;
                return Some((self.next - 1, text));
            };
            match self.read(&path, self.next - base) {
                Ok(Some((kind, body))) => {
                    self.next += 1;
                    return Some((self.next - 1, frame(kind, self.next - 1, &body)));
                }
                outcome => {
                    // The file was whole when it was opened or written: the disk is damaged.
                    if let Err(error) = outcome {
                        log::warn(format!("reading {}: {error}", path.display()));
                    }
                    self.cut(&path);
                }
            }
        }
    }

    /// A segment cannot be read from here on: what is left of it is lost.
    fn cut(&mut self, path: &Path) {
        self.writer = None;
        self.segments.retain(|segment| segment.path != path);
        self.forget(path);
    }

    fn lost(&mut self, to: u64) -> (u64, String) {
        let why = if self.full {
            format!("the agent's buffer of {} MiB was full", self.limit >> 20)
        } else {
            "the agent's buffer does not hold them any more".to_owned()
        };
        let lost = Lost { seq: to, from: self.next, to, why };
        self.next = to + 1;
        (to, FromAgent::Lost(lost).encode())
    }

    /// The record with this index within its run.
    fn read(&mut self, path: &Path, index: u64) -> io::Result<Option<(Kind, String)>> {
        let open = self.reader.take().filter(|(open, at)| open == path && at.index <= index);
        let (path, mut reader) = match open {
            Some(open) => open,
            None => match Reader::open(path)? {
                Some(reader) => (path.to_owned(), reader),
                None => return Ok(None),
            },
        };
        while reader.index < index {
            if reader.next()?.is_none() {
                return Ok(None);
            }
        }
        let record = reader.next()?;
        self.reader = Some((path, reader));
        Ok(record)
    }
}

/// The text frame: the body with its kind and number.
fn frame(kind: Kind, seq: u64, body: &str) -> String {
    let rest = body.strip_prefix('{').unwrap_or("}");
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"t\":\"{}\",\"seq\":{seq}{comma}{rest}", kind.word())
}
