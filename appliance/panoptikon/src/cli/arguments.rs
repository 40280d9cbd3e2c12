//! What may be written on the command line. The flags follow from the table of settings.

use clap::{Arg, ArgAction, ArgGroup, Command, ValueHint};

use crate::config::{DEFAULT_FILE, DEFINITIONS, FILE_VARIABLE};
use crate::version;

/// The whole command line.
pub(super) fn command() -> Command {
    Command::new("panoptikon")
        .about("Sees, shows and acts on everything that passes a VyOS router")
        .version(version::LINE)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .args(settings())
        .arg(
            Arg::new("json")
                .long("json")
                .global(true)
                .action(ArgAction::SetTrue)
                .help("Answer as JSON instead of as text for people"),
        )
        .subcommands(vec![
            Command::new("serve").about("Run the appliance"),
            Command::new("address").about("Show where its pages are served"),
            Command::new("status").about("Show how each part of the running appliance is doing"),
            Command::new("health")
                .about("Tell in one line and by the exit code whether it is well"),
            Command::new("devices").about("List the devices that were seen"),
            Command::new("device").about("Show one device").arg(
                Arg::new("word")
                    .value_name("DEVICE")
                    .required(true)
                    .help("Its name, an address, its MAC address or its number"),
            ),
            Command::new("alerts").about("List the alerts that are not resolved"),
            Command::new("events")
                .about("List the latest events")
                .arg(
                    Arg::new("follow")
                        .short('f')
                        .long("follow")
                        .action(ArgAction::SetTrue)
                        .help("Go on with those that come"),
                )
                .arg(
                    Arg::new("number")
                        .short('n')
                        .long("number")
                        .value_name("NUMBER")
                        .value_parser(clap::value_parser!(u8).range(1..=200))
                        .help("How many, 1 to 200 [default: 30]"),
                ),
            super::logs::command(),
            Command::new("scan")
                .about("Look for devices now")
                .arg(Arg::new("interface").value_name("INTERFACE").help("Only on this interface")),
            Command::new("setup-token").about("Show the token for the first sign-in"),
            Command::new("backup").about("Back up the database now"),
            Command::new("restore")
                .about("Put a backup in the place of the database; works while stopped, too")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_hint(ValueHint::FilePath)
                        .help("A backup of this appliance"),
                ),
            Command::new("reset-auth").about("End all sessions and make a new setup token"),
            Command::new("db").about("The database").subcommand_required(true).subcommand(
                Command::new("reset")
                    .about("Remove all data but the backups; works while stopped, too")
                    .arg(
                        Arg::new("force")
                            .short('f')
                            .long("force")
                            .action(ArgAction::SetTrue)
                            .help("Do not ask"),
                    ),
            ),
            Command::new("audit")
                .about("The record of who changed what")
                .subcommand_required(true)
                .subcommand(
                    Command::new("verify").about("Find out whether the record was tampered with"),
                ),
            Command::new("reload").about(
                "Let the running appliance read its configuration again, without a restart where it \
                 can",
            ),
            Command::new("support-bundle")
                .about("Write what helps to find a fault into a file, without secrets")
                .arg(
                    Arg::new("folder")
                        .value_name("FOLDER")
                        .value_hint(ValueHint::DirPath)
                        .help("Where to [default: /tmp]"),
                ),
            Command::new("restart").about("Start the running appliance anew"),
            Command::new("stop").about("End the running appliance"),
            update(),
            router(),
            super::agents::command(),
            flows(),
            super::unifi::command(),
            vyos(),
            Command::new("check-config").about(
                "Check the configuration without starting, and show where each value comes from",
            ),
            Command::new("config-reference").about("Print docs/configuration.md"),
            Command::new("doctor").about(
                "List what the appliance needs of this machine, what is missing and how to get it",
            ),
        ])
        .subcommands(for_vyos())
}

/// What `VyOS` and the package call; of no use to people.
fn for_vyos() -> [Command; 5] {
    let root = || {
        Arg::new("root")
            .long("root")
            .value_name("FOLDER")
            .default_value("/")
            .value_hint(ValueHint::DirPath)
            .help("Where the system is")
    };
    let flag = |id: &'static str, help: &'static str| {
        Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
    };
    [
        Command::new("complete")
            .hide(true)
            .about("List words for completion")
            .arg(Arg::new("kind").required(true).value_parser(["devices", "interfaces"])),
        Command::new(super::UNIT_HELPER)
            .hide(true)
            .about("Start, stop or restart the service that a line on standard input names"),
        Command::new("vyos-register")
            .hide(true)
            .about("Make the commands known to VyOS's caches")
            .arg(root()),
        Command::new("vyos-unregister")
            .hide(true)
            .about("Take the commands out of VyOS's caches")
            .arg(root()),
        Command::new("vyos-commit")
            .hide(true)
            .about("Take over what `service panoptikon` says, as JSON on standard input")
            .arg(flag("check", "Only find out whether it would be taken"))
            .arg(flag("booting", "The router starts: what is missing may come later")),
    ]
}

