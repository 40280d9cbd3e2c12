//! The format of `MaxMind` DB files, version 2.0 (<https://maxmind.github.io/MaxMind-DB/>): a binary
//! tree of networks, and records that its leaves point at. Pure but for [`Bytes`].

use std::collections::HashMap;
use std::net::IpAddr;

use model::Timestamp;

use super::ranges::{Builder, Tables};
use super::record::{self, Record, Scalar, walk};
use crate::world::City;

/// Where octets of a database come from.
pub trait Bytes {
    /// Fills `into` from an offset; fails where the file is shorter.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), MmdbError>;
}

impl Bytes for &[u8] {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), MmdbError> {
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..)?.get(..into.len()));
        into.copy_from_slice(from.ok_or(MmdbError::Short)?);
        Ok(())
    }
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MmdbError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(std::io::Error),
    /// It ends too early.
    #[error("it ends too early; copy it again")]
    Short,
    /// There is no metadata in it.
    #[error("it is no MaxMind DB file")]
    Foreign,
    /// Something in it cannot be.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It has neither countries nor autonomous systems.
    #[error("it tells neither countries nor autonomous systems")]
    Useless,
}

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) kind: String,
    pub(super) built: Option<Timestamp>,
    /// Where towns are looked up, if it tells of them.
    pub(super) cities: Option<Shape>,
}

/// How the tree of a database lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    nodes: u32,
    /// Bits of one of the two records of a node.
    record_bits: u32,
    is_v6: bool,
}

const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// The metadata lies within so many octets of the end.
const META_WITHIN: u64 = 128 * 1024;
/// Between tree and records.
const GAP: u64 = 16;
/// Bits of the longest address.
const BITS: u8 = 128;

struct Tree<'a> {
    bytes: &'a mut dyn Bytes,
    nodes: u32,
    record_bits: u32,
}

impl<'a> Tree<'a> {
    fn new(bytes: &'a mut dyn Bytes, shape: Shape) -> Self {
        Self { bytes, nodes: shape.nodes, record_bits: shape.record_bits }
    }

    fn size(&self) -> u64 {
        u64::from(self.nodes) * u64::from(self.record_bits) / 4
    }

    /// Where the records begin, and that of a leaf in particular.
    fn record(&self, value: u32) -> Result<(u64, u64), MmdbError> {
        let data = self.size() + GAP;
        let at = self.size() + u64::from(value.saturating_sub(self.nodes));
        if at < data {
            return Err(MmdbError::Damaged("a record before the first one"));
        }
        Ok((data, at))
    }

    /// Both records of a node.
    fn node(&mut self, number: u32) -> Result<[u32; 2], MmdbError> {
        let length = (self.record_bits / 4) as usize;
        let mut octets = [0_u8; 8];
        self.bytes.read(u64::from(number) * length as u64, &mut octets[..length])?;
        let [a, b, c, d, e, f, g, h] = octets;
        let whole = |a, b, c, d| u32::from_be_bytes([a, b, c, d]);
        Ok(match self.record_bits {
            24 => [whole(0, a, b, c), whole(0, d, e, f)],
            28 => [whole(d >> 4, a, b, c), whole(d & 15, e, f, g)],
            _ => [whole(a, b, c, d), whole(e, f, g, h)],
        })
    }
}

/// Reads a database of `length` octets and adds what it tells.
pub(super) fn read(
    bytes: &mut dyn Bytes,
    length: u64,
    into: &mut Tables,
) -> Result<About, MmdbError> {
    let start = metadata(bytes, length)?;
    let (mut nodes, mut record_bits, mut version) = (0_u64, 0_u64, 0_u64);
    let mut about = About { kind: String::new(), built: None, cities: None };
    walk(bytes, start, start, &mut |path, value| match (path, value) {
        (["node_count"], Scalar::Number(n)) => nodes = n,
        (["record_size"], Scalar::Number(n)) => record_bits = n,
        (["ip_version"], Scalar::Number(n)) => version = n,
        (["database_type"], Scalar::Text(text)) => about.kind = text.chars().take(80).collect(),
        (["build_epoch"], Scalar::Number(n)) => {
            about.built = i64::try_from(n).ok().map(Timestamp::from_secs);
        }
        _ => {}
    })?;
    let nodes = u32::try_from(nodes).ok().filter(|n| *n > 0);
    let nodes = nodes.ok_or(MmdbError::Damaged("the number of its nodes"))?;
    if !matches!(record_bits, 24 | 28 | 32) || !matches!(version, 4 | 6) {
        return Err(MmdbError::Damaged("the size of its records"));
    }
    let shape = Shape { nodes, record_bits: record_bits as u32, is_v6: version == 6 };
    let mut tree = Tree::new(bytes, shape);
    if tree.size() + GAP > start {
        return Err(MmdbError::Damaged("the size of its tree"));
    }
    let mut builder = Builder::default();
    let mut records = Records { seen: HashMap::new(), systems: Vec::new(), tells_cities: false };
    if version == 4 {
        descend(&mut tree, (0, 0), None, &mut records, &mut |at, record| {
            builder.v4((at >> 96) as u32, record)
        })?;
    } else {
        // IPv4 lies below ninety-six zeros; other ways lead there too, and are not gone.
        let mut v4 = 0;
        for _ in 0..96 {
            if v4 < tree.nodes {
                v4 = tree.node(v4)?[0];
            }
        }
        if v4 < tree.nodes {
            descend(&mut tree, (v4, 0), None, &mut records, &mut |at, record| {
                builder.v4((at >> 96) as u32, record)
            })?;
        }
        let v4 = (v4 < tree.nodes).then_some(v4);
        descend(&mut tree, (0, 0), v4, &mut records, &mut |at, record| {
            builder.v6((at >> 64) as u64, record)
        })?;
    }
    if builder.is_empty() {
        return Err(MmdbError::Useless);
    }
    into.add(builder, records.systems);
    about.cities = records.tells_cities.then_some(shape);
    Ok(about)
}

