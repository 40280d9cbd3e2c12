//! What configurations say.

use panoptikon_vyos::config::{Document, Node};
use panoptikon_vyos::facts::zones::ZoneCell;
use panoptikon_vyos::facts::{
    self, ChainFamily, ChainId, Family, GroupKind, Hook, NatTable, Table,
};
use serde_json::Value;

const SAGITTA: &str = include_str!("data/sagitta.config.boot");
const CURRENT: &str = include_str!("data/current.config.boot");
const HOUSE: &str = include_str!("data/house.boot");

fn read(text: &str) -> Node {
    Document::parse(text).expect("a configuration").root
}

/// All views as the pages' JSON.
fn everything(root: &Node) -> Value {
    let firewall = facts::firewall(root);
    let nat = facts::nat(root);
    let interfaces = facts::interfaces(root);
    serde_json::json!({
        "forwards": facts::port_forwards(&nat, &firewall, &interfaces),
        "matrix": facts::ZoneMatrix::of(&firewall.zones),
        "firewall": firewall,
        "nat": nat,
        "interfaces": interfaces,
        "wireguard": facts::wireguard(root),
        "routes": facts::static_routes(root),
        "dhcp": facts::dhcp_server(root, Family::Ipv4),
        "dhcp6": facts::dhcp_server(root, Family::Ipv6),
        "dns": facts::dns_forwarding(root),
        "hosts": facts::host_mappings(root),
        "vpn": facts::vpn(root),
        "services": facts::services(root),
        "containers": facts::containers(root),
        "container_networks": facts::container_networks(root),
        "policy": facts::policy_routes(root),
        "system": facts::system(root),
        "vrfs": facts::vrfs(root),
    })
}

#[test]
fn both_releases_say_the_same_in_their_own_words() {
    let (old, new) = (read(SAGITTA), read(CURRENT));
    let mut new_dhcp = facts::dhcp_server(&new, Family::Ipv4).unwrap();
    assert_eq!(new_dhcp.networks[0].subnets[0].id, Some(1));
    new_dhcp.networks[0].subnets[0].id = None;
    new_dhcp.networks[0].subnets[0].mappings[1].description = None;
    assert_eq!(facts::dhcp_server(&old, Family::Ipv4), Some(new_dhcp));
    for view in ["firewall", "nat", "interfaces", "wireguard", "dns", "system", "forwards"] {
        assert_eq!(everything(&old)[view], everything(&new)[view], "{view}");
    }
}

#[test]
fn the_apis_json_says_the_same_as_the_file() {
    for text in [SAGITTA, CURRENT, HOUSE] {
        let mut root = read(text);
        // Comments have no place in the JSON.
        if let Some(rule) = root.at_mut(&["firewall", "ipv4", "forward", "filter", "rule", "40"]) {
            rule.comment = None;
        }
        let json = Node::from_json(&root.to_json()).unwrap();
        assert_eq!(everything(&json), everything(&root));
    }
}

#[test]
fn no_secret_is_in_any_view() {
    let root = read(HOUSE);
    assert!(HOUSE.matches("hunter2").count() > 9, "there are some to be found");
    let views = format!("{}{:?}", everything(&root), facts::wireguard(&root));
    assert!(!views.contains("hunter2"), "{views}");
    assert!(views.contains("ADMIN_PASSWORD"), "names are shown");
    let keys = format!("{:?}{:?}", facts::wireguard(&read(CURRENT)), everything(&read(CURRENT)));
    assert!(!keys.contains("iJJyEARGK52Ls1") && !keys.contains("TESTKEY"), "{keys}");
}

