# shellcheck shell=bash
# The lab's hosts: read from home/hosts.tsv, one namespace each, with a real DHCP client. Sourced by scripts/lab.

declare -A MAC_OF PERSONA_OF CLIENT_OF HOSTNAME_OF VENDOR_OF CLIENT_ID_OF PARAMETERS_OF IPV6_OF LAN_OF
HOSTS=()

# load_hosts [LIMIT]: fills the tables above; a host changed since (`chaos randomise`) is read from the state folder.
load_hosts() {
    local limit=${1:-0} file name lan mac persona client hostname vendor id parameters ipv6
    HOSTS=()
    for file in "$HOSTS_FILE" "$STATE/added.tsv"; do
        [[ -f $file ]] || continue
        while IFS=$'\t' read -r name lan mac persona client hostname vendor id parameters ipv6; do
            [[ -z $name || $name == \#* ]] && continue
            if [[ $file == "$HOSTS_FILE" ]] && ((limit > 0 && ${#HOSTS[@]} >= limit)); then continue; fi
            HOSTS+=("$name")
            LAN_OF[$name]=$lan MAC_OF[$name]=$mac PERSONA_OF[$name]=$persona CLIENT_OF[$name]=$client
            HOSTNAME_OF[$name]=$hostname VENDOR_OF[$name]=$vendor CLIENT_ID_OF[$name]=$id
            PARAMETERS_OF[$name]=$parameters IPV6_OF[$name]=$ipv6
            [[ -s $STATE/run/$name.mac ]] && MAC_OF[$name]=$(<"$STATE/run/$name.mac")
        done <"$file"
    done
    ((${#HOSTS[@]} > 0)) || die "no hosts in $HOSTS_FILE"
}

known_host() {
    [[ -n ${MAC_OF[$1]:-} ]] || die "no host named '$1' in this lab; scripts/lab status lists them"
}

# The interface of a host: its untagged port, or its VLAN where the kernel has VLAN devices.
host_interface() {
    if [[ ${LAN_OF[$1]} == iot && -f $STATE/vlan ]]; then echo eth0.30; else echo eth0; fi
}

# The namespace whose bridge the host's port is on.
host_switch() {
    if [[ ${LAN_OF[$1]} == iot && ! -f $STATE/vlan ]]; then echo iot; else echo switch; fi
}

# plug NAME...: makes the cable between hosts and their switch, still down at the switch's end.
plug() {
    local name switch
    for switch in switch iot; do
        for name in "$@"; do
            [[ $(host_switch "$name") == "$switch" ]] || continue
            echo "link add p-$name type veth peer name eth0 netns $(ns "$name") address ${MAC_OF[$name]}"
            echo "link set p-$name master br0"
        done >"$STATE/run/plug.$switch"
        [[ -s $STATE/run/plug.$switch ]] || continue
        ip -n "$(ns $switch)" -batch "$STATE/run/plug.$switch" || die "cannot plug hosts into $switch"
    done
}

# boot NAME: brings the host's own interface up. Nothing leaves before its switch port is up.
boot() {
    local name=$1 tempaddr=0 ipv6=1
    case ${IPV6_OF[$name]} in
        privacy) tempaddr=2 ;;
        none) ipv6=0 ;;
    esac
    # shellcheck disable=SC2016
    ip netns exec "$(ns "$name")" sh -c '
        if [ -d /proc/sys/net/ipv6 ]; then
            echo $((1 - $2)) >/proc/sys/net/ipv6/conf/all/disable_ipv6
            echo $((1 - $2)) >/proc/sys/net/ipv6/conf/default/disable_ipv6
            echo "$1" >/proc/sys/net/ipv6/conf/default/use_tempaddr
            echo $((1 - $2)) >/proc/sys/net/ipv6/conf/eth0/disable_ipv6
            echo "$1" >/proc/sys/net/ipv6/conf/eth0/use_tempaddr
            # Systems with privacy addresses keep the MAC out of their stable address too (RFC 7217).
            [ "$1" = 0 ] || echo 3 >/proc/sys/net/ipv6/conf/eth0/addr_gen_mode
        fi
        echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
        if [ "$3" = eth0.30 ]; then
            echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6 2>/dev/null
            ip link add link eth0 name eth0.30 type vlan id 30
        fi
        ip link set eth0 up
        [ "$3" = eth0 ] || ip link set "$3" up' lab-boot "$tempaddr" "$ipv6" "$(host_interface "$name")"
}

port() {
    ip -n "$(ns "$(host_switch "$1")")" link set "p-$1" "$2"
}

# --- DHCP clients --------------------------------------------------------------------------

# client_id NAME: option 61 in hex without colons, or nothing.
client_id() {
    case ${CLIENT_ID_OF[$1]} in
        mac) printf '01%s' "${MAC_OF[$1]//:/}" ;;
        -) ;;
        *) printf '%s' "${CLIENT_ID_OF[$1]}" ;;
    esac
}

# colons HEX: aabb becomes aa:bb.
colons() {
    local out
    out=$(printf '%s' "$1" | sed 's/../&:/g')
    printf '%s' "${out%:}"
}

# dhclient names options it knows; any other code is declared for this file.
dhclient_name() {
    case $1 in
        1) echo subnet-mask ;; 2) echo time-offset ;; 3) echo routers ;; 6) echo domain-name-servers ;;
        12) echo host-name ;; 13) echo boot-size ;; 15) echo domain-name ;; 17) echo root-path ;;
        26) echo interface-mtu ;; 28) echo broadcast-address ;; 31) echo router-discovery ;;
        33) echo static-routes ;; 40) echo nis-domain ;; 41) echo nis-servers ;; 42) echo ntp-servers ;;
        43) echo vendor-encapsulated-options ;; 44) echo netbios-name-servers ;;
        46) echo netbios-node-type ;; 47) echo netbios-scope ;; 51) echo dhcp-lease-time ;;
        58) echo dhcp-renewal-time ;; 59) echo dhcp-rebinding-time ;; 66) echo tftp-server-name ;;
        67) echo bootfile-name ;; 119) echo domain-search ;;
        *) echo "lab-option-$1" ;;
    esac
}

