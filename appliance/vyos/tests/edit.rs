//! What people change about interfaces, routes, DHCP, DNS, VPNs and services, and the commands that it
//! takes.

mod support;

use panoptikon_vyos::config::{Document, Node};
use panoptikon_vyos::edit::{
    DnsForwardingEdit, DomainEdit, HostMappingEdit, HttpsEdit, InterfaceEdit, NtpEdit, PeerEdit,
    RangeEdit, RouteEdit, SshEdit, StaticMappingEdit, Steering, SubnetEdit, TimeServerEdit,
    WireGuardEdit, steerings,
};
use panoptikon_vyos::facts::routes::Discard;
use panoptikon_vyos::facts::{self, Family, Hop, Table};
use support::{CURRENT, HOUSE, KEY, OTHER_KEY, SAGITTA, change, refused, texts};

#[test]
fn an_interface_is_changed_by_no_more_than_what_differs() {
    let changed = change(CURRENT, |draft| {
        draft.edit_interface(
            "eth1",
            &InterfaceEdit {
                description: Some("Home".to_owned()),
                mtu: Some(1400),
                addresses: texts(&["192.168.1.1/24", "10.0.0.1/24"]),
                disabled: false,
            },
        )?;
        draft.enable_interface("eth2", false)
    });
    assert_eq!(
        changed.lines,
        [
            "delete interfaces ethernet eth1 description LAN",
            "set interfaces ethernet eth1 address 10.0.0.1/24",
            "set interfaces ethernet eth1 description Home",
            "set interfaces ethernet eth1 mtu 1400",
            "set interfaces ethernet eth2 disable",
        ]
    );
    let vlan = change(HOUSE, |draft| draft.enable_interface("eth1.20", true));
    assert_eq!(vlan.lines, ["delete interfaces ethernet eth1 vif 20 disable"]);
    let emptied = change(CURRENT, |draft| draft.edit_interface("eth1", &InterfaceEdit::default()));
    assert!(!emptied.lines.iter().any(|line| line == "delete interfaces ethernet eth1"));
}

#[test]
fn what_an_interface_cannot_be_is_refused_field_by_field() {
    let error = refused(CURRENT, |draft| {
        draft.edit_interface(
            "eth1",
            &InterfaceEdit {
                description: Some("it's".to_owned()),
                mtu: Some(1),
                addresses: texts(&["dhcp", "192.168.1.0/24"]),
                disabled: false,
            },
        )
    });
    let fields: Vec<&str> = error.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["description", "mtu", "addresses"]);
    assert!(refused(CURRENT, |draft| draft.enable_interface("eth9", true)).field("name").is_some());
    assert!(
        refused(CURRENT, |draft| draft.enable_interface("lo", false)).field("disabled").is_some()
    );
}

#[test]
fn routes_are_made_changed_and_taken_away() {
    let edit = RouteEdit {
        destination: "2001:db8:2::/48".to_owned(),
        description: Some("Lab".to_owned()),
        hops: vec![Hop {
            gateway: Some("2001:db8::9".to_owned()),
            distance: Some(5),
            ..Hop::default()
        }],
        blackhole: Some(Discard { distance: Some(250), tag: None }),
        ..RouteEdit::default()
    };
    let changed = change(HOUSE, |draft| draft.set_route(&edit));
    let routes = facts::static_routes(&changed.root);
    let made = routes.iter().find(|route| route.destination == edit.destination).unwrap();
    assert_eq!(RouteEdit::from(made), edit);
    let changed = change(HOUSE, |draft| {
        draft.delete_route(&Table::Main, "0.0.0.0/0")?;
        draft.delete_route(&Table::Number(100), "0.0.0.0/0")
    });
    assert_eq!(
        changed.lines,
        ["delete protocols static route 0.0.0.0/0", "delete protocols static table"]
    );
    let error = refused(HOUSE, |draft| {
        draft.set_route(&RouteEdit {
            destination: "10.0.0.1/8".to_owned(),
            hops: vec![Hop { gateway: Some("2001:db8::9".to_owned()), ..Hop::default() }],
            ..RouteEdit::default()
        })
    });
    assert!(error.field("destination").unwrap().contains("10.0.0.0/8"));
    assert!(error.field("hops").is_some());
}

