# shellcheck shell=bash
# The lab's home: router, WAN, switch, DHCP server, router advertisements, load LAN. Sourced by scripts/lab.

WAN_DNS=203.0.113.53

# mute NAME...: keeps the namespace's own kernel from speaking IPv6; it is a switch or a stage, not a host.
mute() {
    local name
    for name in "$@"; do
        # shellcheck disable=SC2016
        ip netns exec "$(ns "$name")" sh -c 'for c in all default; do
            [ ! -d /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done'
    done
}

# make_networks: the namespaces that are no hosts, and the cables between them.
make_networks() {
    ns_add router wan switch load
    mute switch load
    local router wan switch load
    router=$(ns router) wan=$(ns wan) switch=$(ns switch) load=$(ns load)

    ip -n "$router" -batch - <<EOF || die 'cannot make the router'
link add wan0 address 02:50:4e:00:00:01 type veth peer name up0 netns $wan address 02:50:4e:00:00:02
link add lan0 address 02:50:4e:00:01:01 type veth peer name p-router netns $switch
link add lan1 address 02:50:4e:00:02:01 type veth peer name al0 netns $load
EOF
    ip -n "$switch" -batch - <<EOF || die 'cannot make the switch'
link add br0 type bridge forward_delay 0 mcast_snooping 0
link set p-router master br0
link set br0 up
link set p-router up
EOF
    # Not every kernel has VLAN devices. Without them the IoT LAN has a cable and a switch of its own, and the
    # router's interface keeps its name.
    if ip -n "$router" link add link lan0 name lan0.30 type vlan id 30 2>/dev/null; then
        : >"$STATE/vlan"
    else
        ns_add iot
        mute iot
        ip -n "$router" link add lan0.30 address 02:50:4e:00:01:01 type veth peer name p-router netns "$(ns iot)"
        ip -n "$(ns iot)" -batch - <<EOF || die 'cannot make the IoT switch'
link add br0 type bridge forward_delay 0 mcast_snooping 0
link set p-router master br0
link set br0 up
link set p-router up
EOF
    fi

    # shellcheck disable=SC2016
    ip netns exec "$router" sh -c '
        echo 1 >/proc/sys/net/ipv4/ip_forward
        if [ -d /proc/sys/net/ipv6 ]; then
            for c in all default wan0 lan0 lan0.30 lan1; do echo 0 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
        fi
        echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range'
    ip -n "$router" -batch - <<EOF || die 'cannot give the router its addresses'
address add 203.0.113.2/24 broadcast + dev wan0
address add 192.168.50.1/24 broadcast + dev lan0
address add 192.168.30.1/24 broadcast + dev lan0.30
address add 10.77.0.1/22 broadcast + dev lan1
link set wan0 up
link set lan0 up
link set lan0.30 up
link set lan1 up
EOF
    if [[ -d /proc/sys/net/ipv6 ]]; then
        ip -n "$router" address add fd00:50::1/64 dev lan0 nodad || die 'cannot give lan0 its IPv6 address'
    fi
    ip -n "$wan" -batch - <<EOF || die 'cannot make the WAN'
address add 203.0.113.1/24 broadcast + dev up0
address add $WAN_DNS/24 broadcast + dev up0
link set up0 up
route add 192.168.0.0/16 via 203.0.113.2
route add 10.77.0.0/22 via 203.0.113.2
EOF
    ip -n "$load" link set al0 up
    printf 'search home.arpa\nnameserver %s\n' "$WAN_DNS" >"$STATE/conf/resolv.conf"
}

kea_subnet() {
    local id=$1 interface=$2 subnet=$3 pool=$4 gateway=$5
    cat <<EOF
      { "id": $id, "subnet": "$subnet", "interface": "$interface",
        "pools": [ { "pool": "$pool" } ],
        "option-data": [
          { "name": "routers", "data": "$gateway" },
          { "name": "domain-name-servers", "data": "$WAN_DNS" },
          { "name": "domain-name", "data": "home.arpa" } ] }
EOF
}

# start_kea: Kea as VyOS 1.5 runs it, leases in a CSV file and lease commands on a control socket.
start_kea() {
    local hooks
    hooks=$(find /usr/lib -name libdhcp_lease_cmds.so -path '*kea*' -print -quit 2>/dev/null)
    mkdir -p "$STATE/kea"
    chmod 0750 "$STATE/kea"
    rm -f "$STATE"/kea/*
    cat >"$STATE/conf/kea-dhcp4.json" <<EOF
{ "Dhcp4": {
    "interfaces-config": { "interfaces": [ "lan0", "lan0.30", "lan1" ], "dhcp-socket-type": "raw" },
    "control-socket": { "socket-type": "unix", "socket-name": "$STATE/kea/dhcp4.sock" },
    "lease-database": { "type": "memfile", "persist": true, "name": "$STATE/kea/dhcp4-leases.csv", "lfc-interval": 0 },
    "hooks-libraries": [ ${hooks:+{ \"library\": \"$hooks\" \}} ],
    "valid-lifetime": 3600, "renew-timer": 1200, "rebind-timer": 2400,
    "ddns-send-updates": false,
    "subnet4": [
$(kea_subnet 50 lan0 192.168.50.0/24 '192.168.50.100 - 192.168.50.199' 192.168.50.1),
$(kea_subnet 30 lan0.30 192.168.30.0/24 '192.168.30.100 - 192.168.30.199' 192.168.30.1),
$(kea_subnet 77 lan1 10.77.0.0/22 '10.77.3.0 - 10.77.3.200' 10.77.0.1)
    ],
    "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ] } }
EOF
    # Later releases keep leases and sockets only where these say.
    spawn kea router env KEA_LOCKFILE_DIR="$STATE/kea" KEA_PIDFILE_DIR="$STATE/kea" \
        KEA_DHCP_DATA_DIR="$STATE/kea" KEA_CONTROL_SOCKET_DIR="$STATE/kea" \
        "${UNCONFINED[@]}" kea-dhcp4 -c "$STATE/conf/kea-dhcp4.json"
    wait_for 10 'the DHCP server' test -S "$STATE/kea/dhcp4.sock"
}

start_radvd() {
    [[ -d /proc/sys/net/ipv6 ]] || { say 'this kernel has no IPv6: the lab goes without'; return; }
    cat >"$STATE/conf/radvd.conf" <<'EOF'
interface lan0 {
    AdvSendAdvert on;
    AdvOtherConfigFlag on;
    MinRtrAdvInterval 5;
    MaxRtrAdvInterval 15;
    prefix fd00:50::/64 { AdvOnLink on; AdvAutonomous on; AdvValidLifetime 7200; AdvPreferredLifetime 3600; };
};
EOF
    spawn radvd router "${UNCONFINED[@]}" radvd -n -m stderr -C "$STATE/conf/radvd.conf" -p "$STATE/run/radvd.pid"
}

start_services() {
    local load_hosts=$1 wifi=$2
    spawn dns wan "$LAB_HOSTS" dns --listen "$WAN_DNS:53" --leases "$STATE/kea/dhcp4-leases.csv" \
        --zone home.arpa --static diskstation=192.168.50.10 --static usw-24-poe=192.168.50.2
    spawn lldp switch "$LAB_HOSTS" lldp --interface p-router --chassis 78:45:58:e3:0b:41 \
        --name USW-24-PoE --port 'Port 24' --description 'USW-24-PoE, 6.6.61, Linux 3.6.5' --address 192.168.50.2
    spawn load load "$LAB_HOSTS" respond --interface al0 --net 10.77.0.0/22 --hosts "$load_hosts" \
        --exclude 10.77.0.1 --seed 77 ${wifi:+--wifi}
}

# --- lab up, down, status ------------------------------------------------------------------

lab_up() {
    local limit=0 load=100 wifi='' serve='' name away=()
    while (($#)); do
        case $1 in
            --hosts) limit=${2:?--hosts needs a number} && shift ;;
            --load) load=${2:?--load needs a number} && shift ;;
            --wifi) wifi=1 ;;
            --serve) serve=1 ;;
            *) die "up: unknown option '$1' (--hosts N, --load N, --wifi, --serve)" ;;
        esac
        shift
    done
    need_lab_tools
    lock_state
    tear_down
    need_lab_hosts
    mkdir -p "$STATE"/{pids,logs,run,leases,conf}
    local began=${EPOCHREALTIME/[.,]/}
    echo "$limit" >"$STATE/limit"
    load_hosts "$limit"
    make_networks
    start_frr
    start_kea
    start_radvd
    start_services "$load" "$wifi"
    ns_add "${HOSTS[@]}"
    plug "${HOSTS[@]}"
    for name in "${HOSTS[@]}"; do
        boot "$name"
        port "$name" up
        lease "$name"
    done
    for name in "${HOSTS[@]}"; do
        personify "$name"
    done
    wait_until 25 all_leased "${HOSTS[@]}" || die "no lease after 25 s for ${WAITING[*]}; see $STATE/logs"
    echo "$LAB_HOSTS" >"$STATE/up"
    say "${#HOSTS[@]} hosts are up and $load answer on the load LAN, after $(((${EPOCHREALTIME/[.,]/} - began) / 1000)) ms"
    say "router: lan0 192.168.50.1/24 fd00:50::1/64, lan0.30 192.168.30.1/24, lan1 10.77.0.1/22, wan0 203.0.113.2/24"
    say "a shell on the router: scripts/lab exec router bash"
    [[ -z $serve ]] || lab_serve
}

# tear_down: removes what the state folder lists; quiet when there is nothing.
tear_down() {
    local all=() name stragglers
    mapfile -t all < <(keys '*')
    ((${#all[@]})) && stop "${all[@]}"
    if [[ -s $STATE/namespaces ]]; then
        mapfile -t all < <(sort -u "$STATE/namespaces")
        for name in "${all[@]}"; do
            ns_exists "$name" || continue
            stragglers=$(ip netns pids "$(ns "$name")" | tr '\n' ' ')
            # Children of what was just stopped may need a moment more.
            [[ -z $stragglers ]] || { sleep 0.3; stragglers=$(ip netns pids "$(ns "$name")" | tr '\n' ' '); }
            [[ -z $stragglers ]] || say "still running in $(ns "$name"), not started by the lab: $stragglers"
            ip netns delete "$(ns "$name")"
        done
    fi
    rm -rf "$STATE"/{pids,run,leases,conf,kea,frr,beds,router} "$STATE"/{namespaces,added.tsv,limit,up,vlan}
}

lab_down() {
    ((EUID == 0)) || die 'network namespaces need root; run it with sudo'
    [[ -d $STATE ]] || { say 'nothing is up'; return; }
    lock_state
    tear_down
    say 'everything is down'
}

host_state() {
    if [[ -f $STATE/run/$1.away ]]; then echo away; elif [[ -s $STATE/leases/$1 ]]; then echo up; else echo 'no lease'; fi
}

lab_status() {
    local json='' name v4 v6 first=1
    [[ ${1:-} == --json ]] && json=1
    if [[ ! -f $STATE/up ]]; then
        if [[ $json ]]; then echo '{"up":false,"hosts":[]}'; else say 'down'; fi
        return 3
    fi
    ((EUID == 0)) || die 'network namespaces need root; run it with sudo'
    load_hosts "$(<"$STATE/limit")"
    if [[ $json ]]; then
        printf '{"up":true,"prefix":"%s","hosts":[' "$PREFIX"
    else
        printf '%-13s %-16s %-18s %-16s %-26s %-9s %s\n' NAME PERSONA MAC IPV4 IPV6 DHCP STATE
    fi
    for name in "${HOSTS[@]}"; do
        v4=$(ip -n "$(ns "$name")" -4 -o address show scope global | awk '{ sub("/.*", "", $4); printf "%s%s", s, $4; s=" " }')
        v6=$(ip -n "$(ns "$name")" -6 -o address show scope global | awk '{ sub("/.*", "", $4); printf "%s%s", s, $4; s=" " }')
        if [[ $json ]]; then
            ((first)) || printf ','
            first=0
            printf '{"name":"%s","persona":"%s","mac":"%s","ipv4":"%s","ipv6":"%s","client":"%s","host_name":"%s","lan":"%s","state":"%s"}' \
                "$name" "${PERSONA_OF[$name]}" "${MAC_OF[$name]}" "$v4" "$v6" "${CLIENT_OF[$name]%%:*}" \
                "${HOSTNAME_OF[$name]/#-/}" "${LAN_OF[$name]}" "$(host_state "$name")"
        else
            printf '%-13s %-16s %-18s %-16s %-26s %-9s %s\n' "$name" "${PERSONA_OF[$name]}" "${MAC_OF[$name]}" \
                "$v4" "${v6%% *}" "${CLIENT_OF[$name]%%:*}" "$(host_state "$name")"
        fi
    done
    if [[ $json ]]; then
        echo ']}'
    else
        local key ended=()
        while read -r key; do alive "$key" || ended+=("$key"); done < <(keys '*')
        ((${#ended[@]} == 0)) || say "ended by themselves: ${ended[*]} (logs in $STATE/logs)"
    fi
}

# The appliance's settings in the lab.
SETTINGS=(env "PANOPTIKON_DATA_DIR=$STATE/appliance/data" "PANOPTIKON_CONFIG_DIR=$STATE/appliance/config"
    "PANOPTIKON_CONTROL_SOCKET=$STATE/appliance/control.sock" PANOPTIKON_LISTEN=0.0.0.0:8443
    "PANOPTIKON_ROUTER_API=$STATE/run/api.sock" "PANOPTIKON_ROUTER_KEY_FILE=$STATE/router/http-api-state"
    "PANOPTIKON_ROUTER_BOOT_FILE=$STATE/router/config/config.boot")

# serve_router: a stand-in for the router's own API, with a configuration that says what this lab is. Its
# leases are Kea's and its routes FRR's; interfaces and packets are the kernel's own.
serve_router() {
    local profile=${LAB_PROFILE:-release} folder=$STATE/router sim=${LAB_VYOS_SIM:-}
    if [[ -z $sim ]]; then
        need_rust
        (cd "$ROOT" && cargo build --quiet --profile "$profile" -p panoptikon-vyos-sim) ||
            die 'the test program panoptikon-vyos-sim does not build'
        [[ $profile == dev ]] && profile=debug
        sim=${CARGO_TARGET_DIR:-$ROOT/target}/$profile/vyos-sim
    fi
    stop vyos-sim
    mkdir -p "$folder/config"
    ln -sfn "$STATE/kea" "$folder/config/dhcp"
    spawn vyos-sim router "$sim" --release current --config "$ROOT/scripts/lab-hosts/home/config.boot" \
        --socket "$STATE/run/api.sock" --state "$folder" --key-file "$folder/http-api-state" \
        --control "$STATE/run/vyos-sim.sock" --bare-socket
    wait_for 10 "the router's API" test -S "$STATE/run/api.sock"
    in_ns router nft -f "$ROOT/scripts/lab-hosts/home/firewall.nft" || say 'no nftables: rules have no counters'
}

# lab_serve: the appliance in the router's namespace, and its page on this machine's loopback.
lab_serve() {
    local binary=${LAB_APPLIANCE:-} listen=${LAB_LISTEN:-127.0.0.1:8443}
    [[ -n $binary ]] || binary=$(build_release) || exit 1
    [[ -x $binary ]] || die "no appliance at $binary"
    mkdir -p "$STATE/appliance"
    stop appliance forward-in forward-out
    serve_router
    echo "$binary" >"$STATE/run/appliance"
    # shellcheck disable=SC2016
    spawn appliance router bash -c 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)"; mount --bind "$2" /run/frr
        shift 2; exec "$@"' \
        lab-appliance "$STATE/conf/resolv.conf" "$STATE/frr/router/run" "${SETTINGS[@]}" "$binary" serve
    spawn forward-in router "$LAB_HOSTS" forward --listen "unix:$STATE/run/forward.sock" --to tcp:127.0.0.1:8443
    spawn forward-out - "$LAB_HOSTS" forward --listen "tcp:$listen" --to "unix:$STATE/run/forward.sock"
    wait_for 60 'the appliance' appliance_answers
    alive forward-out || die "cannot show the page on $listen: $(tail -n 1 "$STATE/logs/forward-out.log")"
    say "the page: https://$listen"
    wait_for 20 'the setup token' token_told
    say "setup token: $TOKEN"
}

# token_told: true when the appliance has told its token, or that there is none any more; exit code 3 is "not yet".
token_told() {
    TOKEN=$(lab_cli setup-token 2>&1)
    (($? != 3))
}

# lab_cli COMMAND...: the appliance's command line where the appliance is: `doctor` looks at that machine.
lab_cli() {
    [[ -s $STATE/run/appliance ]] || die 'no appliance runs in this lab; start it with scripts/lab serve'
    in_ns router "${SETTINGS[@]}" "$(<"$STATE/run/appliance")" "$@"
}

appliance_answers() {
    alive appliance || die "the appliance ended: $(tail -n 3 "$STATE/logs/appliance.log")"
    ip netns exec "$(ns router)" bash -c 'exec 3<>/dev/tcp/127.0.0.1/8443' 2>/dev/null
}