fn router() -> Command {
    let number = || {
        Arg::new("number")
            .value_name("NUMBER")
            .value_parser(clap::value_parser!(i64))
            .help("One change; all that wait if absent")
    };
    Command::new("router")
        .about("Show how things stand with the router, and settle changes that wait")
        .subcommand(Command::new("keep").about("Keep changes that wait").arg(number()))
        .subcommand(Command::new("undo").about("Undo changes that wait").arg(number()))
        .subcommand(Command::new("save").about("Save what the router runs"))
}

fn update() -> Command {
    let flag = |id: &'static str, help: &'static str| {
        Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
    };
    let file = |id: &'static str| Arg::new(id).value_name("FILE").value_hint(ValueHint::FilePath);
    Command::new("update")
        .about("Install a newer package; goes back by itself unless the new release is well")
        .arg(file("file").help("The package; its signature is FILE.minisig beside it"))
        .arg(file("signature").long("signature").requires("file").help("The signature"))
        .arg(flag("list", "Show how the last update ended, and what there is to go back to"))
        .arg(flag("rollback", "Go back to the previous release and its database"))
        .arg(flag("resume", "Go on with an update that was interrupted"))
        .arg(flag("force", "Do not ask").short('f').requires("rollback"))
        .group(ArgGroup::new("deed").args(["file", "list", "rollback", "resume"]).required(true))
}

fn flows() -> Command {
    Command::new("flows")
        .about("Read flows out of captures and files, without the appliance")
        .subcommand_required(true)
        .subcommand(
            Command::new("decode")
                .about("Print every flow record in a capture as a line of JSON")
                .long_about(
                    "Prints every flow record of NetFlow v5, v9, IPFIX and sFlow v5 in a capture, \
                     as a line of JSON: what all flows have in common, octets and packets scaled \
                     by the sampling, then each field as it came by its IANA name. What was \
                     malformed or could not be decoded is counted on standard error.",
                )
                .arg(
                    Arg::new("FILE")
                        .value_name("FILE")
                        .required(true)
                        .value_hint(ValueHint::FilePath)
                        .help("A capture, pcap or pcapng; - reads standard input"),
                ),
        )
        .subcommand(super::flows_import::command())
        .subcommand(super::flows_query::command())
}

fn vyos() -> Command {
    let file = |id: &'static str, help: &'static str| {
        Arg::new(id).value_name(id).required(true).value_hint(ValueHint::FilePath).help(help)
    };
    let form = |id: &'static str, help: &'static str| {
        Arg::new(id).long(id).action(ArgAction::SetTrue).conflicts_with("json").help(help)
    };
    Command::new("vyos")
        .about("Read and compare VyOS configurations, without a router")
        .subcommand_required(true)
        .subcommand(
            Command::new("parse")
                .about("Print a configuration as set lines, as the API's JSON or as a file")
                .arg(file("FILE", "A config.boot or the API's JSON; - reads standard input"))
                .arg(form("commands", "As set lines, which is what happens anyway"))
                .arg(form("boot", "As a config.boot").conflicts_with("commands")),
        )
        .subcommand(
            Command::new("diff")
                .about("List the commands that turn one configuration into another")
                .arg(file("FROM", "The configuration as it is"))
                .arg(file("TO", "The configuration as it shall be")),
        )
}

/// One flag a setting, and the one that names the file.
fn settings() -> Vec<Arg> {
    let heading = "Configuration";
    let mut flags = vec![
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_hint(ValueHint::FilePath)
            .global(true)
            .hide_short_help(true)
            .help_heading(heading)
            .help(format!("The configuration file [{FILE_VARIABLE}; {DEFAULT_FILE} if it exists]")),
    ];
    flags.extend(DEFINITIONS.iter().map(|d| {
        let default = if d.default.is_empty() { "empty" } else { d.default };
        Arg::new(d.key)
            .long(d.flag)
            .value_name("VALUE")
            .global(true)
            .hide_short_help(true)
            .allow_hyphen_values(true)
            .help_heading(heading)
            .help(format!(
                "{} Accepted: {} [{}; default: {default}]",
                d.help, d.accepts, d.variable
            ))
    }));
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_setting_has_its_flag() {
        for d in DEFINITIONS {
            let flag = format!("--{}=x", d.flag);
            let matches = command().try_get_matches_from(["panoptikon", "doctor", &flag]).unwrap();
            let (_, matches) = matches.subcommand().unwrap();
            assert_eq!(
                matches.get_one::<String>(d.key).map(String::as_str),
                Some("x"),
                "{}",
                d.key
            );
        }
    }
}
