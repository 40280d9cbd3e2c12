//! Values of one's own: programs in a folder that root has filled, each of which prints a number.
//!
//! They run once a minute as the appliance's user without any of its rights, for ten seconds at
//! most. What they print becomes a series; that one fails becomes an event, and so does its return.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::SystemError;
use crate::edge::{self, told};

/// Series of such values, by the name of their program.
pub const OWN: &str = "own_value";
/// The most programs; what is beyond, by name, is not run.
pub const MOST: usize = 16;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read of what it prints, octets.
const MOST_SAID: u64 = 512;
/// Failures in a row before one is told.
const TIMES: u32 = 2;
/// Takes the capabilities away that the appliance has for looking at packets.
const SETPRIV: &str = "/usr/bin/setpriv";
const LESS: [&str; 4] = ["--ambient-caps=-all", "--no-new-privs", "--", ""];

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// It fails, and why.
    Failed(String),
    /// It gives a value again, or is gone.
    Recovered,
}

/// The programs of a folder by name, or why one is not run. A folder that is not there has none.
pub(crate) fn programs(folder: &Path) -> BTreeMap<String, Result<PathBuf, String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What an editor leaves is no program.
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if name.is_empty() || name.len() > 40 || !name.bytes().all(is_name) {
            continue;
        }
        let path = entry.path();
        // Of the file itself, never of what a link leads to.
        let refusal = match entry.metadata() {
            Ok(facts) => refusal(&facts),
            Err(error) => Some(format!("it cannot be looked at: {error}")),
        };
        found.insert(name, refusal.map_or(Ok(path), Err));
    }
    while found.len() > MOST {
        found.pop_last();
    }
    found
}

/// Why a file is not run. Only who is root already may say what is run.
fn refusal(facts: &Metadata) -> Option<String> {
    let why = if !facts.is_file() {
        "it is no file"
    } else if facts.uid() != 0 {
        "it does not belong to root"
    } else if facts.mode() & 0o022 != 0 {
        "others than root may write it: chmod go-w"
    } else if facts.mode() & 0o111 == 0 {
        "it cannot be run: chmod +x"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// Runs one; the number that it prints first.
pub(crate) async fn value(program: &Path) -> Result<f64, SystemError> {
    let path = program.display().to_string();
    let mut words = LESS;
    if let Some(last) = words.last_mut() {
        *last = &path;
    }
    // Without it the program would have our rights.
    let mut child = edge::start(Path::new(SETPRIV), &words, "Install util-linux.")?;
    let _all = child.id().map(Group);
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let read = async {
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        let out = async {
            match output {
                Some(output) => output.take(MOST_SAID).read_to_end(&mut said).await,
                None => Ok(0),
            }
        };
        let err = async {
            match errors {
                Some(errors) => errors.take(MOST_SAID).read_to_end(&mut complaint).await,
                None => Ok(0),
            }
        };
        tokio::try_join!(out, err)?;
        let status = child.wait().await?;
        Ok::<_, std::io::Error>((said, complaint, status))
    };
    let late = |_| SystemError::TimedOut { what: path.clone(), seconds: PATIENCE.as_secs() };
    let (said, complaint, status) =
        timeout(PATIENCE, read).await.map_err(late)?.map_err(SystemError::io("run", &path))?;
    let failed = |said: String| SystemError::Failed { what: path.clone(), said };
    if !status.success() {
        let text = String::from_utf8_lossy(&complaint);
        let line = text.lines().find(|line| !line.trim().is_empty());
        return Err(failed(told(line.unwrap_or("it failed without a word"))));
    }
    number(&String::from_utf8_lossy(&said))
        .ok_or_else(|| failed("it prints no number first".to_owned()))
}

/// A program with all that it has started; ended with this, whatever became of it.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        // That none is left is the usual outcome.
        let _ = killpg(Pid::from_raw(self.0.cast_signed()), Signal::SIGKILL);
    }
}

/// The first word, if it is a number.
fn number(said: &str) -> Option<f64> {
    let value: f64 = said.split_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Remembers programs from one minute to the next.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    failing: BTreeMap<String, u32>,
}

impl Watch {
    /// One about which an earlier run has told.
    pub(crate) fn remember(&mut self, name: &str) {
        self.failing.insert(name.to_owned(), TIMES);
    }

