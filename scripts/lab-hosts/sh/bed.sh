# shellcheck shell=bash
# Bench beds: two namespaces joined by one cable, a responder at the far end. Sourced by scripts/lab.

# bed_up NAME NET HOSTS [respond's options...]: as0 (first address of NET) in bed-NAME-r, al0 in bed-NAME-h.
bed_up() {
    (($# >= 3)) || die 'usage: scripts/lab bed NAME NET HOSTS [--wifi] [--seed N] [--chatter PPS]'
    local name=$1 net=$2 hosts=$3 near far address
    shift 3
    [[ $name =~ ^[a-z0-9]{1,12}$ ]] || die "bed name '$name': 1 to 12 of a-z and 0-9"
    [[ $hosts =~ ^[0-9]+$ ]] || die "'$hosts' is no number of hosts"
    need_lab_tools
    need_lab_hosts
    STATE+=-bed-$name
    lock_state
    tear_down
    mkdir -p "$STATE"/{pids,logs,run}
    address=$("$LAB_HOSTS" first-address --net "$net") || die "'$net' is no IPv4 network"
    ns_add "bed-$name-r" "bed-$name-h"
    mute "bed-$name-h"
    near=$(ns "bed-$name-r") far=$(ns "bed-$name-h")
    ip -n "$near" link add as0 address 02:50:4e:be:d0:01 type veth peer name al0 netns "$far" || die 'cannot make the cable'
    ip -n "$far" link set al0 up
    ip -n "$near" link set as0 up
    ip -n "$near" address add "$address/${net#*/}" broadcast + dev as0 || die "cannot give as0 $address"
    spawn bed "bed-$name-h" "$LAB_HOSTS" respond --interface al0 --net "$net" --hosts "$hosts" \
        --exclude "$address" "$@"
    wait_for 5 'the responder' grep -qs '^ready' "$STATE/logs/bed.log"
    say "bed $name: namespace $near, interface as0, $address/${net#*/}, $hosts hosts"
}

# bed_down NAME: takes the bed away and prints the responder's counters.
bed_down() {
    ((EUID == 0)) || die 'network namespaces need root; run it with sudo'
    STATE+=-bed-$1
    [[ -d $STATE ]] || die "there is no bed named '$1'"
    lock_state
    tear_down
    tail -n +2 "$STATE/logs/bed.log"
    rm -rf "$STATE" "$STATE.lock"
}
