//! The system's own programs that an update needs: dpkg, systemctl. Each is limited in time, and
//! what it says goes into a log.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::candidate::Package;

/// How long dpkg may take on a slow router.
const INSTALLING: Duration = Duration::from_secs(300);
/// How long any other program may take.
const ASKING: Duration = Duration::from_secs(60);
/// How much of what a failed program said is told on.
const LAST_WORDS: usize = 400;
/// A log beyond that is begun anew.
const LARGEST_LOG: u64 = 256 * 1024;

/// Why a program did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not there, or the system refused to start it.
    #[error("running {program}: {source}")]
    Io {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long and was ended.
    #[error("{program} did not end within {} s", limit.as_secs())]
    Endless {
        /// Which.
        program: String,
        /// What it was given.
        limit: Duration,
    },
    /// It failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: String,
        /// Its last words.
        said: String,
    },
    /// It said something else than expected.
    #[error("{program} said {said:?}, which makes no sense")]
    Senseless {
        /// Which.
        program: String,
        /// What it said.
        said: String,
    },
}

/// Runs programs.
#[derive(Debug, Clone)]
pub struct Tools {
    log: PathBuf,
}

impl Tools {
    /// With a log, whose folder exists.
    pub fn new(log: PathBuf) -> Self {
        Self { log }
    }

    /// What dpkg says of a package file.
    pub fn look_into(&self, package: &Path) -> Result<Package, ToolError> {
        let form = "${Package}\\t${Version}\\t${Architecture}\\t${Installed-Size}\\n";
        let mut ask = Command::new("dpkg-deb");
        ask.args(["--show", "--showformat", form]).arg(package);
        read_package(&self.run(ask, ASKING)?)
    }

