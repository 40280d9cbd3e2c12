//! Packs `assets/` into the binary: each file with a hash of its content for its address, and
//! compressed where that helps.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Hex digits of the hash in an address.
const HASH_DIGITS: usize = 16;

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("assets");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed={}", root.display());
    let mut names = Vec::new();
    find(&root, "", &mut names)?;
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let path = root.join(&name);
        println!("cargo::rerun-if-changed={}", path.display());
        let plain = fs::read(&path)?;
        let mut hash = String::new();
        for byte in Sha256::digest(&plain).iter().take(HASH_DIGITS / 2) {
            let _ = write!(hash, "{byte:02x}");
        }
        let packed = squeeze(&plain)?;
        let gzip = if packed.len() * 10 < plain.len() * 9 {
            let file = out.join(format!("{hash}.gz"));
            fs::write(&file, packed)?;
            format!("Some(include_bytes!({:?}))", text(&file)?)
        } else {
            "None".to_owned()
        };
        let _ = writeln!(
            table,
            "Asset {{ name: {name:?}, hash: {hash:?}, url: {url:?}, plain: include_bytes!({path:?}), gzip: {gzip} }},",
            url = format!("/assets/{hash}/{name}"),
            path = text(&path)?
        );
    }
    table.push_str("]\n");
    fs::write(out.join("assets.rs"), table)
}

/// A path as a Rust string literal can hold it.
fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("the folder's name is not UTF-8"))
}

fn find(root: &Path, under: &str, names: &mut Vec<String>) -> io::Result<()> {
    let folder = root.join(under);
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|_| io::Error::other("odd file name"))?;
        let name = if under.is_empty() { name } else { format!("{under}/{name}") };
        if entry.file_type()?.is_dir() {
            find(root, &name, names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

fn squeeze(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain)?;
    gzip.finish()
}