write_dhclient_conf() {
    local name=$1 id code option names=() declared=''
    id=$(client_id "$name")
    for code in ${PARAMETERS_OF[$name]//,/ }; do
        option=$(dhclient_name "$code")
        names+=("$option")
        [[ $option == lab-option-* ]] && declared+="option $option code $code = string;"$'\n'
    done
    {
        printf '%s' "$declared"
        [[ ${HOSTNAME_OF[$name]} != - ]] && echo "send host-name \"${HOSTNAME_OF[$name]}\";"
        [[ ${VENDOR_OF[$name]} != - ]] && echo "send vendor-class-identifier \"${VENDOR_OF[$name]}\";"
        [[ -n $id ]] && echo "send dhcp-client-identifier $(colons "$id");"
        local IFS=,
        echo "request ${names[*]};"
        echo 'initial-interval 1; backoff-cutoff 3; timeout 30; retry 5;'
    } >"$STATE/conf/$name.dhclient"
}

write_dhcpcd_conf() {
    local name=$1 id code
    id=$(client_id "$name")
    {
        [[ ${HOSTNAME_OF[$name]} != - ]] && echo "hostname ${HOSTNAME_OF[$name]}"
        [[ ${VENDOR_OF[$name]} != - ]] && echo "vendorclassid ${VENDOR_OF[$name]}"
        if [[ -n $id ]]; then echo "clientid $(colons "$id")"; else echo 'clientid'; fi
        for code in ${PARAMETERS_OF[$name]//,/ }; do echo "option $code"; done
        printf '%s\n' ipv4only noarp noipv4ll
    } >"$STATE/conf/$name.dhcpcd"
}

# lease NAME: starts the host's DHCP client; its address is written to leases/NAME when it has one.
lease() {
    local name=$1 interface script=$ROOT/scripts/lab-hosts/sh/dhcp-event file=$STATE/leases/$1 id code
    interface=$(host_interface "$name")
    id=$(client_id "$name")
    rm -f "$file"
    case ${CLIENT_OF[$name]} in
        static:*)
            local address=${CLIENT_OF[$name]#static:}
            ip -n "$(ns "$name")" address replace "$address/24" broadcast + dev "$interface"
            ip -n "$(ns "$name")" route replace default via "${address%.*}.1"
            echo "$address" >"$file"
            ;;
        udhcpc)
            local arguments=(-o)
            [[ ${HOSTNAME_OF[$name]} != - ]] && arguments+=(-x "hostname:${HOSTNAME_OF[$name]}")
            if [[ ${VENDOR_OF[$name]} != - ]]; then arguments+=(-V "${VENDOR_OF[$name]}"); else arguments+=(-V ''); fi
            arguments+=(-C)
            [[ -n $id ]] && arguments+=(-x "0x3d:$id")
            for code in ${PARAMETERS_OF[$name]//,/ }; do arguments+=(-O "$code"); done
            spawn "$name.dhcp" "$name" env LEASE_FILE="$file" udhcpc -f -i "$interface" -s "$script" \
                -t 10 -T 1 -A 1 "${arguments[@]}"
            ;;
        dhclient)
            write_dhclient_conf "$name"
            spawn "$name.dhcp" "$name" "${UNCONFINED[@]}" dhclient -4 -d -cf "$STATE/conf/$name.dhclient" \
                -lf "$STATE/leases/$name.dhclient" -pf "$STATE/run/$name.dhclient" \
                -sf "$script" -e LEASE_FILE="$file" "$interface"
            ;;
        dhcpcd)
            write_dhcpcd_conf "$name"
            # Its lease and pid folders are compiled in: give each host folders of its own.
            # shellcheck disable=SC2016
            spawn "$name.dhcp" "$name" bash -c '
                for folder in /run/dhcpcd /var/lib/dhcpcd; do
                    [[ -d $folder ]] || mkdir -p "$folder"
                    mount -t tmpfs -o mode=0755 lab "$folder" || exit 1
                done
                exec dhcpcd -B -d -f "$1" -c "$2" -e LEASE_FILE="$3" "$4"' \
                lab-dhcpcd "$STATE/conf/$name.dhcpcd" "$script" "$file" "$interface"
            ;;
        *) die "host $name: unknown DHCP client '${CLIENT_OF[$name]}' (dhclient, udhcpc, dhcpcd or static:ADDRESS)" ;;
    esac
}

