container {
    name adguard {
        allow-host-networks
        environment ADMIN_PASSWORD {
            value "hunter2"
        }
        image "docker.io/adguard/adguardhome:latest"
        port dns {
            destination "53"
            source "53"
        }
        volume conf {
            destination "/conf"
            source "/config/adguard"
        }
    }
}
firewall {
    flowtable FAST {
        interface "eth0"
        interface "eth1"
    }
    global-options {
        state-policy {
            established {
                action "accept"
            }
            invalid {
                action "drop"
                log
            }
        }
    }
    group {
        address-group SERVERS {
            address "192.168.1.10"
            include "MORE"
        }
        address-group MORE {
            address "192.168.1.20-192.168.1.29"
        }
        address-group UNUSED {
            address "192.0.2.1"
        }
        domain-group ADS {
            address "ads.example"
        }
        dynamic-group {
            address-group KNOCKED {
            }
        }
        interface-group LANS {
            interface "eth1"
            interface "eth1.20"
        }
        ipv6-address-group SERVERS {
            address "2001:db8::10"
        }
        mac-group KIDS {
            mac-address "02:00:00:00:00:01"
        }
        network-group PRIVATE {
            network "10.0.0.0/8"
        }
        port-group WEB {
            port "80"
            port "443"
        }
    }
    ipv4 {
        forward {
            filter {
                default-action "drop"
                default-log
                description "Through the house"
                rule 10 {
                    action "offload"
                    offload-target "FAST"
                    state "established"
                    state "related"
                }
                rule 20 {
                    action "jump"
                    inbound-interface {
                        name "eth0"
                    }
                    jump-target "FROM-WAN"
                }
                rule 30 {
                    action "accept"
                    inbound-interface {
                        group "LANS"
                    }
                }
                /* Children sleep */
                rule 40 {
                    action "drop"
                    connection-mark "7"
                    description "Bedtime"
                    disable
                    limit {
                        burst "5"
                        rate "10/second"
                    }
                    log
                    protocol "tcp"
                    source {
                        geoip {
                            country-code "nl"
                            inverse-match
                        }
                        group {
                            mac-group "!KIDS"
                        }
                        port "1024-65535"
                    }
                    tcp {
                        flags {
                            not {
                                ack
                            }
                            syn
                        }
                    }
                    time {
                        starttime "21:00"
                        stoptime "06:00"
                        weekdays "Mon,Tue"
                    }
                }
            }
        }
        input {
            filter {
                rule 10 {
                    action "accept"
                    add-address-to-group {
                        source-address {
                            address-group "KNOCKED"
                            timeout "5m"
                        }
                    }
                    destination {
                        port "2222"
                    }
                    protocol "tcp"
                }
            }
        }
        name FROM-WAN {
            default-action "return"
            rule 10 {
                action "accept"
                destination {
                    group {
                        address-group "SERVERS"
                        port-group "WEB"
                    }
                }
                protocol "tcp"
                state "new"
            }
            rule 20 {
                action "drop"
                destination {
                    address "192.168.1.50"
                }
            }
            rule 30 {
                action "accept"
                destination {
                    address "192.168.1.60"
                }
                source {
                    address "203.0.113.0/24"
                }
            }
        }
        name LAN-GUEST {
            default-action "drop"
        }
    }
    ipv6 {
        forward {
            filter {
                rule 10 {
                    action "accept"
                    destination {
                        group {
                            address-group "SERVERS"
                        }
                    }
                    icmpv6 {
                        type-name "echo-request"
                    }
                    protocol "ipv6-icmp"
                }
            }
        }
        name LAN-GUEST-6 {
            default-action "drop"
        }
    }
    zone GUEST {
        default-action "reject"
        from LAN {
            firewall {
                ipv6-name "LAN-GUEST-6"
                name "LAN-GUEST"
            }
        }
        interface "eth1.20"
    }
    zone LAN {
        interface "eth1"
        intra-zone-filtering {
            action "accept"
        }
    }
    zone LOCAL {
        local-zone
    }
}
interfaces {
    bonding bond0 {
        member {
            interface "eth3"
            interface "eth4"
        }
        mode "802.3ad"
    }
    bridge br0 {
        address "10.0.0.1/24"
        member {
            interface eth5 {
                native-vlan "3"
            }
            interface eth6 {
            }
        }
    }
    ethernet eth0 {
        address "dhcp"
        description "WAN"
        mac "02:00:00:00:00:99"
        mtu "1500"
        vif-s 100 {
            vif-c 7 {
                address "198.51.100.2/30"
            }
        }
    }
    ethernet eth1 {
        address "192.168.1.1/24"
        address "2001:db8::1/64"
        offload {
            gro
        }
        vif 20 {
            address "192.168.20.1/24"
            description "Guests"
            disable
            vrf "guest"
        }
    }
    loopback lo {
    }
    openvpn vtun0 {
        local-port "1194"
        mode "server"
        openvpn-option "--auth-user-pass-hunter2"
        server {
            client anna {
                push-route "10.1.0.0/16"
            }
            subnet "10.8.0.0/24"
        }
        tls {
            ca-certificate "ca"
        }
    }
    pppoe pppoe0 {
        authentication {
            password "hunter2"
            username "me@isp"
        }
        source-interface "eth0"
    }
    wireguard wg0 {
        address "10.99.0.1/24"
        peer phone {
            address "203.0.113.7"
            allowed-ips "10.99.0.2/32"
            allowed-ips "fd00::2/128"
            persistent-keepalive "25"
            port "51820"
            preshared-key "hunter2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa="
            public-key "QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCc="
        }
        peer laptop {
            allowed-ips "10.99.0.3/32"
            disable
            public-key "bm90IGEgcmVhbCBrZXkgYnV0IDMyIGJ5dGVzIGxvbmc="
        }
        port "51820"
        private-key "hunter2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb="
    }
}
nat {
    destination {
        rule 100 {
            description "Web"
            destination {
                port "443"
            }
            inbound-interface {
                name "eth0"
            }
            protocol "tcp"
            translation {
                address "192.168.1.10"
            }
        }
        rule 101 {
            description "Web from inside"
            destination {
                address "203.0.113.1"
                port "443"
            }
            inbound-interface {
                name "eth1"
            }
            protocol "tcp"
            translation {
                address "192.168.1.10"
            }
        }
        rule 110 {
            destination {
                port "8080"
            }
            inbound-interface {
                name "eth0"
            }
            protocol "tcp"
            translation {
                address "192.168.1.50"
                port "80"
            }
        }
        rule 120 {
            destination {
                port "22"
            }
            inbound-interface {
                name "eth0"
            }
            protocol "tcp"
            translation {
                address "192.168.1.60"
            }
        }
        rule 130 {
            destination {
                port "25"
            }
            inbound-interface {
                name "eth0"
            }
            protocol "tcp"
            translation {
                address "192.168.1.70"
            }
        }
        rule 140 {
            disable
            inbound-interface {
                name "eth0"
            }
            load-balance {
                backend 192.168.1.10 {
                    weight "60"
                }
                backend 192.168.1.11 {
                    weight "40"
                }
                hash "source-address"
            }
        }
    }
    source {
        rule 90 {
            description "Hairpin"
            destination {
                address "192.168.1.10"
            }
            outbound-interface {
                name "eth1"
            }
            source {
                address "192.168.1.0/24"
            }
            translation {
                address "masquerade"
            }
        }
        rule 100 {
            outbound-interface {
                name "eth0"
            }
            translation {
                address "masquerade"
            }
        }
        rule 110 {
            exclude
            outbound-interface {
                name "eth0"
            }
        }
    }
}
nat66 {
    source {
        rule 10 {
            outbound-interface {
                name "eth0"
            }
            source {
                prefix "fc00::/64"
            }
            translation {
                address "masquerade"
            }
        }
    }
}
policy {
    route VPN {
        interface "eth1"
        rule 10 {
            description "TV"
            set {
                table "100"
            }
            source {
                address "192.168.1.30"
            }
        }
    }
}
protocols {
    static {
        route 0.0.0.0/0 {
            next-hop 203.0.113.1 {
                distance "10"
            }
        }
        route 10.0.0.0/8 {
            blackhole {
                distance "254"
            }
            description "Nowhere"
        }
        route6 2001:db8:1::/48 {
            interface wg0 {
            }
            next-hop 2001:db8::2 {
                disable
                interface "eth1"
            }
        }
        table 100 {
            route 0.0.0.0/0 {
                interface wg0 {
                }
            }
        }
    }
}
service {
    dhcpv6-server {
        shared-network-name LAN {
            subnet 2001:db8::/64 {
                lease-time {
                    default "3600"
                }
                option {
                    name-server "2001:db8::1"
                }
                range 0 {
                    start "2001:db8::100"
                    stop "2001:db8::1ff"
                }
                static-mapping nas {
                    duid "00:01:02:03"
                    ipv6-address "2001:db8::10"
                }
                subnet-id "1"
            }
        }
    }
    dns {
        forwarding {
            allow-from "192.168.1.0/24"
            domain corp.example {
                addnta
                name-server 10.1.0.53 {
                    port "5353"
                }
            }
            listen-address "192.168.1.1"
            name-server 9.9.9.9 {
            }
        }
    }
    lldp {
        interface eth1 {
        }
    }
    mdns {
        repeater {
            interface "eth1"
            interface "eth1.20"
        }
    }
    ntp {
        allow-client {
            address "192.168.0.0/16"
        }
        server time1.example {
            prefer
        }
    }
    snmp {
        community hunter2 {
            authorization "ro"
        }
        listen-address 192.168.1.1 {
            port "1161"
        }
    }
    ssh {
        disable-password-authentication
        listen-address "192.168.1.1"
        port "22"
        port "2222"
    }
}
system {
    config-management {
        commit-archive {
            location "scp://me:hunter2@backup.example/configs"
        }
        commit-revisions "100"
    }
    host-name "house"
    login {
        user anna {
            authentication {
                encrypted-password "$6$hunter2"
                public-keys laptop {
                    key "AAAA"
                    type "ssh-ed25519"
                }
            }
            full-name "Anna"
        }
        user guest {
            authentication {
                encrypted-password "!"
            }
        }
    }
    static-host-mapping {
        host-name nas {
            alias "files"
            inet "192.168.1.10"
        }
    }
    time-zone "Europe/Amsterdam"
}
vpn {
    ipsec {
        authentication {
            psk office {
                id "office"
                secret "hunter2"
            }
        }
        site-to-site {
            peer office {
                authentication {
                    mode "pre-shared-secret"
                }
                local-address "203.0.113.5"
                remote-address "198.51.100.9"
                tunnel 1 {
                    local {
                        prefix "192.168.1.0/24"
                    }
                    remote {
                        prefix "10.1.0.0/16"
                    }
                }
            }
        }
    }
    l2tp {
        remote-access {
            authentication {
                local-users {
                    username bob {
                        password "hunter2"
                    }
                }
            }
        }
    }
}
vrf {
    name guest {
        protocols {
            static {
                route 0.0.0.0/0 {
                    reject {
                    }
                }
            }
        }
        table "1020"
    }
}


// Warning: Do not remove the following line.
// vyos-config-version: "dhcp-server@11:dhcpv6-server@6:firewall@17:flow-accounting@1:https@7:interfaces@33:nat@8:system@27"
// Release version: 1.5-rolling-202410150007
