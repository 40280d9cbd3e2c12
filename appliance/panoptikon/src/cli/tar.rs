//! A small archive in the ustar format (POSIX.1-1988), for files that are made in memory.

/// Blocks are this large, in bytes.
const BLOCK: usize = 512;

/// An archive that grows.
#[derive(Default)]
pub(super) struct Tar(Vec<u8>);

impl Tar {
    /// Adds a file that its owner may read. The name has at most 100 bytes; `at` is in seconds since
    /// 1970.
    pub(super) fn add(&mut self, name: &str, content: &[u8], at: u64) {
        let mut header = [0_u8; BLOCK];
        let mut put = |from: usize, bytes: &[u8]| {
            for (place, byte) in header.iter_mut().skip(from).zip(bytes) {
                *place = *byte;
            }
        };
        put(0, &name.as_bytes()[..name.len().min(100)]);
        put(100, b"0000600\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", content.len()).as_bytes());
        put(136, format!("{at:011o}\0").as_bytes());
        // The sum is taken with blanks in its own place.
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        put(265, b"root");
        put(297, b"root");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        for (place, byte) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
            *place = byte;
        }
        self.0.extend(header);
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
    }

    /// The archive's bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}
