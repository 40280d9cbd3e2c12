//! A file of records. 28 octets of head: `PNKB`, version 1, the run, the index of the first record
//! within the run, CRC-32 of all that. Then records: length, CRC-32, kind and body. Little endian.
//!
//! A kill or a power cut may tear the last record; what is before it stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 4] = b"PNKB";
const VERSION: u32 = 1;
const HEAD: usize = 28;
const FRAME: usize = 8;
/// Nothing that fits into a text frame is longer.
const LONGEST: usize = wire::limits::TEXT;

/// CRC-32 as in ISO 3309, for torn writes and flipped bits; small, for little is written.
fn crc32(octets: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut at = 0;
        while at < 16 {
            let (mut value, mut bit) = (at as u32, 0);
            while bit < 4 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    let half = |sum: u32, nibble: u32| {
        let at = (sum ^ nibble) & 15;
        sum >> 4 ^ TABLE.get(at as usize).copied().unwrap_or(0)
    };
    !octets
        .iter()
        .fold(u32::MAX, |sum, octet| half(half(sum, u32::from(*octet)), u32::from(*octet) >> 4))
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Report,
    Events,
}

impl Kind {
    /// The word in `t`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Events => "events",
        }
    }

    fn octet(self) -> u8 {
        match self {
            Self::Report => 1,
            Self::Events => 2,
        }
    }

    fn of(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Report),
            2 => Some(Self::Events),
            _ => None,
        }
    }
}

/// A file of records and what is in it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) run: u64,
    /// Index of the first record within its run.
    pub(crate) first: u64,
    /// Records.
    pub(crate) count: u64,
    /// The file's size.
    pub(crate) octets: u64,
}

impl Segment {
    /// Makes a file for the records from `first` on.
    pub(crate) fn create(path: PathBuf, run: u64, first: u64) -> io::Result<(Self, File)> {
        let mut head = Vec::with_capacity(HEAD);
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend(run.to_le_bytes());
        head.extend(first.to_le_bytes());
        head.extend(crc32(&head).to_le_bytes());
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&head)?;
        Ok((Self { path, run, first, count: 0, octets: HEAD as u64 }, file))
    }

    /// Opens a file that an earlier run left and cuts off what is torn; [`None`] if nothing in it is
    /// whole.
    pub(crate) fn recover(path: &Path) -> io::Result<Option<Self>> {
        let Some(mut reader) = Reader::open(path)? else { return Ok(None) };
        let (run, first) = (reader.run, reader.index);
        while reader.next()?.is_some() {}
        let (count, octets) = (reader.index - first, reader.at);
        if octets < fs::metadata(path)?.len() {
            OpenOptions::new().write(true).open(path)?.set_len(octets)?;
        }
        Ok(Some(Self { path: path.to_owned(), run, first, count, octets }))
    }

    /// Adds a record by one write.
    pub(crate) fn append(&mut self, file: &mut File, kind: Kind, body: &str) -> io::Result<()> {
        let mut record = Vec::with_capacity(FRAME + 1 + body.len());
        record.extend((body.len() as u32 + 1).to_le_bytes());
        record.extend([0; 4]);
        record.push(kind.octet());
        record.extend(body.as_bytes());
        let sum = record.get(FRAME..).map(crc32).unwrap_or_default();
        if let Some(place) = record.get_mut(4..FRAME) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        if let Err(error) = file.write_all(&record) {
            // Half a record would hide what comes after it.
            file.set_len(self.octets)?;
            return Err(error);
        }
        self.octets += record.len() as u64;
        self.count += 1;
        Ok(())
    }
}

/// Reads the records of a file one after the other.
pub(crate) struct Reader {
    file: BufReader<File>,
    run: u64,
    /// Index of the next record.
    pub(crate) index: u64,
    /// Where it begins.
    at: u64,
}

impl Reader {
    /// [`None`] if it is no file of records.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = BufReader::with_capacity(8192, File::open(path)?);
        let mut head = [0; HEAD];
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let number = |from: usize| -> u64 {
            let octets = head.get(from..from + 8).and_then(|octets| octets.try_into().ok());
            u64::from_le_bytes(octets.unwrap_or_default())
        };
        let (signed, sum) = head.split_at(HEAD - 4);
        let known = [MAGIC.as_slice(), &VERSION.to_le_bytes()].concat();
        if !head.starts_with(&known) || crc32(signed).to_le_bytes() != sum {
            return Ok(None);
        }
        Ok(Some(Self { file, run: number(8), index: number(16), at: HEAD as u64 }))
    }

    /// The next whole record; [`None`] at the end and where it is torn.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Kind, String)>> {
        // What was at the end a moment ago may be there now.
        if self.file.fill_buf()?.is_empty() {
            self.file.seek(SeekFrom::Start(self.at))?;
        }
        let mut frame = [0; FRAME];
        if !self.fill(&mut frame)? {
            return Ok(None);
        }
        let [a, b, c, d, sum @ ..] = frame;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length == 0 || length > LONGEST {
            return Ok(None);
        }
        let mut record = vec![0; length];
        if !self.fill(&mut record)? || crc32(&record).to_le_bytes() != sum {
            return Ok(None);
        }
        let kind = record.first().copied().and_then(Kind::of);
        record.remove(0);
        let (Some(kind), Ok(body)) = (kind, String::from_utf8(record)) else { return Ok(None) };
        self.at += (FRAME + length) as u64;
        self.index += 1;
        Ok(Some((kind, body)))
    }

    fn fill(&mut self, octets: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(octets) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            other => other.map(|()| true),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_the_usual_one() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }
}
