//! Rebuilds the vendor table: `update-oui <folder with the IEEE CSV files> <table to write>`.

use std::error::Error;
use std::path::Path;

use panoptikon_discovery::vendor::{Table, build};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(out), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(
            "usage: update-oui <folder with oui.csv mam.csv oui36.csv iab.csv> <out>".into()
        );
    };
    let mut assignments = Vec::new();
    for file in ["oui.csv", "mam.csv", "oui36.csv", "iab.csv"] {
        let path = Path::new(&folder).join(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("reading {}: {error}", path.display()))?;
        let rows = build::read_registry(&text)
            .map_err(|error| format!("reading {}: {error}", path.display()))?;
        println!("{file}: {} prefixes", rows.len());
        assignments.extend(rows);
    }
    let table = build::write_table(&assignments)?;
    let prefixes = Table::parse(&table)?.len();
    // Beside the target first, so that a full disk leaves the old table whole.
    let part = format!("{out}.part");
    std::fs::write(&part, &table)
        .and_then(|()| std::fs::rename(&part, &out))
        .map_err(|error| format!("writing {out}: {error}"))?;
    println!("{out}: {prefixes} prefixes, {} bytes", table.len());
    Ok(())
}