    /// Takes what became of all programs: why each failed, or nothing.
    pub(crate) fn take(&mut self, all: &BTreeMap<String, Option<String>>) -> Vec<(String, News)> {
        let mut news = Vec::new();
        for (name, why) in all {
            let Some(why) = why else { continue };
            let times = self.failing.entry(name.clone()).or_default();
            *times = times.saturating_add(1);
            if *times == TIMES {
                news.push((name.clone(), News::Failed(why.clone())));
            }
        }
        let is_well = |name: &String| all.get(name).is_none_or(Option::is_none);
        let well: Vec<String> = self.failing.keys().filter(|name| is_well(name)).cloned().collect();
        for name in well {
            if self.failing.remove(&name).is_some_and(|times| times >= TIMES) {
                news.push((name, News::Recovered));
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn put(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn only_what_root_alone_can_write_is_run_and_a_link_never() {
        let dir = tempfile::tempdir().unwrap();
        let good = put(dir.path(), "queue-length", "#!/bin/sh\necho 1\n", 0o755);
        put(dir.path(), "open", "#!/bin/sh\necho 1\n", 0o777);
        put(dir.path(), "text", "1", 0o644);
        put(dir.path(), "backup.sh~", "1", 0o755);
        symlink("/bin/true", dir.path().join("link")).unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        let found = programs(dir.path());
        let why = |name: &str| found[name].as_ref().err().map(String::as_str).unwrap_or_default();
        assert_eq!(found.len(), 5);
        assert!(why("open").contains("go-w") && why("text").contains("+x"), "{found:?}");
        assert_eq!((why("link"), why("folder")), ("it is no file", "it is no file"));
        // As whoever runs this: root, or one to whom nothing in there belongs as it must.
        if nix::unistd::geteuid().is_root() {
            assert_eq!(found["queue-length"], Ok(good));
        }
        assert_eq!(programs(&dir.path().join("none")), BTreeMap::new());
        for n in 0..40 {
            put(dir.path(), &format!("many-{n}"), "", 0o755);
        }
        assert_eq!(programs(dir.path()).len(), MOST);
    }

    #[tokio::test]
    async fn the_first_number_counts_and_whatever_else_is_a_failure_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let put =
            |name: &str, text: &str| put(dir.path(), name, &format!("#!/bin/sh\n{text}\n"), 0o755);
        assert!((value(&put("a", "echo 42.5 ms and more")).await.unwrap() - 42.5).abs() < 1e-9);
        for (name, text, part) in [
            ("b", "echo much", "it prints no number first"),
            ("c", "echo nan", "it prints no number first"),
            ("d", "true", "it prints no number first"),
            ("e", "echo 1; echo 'no such host' >&2; exit 3", "no such host"),
            ("f", "exit 1", "without a word"),
        ] {
            let error = value(&put(name, text)).await.unwrap_err().to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
        // More than is read does not hang it.
        let error = value(&put("g", "while :; do echo x; done")).await.unwrap_err();
        assert!(error.to_string().contains('g'), "{error}");
    }

    #[tokio::test]
    async fn a_program_is_run_with_rights_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let text = "#!/bin/sh\nsed -n 's/^NoNewPrivs:\\s*//p' /proc/self/status\n";
        let given_up = value(&put(dir.path(), "rights", text, 0o755)).await.unwrap();
        assert!((given_up - 1.0).abs() < 0.1, "{given_up}");
    }

    #[test]
    fn one_that_fails_twice_is_told_once_and_so_is_its_return_or_end() {
        let all = |why: Option<&str>| BTreeMap::from([("a".to_owned(), why.map(str::to_owned))]);
        let mut watch = Watch::default();
        assert_eq!(watch.take(&all(Some("late"))), []);
        let told = watch.take(&all(Some("late")));
        assert_eq!(told, [("a".to_owned(), News::Failed("late".to_owned()))]);
        assert_eq!(watch.take(&all(Some("late"))), []);
        assert_eq!(watch.take(&all(None)), [("a".to_owned(), News::Recovered)]);
        assert_eq!(watch.take(&all(None)), []);
        watch.remember("a");
        assert_eq!(watch.take(&all(Some("late"))), []);
        assert_eq!(watch.take(&BTreeMap::new()), [("a".to_owned(), News::Recovered)]);
        // Once is not told, and so is not its return.
        assert_eq!(watch.take(&all(Some("late"))), []);
        assert_eq!(watch.take(&all(None)), []);
    }
}
