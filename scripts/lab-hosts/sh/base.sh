# shellcheck shell=bash
# Ground of the lab: names, state folder, namespaces and processes. Sourced by scripts/lab.
#
# Everything the lab makes is written down under $STATE before it is used, so that `down`
# removes exactly that: namespaces by recorded name, processes by recorded pid and start time.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
LAB_NAME=${LAB_NAME:-}
PREFIX=pnk-${LAB_NAME:+$LAB_NAME-}
STATE=${LAB_STATE:-$ROOT/var/lab${LAB_NAME:+-$LAB_NAME}}
HOSTS_FILE=${LAB_HOSTS_FILE:-$ROOT/scripts/lab-hosts/home/hosts.tsv}
export LC_ALL=C

die() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}

say() {
    printf 'lab: %s\n' "$*"
}

# Checks root and the programs of the lab; what is missing is installed.
need_lab_tools() {
    ((EUID == 0)) || die 'network namespaces need root; run it with sudo'
    local entry missing=()
    for entry in ip:iproute2 kea-dhcp4:kea-dhcp4-server dhclient:isc-dhcp-client udhcpc:udhcpc \
        dhcpcd:dhcpcd-base radvd:radvd vtysh:frr flock:util-linux ping:iputils-ping; do
        command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry#*:}")
    done
    ((${#missing[@]} == 0)) && return
    need_packages "${missing[@]}" || die "these packages are missing: ${missing[*]}"
}

# Sets LAB_HOSTS to the test program, built when LAB_HOSTS_BIN does not name one.
need_lab_hosts() {
    LAB_HOSTS=${LAB_HOSTS_BIN:-}
    # A lab that is up goes on with the program that it was started with.
    [[ -z $LAB_HOSTS && -f $STATE/up ]] && LAB_HOSTS=$(<"$STATE/up")
    if [[ -z $LAB_HOSTS ]]; then
        local profile=${LAB_PROFILE:-release} folder
        folder=$profile
        [[ $profile == dev ]] && folder=debug
        need_rust
        (cd "$ROOT" && cargo build --quiet --profile "$profile" -p panoptikon-lab-hosts) ||
            die 'the test program panoptikon-lab-hosts does not build'
        LAB_HOSTS=${CARGO_TARGET_DIR:-$ROOT/target}/$folder/lab-hosts
    fi
    [[ -x $LAB_HOSTS ]] || die "no test program at $LAB_HOSTS"
}

# One `up`, `down` or `host` at a time for each lab.
lock_state() {
    # A unix socket's path has 108 bytes at most.
    ((${#STATE} <= 85)) || die "the path of $STATE is too long for sockets in it; set LAB_STATE to a shorter one"
    mkdir -p "$STATE"/{pids,logs,run,leases,conf}
    exec 9>"$STATE.lock"
    flock -w 60 9 || die "another scripts/lab holds $STATE.lock"
}

# --- namespaces ----------------------------------------------------------------------------

# ns NAME: the full name of a namespace of this lab.
ns() {
    printf '%s%s' "$PREFIX" "$1"
}

ns_exists() {
    [[ -e /run/netns/$PREFIX$1 ]]
}

# ns_add NAME...: makes namespaces with loopback up.
ns_add() {
    local name
    for name in "$@"; do
        if ns_exists "$name" && ! grep -qxF "$name" "$STATE/namespaces" 2>/dev/null; then
            die "namespace $(ns "$name") exists and is not of this checkout's lab; take that lab down, or set LAB_NAME"
        fi
        printf '%s\n' "$name" >>"$STATE/namespaces"
        ip netns add "$(ns "$name")" || die "cannot make namespace $(ns "$name")"
        ip -n "$(ns "$name")" link set lo up
    done
}

# ns_remove NAME...: removes namespaces that this lab made.
ns_remove() {
    local name
    for name in "$@"; do
        ns_exists "$name" && ip netns delete "$(ns "$name")"
        [[ -f $STATE/namespaces ]] || continue
        grep -vxF "$name" "$STATE/namespaces" >"$STATE/namespaces.new"
        mv "$STATE/namespaces.new" "$STATE/namespaces"
    done
    return 0
}

# in_ns NAME COMMAND...: runs a command in a namespace of the lab; the lab's resolver is its own.
in_ns() {
    local name=$1
    shift
    # shellcheck disable=SC2016
    ip netns exec "$(ns "$name")" bash -c \
        'if [[ -s $1 && -e /etc/resolv.conf ]]; then mount --bind "$1" "$(readlink -f /etc/resolv.conf)" || exit 126; fi
         shift; exec "$@"' lab "$STATE/conf/resolv.conf" "$@"
}

# --- processes -----------------------------------------------------------------------------

# start_time PID: prints the kernel's start time of a process, so that a reused pid is not taken for ours.
start_time() {
    local line
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    line=${line##*) }
    # shellcheck disable=SC2086
    set -- $line
    # A zombie has ended; only its parent has not looked yet.
    [[ $1 != Z ]] || return 1
    printf '%s' "${20}"
}

# spawn KEY NAMESPACE COMMAND...: starts a process in a namespace ('-' for the machine's own) and records it.
spawn() {
    local key=$1 name=$2
    shift 2
    [[ $name == - ]] || set -- ip netns exec "$(ns "$name")" "$@"
    # It writes itself down before it becomes the command, so that not even a kill of this script leaves it unrecorded.
    {
        record "$key" "$BASHPID"
        exec "$@"
    } </dev/null >"$STATE/logs/$key.log" 2>&1 9>&- &
    record "$key" $!
    disown $!
}

record() {
    printf '%s %s\n' "$2" "$(start_time "$2")" >"$STATE/pids/$1"
}

# alive KEY: true while the recorded process runs.
alive() {
    local pid started
    { read -r pid started <"$STATE/pids/$1"; } 2>/dev/null || return 1
    same "$pid" "$started"
}

# family PID: prints the descendants of a process, each with its start time.
family() {
    local child children
    { read -r -a children <"/proc/$1/task/$1/children"; } 2>/dev/null || return 0
    for child in "${children[@]}"; do
        printf '%s %s\n' "$child" "$(start_time "$child")"
        family "$child"
    done
}

# same PID STARTED: true while that very process runs.
same() {
    [[ -n $2 && $(start_time "$1") == "$2" ]]
}

# stop KEY...: ends recorded processes and what they started, all at once, with SIGKILL for those that take over 3 s.
stop() {
    local key pid started round left all=()
    for key in "$@"; do
        alive "$key" || continue
        read -r pid started <"$STATE/pids/$key"
        mapfile -t -O "${#all[@]}" all < <(echo "$pid $started"; family "$pid")
        kill -TERM "$pid" 2>/dev/null
    done
    for ((round = 0; round < 80; round++)); do
        left=()
        for key in "${all[@]}"; do
            # shellcheck disable=SC2086
            same $key && left+=("$key")
        done
        all=("${left[@]}")
        ((${#all[@]})) || break
        if ((round == 60)); then for key in "${all[@]}"; do kill -KILL "${key% *}" 2>/dev/null; done; fi
        sleep 0.05
    done
    for key in "$@"; do rm -f "$STATE/pids/$key"; done
}

# keys PATTERN: recorded process keys that match a glob.
keys() {
    local file
    for file in "$STATE/pids/"$1; do
        [[ -f $file ]] && printf '%s\n' "${file##*/}"
    done
    return 0
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; fails when it does not in time.
wait_until() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
        sleep 0.1
    done
}

# wait_for SECONDS WHAT COMMAND...: the same, and the script ends when it fails.
wait_for() {
    local seconds=$1 what=$2
    shift 2
    wait_until "$seconds" "$@" || die "waited ${seconds} s for $what; see $STATE/logs"
}

# AppArmor ties Debian's DHCP programs to paths under /var/lib; the lab keeps its state elsewhere.
UNCONFINED=()
if [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]] && command -v aa-exec >/dev/null 2>&1; then
    UNCONFINED=(aa-exec -p unconfined --)
fi
