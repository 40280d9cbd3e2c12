/* The house in Gartenweg */
firewall {
    group {
        address-group TRUSTED {
            address "192.168.1.10"
            address "192.168.1.11-192.168.1.19"
        }
    }
    ipv4 {
        forward {
            filter {
                default-action "accept"
                rule 9 {
                    action "drop"
                    disable
                }
                /* Tablets at night */
                rule 10 {
                    action "drop"
                    description "say \"good night\" \\o/"
                }
            }
        }
    }
}
interfaces {
    ethernet eth0 {
        address "dhcp"
        vif 7 {
            address "192.0.2.2/30"
        }
    }
    ethernet eth1 {
        address "192.168.1.1/24"
        address "2001:db8:1::1/64"
    }
    loopback lo {
    }
}
system {
    host-name "gw"
    name-server "9.9.9.9"
    name-server "1.1.1.1"
    option {
    }
}

// Warning: Do not remove the following line.
// vyos-config-version: "broadcast-relay@1:firewall@15:interfaces@33:system@27"
// Release version: 1.5-rolling