/// In which town an address is, by a database that was read before.
pub(super) fn city(
    bytes: &mut dyn Bytes,
    shape: Shape,
    address: IpAddr,
) -> Result<Option<City>, MmdbError> {
    // IPv4 lies below ninety-six zeros.
    let (bits, length) = match (address, shape.is_v6) {
        (IpAddr::V4(v4), true) => (u128::from(v4.to_bits()), BITS),
        (IpAddr::V4(v4), false) => (u128::from(v4.to_bits()) << 96, 32),
        (IpAddr::V6(v6), true) => (v6.to_bits(), BITS),
        (IpAddr::V6(_), false) => return Ok(None),
    };
    let mut tree = Tree::new(bytes, shape);
    let mut value = 0;
    for depth in 0..length {
        if value >= tree.nodes {
            break;
        }
        let [left, right] = tree.node(value)?;
        value = if bits >> (BITS - 1 - depth) & 1 == 0 { left } else { right };
    }
    if value <= tree.nodes {
        return Ok(None);
    }
    let (data, at) = tree.record(value)?;
    record::city(tree.bytes, data, at)
}

/// Where the metadata begins.
fn metadata(bytes: &mut dyn Bytes, length: u64) -> Result<u64, MmdbError> {
    let within = length.min(META_WITHIN);
    let mut end = vec![0; within as usize];
    bytes.read(length - within, &mut end)?;
    let at = end.windows(MARK.len()).rposition(|window| window == MARK);
    let at = at.ok_or(MmdbError::Foreign)?;
    Ok(length - within + (at + MARK.len()) as u64)
}

/// What records say, each read once.
struct Records {
    seen: HashMap<u32, Record>,
    systems: Vec<(u32, String)>,
    /// One of them named a town.
    tells_cities: bool,
}

/// Records that are remembered at most; beyond, they are read anew.
const MOST_RECORDS: usize = 1_000_000;

impl Records {
    fn get(&mut self, tree: &mut Tree<'_>, value: u32) -> Result<Record, MmdbError> {
        if value == tree.nodes {
            return Ok(Record::default());
        }
        if let Some(record) = self.seen.get(&value) {
            return Ok(*record);
        }
        let (data, at) = tree.record(value)?;
        let mut record = Record::default();
        let (mut name, tells_cities) = (None, &mut self.tells_cities);
        walk(tree.bytes, data, at, &mut |path, value| {
            *tells_cities |= record::is_of_cities(path);
            record.take(path, value, &mut name);
        })?;
        if let Some((number, name)) = record.system().zip(name) {
            self.systems.push((number, name));
        }
        if self.seen.len() < MOST_RECORDS {
            self.seen.insert(value, record);
        }
        Ok(record)
    }
}

/// Gives every leaf below a node with the address at which it begins, in order; `not` is left out.
fn descend(
    tree: &mut Tree<'_>,
    (root, from): (u32, u128),
    not: Option<u32>,
    records: &mut Records,
    give: &mut dyn FnMut(u128, Record) -> Result<(), MmdbError>,
) -> Result<(), MmdbError> {
    let mut visited = 0_u64;
    let mut waiting = vec![(root, 0_u8, from)];
    while let Some((value, depth, at)) = waiting.pop() {
        if value >= tree.nodes || Some(value) == not {
            let value = if Some(value) == not { tree.nodes } else { value };
            let record = records.get(tree, value)?;
            give(at, record)?;
            continue;
        }
        visited += 1;
        if depth >= BITS || visited > u64::from(tree.nodes) {
            return Err(MmdbError::Damaged("its tree leads back into itself"));
        }
        let [left, right] = tree.node(value)?;
        waiting.push((right, depth + 1, at | 1 << (BITS - 1 - depth)));
        waiting.push((left, depth + 1, at));
    }
    Ok(())
}