#[test]
fn a_fixed_address_is_written_in_the_words_of_the_release() {
    let edit = StaticMappingEdit {
        name: "tv".to_owned(),
        mac: Some("02:00:00:00:10:AA".to_owned()),
        address: Some("192.168.1.30".to_owned()),
        ..StaticMappingEdit::default()
    };
    let at = |text: &str| {
        change(text, |draft| draft.set_static_mapping("LAN", "192.168.1.0/24", None, &edit)).lines
    };
    let path =
        "set service dhcp-server shared-network-name LAN subnet 192.168.1.0/24 static-mapping tv";
    let address = format!("{path} ip-address 192.168.1.30");
    assert_eq!(at(SAGITTA), [address.clone(), format!("{path} mac-address 02:00:00:00:10:aa")]);
    assert_eq!(at(CURRENT), [address, format!("{path} mac 02:00:00:00:10:aa")]);
}

#[test]
fn a_fixed_address_that_is_taken_or_elsewhere_is_refused() {
    let attempt = |text: &str, edit: StaticMappingEdit| {
        refused(text, |draft| draft.set_static_mapping("LAN", "192.168.1.0/24", None, &edit))
    };
    let edit = StaticMappingEdit {
        name: "tv".to_owned(),
        mac: Some("02:00:00:00:10:10".to_owned()),
        address: Some("192.168.1.20".to_owned()),
        ..StaticMappingEdit::default()
    };
    let error = attempt(CURRENT, edit.clone());
    assert_eq!(error.field("mac"), Some("nas has it already"));
    assert_eq!(error.field("address"), Some("printer has it already"));
    let error = attempt(
        SAGITTA,
        StaticMappingEdit {
            address: Some("192.168.2.20".to_owned()),
            description: Some("x".to_owned()),
            mac: None,
            ..edit
        },
    );
    assert!(error.field("address").is_some() && error.field("description").is_some());
    assert!(error.field("mac").is_some());
}

#[test]
fn a_fixed_address_gets_another_name_and_goes() {
    let changed = change(CURRENT, |draft| {
        let edit = StaticMappingEdit {
            name: "laser".to_owned(),
            mac: Some("02:00:00:00:10:20".to_owned()),
            address: Some("192.168.1.20".to_owned()),
            ..StaticMappingEdit::default()
        };
        draft.set_static_mapping("LAN", "192.168.1.0/24", Some("printer"), &edit)?;
        draft.delete_static_mapping("LAN", "192.168.1.0/24", "nas")
    });
    let dhcp = facts::dhcp_server(&changed.root, Family::Ipv4).unwrap();
    let names: Vec<_> =
        dhcp.networks[0].subnets[0].mappings.iter().map(|m| m.name.clone()).collect();
    assert_eq!(names, ["laser"]);
}

#[test]
fn pools_and_options_are_what_was_asked_for_in_both_releases() {
    let edit = SubnetEdit {
        lease_seconds: Some(3600),
        ranges: vec![RangeEdit {
            name: "1".to_owned(),
            start: "192.168.1.50".to_owned(),
            stop: "192.168.1.60".to_owned(),
        }],
        excluded: texts(&["192.168.1.55"]),
        default_router: Some("192.168.1.1".to_owned()),
        name_servers: texts(&["192.168.1.1", "9.9.9.9"]),
        domain_name: Some("home.arpa".to_owned()),
        domain_search: texts(&["home.arpa"]),
        ntp_servers: texts(&["192.168.1.1"]),
    };
    for text in [SAGITTA, CURRENT] {
        let changed = change(text, |draft| draft.edit_dhcp_subnet("LAN", "192.168.1.0/24", &edit));
        let dhcp = facts::dhcp_server(&changed.root, Family::Ipv4).unwrap();
        assert_eq!(SubnetEdit::from(&dhcp.networks[0].subnets[0]), edit);
        assert_eq!(
            changed.lines.iter().any(|line| line.contains("option")),
            text == CURRENT,
            "{:?}",
            changed.lines
        );
    }
    let error = refused(CURRENT, |draft| {
        let mut twice = edit.clone();
        twice.ranges.push(RangeEdit { name: "2".to_owned(), ..twice.ranges[0].clone() });
        draft.edit_dhcp_subnet("LAN", "192.168.1.0/24", &twice)
    });
    assert_eq!(error.field("ranges"), Some("1 and 2 overlap"));
}

