//! What has arrived but is not in a block yet: frames in a row, each a small block, appended and
//! never changed. In come flows, out go those of all frames that were written whole.
//!
//! A frame is its length (4 octets), a checksum over the rest (4), its number (8), how many flows
//! there are (4), first start, last start and last end (8 each), the length of the addresses (4),
//! and a block's two strings; numbers with the lowest octet first.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use model::Timestamp;

use super::DaysError;
use crate::Flow;
use crate::block::{Block, Encoder};

/// Octets of a frame before its strings, without length and checksum.
const HEAD: usize = 8 + 4 + 3 * 8 + 4;
/// No tail is longer: it holds less than one block's flows.
const LONGEST: u64 = 64 << 20;

/// The file that is appended to.
pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

/// A small block and its number.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) number: u64,
    pub(super) block: Block,
}

impl Tail {
    /// Opens a tail and reads the frames after number `covered`. What a kill cut off is removed.
    pub(super) fn open(path: PathBuf, covered: u64) -> Result<(Self, Vec<Frame>), DaysError> {
        let (frames, length) = read(&path, covered)?;
        let mut tail = Self { path, file: None, length };
        if length > 0 {
            let file = tail.file()?;
            file.set_len(length).map_err(DaysError::io("cut off", &tail.path))?;
        } else {
            tail.remove()?;
        }
        Ok((tail, frames))
    }

    /// Appends flows as one frame. After an error nothing of it is there.
    pub(super) fn append(
        &mut self,
        number: u64,
        flows: &[Flow],
        encoder: &mut Encoder,
    ) -> Result<(), DaysError> {
        let block = encoder.encode(flows).map_err(DaysError::block(&self.path))?;
        let frame = write(&Frame { number, block });
        let length = self.length;
        let file = self.file()?;
        let appended = file.seek(SeekFrom::Start(length)).and_then(|_| file.write_all(&frame));
        match appended {
            Ok(()) => {
                self.length += frame.len() as u64;
                Ok(())
            }
            Err(error) => {
                // The next append starts at the same place in any case.
                let _ = file.set_len(length);
                Err(DaysError::io("append to", &self.path)(error))
            }
        }
    }

    /// Removes all frames, by removing the file: who reads it goes on with what it was.
    pub(super) fn remove(&mut self) -> Result<(), DaysError> {
        self.file = None;
        self.length = 0;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(DaysError::io("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Octets of sound frames.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn file(&mut self) -> Result<&mut File, DaysError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&self.path)
                .map_err(DaysError::io("open", &self.path))?,
        };
        Ok(self.file.insert(file))
    }
}

/// The frames of a tail after number `covered`, and how many octets of it are sound.
pub(super) fn read(path: &Path, covered: u64) -> Result<(Vec<Frame>, u64), DaysError> {
    let mut data = Vec::new();
    match File::open(path) {
        Ok(file) => {
            file.take(LONGEST).read_to_end(&mut data).map_err(DaysError::io("read", path))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(DaysError::io("open", path)(error)),
    }
    let mut rest = &data[..];
    let mut frames = Vec::new();
    while let Some((frame, after)) = parse(rest) {
        rest = after;
        if frame.number > covered {
            frames.push(frame);
        }
    }
    Ok((frames, (data.len() - rest.len()) as u64))
}

fn write(frame: &Frame) -> Vec<u8> {
    let block = &frame.block;
    let mut body = Vec::with_capacity(HEAD + block.addresses.len() + block.columns.len());
    body.extend(frame.number.to_le_bytes());
    body.extend((block.flows as u32).to_le_bytes());
    for time in [block.first_start, block.last_start, block.last_end] {
        body.extend(time.0.to_le_bytes());
    }
    body.extend((block.addresses.len() as u32).to_le_bytes());
    body.extend(&block.addresses);
    body.extend(&block.columns);
    let mut out = (body.len() as u32).to_le_bytes().to_vec();
    out.extend(crc32fast::hash(&body).to_le_bytes());
    out.extend(body);
    out
}

/// Takes a whole frame off the front; None where there is none.
fn parse(data: &[u8]) -> Option<(Frame, &[u8])> {
    let (length, data) = data.split_first_chunk::<4>()?;
    let (sum, data) = data.split_first_chunk::<4>()?;
    let (body, rest) = data.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (number, body) = body.split_first_chunk::<8>()?;
    let (flows, mut body) = body.split_first_chunk::<4>()?;
    let mut times = [Timestamp(0); 3];
    for time in &mut times {
        let (octets, after) = body.split_first_chunk::<8>()?;
        *time = Timestamp(i64::from_le_bytes(*octets));
        body = after;
    }
    let (addresses, body) = body.split_first_chunk::<4>()?;
    let (addresses, columns) = body.split_at_checked(u32::from_le_bytes(*addresses) as usize)?;
    let block = Block {
        flows: u32::from_le_bytes(*flows) as usize,
        first_start: times[0],
        last_start: times[1],
        last_end: times[2],
        addresses: addresses.to_owned(),
        columns: columns.to_owned(),
    };
    Some((Frame { number: u64::from_le_bytes(*number), block }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_was_cut_off_is_forgotten_and_those_before_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows-20261122.tail");
        let (mut tail, frames) = Tail::open(path.clone(), 0).unwrap();
        assert!(frames.is_empty());
        let mut encoder = Encoder::default();
        tail.append(1, &[Flow::UNKNOWN; 3], &mut encoder).unwrap();
        let sound = std::fs::metadata(&path).unwrap().len();
        tail.append(2, &[Flow::UNKNOWN; 4], &mut encoder).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in sound..whole.len() as u64 {
            std::fs::write(&path, &whole[..cut as usize]).unwrap();
            let (mut tail, frames) = Tail::open(path.clone(), 0).unwrap();
            assert_eq!(frames.iter().map(|frame| frame.number).collect::<Vec<_>>(), [1]);
            tail.append(3, &[Flow::UNKNOWN; 5], &mut encoder).unwrap();
            let (frames, _) = read(&path, 1).unwrap();
            assert_eq!(frames.iter().map(|frame| frame.block.flows).collect::<Vec<_>>(), [5]);
        }
    }

    #[test]
    fn an_octet_that_changed_ends_the_tail() {
        let frame = Frame { number: 7, block: crate::block::encode(&[Flow::UNKNOWN]).unwrap() };
        let sound = write(&frame);
        assert!(parse(&sound).is_some());
        for place in 0..sound.len() {
            let mut data = sound.clone();
            data[place] ^= 0x10;
            assert!(parse(&data).is_none(), "{place}");
        }
    }
}