/// Whether each value of a configuration is found in the views of it, or is a secret.
fn lost(root: &Node) -> Vec<String> {
    let views = everything(root).to_string();
    let mut lost = Vec::new();
    for command in root.commands() {
        let panoptikon_vyos::config::Command::Set(words) = &command else { continue };
        let covered = match words.first().map(String::as_str) {
            Some("policy") => words[1].starts_with("route") && words[1] != "route-map",
            Some("protocols") => words[1] == "static" && words[2].starts_with("route"),
            Some("container" | "vrf") => words[1] == "name",
            Some(top) => ["interfaces", "firewall", "nat", "nat66", "service", "system", "vpn"]
                .contains(&top),
            None => false,
        };
        let secret = words.iter().any(|word| facts::read::is_secret(word) || word == "environment");
        let url = words.last().is_some_and(|word| word.contains("://"));
        let seen = |word: &String| {
            let quoted = Value::String(word.trim_start_matches('!').to_owned()).to_string();
            let switches = ["disable", "enable", "log", "exclude", "system", "otp"];
            let read_otherwise = [
                "authoritative",
                "addnta",
                "local-zone",
                "allow-host-networks",
                "inverse-match",
                "allow-from",
                "default-log",
                "enable-default-log",
                "recursion-desired",
                "ignore-hosts-file",
                "plaintext-password",
            ];
            views.contains(quoted.trim_matches('"'))
                || switches.contains(&word.as_str())
                || read_otherwise.contains(&word.as_str())
                // Numbers are written as such.
                || word.parse::<u64>().is_ok_and(|number| views.contains(&number.to_string()))
        };
        if covered && !secret && !url && !words.last().is_some_and(seen) {
            lost.push(command.to_string());
        }
    }
    lost
}

#[test]
fn nothing_of_a_configuration_is_lost_on_the_way_to_a_view() {
    for text in [SAGITTA, CURRENT, HOUSE] {
        assert_eq!(lost(&read(text)), [""; 0]);
    }
}

#[test]
fn interfaces_have_their_vlans_and_members() {
    let all = facts::interfaces(&read(HOUSE));
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "bond0",
            "br0",
            "eth0",
            "eth0.100",
            "eth0.100.7",
            "eth1",
            "eth1.20",
            "lo",
            "vtun0",
            "pppoe0",
            "wg0",
        ]
    );
    let one = |name: &str| all.iter().find(|one| one.name == name).unwrap();
    assert_eq!(one("br0").members, ["eth5", "eth6"]);
    assert_eq!(one("br0").other, ["member interface eth5 native-vlan 3"]);
    let vlan = one("eth0.100.7");
    assert_eq!(vlan.parent.as_deref(), Some("eth0.100"));
    assert_eq!(vlan.path.join(" "), "interfaces ethernet eth0 vif-s 100 vif-c 7");
    assert!(one("eth1.20").disabled && one("eth1.20").vrf.as_deref() == Some("guest"));
    assert_eq!(one("eth1").other, ["offload gro"]);
    assert_eq!(one("eth1").addresses, ["192.168.1.1/24", "2001:db8::1/64"]);
}

#[test]
fn rules_show_every_condition() {
    let firewall = facts::firewall(&read(HOUSE));
    let forward = ChainId::base(ChainFamily::Ipv4, Hook::Forward);
    let chain = firewall.chain(&forward).unwrap();
    assert_eq!(chain.default_verdict(), "drop");
    assert_eq!(chain.id.rule_key(10), "ipv4-FWD-filter-10");
    let rule = chain.rule(40).unwrap();
    assert!(rule.disabled && rule.log);
    assert_eq!(
        rule.matches.words(),
        [
            "protocol tcp",
            "from not mac group KIDS",
            "from all countries but nl",
            "from port 1024-65535",
            "connection mark 7",
            "at most 10/second, burst 5",
            "time on Mon,Tue from 21:00 to 06:00",
        ]
    );
    assert_eq!(rule.other, ["tcp flags not ack", "tcp flags syn", "/* Children sleep */"]);
    let named = firewall.chain(&ChainId::named(ChainFamily::Ipv4, "FROM-WAN")).unwrap();
    assert_eq!(named.used_by, ["ipv4 forward filter rule 20"]);
    let zoned = firewall.chain(&ChainId::named(ChainFamily::Ipv6, "LAN-GUEST-6")).unwrap();
    assert_eq!(zoned.used_by, ["zone GUEST from LAN"]);
}

#[test]
fn groups_know_where_they_are_used() {
    let firewall = facts::firewall(&read(HOUSE));
    let used = |kind, name: &str| firewall.group(kind, name).unwrap().used_in.clone();
    let place = "firewall ipv4 name FROM-WAN rule 10 destination group";
    assert_eq!(used(GroupKind::Address, "SERVERS"), [place]);
    assert_eq!(used(GroupKind::Address, "MORE"), ["firewall group address-group SERVERS"]);
    assert_eq!(used(GroupKind::Address, "UNUSED"), [""; 0]);
    let place = "firewall ipv6 forward filter rule 10 destination group";
    assert_eq!(used(GroupKind::Ipv6Address, "SERVERS"), [place]);
    let place = "firewall ipv4 forward filter rule 30 inbound-interface";
    assert_eq!(used(GroupKind::Interface, "LANS"), [place]);
    assert_eq!(used(GroupKind::Mac, "KIDS").len(), 1, "also where it is inverted");
    assert_eq!(used(GroupKind::DynamicAddress, "KNOCKED").len(), 1);
}