#[test]
fn dns_is_what_was_asked_for() {
    let dns = |root: &Node| facts::dns_forwarding(root).unwrap();
    let before = Document::parse(HOUSE).unwrap().root;
    let mut edit = DnsForwardingEdit::from(&dns(&before));
    edit.name_servers.remove(0);
    edit.name_servers.push(panoptikon_vyos::edit::ServerEdit {
        address: "1.1.1.1".to_owned(),
        port: Some(5353),
    });
    edit.uses_system = true;
    edit.cache_size = Some(0);
    let domain = DomainEdit {
        domain: "ads.example".to_owned(),
        name_servers: vec![panoptikon_vyos::edit::ServerEdit {
            address: "127.0.0.1".to_owned(),
            port: None,
        }],
        recursion_desired: true,
        negative_trust_anchor: false,
    };
    let host = HostMappingEdit {
        name: "tv".to_owned(),
        addresses: texts(&["192.168.1.30"]),
        aliases: vec![],
    };
    let changed = change(HOUSE, |draft| {
        draft.edit_dns_forwarding(&edit)?;
        draft.set_dns_domain(&domain)?;
        draft.delete_dns_domain("corp.example")?;
        draft.set_host_mapping(&host)?;
        draft.delete_host_mapping("nas")
    });
    let after = dns(&changed.root);
    assert_eq!(DnsForwardingEdit::from(&after), edit);
    assert_eq!(after.domains.iter().map(DomainEdit::from).collect::<Vec<_>>(), [domain]);
    let hosts = facts::host_mappings(&changed.root);
    assert_eq!(hosts.iter().map(HostMappingEdit::from).collect::<Vec<_>>(), [host]);
}

