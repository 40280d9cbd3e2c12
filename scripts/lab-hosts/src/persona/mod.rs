//! One device in its own namespace: sockets, timers and open ports around [`device::Device`].
//! Runs until killed; follows the host's addresses as they change.

mod device;
mod kinds;
mod netbios;
mod ports;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use model::Mac;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::dns::{self, Message};
use crate::net::Dice;
use device::Device;

const MDNS: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5353);
const SSDP: (Ipv4Addr, u16) = (Ipv4Addr::new(239, 255, 255, 250), 1900);
const LLMNR: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 252), 5355);
const NETBIOS_PORT: u16 = 137;

/// How often the addresses of the host are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What `lab-hosts persona` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Kind of device, as in the host table.
    #[arg(long, value_parser = parse_kind)]
    kind: &'static kinds::Kind,
    /// Its interface.
    #[arg(long)]
    interface: String,
    /// Its host name.
    #[arg(long)]
    name: String,
    /// Name server that it asks now and then.
    #[arg(long)]
    dns: Ipv4Addr,
    /// The router's IPv6 address, which it talks to now and then when it has one of its own.
    #[arg(long, default_value = "fd00:50::1")]
    router: Ipv6Addr,
}

fn parse_kind(text: &str) -> Result<&'static kinds::Kind, String> {
    kinds::kind(text).ok_or_else(|| {
        let names: Vec<&str> = kinds::all().map(|kind| kind.name).collect();
        format!("no kind `{text}`; known are {}", names.join(", "))
    })
}

/// What a device does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Announce,
    Notify,
    Browse,
    Register,
    AskDns,
    AskDhcpv6,
}

/// Task, first time after an address change, and period; each device is a little out of step.
const TASKS: [(Task, u64, u64); 6] = [
    (Task::Announce, 200, 120_000),
    (Task::Notify, 400, 60_000),
    (Task::Register, 600, 600_000),
    (Task::AskDns, 50, 25_000),
    (Task::AskDhcpv6, 1_500, 300_000),
    (Task::Browse, 2_000, 45_000),
];

/// Runs until killed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let index = if_nametoindex(options.interface.as_str())
        .with_context(|| format!("find {}", options.interface))?;
    ports::open(options.kind.ports)?;
    let mut persona = Persona::open(options, index)?;
    loop {
        persona.look()?;
        persona.work();
        persona.wait();
        persona.answer();
    }
}

struct Persona {
    device: Device,
    interface: String,
    index: u32,
    dns: Ipv4Addr,
    router: Ipv6Addr,
    mdns: UdpSocket,
    ssdp: UdpSocket,
    llmnr: UdpSocket,
    netbios: UdpSocket,
    six: Option<UdpSocket>,
    agenda: Vec<(Instant, Task, Duration)>,
    replies: Vec<(Instant, SocketAddr, Vec<u8>)>,
    looked: Option<Instant>,
    turn: usize,
    dice: Dice,
}

