//! Wake-on-LAN: the magic packet, out of the interface on which the sleeper was last heard.
//!
//! Frames are sent as they are on that very interface: no route has a say in where they go.

use std::net::IpAddr;

use model::{DeviceId, Mac, NewEvent, Severity, Timestamp};
use nix::errno::Errno;
use serde::Serialize;
use serde_json::json;
use store::{StoreError, Writing};

use crate::device::Device;
use crate::discovery::Discovery;
use crate::edge::{EdgeError, prober};
use crate::error::DiscoveryError;
use crate::rounds::network;
use crate::segment::Segment;
use crate::sweep::frames::{self, Sender};

const ATTEMPT: &str = "wake the device";
/// A frame may get lost, and a second one wakes nobody twice.
const TIMES: usize = 2;

/// A magic packet that went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Woken {
    /// Whom it wakes.
    pub mac: Mac,
    /// The interfaces that it left by.
    pub interfaces: Vec<String>,
}

impl Discovery {
    /// Sends a device the magic packet, as a bare frame and by UDP, on the interface where it was
    /// last heard; one that was never heard gets it on all LAN interfaces. `also` runs in the
    /// transaction that stores the event, for the audit.
    ///
    /// # Errors
    /// [`DiscoveryError::Network`] where the interface is gone or down, or raw sockets are denied.
    pub async fn wake(
        &self,
        id: DeviceId,
        now: Timestamp,
        also: impl FnOnce(&mut Writing<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Woken, DiscoveryError> {
        let device = self.get(id).ok_or(DiscoveryError::NotFound(id))?;
        let segments = where_to(&device, &self.segments())?;
        let mac = device.mac;
        let woken = Woken { mac, interfaces: segments.iter().map(|s| s.name.clone()).collect() };
        let send = move || segments.iter().try_for_each(|segment| send(segment, mac));
        tokio::task::spawn_blocking(send)
            .await
            .map_err(|error| network(ATTEMPT, &error.to_string()))??;

        let place = woken.interfaces.join(", ");
        let event = NewEvent {
            at: now,
            source: "discovery",
            kind: "wake_sent",
            severity: Severity::Info,
            device: Some(id),
            summary: format!("Sent {} a wake-up call on {place}", device.name()),
            data: json!({ "name": device.name(), "mac": mac, "interfaces": woken.interfaces }),
        };
        let events = self.inner.events.clone();
        let write = move |w: &mut Writing<'_>| {
            events.append(w, event)?;
            also(w)?;
            Ok::<_, DiscoveryError>(())
        };
        self.inner.store.write_synced("wake", write).await?;
        Ok(woken)
    }
}

fn where_to(device: &Device, segments: &[Segment]) -> Result<Vec<Segment>, DiscoveryError> {
    let Some(name) = &device.interface else {
        if segments.is_empty() {
            return Err(network(ATTEMPT, "there is no LAN interface to send on"));
        }
        return Ok(segments.to_vec());
    };
    let gone = || {
        let why = format!("the interface {name}, where it was last heard, is gone or down");
        network(ATTEMPT, &why)
    };
    let segment = segments.iter().find(|s| s.name == *name).ok_or_else(gone)?;
    Ok(vec![segment.clone()])
}

fn send(segment: &Segment, sleeper: Mac) -> Result<(), DiscoveryError> {
    let mut packets = vec![frames::wake(segment.mac, sleeper)];
    let own = segment.networks.iter().find_map(|n| match n.own {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    if let Some(ip) = own {
        let from = Sender { mac: segment.mac, ip };
        packets.push(frames::wake_udp(from, sleeper));
    }
    let packets: Vec<_> = packets.iter().cycle().take(packets.len() * TIMES).cloned().collect();
    prober::send_once(segment.index, &packets).map_err(|error| explain(&segment.name, &error))
}

/// What a person can do about it.
fn explain(interface: &str, error: &EdgeError) -> DiscoveryError {
    let (EdgeError::Open { source, .. } | EdgeError::Send { source, .. }) = error else {
        return network(ATTEMPT, &format!("{interface}: {error}"));
    };
    let why = match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => {
            "raw sockets are denied: run as root, or grant CAP_NET_RAW".to_owned()
        }
        Some(Errno::ENODEV | Errno::ENXIO) => {
            format!("the interface {interface}, where it was last heard, is gone")
        }
        Some(Errno::ENETDOWN) => {
            format!("the interface {interface}, where it was last heard, is down")
        }
        _ => format!("{interface}: {source}"),
    };
    network(ATTEMPT, &why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ring::{Instruction, PacketSocket};

    use super::*;
    use crate::testing::{NOW, block_on, device, in_namespace, index, ip, lan, segment};

    const EVERYTHING: [Instruction; 1] =
        [Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 1_518 }];

    /// Magic packets that arrive within a moment.
    fn arriving(socket: &PacketSocket) -> Vec<Vec<u8>> {
        let mut buffer = [0; 1_518];
        let mut frames = Vec::new();
        while let Ok(Some(length)) = socket.receive(&mut buffer, Duration::from_millis(200)) {
            let frame = &buffer[..length];
            if frame.windows(6).any(|w| w == [0xff; 6]) && frame.len() >= 116 {
                frames.push(frame.to_vec());
            }
        }
        frames
    }

    #[test]
    fn the_magic_packet_leaves_the_interface_of_the_sleeper_and_no_other() {
        in_namespace(|| {
            for (name, peer) in [("wan0", "far0"), ("eth1", "far1"), ("eth2", "far2")] {
                ip(&format!("link add {name} type veth peer name {peer}"));
                ip(&format!("link set {name} up"));
                ip(&format!("link set {peer} up"));
            }
            ip("addr add 192.0.2.2/24 dev wan0");
            ip("route add default via 192.0.2.1");
            let hear = |peer| PacketSocket::open(index(peer), &EVERYTHING).expect("a socket");
            let (wan, one, two) = (hear("far0"), hear("far1"), hear("far2"));
            let segments = vec![
                segment(index("eth1"), "eth1", "10.77.1.1/24"),
                segment(index("eth2"), "eth2", "10.77.2.1/24"),
            ];
            let sleeper = device(7, "10.77.2.7", "eth2");
            let mut stranger = device(8, "10.77.2.8", "eth2");
            stranger.interface = None;
            let lan = lan(&[sleeper.clone(), stranger], segments);
            let woken = block_on(lan.discovery.wake(DeviceId(7), NOW, |_| Ok(()))).expect("sent");
            assert_eq!(woken.interfaces, ["eth2"]);

            let frames = arriving(&two);
            let magic = frames::magic_packet(sleeper.mac);
            assert_eq!(frames.len(), 2 * TIMES, "bare and by UDP");
            for frame in &frames {
                assert_eq!(frame[..6], Mac::BROADCAST.0);
                assert_eq!(frame[frame.len() - 102..], magic);
            }
            assert_eq!(frames[0][12..14], [0x08, 0x42]);
            assert!(arriving(&one).is_empty() && arriving(&wan).is_empty());

            let told = block_on(lan.discovery.timeline(DeviceId(7), 5)).expect("read");
            assert_eq!(told[0].kind, "wake_sent");

            let woken = block_on(lan.discovery.wake(DeviceId(8), NOW, |_| Ok(()))).expect("sent");
            assert_eq!(woken.interfaces, ["eth1", "eth2"], "never heard: everywhere");
            assert!(!arriving(&one).is_empty() && arriving(&wan).is_empty());
        });
    }

    #[test]
    fn an_interface_that_is_gone_is_said() {
        in_namespace(|| {
            let segments = vec![segment(9_999, "eth2", "10.77.2.1/24")];
            let lan =
                lan(&[device(7, "10.77.2.7", "eth2"), device(8, "10.77.2.8", "eth3")], segments);
            for (id, gone) in [(7, "eth2"), (8, "eth3")] {
                let error = block_on(lan.discovery.wake(DeviceId(id), NOW, |_| Ok(())))
                    .expect_err("nowhere to send");
                let wanted = format!("the interface {gone}, where it was last heard, is gone");
                assert!(error.to_string().contains(&wanted), "{error}");
            }
            assert!(block_on(lan.discovery.timeline(DeviceId(7), 5)).expect("read").is_empty());
        });
    }

    #[test]
    fn denied_raw_sockets_are_explained() {
        let source = std::io::Error::from_raw_os_error(Errno::EPERM as i32);
        let error = explain("eth1", &EdgeError::Open { interface: 1, source });
        assert_eq!(
            error.to_string(),
            "cannot wake the device: raw sockets are denied: run as root, or grant CAP_NET_RAW"
        );
    }
}