    /// The installed package; None where panoptikon is no installed package.
    pub fn installed(&self) -> Result<Option<Package>, ToolError> {
        let form =
            "${db:Status-Status} ${Package}\\t${Version}\\t${Architecture}\\t${Installed-Size}\\n";
        let mut ask = Command::new("dpkg-query");
        ask.args(["--show", "--showformat", form, "panoptikon"]);
        match self.run(ask, ASKING) {
            Ok(said) => said.strip_prefix("installed ").map(read_package).transpose(),
            // It fails for a package that it never heard of.
            Err(ToolError::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The machine's architecture, as Debian calls it.
    pub fn machine(&self) -> Result<String, ToolError> {
        let mut ask = Command::new("dpkg");
        ask.arg("--print-architecture");
        Ok(self.run(ask, ASKING)?.trim().to_owned())
    }

    /// How two versions are ordered.
    pub fn compare(&self, one: &str, other: &str) -> Result<Ordering, ToolError> {
        for (word, order) in [("gt", Ordering::Greater), ("eq", Ordering::Equal)] {
            let mut ask = Command::new("dpkg");
            ask.args(["--compare-versions", one, word, other]);
            match self.run(ask, ASKING) {
                Ok(_) => return Ok(order),
                Err(ToolError::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Ordering::Less)
    }

    /// Installs a package; the package lets itself through although it is older.
    pub fn install(&self, package: &Path) -> Result<(), ToolError> {
        let mut install = Command::new("dpkg");
        install
            .args(["--force-confdef", "--force-confold", "--install"])
            .arg(package)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("PANOPTIKON_ALLOW_DOWNGRADE", "1");
        self.run(install, INSTALLING).map(drop)
    }

    /// `systemctl VERB panoptikon.service`. A start is not waited for: it may take as long as the
    /// database takes to be brought to its newest form.
    pub fn service(&self, verb: &str) -> Result<(), ToolError> {
        let mut ask = Command::new("systemctl");
        if verb == "start" {
            ask.arg("--no-block");
        }
        ask.args([verb, "panoptikon.service"]);
        self.run(ask, ASKING).map(drop)
    }

    /// Runs a program to its end, or to the end of its time; gives back what it said.
    pub fn run(&self, mut command: Command, limit: Duration) -> Result<String, ToolError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let io = |source| ToolError::Io { program: program.clone(), source };
        let mut log = self.open_log(&command).map_err(io)?;
        let from = log.seek(SeekFrom::End(0)).map_err(io)?;
        let (out, err) = (log.try_clone().map_err(io)?, log.try_clone().map_err(io)?);
        // A group of its own: Ctrl-C at the terminal is not meant for dpkg, and when its time is
        // over all that it started ends with it.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .env("LC_ALL", "C")
            .process_group(0)
            .spawn()
            .map_err(io)?;
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().map_err(io)? {
                Some(status) => break status,
                None if begun.elapsed() > limit => {
                    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
                    let _ = killpg(group, Signal::SIGKILL);
                    let _ = child.wait();
                    return Err(ToolError::Endless { program, limit });
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut said = Vec::new();
        log.seek(SeekFrom::Start(from)).map_err(io)?;
        log.take(LARGEST_LOG).read_to_end(&mut said).map_err(io)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        if status.success() {
            Ok(said)
        } else {
            Err(ToolError::Failed { program, said: end(&said) })
        }
    }

    fn open_log(&self, command: &Command) -> std::io::Result<File> {
        let full = std::fs::metadata(&self.log).is_ok_and(|log| log.len() > LARGEST_LOG);
        if full {
            std::fs::remove_file(&self.log)?;
        }
        let mut options = OpenOptions::new();
        let mut log = options.read(true).append(true).create(true).mode(0o600).open(&self.log)?;
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        writeln!(log, "+ {} {}", command.get_program().to_string_lossy(), words.join(" "))?;
        Ok(log)
    }
}

/// The end of what a program said, on one line.
fn end(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    let line: Vec<char> = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    let from = line.len().saturating_sub(LAST_WORDS);
    let text: String = line.into_iter().skip(from).collect();
    if text.is_empty() { "it did not say why".to_owned() } else { text }
}

fn read_package(said: &str) -> Result<Package, ToolError> {
    let line = said.lines().last().unwrap_or_default();
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, version, architecture, size] = fields.as_slice() else {
        return Err(ToolError::Senseless { program: "dpkg".to_owned(), said: end(said) });
    };
    Ok(Package {
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        architecture: (*architecture).to_owned(),
        installed_kib: size.trim().parse().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(folder: &Path) -> Tools {
        Tools::new(folder.join("log"))
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let tools = tools(folder.path());
        let error = tools.run(shell("echo before; exit 3"), ASKING).expect_err("it fails");
        assert_eq!(error.to_string(), "sh failed: before");
        let silent = tools.run(shell("exit 1"), ASKING).expect_err("it fails");
        assert_eq!(silent.to_string(), "sh failed: it did not say why");
        assert_eq!(tools.run(shell("echo well"), ASKING).expect("it ends"), "well\n");
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_all_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", mark.display());
        let begun = Instant::now();
        let limit = Duration::from_secs(2);
        let error = tools(folder.path()).run(shell(&script), limit).expect_err("ended");
        assert!(matches!(error, ToolError::Endless { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(60));
        let child = std::fs::read_to_string(mark).expect("it began");
        let state = format!("/proc/{}/stat", child.trim());
        // Gone, or waiting to be reaped by whoever inherited it.
        let gone = || std::fs::read_to_string(&state).map_or(true, |stat| stat.contains(") Z "));
        while !gone() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the child lives on");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = Command::new("/nonexistent/dpkg");
        let error = tools(folder.path()).run(missing, ASKING).expect_err("missing");
        assert!(error.to_string().starts_with("running /nonexistent/dpkg"), "{error}");
    }

    #[test]
    fn what_dpkg_says_is_read() {
        let package = read_package("panoptikon\t1.2.3\tamd64\t16000\n").expect("read");
        assert_eq!((package.version.as_str(), package.installed_kib), ("1.2.3", 16_000));
        assert_eq!(read_package("a\tb\tc\t\n").expect("read").installed_kib, 0);
        assert!(read_package("").is_err());
    }

    #[test]
    fn last_words_are_short_and_on_one_line() {
        let said = end(&format!("{}\nthe end\u{7}\n", "x ".repeat(1_000)));
        assert!(said.chars().count() <= LAST_WORDS && said.ends_with("the end"), "{said}");
    }
}