impl Persona {
    fn open(options: &Options, index: u32) -> Result<Self> {
        let (mac, _) = addresses(&options.interface)?;
        let group = |(group, port), ttl| multicast(group, port, index, ttl);
        let netbios =
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, NETBIOS_PORT)).context("listen on port 137")?;
        netbios.set_broadcast(true)?;
        netbios.set_nonblocking(true)?;
        // Without IPv6 in the kernel or on this host the device does without.
        let six = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 546)).ok();
        Ok(Self {
            device: Device {
                kind: options.kind,
                host: options.name.clone(),
                mac,
                addresses: Vec::new(),
            },
            interface: options.interface.clone(),
            index,
            dns: options.dns,
            router: options.router,
            mdns: group(MDNS, 255).context("listen for mDNS")?,
            ssdp: group(SSDP, 4).context("listen for SSDP")?,
            llmnr: group(LLMNR, 1).context("listen for LLMNR")?,
            netbios,
            six,
            agenda: Vec::new(),
            replies: Vec::new(),
            looked: None,
            turn: 0,
            dice: Dice::new(mac.to_u64()),
        })
    }

    /// Looks at the host's addresses; when they changed, everything is told anew.
    fn look(&mut self) -> Result<()> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let (mac, addresses) = addresses(&self.interface)?;
        if (mac, &addresses) == (self.device.mac, &self.device.addresses) {
            return Ok(());
        }
        self.device.mac = mac;
        self.device.addresses = addresses;
        if let Some(address) = self.device.ipv4() {
            for socket in [&self.mdns, &self.ssdp, &self.llmnr] {
                // The address may be gone again; the next look tells.
                let _ = socket2::SockRef::from(socket).set_multicast_if_v4(&address);
            }
        }
        let now = Instant::now();
        let jitter = self.dice.below(500);
        self.agenda = TASKS
            .iter()
            .map(|(task, first, every)| {
                (
                    now + Duration::from_millis(first + jitter),
                    *task,
                    Duration::from_millis(every + jitter * 10),
                )
            })
            .collect();
        // Twice, a second apart (RFC 6762, 8.3); and IPv6 addresses are of use only after their duplicate check.
        let once_more = now + Duration::from_millis(1_200 + jitter);
        self.agenda.push((once_more, Task::Announce, Duration::MAX));
        self.agenda.push((once_more + Duration::from_secs(1), Task::AskDns, Duration::MAX));
        Ok(())
    }

    /// Does what is due. A datagram that cannot be sent (no address yet, cable out) is lost, as on any host.
    fn work(&mut self) {
        let now = Instant::now();
        let due: Vec<Task> =
            self.agenda.iter().filter(|(at, ..)| *at <= now).map(|(_, task, _)| *task).collect();
        self.agenda.retain_mut(|(at, _, every)| {
            if *at > now {
                return true;
            }
            let again = *every != Duration::MAX;
            if again {
                *at = now + *every;
            }
            again
        });
        for task in due {
            self.perform(task);
        }
        let mut waiting = Vec::new();
        for (at, to, bytes) in self.replies.drain(..) {
            if at <= now {
                let _ = self.mdns.send_to(&bytes, to);
            } else {
                waiting.push((at, to, bytes));
            }
        }
        self.replies = waiting;
    }

    fn perform(&mut self, task: Task) {
        let device = &self.device;
        match task {
            Task::Announce => {
                for bytes in device.announcements() {
                    let _ = self.mdns.send_to(&bytes, MDNS);
                }
            }
            Task::Notify => {
                for text in device.notifications() {
                    let _ = self.ssdp.send_to(text.as_bytes(), SSDP);
                }
            }
            Task::Browse => {
                if let Some(bytes) = device.browse(self.turn) {
                    let _ = self.mdns.send_to(&bytes, MDNS);
                }
                self.turn = self.turn.wrapping_add(1);
            }
            Task::Register => {
                if let Some(bytes) = device.netbios_registration() {
                    let _ = self.netbios.send_to(&bytes, (Ipv4Addr::BROADCAST, NETBIOS_PORT));
                }
            }
            Task::AskDns => self.ask_dns(),
            Task::AskDhcpv6 => {
                let to = SocketAddrV6::new(
                    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2),
                    547,
                    0,
                    self.index,
                );
                if let (Some(bytes), Some(socket)) =
                    (device.dhcpv6(self.dice.next() as u32), &self.six)
                {
                    let _ = socket.send_to(&bytes, to);
                }
            }
        }
    }

    /// Ordinary traffic through the router, which keeps its neighbour table alive: a name looked up over each family.
    fn ask_dns(&mut self) {
        let query = Message::with_flags(self.dice.next() as u16, 0x0100)
            .question(&dns::name("diskstation.home.arpa"), dns::A)
            .bytes();
        if self.device.ipv4().is_some()
            && let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        {
            let _ = socket.send_to(&query, (self.dns, 53));
        }
        let global = |a: &IpAddr| matches!(a, IpAddr::V6(a) if !a.is_unicast_link_local());
        if self.device.addresses.iter().any(global)
            && let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
        {
            let _ = socket.send_to(&query, (self.router, 53));
        }
    }

    /// Waits for a datagram or the next thing to do.
    fn wait(&self) {
        let next = self
            .agenda
            .iter()
            .map(|(at, ..)| *at)
            .chain(self.replies.iter().map(|(at, ..)| *at))
            .min();
        let millis = next
            .map_or(LOOK, |at| at.saturating_duration_since(Instant::now()).min(LOOK))
            .as_millis() as u16
            + 1;
        let mut fds = [&self.mdns, &self.ssdp, &self.llmnr, &self.netbios]
            .map(|s| PollFd::new(s.as_fd(), PollFlags::POLLIN));
        let _ = poll(&mut fds, PollTimeout::from(millis));
    }

    /// Reads and answers all datagrams that wait.
    fn answer(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.mdns.recv_from(&mut buffer) {
            if let Some(reply) = self.device.mdns(&buffer[..length], from.port()) {
                let to = if reply.unicast { from } else { SocketAddr::from(MDNS) };
                // Shared records wait 20 to 120 ms, so that not all speak at once (RFC 6762, 6).
                let at = Instant::now() + Duration::from_millis(20 + self.dice.below(100));
                self.replies.push((at, to, reply.bytes));
            }
        }
        while let Ok((length, from)) = self.ssdp.recv_from(&mut buffer) {
            if let Some(reply) = self.device.ssdp(&buffer[..length]) {
                let _ = self.ssdp.send_to(reply.as_bytes(), from);
            }
        }
        while let Ok((length, from)) = self.llmnr.recv_from(&mut buffer) {
            if let Some(reply) = self.device.llmnr(&buffer[..length]) {
                let _ = self.llmnr.send_to(&reply, from);
            }
        }
        while let Ok((length, from)) = self.netbios.recv_from(&mut buffer) {
            if let Some(reply) = self.device.netbios(&buffer[..length]) {
                let _ = self.netbios.send_to(&reply, from);
            }
        }
    }
}

/// A socket on `port` that hears `group` on one interface, cable in or out.
fn multicast(group: Ipv4Addr, port: u16, index: u32, ttl: u32) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
    socket.set_multicast_ttl_v4(ttl)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// MAC and addresses of an interface; IPv4 first.
fn addresses(interface: &str) -> Result<(Mac, Vec<IpAddr>)> {
    let mut mac = Mac::ZERO;
    let mut all = Vec::new();
    for entry in
        getifaddrs().context("list the addresses")?.filter(|e| e.interface_name == interface)
    {
        let Some(address) = entry.address else {
            continue;
        };
        if let Some(link) = address.as_link_addr() {
            mac = link.addr().map_or(mac, Mac);
        } else if let Some(four) = address.as_sockaddr_in() {
            all.push(IpAddr::V4(four.ip()));
        } else if let Some(six) = address.as_sockaddr_in6() {
            all.push(IpAddr::V6(six.ip()));
        }
    }
    all.sort();
    Ok((mac, all))
}
