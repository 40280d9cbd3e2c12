//! Puts the agent in place and takes it away again: its own user, folders and the unit of systemd or
//! `OpenRC`; for a person who is not root a unit of their own.
//!
//! Everything that is run here has fixed arguments.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Group, User};

use crate::files::{self, FileError};
use crate::places::{NAME, Places};

const SERVICE: &str = include_str!("../units/panoptikon-agent.service");
const USER_SERVICE: &str = include_str!("../units/panoptikon-agent.user.service");
const OPENRC: &str = include_str!("../units/panoptikon-agent.openrc");
const SYSTEMD_UNIT: &str = "/etc/systemd/system/panoptikon-agent.service";
const OPENRC_UNIT: &str = "/etc/init.d/panoptikon-agent";
/// Groups whose members may read logs; taken where they exist.
const LOG_GROUPS: [&str; 2] = ["systemd-journal", "adm"];

/// Putting in place or taking away failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program.
    #[error("{program} failed: {detail}")]
    Program {
        /// Which.
        program: String,
        /// Why.
        detail: String,
    },
    /// The user is not there although it was made.
    #[error("the user {NAME} could not be made")]
    NoUser,
}

/// What starts services here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Init {
    Systemd,
    OpenRc,
    Neither,
}

fn init() -> Init {
    if Path::new("/run/systemd/system").is_dir() {
        Init::Systemd
    } else if Path::new("/sbin/openrc-run").exists() {
        Init::OpenRc
    } else {
        Init::Neither
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), SetupError> {
    let failed = |detail| SetupError::Program { program: program.to_owned(), detail };
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if done.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
}

fn user_unit(places: &Places) -> PathBuf {
    let config = places.config.parent().map(Path::to_owned).unwrap_or_default();
    config.join("systemd/user/panoptikon-agent.service")
}

/// Copies this program into place and makes user and folders. Says what it did.
pub(crate) fn install(places: &Places) -> Result<Vec<String>, SetupError> {
    let mut done = Vec::new();
    let program = &places.program;
    let own = fs::read("/proc/self/exe")
        .map_err(|e| FileError::new("reading", Path::new("/proc/self/exe"), e))?;
    if let Some(folder) = program.parent() {
        fs::create_dir_all(folder).map_err(|e| FileError::new("making the folder", folder, e))?;
    }
    files::replace(program, &own, 0o755)?;
    mode(program, 0o755)?;
    done.push(format!("program {}", program.display()));
    for folder in [&places.config, &places.state] {
        files::private_folder(folder)?;
    }
    if places.whole_host && init() != Init::Neither {
        make_user()?;
        done.push(format!("user {NAME}"));
        mode(&places.config, 0o755)?;
    }
    give(places)?;
    Ok(done)
}

/// Lets the agent's user own what it keeps, after root has written it.
pub(crate) fn give(places: &Places) -> Result<(), SetupError> {
    if !places.whole_host {
        return Ok(());
    }
    // Without a service manager root runs it by hand.
    let Ok(Some(user)) = User::from_name(NAME) else { return Ok(()) };
    let (uid, gid) = (Some(user.uid.as_raw()), Some(user.gid.as_raw()));
    let files = [places.state.clone(), places.identity(), places.book(), places.buffer()];
    for path in files.iter().filter(|path| path.exists()) {
        // Never through a link, which the agent's user could have put there.
        lchown(path, uid, gid).map_err(|e| FileError::new("giving away", path, e))?;
    }
    if places.config_file().exists() {
        mode(&places.config_file(), 0o644)?;
    }
    Ok(())
}

fn mode(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|e| FileError::new("setting the mode of", path, e))
}

fn make_user() -> Result<(), SetupError> {
    if matches!(User::from_name(NAME), Ok(Some(_))) {
        return Ok(());
    }
    let shell = "/usr/sbin/nologin";
    let plain = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"];
    let shadow = [plain.as_slice(), &["--shell", shell, NAME]].concat();
    // busybox has other words.
    let made = run("useradd", &shadow).or_else(|error| {
        run("addgroup", &["-S", NAME])
            .and_then(|()| {
                run("adduser", &["-S", "-D", "-H", "-s", "/sbin/nologin", "-G", NAME, NAME])
            })
            .map_err(|_| error)
    });
    made?;
    if matches!(User::from_name(NAME), Ok(Some(_))) { Ok(()) } else { Err(SetupError::NoUser) }
}

/// The unit with the program and the groups that exist here.
fn service(text: &str, program: &Path) -> String {
    let text = text.replace("@PROGRAM@", &program.display().to_string());
    let groups: Vec<&str> =
        LOG_GROUPS.into_iter().filter(|g| matches!(Group::from_name(g), Ok(Some(_)))).collect();
    if groups.is_empty() {
        return text;
    }
    let line = format!("Group={NAME}\n");
    text.replace(&line, &format!("{line}SupplementaryGroups={}\n", groups.join(" ")))
}

