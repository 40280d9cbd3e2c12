firewall {
    global-options {
        state-policy {
            established {
                action "accept"
            }
            invalid {
                action "drop"
            }
            related {
                action "accept"
            }
        }
    }
    group {
        address-group PRINTERS {
            address "192.168.50.20"
            description "Shared with the small things"
        }
        interface-group WAN {
            interface "wan0"
        }
        network-group HOME {
            network "192.168.50.0/24"
        }
        network-group THINGS {
            network "192.168.30.0/24"
        }
        port-group WEB {
            port "80"
            port "443"
        }
    }
    ipv4 {
        forward {
            filter {
                default-action "accept"
                rule 10 {
                    action "accept"
                    description "Printing from the small things"
                    destination {
                        group {
                            address-group "PRINTERS"
                        }
                    }
                    source {
                        group {
                            network-group "THINGS"
                        }
                    }
                }
                rule 20 {
                    action "drop"
                    description "Small things stay by themselves"
                    destination {
                        group {
                            network-group "HOME"
                        }
                    }
                    source {
                        group {
                            network-group "THINGS"
                        }
                    }
                }
                rule 30 {
                    action "accept"
                    description "HTTPS to the NAS"
                    destination {
                        address "192.168.50.10"
                        port "443"
                    }
                    inbound-interface {
                        group "WAN"
                    }
                    protocol "tcp"
                }
                rule 40 {
                    action "drop"
                    description "Nobody from outside"
                    inbound-interface {
                        group "WAN"
                    }
                    log
                }
            }
        }
        input {
            filter {
                default-action "accept"
                rule 10 {
                    action "drop"
                    description "No management from outside"
                    destination {
                        port "22,443,8443"
                    }
                    inbound-interface {
                        group "WAN"
                    }
                    protocol "tcp"
                }
            }
        }
    }
}
interfaces {
    ethernet lan0 {
        address "192.168.50.1/24"
        address "fd00:50::1/64"
        description "Home"
        hw-id "02:00:00:00:00:02"
        vif 30 {
            address "192.168.30.1/24"
            description "Small things"
        }
    }
    ethernet lan1 {
        address "10.77.0.1/22"
        description "Load"
        hw-id "02:00:00:00:00:03"
    }
    ethernet wan0 {
        address "203.0.113.2/24"
        description "Provider"
        hw-id "02:00:00:00:00:01"
    }
    loopback lo {
    }
    wireguard wg0 {
        address "10.99.0.1/24"
        description "On the road"
        peer mia {
            allowed-ips "10.99.0.2/32"
            public-key "QQyTOGkXr8o1hyWYCbNBhxNbFhDqXxMRcQ8ODmAgiCc="
        }
        port "51820"
        private-key "iJJyEARGK52Ls1GYRCcFvPuTj7WyWYDo//BknoDU0XY="
    }
}
nat {
    destination {
        rule 100 {
            description "HTTPS to the NAS"
            destination {
                port "8443"
            }
            inbound-interface {
                name "wan0"
            }
            protocol "tcp"
            translation {
                address "192.168.50.10"
                port "443"
            }
        }
    }
    source {
        rule 100 {
            description "To the Internet"
            outbound-interface {
                name "wan0"
            }
            source {
                address "192.168.0.0/16"
            }
            translation {
                address "masquerade"
            }
        }
    }
}
protocols {
    bgp {
        neighbor 203.0.113.1 {
            address-family {
                ipv4-unicast {
                }
            }
            remote-as "64501"
        }
        parameters {
            router-id "203.0.113.2"
        }
        system-as "64500"
    }
    static {
        route 0.0.0.0/0 {
            next-hop 203.0.113.1 {
            }
        }
        route 10.200.0.0/16 {
            blackhole {
                distance "250"
            }
        }
    }
}
service {
    dhcp-server {
        shared-network-name HOME {
            authoritative
            subnet 192.168.50.0/24 {
                lease "3600"
                option {
                    default-router "192.168.50.1"
                    name-server "192.168.50.1"
                }
                range 0 {
                    start "192.168.50.100"
                    stop "192.168.50.199"
                }
                static-mapping nas {
                    ip-address "192.168.50.10"
                    mac "00:11:32:50:00:10"
                }
                subnet-id "50"
            }
        }
        shared-network-name THINGS {
            subnet 192.168.30.0/24 {
                option {
                    default-router "192.168.30.1"
                }
                range 0 {
                    start "192.168.30.100"
                    stop "192.168.30.199"
                }
                subnet-id "30"
            }
        }
    }
    dns {
        forwarding {
            allow-from "192.168.0.0/16"
            cache-size "10000"
            domain work.example {
                name-server 10.99.0.2 {
                }
            }
            listen-address "192.168.50.1"
            system
        }
    }
    https {
        api {
            keys {
                id panoptikon {
                    key "LAB-0123456789-abcdef"
                }
            }
            rest {
            }
        }
        listen-address "192.168.50.1"
    }
    ntp {
        server time1.example {
        }
        server time2.example {
        }
    }
    ssh {
        listen-address "192.168.50.1"
        port "22"
    }
}
system {
    config-management {
        commit-revisions "100"
    }
    host-name "gateway"
    name-server "203.0.113.53"
    static-host-mapping {
        host-name nas.home.arpa {
            inet "192.168.50.10"
        }
    }
    time-zone "Europe/Amsterdam"
}

// Warning: Do not remove the following line.
// vyos-config-version: "bgp@5:broadcast-relay@1:cluster@2:config-management@1:conntrack@5:conntrack-sync@2:container@2:dhcp-relay@2:dhcp-server@11:dhcpv6-server@6:dns-dynamic@4:dns-forwarding@4:firewall@17:flow-accounting@1:https@7:ids@1:interfaces@33:ipoe-server@4:ipsec@13:isis@3:l2tp@9:lldp@2:mdns@1:monitoring@1:nat@8:nat66@3:ntp@3:openconnect@3:openvpn@4:ospf@2:pim@1:policy@8:pppoe-server@11:pptp@5:qos@2:quagga@11:reverse-proxy@2:rip@1:rpki@2:salt@1:snmp@3:ssh@2:sstp@6:system@27:vrf@3:vrrp@4:vyos-accel-ppp@2:wanloadbalance@3:webproxy@2"
// Release version: LAB
