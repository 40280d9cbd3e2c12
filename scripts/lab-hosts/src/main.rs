//! `lab-hosts`: the devices of the lab. Started by `scripts/lab` inside network namespaces; each
//! subcommand is one device or one small service of the home.

mod dns;
mod first_frame;
mod forward;
mod frame;
mod link;
mod lldp;
mod net;
mod persona;
mod resolver;
mod respond;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "lab-hosts", about = "The devices of the lab; started by scripts/lab")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One device in its own namespace: mDNS, SSDP, LLMNR, NetBIOS, open ports.
    Persona(persona::Options),
    /// Many hosts on one interface that answer ARP, neighbour discovery and ping.
    Respond(respond::Options),
    /// The managed switch's LLDP.
    Lldp(lldp::Options),
    /// The name server on the WAN.
    Dns(resolver::Options),
    /// Carry connections from one end to another, TCP or unix.
    Forward(forward::Options),
    /// Print when a host first speaks.
    FirstFrame(first_frame::Options),
    /// Print the first address of a network.
    FirstAddress {
        /// Such as 10.77.0.0/22.
        #[arg(long)]
        net: net::Net,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Persona(options) => persona::run(&options),
        Command::Respond(options) => respond::run(&options),
        Command::Lldp(options) => lldp::run(&options),
        Command::Dns(options) => resolver::run(&options),
        Command::Forward(options) => forward::run(&options),
        Command::FirstFrame(options) => first_frame::run(&options),
        Command::FirstAddress { net } => {
            println!("{}", net.address(1));
            Ok(())
        }
    }
}