#[test]
fn wireguard_peers_are_made_changed_and_taken_away() {
    let peer = PeerEdit {
        name: "tablet".to_owned(),
        public_key: OTHER_KEY.to_owned(),
        allowed_ips: texts(&["10.99.0.9/32"]),
        endpoint_address: Some("198.51.100.7".to_owned()),
        endpoint_port: Some(51820),
        keepalive: Some(25),
        ..PeerEdit::default()
    };
    let changed = change(CURRENT, |draft| {
        draft.set_peer("wg0", None, &peer)?;
        draft.delete_peer("wg0", "phone")?;
        draft.set_wireguard(
            "wg1",
            &WireGuardEdit {
                addresses: texts(&["10.98.0.1/24"]),
                port: Some(51821),
                private_key: Some(OTHER_KEY.to_owned()),
                ..WireGuardEdit::default()
            },
        )?;
        draft.set_peer("wg1", None, &peer)
    });
    let all = facts::wireguard(&changed.root);
    assert_eq!(
        all[0].peers.iter().map(PeerEdit::from).collect::<Vec<_>>(),
        std::slice::from_ref(&peer)
    );
    assert!(all[1].has_private_key);
    let error = refused(CURRENT, |draft| {
        draft.set_peer(
            "wg0",
            None,
            &PeerEdit {
                public_key: KEY.to_owned(),
                allowed_ips: texts(&["10.99.0.2/32"]),
                keepalive: Some(0),
                endpoint_port: None,
                ..peer.clone()
            },
        )
    });
    assert_eq!(error.field("public_key"), Some("phone has it already"));
    assert_eq!(error.fields.len(), 4, "{error}");
    assert!(refused(CURRENT, |draft| draft.delete_peer("wg0", "phone")).field("name").is_some());
    let secret = WireGuardEdit { private_key: Some(KEY.to_owned()), ..WireGuardEdit::default() };
    assert!(!format!("{secret:?}").contains(KEY), "no key in debug output");
    let error = refused(CURRENT, |draft| {
        draft.set_wireguard(
            "wg7",
            &WireGuardEdit { private_key: Some("hunter2".to_owned()), ..WireGuardEdit::default() },
        )
    });
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn services_are_what_was_asked_for() {
    let ssh = SshEdit {
        enabled: true,
        ports: vec![22, 2022],
        listen_addresses: texts(&["192.168.1.1"]),
        without_passwords: true,
    };
    let ntp = NtpEdit {
        servers: vec![TimeServerEdit {
            server: "time.example".to_owned(),
            nts: true,
            ..TimeServerEdit::default()
        }],
        listen_addresses: vec![],
        allowed: texts(&["192.168.1.0/24"]),
    };
    let https = HttpsEdit { port: None, listen_addresses: texts(&["127.0.0.1"]), allowed: vec![] };
    let changed = change(CURRENT, |draft| {
        draft.edit_ssh(&ssh)?;
        draft.edit_ntp(&ntp)?;
        draft.edit_https(&https)
    });
    assert_eq!(SshEdit::of(&changed.root), ssh);
    assert_eq!(NtpEdit::of(&changed.root), Some(ntp));
    assert_eq!(HttpsEdit::of(&changed.root), Some(https));
    let changed = change(CURRENT, |draft| draft.edit_ssh(&SshEdit::default()));
    assert_eq!(changed.lines, ["delete service ssh"]);
    let changed =
        change(CURRENT, |draft| draft.edit_ssh(&SshEdit { enabled: true, ..SshEdit::default() }));
    assert_eq!(changed.lines, ["delete service ssh port"], "it still runs, on its own port");
}

#[test]
fn devices_are_sent_through_a_tunnel_and_back() {
    let edit = Steering {
        name: "TV".to_owned(),
        devices: texts(&["192.168.1.30", "02:00:00:00:00:03"]),
        from: texts(&["eth1"]),
        via: "wg0".to_owned(),
        table: None,
        kill_switch: true,
    };
    let changed = change(CURRENT, |draft| draft.set_steering(&edit));
    let found = steerings(&changed.root);
    assert_eq!(found, [Steering { table: Some(100), ..edit.clone() }]);
    for line in [
        "set policy route TV interface eth1",
        "set policy route TV rule 10 destination address 192.168.1.0/24",
        "set policy route TV rule 10 set table main",
        "set policy route TV rule 20 source address 192.168.1.30",
        "set policy route TV rule 20 set table 100",
        "set policy route6 TV rule 10 source mac-address 02:00:00:00:00:03",
        "set protocols static table 100 route 0.0.0.0/0 blackhole distance 254",
        "set protocols static table 100 route 0.0.0.0/0 interface wg0",
        "set protocols static table 100 route6 ::/0 blackhole distance 254",
    ] {
        assert!(changed.lines.iter().any(|known| known == line), "{line}: {:#?}", changed.lines);
    }
    let again = change(CURRENT, |draft| {
        draft.set_steering(&edit)?;
        draft.set_steering(&Steering {
            kill_switch: false,
            devices: texts(&["192.168.1.31"]),
            ..edit.clone()
        })
    });
    assert!(!again.lines.iter().any(|line| line.contains("blackhole") || line.contains("route6")));
    let back = change(CURRENT, |draft| {
        draft.set_steering(&edit)?;
        draft.delete_steering("TV")
    });
    assert_eq!(back.lines, [""; 0]);
    let error = refused(CURRENT, |draft| {
        draft.set_steering(&Steering {
            via: "eth1".to_owned(),
            devices: texts(&["tv"]),
            ..edit.clone()
        })
    });
    assert!(error.field("via").is_some() && error.field("devices").is_some());
}

#[test]
fn containers_are_switched() {
    let changed = change(HOUSE, |draft| draft.enable_container("adguard", false));
    assert_eq!(changed.lines, ["set container name adguard disable"]);
    assert!(refused(HOUSE, |draft| draft.enable_container("nope", true)).field("name").is_some());
}
