# shellcheck shell=bash
# The lab router's routing programs: FRR, as VyOS runs it, and a provider that speaks BGP. Sourced by scripts/lab.

FRR_DAEMONS=/usr/lib/frr

# FRR has its sockets and files at fixed places; each lab gives it folders of its own there, seen by nobody else.
# shellcheck disable=SC2016
FRR_PLACES='mount --bind "$1/run" /run/frr && mount --bind "$1/etc" /etc/frr && shift && exec "$@"'

# frr_folder WHERE: makes the folders that FRR in a namespace uses.
frr_folder() {
    local folder=$STATE/frr/$1
    rm -rf "$folder"
    mkdir -p "$folder"/{run,etc} /run/frr /etc/frr
    chown frr:frr "$folder"/{run,etc}
}

# frr_daemon WHERE DAEMON [OPTION...] <CONFIGURATION: starts one daemon there.
frr_daemon() {
    local where=$1 daemon=$2 folder=$STATE/frr/$1
    shift 2
    cat >"$folder/etc/$daemon.conf"
    chown frr:frr "$folder/etc/$daemon.conf"
    spawn "frr-$where-$daemon" "$where" sh -c "$FRR_PLACES" lab-frr "$folder" \
        "$FRR_DAEMONS/$daemon" -f "/etc/frr/$daemon.conf" --vty_port 0 "$@"
    wait_for 10 "$daemon" test -S "$folder/run/$daemon.vty"
}

# start_frr: what home/config.boot says under `protocols`; the provider announces two networks by BGP.
start_frr() {
    frr_folder router
    frr_folder wan
    frr_daemon router zebra </dev/null
    frr_daemon router staticd <<'CONF'
ip route 0.0.0.0/0 203.0.113.1
ip route 10.200.0.0/16 blackhole 250
CONF
    frr_daemon wan bgpd --no_zebra <<'CONF'
router bgp 64501
 bgp router-id 203.0.113.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 203.0.113.2 remote-as 64500
 neighbor 203.0.113.2 timers connect 1
 address-family ipv4 unicast
  network 198.51.100.0/24
  network 192.0.2.0/24
 exit-address-family
CONF
    frr_daemon router bgpd <<'CONF'
router bgp 64500
 bgp router-id 203.0.113.2
 no bgp ebgp-requires-policy
 neighbor 203.0.113.1 remote-as 64501
 neighbor 203.0.113.1 timers connect 1
CONF
    wait_for 10 'the default route' way_out
}

# lab_vtysh ARGUMENT...: FRR's own command line on the router.
lab_vtysh() {
    [[ -f $STATE/up ]] || die 'the lab is down; start it with scripts/lab up'
    in_ns router sh -c "$FRR_PLACES" lab-frr "$STATE/frr/router" vtysh "$@"
}

way_out() {
    [[ $(ip -n "$(ns router)" -4 route show default) == *203.0.113.1* ]]
}