/// Writes the unit and starts it. Says what it did; nothing where no service manager is known.
pub(crate) fn start(places: &Places) -> Result<Vec<String>, SetupError> {
    let program = &places.program;
    match (places.whole_host, init()) {
        (true, Init::Systemd) => {
            let unit = Path::new(SYSTEMD_UNIT);
            files::replace(unit, service(SERVICE, program).as_bytes(), 0o644)?;
            mode(unit, 0o644)?;
            run("systemctl", &["daemon-reload"])?;
            run("systemctl", &["enable", "--quiet", NAME])?;
            run("systemctl", &["restart", NAME])?;
            Ok(vec![format!("unit {SYSTEMD_UNIT}, started")])
        }
        (true, Init::OpenRc) => {
            let unit = Path::new(OPENRC_UNIT);
            files::replace(
                unit,
                OPENRC.replace("@PROGRAM@", &program.display().to_string()).as_bytes(),
                0o755,
            )?;
            mode(unit, 0o755)?;
            run("rc-update", &["add", NAME, "default"])?;
            run("rc-service", &[NAME, "restart"])?;
            Ok(vec![format!("service {OPENRC_UNIT}, started")])
        }
        (false, Init::Systemd) => {
            let unit = user_unit(places);
            if let Some(folder) = unit.parent() {
                fs::create_dir_all(folder)
                    .map_err(|e| FileError::new("making the folder", folder, e))?;
            }
            let text = USER_SERVICE.replace("@PROGRAM@", &program.display().to_string());
            files::replace(&unit, text.as_bytes(), 0o644)?;
            run("systemctl", &["--user", "daemon-reload"])?;
            run("systemctl", &["--user", "enable", "--quiet", NAME])?;
            run("systemctl", &["--user", "restart", NAME])?;
            let linger = "it ends when you sign out, unless root says: loginctl enable-linger";
            Ok(vec![format!("unit {}, started; {linger}", unit.display())])
        }
        _ => Ok(vec![format!("no service manager is known here: start {} run", program.display())]),
    }
}

/// Stops the agent and removes unit, user, folders and program. Goes on where something is missing;
/// says what it removed and what it could not.
pub(crate) fn uninstall(places: &Places) -> (Vec<String>, Vec<String>) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let mut note = |what: String, outcome: Result<(), SetupError>| match outcome {
        Ok(()) => done.push(what),
        Err(error) => failed.push(error.to_string()),
    };
    let unit = match (places.whole_host, init()) {
        (true, Init::OpenRc) => PathBuf::from(OPENRC_UNIT),
        (true, _) => PathBuf::from(SYSTEMD_UNIT),
        (false, _) => user_unit(places),
    };
    if unit.exists() {
        let stopped = match (places.whole_host, init()) {
            (true, Init::Systemd) => run("systemctl", &["disable", "--now", "--quiet", NAME]),
            (true, Init::OpenRc) => run("rc-service", &[NAME, "stop"])
                .and_then(|()| run("rc-update", &["del", NAME, "default"])),
            (false, Init::Systemd) => {
                run("systemctl", &["--user", "disable", "--now", "--quiet", NAME])
            }
            _ => Ok(()),
        };
        note("service stopped".into(), stopped);
        note(unit.display().to_string(), remove(&unit));
        if init() == Init::Systemd {
            let reload: &[&str] =
                if places.whole_host { &["daemon-reload"] } else { &["--user", "daemon-reload"] };
            note("units read again".into(), run("systemctl", reload));
        }
    }
    for path in [places.state.clone(), places.config.clone(), places.program.clone()] {
        if path.exists() {
            note(path.display().to_string(), remove(&path));
        }
    }
    if places.whole_host && matches!(User::from_name(NAME), Ok(Some(_))) {
        note(
            format!("user {NAME}"),
            run("userdel", &[NAME]).or_else(|error| run("deluser", &[NAME]).map_err(|_| error)),
        );
    }
    (done, failed)
}

fn remove(path: &Path) -> Result<(), SetupError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("removing", path, error).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_names_its_program_and_no_place_is_left_open() {
        let program = Path::new("/x/panoptikon-agent");
        for text in [SERVICE, USER_SERVICE, OPENRC] {
            let unit = service(text, program);
            assert!(
                unit.contains("/x/panoptikon-agent run") || unit.contains("=\"/x/pan"),
                "{unit}"
            );
            assert!(!unit.contains("@PROGRAM@"), "{unit}");
        }
    }

    #[test]
    fn the_service_runs_as_its_own_user_without_any_right() {
        let unit = service(SERVICE, Path::new("/x/panoptikon-agent"));
        for line in ["User=panoptikon-agent", "CapabilityBoundingSet=", "NoNewPrivileges=yes"] {
            assert!(unit.lines().any(|other| other == line), "{line}");
        }
        // Groups are named only where they exist: systemd starts nothing otherwise.
        let groups = unit.lines().find_map(|line| line.strip_prefix("SupplementaryGroups="));
        for group in groups.iter().flat_map(|groups| groups.split(' ')) {
            assert!(matches!(Group::from_name(group), Ok(Some(_))), "{group}");
        }
    }

    #[test]
    fn taking_away_what_is_not_there_says_nothing_and_fails_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (config, state) = (folder.path().join("c/x"), folder.path().join("s/x"));
        std::fs::create_dir_all(&state).unwrap();
        let program = folder.path().join("bin/x");
        let places = Places { config, state: state.clone(), program, whole_host: false };
        let (done, failed) = uninstall(&places);
        assert!(done.contains(&state.display().to_string()) && !state.exists());
        assert_eq!(failed, Vec::<String>::new());
    }
}
