//! `panoptikon-vyos-definitions OUT_DIR` writes the tree as it is installed; with `--page` it prints
//! `docs/vyos-commands.md` instead.

use std::path::Path;
use std::process::ExitCode;

use vyos_definitions::{CONFIG_MODE, OP_MODE, files, page, read, write};

fn main() -> ExitCode {
    let Some(wanted) = std::env::args_os().nth(1) else {
        eprintln!("usage: panoptikon-vyos-definitions OUT_DIR | --page");
        return ExitCode::from(2);
    };
    let made = read(OP_MODE).and_then(|op| Ok((op, read(CONFIG_MODE)?)));
    let outcome = made.map_err(|error| error.to_string()).and_then(|(op, config)| {
        if wanted == "--page" {
            print!("{}", page(&op, &config));
            return Ok(());
        }
        let files = files(&op, &config).map_err(|error| error.to_string())?;
        write(Path::new(&wanted), &files).map_err(|error| error.to_string())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
