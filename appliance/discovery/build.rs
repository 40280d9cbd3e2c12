//! Packs the table of vendors, which halves what it adds to the program.

use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=data/oui.bin");
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    let packed = fs::File::create(Path::new(&folder).join("oui.bin.deflate"))?;
    let mut encoder = DeflateEncoder::new(packed, Compression::best());
    encoder.write_all(&fs::read("data/oui.bin")?)?;
    encoder.finish()?;
    Ok(())
}
