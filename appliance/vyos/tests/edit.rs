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
fn a_new_network_gets_a_number_where_the_release_needs_one() {
    let ranges = vec![RangeEdit {
        name: "0".to_owned(),
        start: "10.99.0.100".to_owned(),
        stop: "10.99.0.120".to_owned(),
    }];
    let edit = SubnetEdit {
        ranges,
        default_router: Some("10.99.0.1".to_owned()),
        ..SubnetEdit::default()
    };
    let at = "set service dhcp-server shared-network-name ROAD subnet 10.99.0.0/24";
    let lines = |text: &str| {
        change(text, |draft| draft.add_dhcp_subnet("ROAD", "10.99.0.0/24", &edit)).lines
    };
    assert_eq!(
        lines(SAGITTA),
        [
            format!("{at} default-router 10.99.0.1"),
            format!("{at} range 0 start 10.99.0.100"),
            format!("{at} range 0 stop 10.99.0.120"),
        ]
    );
    assert_eq!(
        lines(CURRENT),
        [
            format!("{at} option default-router 10.99.0.1"),
            format!("{at} range 0 start 10.99.0.100"),
            format!("{at} range 0 stop 10.99.0.120"),
            format!("{at} subnet-id 2"),
        ]
    );
}

#[test]
fn a_new_network_that_overlaps_or_leads_nowhere_is_refused() {
    let edit = SubnetEdit::default();
    let attempt = |network: &str, prefix: &str| {
        refused(CURRENT, |draft| draft.add_dhcp_subnet(network, prefix, &edit))
    };
    let error = attempt("LAN", "192.168.1.128/25");
    assert_eq!(error.field("subnet"), Some("192.168.1.0/24 in LAN overlaps it"));
    assert_eq!(error.field("ranges"), Some("a subnet needs a pool or a fixed address"));
    assert!(attempt("a b", "10.99.0.0/24").field("network").is_some());
    assert!(attempt("NEW", "10.99.0.7/24").field("subnet").is_some());
    assert!(attempt("NEW", "2001:db8:1::/64").field("subnet").is_some(), "no interface is in it");
}

#[test]
fn a_network_goes_with_its_last_subnet_and_the_server_with_its_last_network() {
    let changed = change(CURRENT, |draft| draft.delete_dhcp_subnet("LAN", "192.168.1.0/24"));
    assert_eq!(changed.lines, ["delete service dhcp-server"]);
}

#[test]
fn dhcp_for_ipv6_is_written_in_the_words_of_the_release() {
    let edit = SubnetEdit {
        lease_seconds: Some(7200),
        ranges: vec![RangeEdit {
            name: "7".to_owned(),
            start: "2001:db8:7::100".to_owned(),
            stop: "2001:db8:7::1ff".to_owned(),
        }],
        name_servers: texts(&["2001:db8:7::1"]),
        domain_search: texts(&["home.arpa"]),
        ..SubnetEdit::default()
    };
    let station = |mac: bool| StaticMappingEdit {
        name: "nas".to_owned(),
        mac: mac.then(|| "02:00:00:00:10:10".to_owned()),
        duid: (!mac).then(|| "00:01:00:01:12:34".to_owned()),
        address: Some("2001:db8:7::10".to_owned()),
        prefix: Some("2001:db8:77::/56".to_owned()),
        ..StaticMappingEdit::default()
    };
    let prefix = "2001:db8:7::/64";
    let lines = |text: &str, mac: bool| {
        let text =
            text.replace("192.168.1.1/24\"", "192.168.1.1/24\"\n address \"2001:db8:7::1/64\"");
        change(&text, |draft| {
            draft.add_dhcp_subnet("LAN6", prefix, &edit)?;
            draft.set_static_mapping("LAN6", prefix, None, &station(mac))
        })
    };
    let at = "set service dhcpv6-server shared-network-name LAN6 subnet 2001:db8:7::/64";
    let old = lines(SAGITTA, false);
    assert_eq!(
        old.lines,
        [
            format!("{at} address-range start 2001:db8:7::100 stop 2001:db8:7::1ff"),
            format!("{at} domain-search home.arpa"),
            format!("{at} lease-time default 7200"),
            format!("{at} name-server 2001:db8:7::1"),
            format!("{at} static-mapping nas identifier 00:01:00:01:12:34"),
            format!("{at} static-mapping nas ipv6-address 2001:db8:7::10"),
            format!("{at} static-mapping nas ipv6-prefix 2001:db8:77::/56"),
        ]
    );
    let new = lines(CURRENT, true);
    assert_eq!(
        new.lines,
        [
            format!("{at} lease-time default 7200"),
            format!("{at} option domain-search home.arpa"),
            format!("{at} option name-server 2001:db8:7::1"),
            format!("{at} range 7 start 2001:db8:7::100"),
            format!("{at} range 7 stop 2001:db8:7::1ff"),
            format!("{at} static-mapping nas ipv6-address 2001:db8:7::10"),
            format!("{at} static-mapping nas ipv6-prefix 2001:db8:77::/56"),
            format!("{at} static-mapping nas mac 02:00:00:00:10:10"),
            format!("{at} subnet-id 1"),
        ]
    );
    let mut root = old.root;
    root.forget_remarks();
    let read = facts::dhcp_server(&root, Family::Ipv6).unwrap();
    assert_eq!(read.networks[0].subnets[0].ranges[0].start.as_deref(), Some("2001:db8:7::100"));
}

#[test]
fn a_pool_of_ipv6_that_was_a_prefix_stays_and_ipv4s_own_is_refused() {
    let prefix = "2001:db8::/64";
    let text = HOUSE.replace(
        "range 0 {\n                    start \"2001:db8::100\"",
        "range 9 {\n prefix \"2001:db8::ff00/120\"\n }\n range 0 {\n start \"2001:db8::100\"",
    );
    let changed =
        change(&text, |draft| draft.edit_dhcp_subnet("LAN", prefix, &SubnetEdit::default()));
    assert!(changed.lines.iter().any(|line| line.ends_with("range 0")), "{:?}", changed.lines);
    assert!(!changed.lines.iter().any(|line| line.ends_with("range 9")), "{:?}", changed.lines);
    let error = refused(&text, |draft| {
        let edit = SubnetEdit {
            default_router: Some("2001:db8::1".to_owned()),
            excluded: texts(&["2001:db8::5"]),
            ..SubnetEdit::default()
        };
        draft.edit_dhcp_subnet("LAN", prefix, &edit)
    });
    assert!(error.field("default_router").is_some() && error.field("excluded").is_some());
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

#[test]
fn counting_connections_is_one_command_in_each_release_and_none_where_they_are() {
    for release in [SAGITTA, CURRENT] {
        let on = change(release, |draft| {
            assert!(!draft.counts_connections());
            draft.count_connections(true);
            Ok(())
        });
        assert_eq!(on.lines, ["set system conntrack flow-accounting"]);
        let counting = Document { root: on.root, footer: Vec::new() }.print();
        let again = change(&counting, |draft| {
            assert!(draft.counts_connections());
            draft.count_connections(true);
            Ok(())
        });
        assert!(again.lines.is_empty(), "{:?}", again.lines);
        let off = change(&counting, |draft| {
            draft.count_connections(false);
            Ok(())
        });
        assert_eq!(off.lines.len(), 1);
        assert!(off.lines[0].starts_with("delete system conntrack"), "{:?}", off.lines);
    }
}