#[test]
fn zones_are_a_matrix() {
    let matrix = facts::ZoneMatrix::of(&facts::zones(&read(HOUSE)));
    assert_eq!(matrix.zones, ["GUEST", "LAN", "LOCAL"]);
    let cell = |from: usize, to: usize| matrix.cells[from][to].clone();
    let action = |action: &str| ZoneCell::Action { action: action.to_owned() };
    let chains = ZoneCell::Chains {
        ipv4: Some("LAN-GUEST".to_owned()),
        ipv6: Some("LAN-GUEST-6".to_owned()),
        default_action: "reject".to_owned(),
    };
    assert_eq!(cell(1, 0), chains);
    assert_eq!(cell(0, 1), action("drop"));
    assert_eq!(cell(2, 0), action("reject"));
    assert_eq!(cell(1, 1), action("accept"));
}

#[test]
fn a_port_forward_is_paired_with_what_the_firewall_does() {
    // Without zones first: they decide after the chains.
    let mut root = read(HOUSE);
    root.at_mut(&["firewall"])
        .unwrap()
        .apply(&[panoptikon_vyos::config::Command::Delete(vec!["zone".to_owned()])])
        .unwrap();
    let all = everything(&root)["forwards"].clone();
    let kind = |at: usize| all[at]["firewall"]["kind"].as_str().unwrap().to_owned();
    assert_eq!(all[0]["firewall"]["by"]["chain"]["name"], "FROM-WAN");
    assert_eq!(
        [kind(0), kind(2), kind(3), kind(4)],
        ["accepted", "dropped", "depends", "dropped_by_default"]
    );
    assert_eq!(all[0]["hairpin"], serde_json::json!({"destination_rule": 101, "source_rule": 90}));
    assert_eq!(all[2]["hairpin"], Value::Null);
    assert_eq!(all.as_array().unwrap().len(), 5, "one is switched off");
    let accepted = &everything(&read(CURRENT))["forwards"][0];
    assert_eq!(accepted["firewall"]["kind"], "accepted_by_default");
}

#[test]
fn nat_routes_and_tables_are_read() {
    let root = read(HOUSE);
    let nat = facts::nat(&root);
    assert_eq!(nat.of(NatTable::Source).count(), 3);
    assert_eq!(nat.rule(NatTable::Destination, 140).unwrap().backends.len(), 2);
    assert!(nat.rule(NatTable::Source, 110).unwrap().exclude);
    let v6 = nat.rule(NatTable::Source66, 10).unwrap();
    assert_eq!(v6.matches.source.address.as_deref(), Some("fc00::/64"));
    let routes = facts::static_routes(&root);
    let tables: Vec<_> = routes.iter().map(|route| route.table.clone()).collect();
    let main = Table::Main;
    let guest = Table::Vrf("guest".to_owned());
    assert_eq!(tables, [main.clone(), main.clone(), main, Table::Number(100), guest]);
    assert_eq!(routes[1].blackhole.as_ref().unwrap().distance, Some(254));
    assert_eq!(routes[2].hops.len(), 2);
    assert!(routes[2].hops[0].disabled && routes[4].reject.is_some());
}

#[test]
fn services_tell_where_they_listen() {
    let services = facts::services(&read(HOUSE));
    let one = |name: &str| services.iter().find(|one| one.name == name).unwrap();
    assert_eq!(one("ssh").ports, [22, 2222]);
    assert_eq!(one("ssh").other, ["disable-password-authentication"]);
    assert_eq!(
        (one("snmp").ports.clone(), one("snmp").transport.as_deref()),
        (vec![1161], Some("udp"))
    );
    assert_eq!(one("mdns").interfaces, ["eth1", "eth1.20"]);
    assert_eq!(one("ntp").servers, ["time1.example"]);
    assert_eq!(one("ntp").allowed, ["192.168.0.0/16"]);
    let system = facts::system(&read(HOUSE));
    assert!(system.users[0].has_password && !system.users[1].has_password);
    assert_eq!(system.commit_archive, ["scp://me:(hidden)@backup.example/configs"]);
}