# all_leased NAME...: true when each has its address; WAITING names those that have not.
all_leased() {
    local name
    WAITING=()
    for name in "$@"; do
        [[ -s $STATE/leases/$name ]] || WAITING+=("$name")
    done
    ((${#WAITING[@]} == 0))
}

personify() {
    local name=$1
    spawn "$name.persona" "$name" "$LAB_HOSTS" persona --kind "${PERSONA_OF[$name]}" \
        --interface "$(host_interface "$name")" --name "${HOSTNAME_OF[$name]/#-/$name}" --dns "$WAN_DNS"
}

# --- what `lab host` and `lab chaos` do ------------------------------------------------------

host_leave() {
    local name=$1
    known_host "$name"
    port "$name" down
    stop "$name.dhcp"
    : >"$STATE/run/$name.away"
}

host_join() {
    local name=$1
    known_host "$name"
    port "$name" up
    lease "$name"
    rm -f "$STATE/run/$name.away"
}

# host_add NAME MAC [PERSONA [HOSTNAME]]: a brand-new host; prints the instant of its first frame in ms since 1970.
host_add() {
    local name=$1 mac=${2,,} persona=${3:-laptop} hostname=${4:-$1} watcher instant
    [[ $name =~ ^[a-z0-9-]{1,12}$ ]] || die "host name '$name': 1 to 12 of a-z, 0-9 and -"
    [[ $mac =~ ^([0-9a-f]{2}:){5}[0-9a-f]{2}$ ]] || die "'$mac' is no MAC address"
    [[ -z ${MAC_OF[$name]:-} ]] || die "there is already a host named $name"
    printf '%s\tlan0\t%s\t%s\tudhcpc\t%s\t-\tmac\t1,3,6,12,15,28\tslaac\n' \
        "$name" "$mac" "$persona" "$hostname" >>"$STATE/added.tsv"
    load_hosts "$(<"$STATE/limit")"
    ns_add "$name"
    plug "$name"
    boot "$name"
    coproc WATCH { ip netns exec "$(ns switch)" "$LAB_HOSTS" first-frame --interface "p-$name" --source "$mac" --seconds 10 9>&-; }
    # One of our own: the shell closes the coprocess's when it has ended.
    # shellcheck disable=SC2153
    exec {watcher}<&"${WATCH[0]}" || die 'the watcher for the first frame did not start'
    read -r -t 5 _ <&"$watcher" || die 'the watcher for the first frame did not start'
    port "$name" up
    lease "$name"
    read -r -t 12 instant <&"$watcher" || die "no frame from $name within 10 s"
    exec {watcher}<&-
    personify "$name"
    printf '%s\n' "$instant"
}

host_remove() {
    local name=$1
    [[ -f $STATE/added.tsv ]] && grep -q "^$name	" "$STATE/added.tsv" || die "'$name' was not added by scripts/lab host add"
    stop "$name.dhcp" "$name.persona"
    ip -n "$(ns switch)" link delete "p-$name" 2>/dev/null
    ns_remove "$name"
    grep -v "^$name	" "$STATE/added.tsv" >"$STATE/added.new"
    mv "$STATE/added.new" "$STATE/added.tsv"
    rm -f "$STATE"/{run,leases,conf}/"$name"{,.*}
}

# chaos_randomise: the host with a private MAC takes another, as phones do; client id and host name stay.
chaos_randomise() {
    local name=${1:-mia-phone} old mac
    known_host "$name"
    old=${MAC_OF[$name]}
    # Second hex digit 2, 6, a or e: locally administered, unicast.
    printf -v mac '%x%s:%02x:%02x:%02x:%02x:%02x' $((RANDOM % 16)) "$(printf %s 26ae | cut -c $((RANDOM % 4 + 1)))" \
        $((RANDOM % 256)) $((RANDOM % 256)) $((RANDOM % 256)) $((RANDOM % 256)) $((RANDOM % 256))
    port "$name" down
    stop "$name.dhcp" "$name.persona"
    ip -n "$(ns "$name")" link set eth0 down
    ip -n "$(ns "$name")" -4 address flush dev "$(host_interface "$name")"
    ip -n "$(ns "$name")" link set eth0 address "$mac" up
    echo "$mac" >"$STATE/run/$name.mac"
    MAC_OF[$name]=$mac
    rm -f "$STATE/leases/$name.dhclient"
    port "$name" up
    lease "$name"
    personify "$name"
    wait_for 15 "a lease for $name" all_leased "$name"
    say "$name: $old is now $mac, $(<"$STATE/leases/$name")"
}

# rest SECONDS: sleeps, and lets other calls of scripts/lab in meanwhile.
rest() {
    flock -u 9
    sleep "$1"
    flock 9
}

# chaos_come_and_go [ROUNDS [SECONDS]]: two hosts leave and return, out of step.
chaos_come_and_go() {
    local rounds=${1:-3} seconds=${2:-10} round a=anna-iphone b=ben-iphone
    known_host $a && known_host $b
    for ((round = 1; round <= rounds; round++)); do
        say "round $round of $rounds: $a leaves"
        host_leave $a
        rest "$seconds"
        say "round $round of $rounds: $b leaves, $a returns"
        host_leave $b
        host_join $a
        rest "$seconds"
        say "round $round of $rounds: $b returns"
        host_join $b
        rest "$seconds"
    done
}
