//! Who is behind a VPN, by name: peers of `WireGuard` and clients of `OpenVPN` servers, with the
//! addresses and networks that the configuration gives them.

use super::read::Reader;
use super::wireguard;
use crate::config::Node;

/// Somebody at the other end of a VPN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpnPeer {
    /// `wg0` or `vtun0`.
    pub interface: String,
    /// Its name in the configuration.
    pub name: String,
    /// Addresses and networks behind it, in the configuration's words.
    pub networks: Vec<String>,
}

/// All of them that are switched on and have an address.
pub fn vpn_peers(root: &Node) -> Vec<VpnPeer> {
    let mut all = Vec::new();
    for interface in wireguard(root).into_iter().filter(|one| !one.disabled) {
        for peer in interface.peers.into_iter().filter(|peer| !peer.disabled) {
            let (interface, networks) = (interface.name.clone(), peer.allowed_ips);
            all.push(VpnPeer { interface, name: peer.name, networks });
        }
    }
    for (interface, mut reader) in Reader::of(root.at(["interfaces"])).each("openvpn") {
        if reader.flag("disable") {
            continue;
        }
        let Some(mut server) = reader.group("server") else { continue };
        for (name, mut client) in server.each("client") {
            if !client.flag("disable") {
                let networks = [client.texts("ip"), client.texts("subnet")].concat();
                all.push(VpnPeer { interface: interface.clone(), name, networks });
            }
        }
    }
    all.retain(|peer| !peer.networks.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    #[test]
    fn peers_and_clients_are_told_with_what_is_behind_them_and_others_are_not() {
        let text = r"
            interfaces {
                openvpn vtun0 {
                    mode server
                    server {
                        client ben {
                            ip 10.10.0.5
                            subnet 192.168.50.0/24
                        }
                        client floating { }
                        client gone { disable; ip 10.10.0.6 }
                        subnet 10.10.0.0/24
                    }
                }
                openvpn vtun1 { mode client }
                wireguard wg0 {
                    peer anna { allowed-ips 10.9.0.7/32 }
                    peer off { allowed-ips 10.9.0.8/32; disable }
                }
            }";
        let text = text.replace(';', "\n").replace("{ ", "{\n").replace(" }", "\n}");
        let root = Document::parse(&text).unwrap().root;
        let peer = |interface: &str, name: &str, networks: &[&str]| VpnPeer {
            interface: interface.to_owned(),
            name: name.to_owned(),
            networks: networks.iter().map(|&text| text.to_owned()).collect(),
        };
        let wanted = [
            peer("wg0", "anna", &["10.9.0.7/32"]),
            peer("vtun0", "ben", &["10.10.0.5", "192.168.50.0/24"]),
        ];
        assert_eq!(vpn_peers(&root), wanted);
    }
}
