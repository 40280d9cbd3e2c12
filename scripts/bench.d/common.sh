# shellcheck shell=bash
# What the benchmarks have in common: the release program in a network namespace, beds of the lab,
# and a table of figures with their marks. Sourced by the programs beside it and in test-long.d.

# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

BENCH_CLIENT=$LIB_ROOT/scripts/bench.d/client
# Debian's own, for a version manager in front of it takes its time at each start.
PYTHON=/usr/bin/python3
BENCH_MISSED=0
BENCH_ROWS=()
BENCH_STARTED=()
BENCH_BEDS=()
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BENCH_CLIENT

# The plain address that measurements use and the encrypted one, inside the bed's namespace.
PLAIN=127.0.0.1:8080
SECURE=127.0.0.1:8443

# bench_begin PACKAGE...: checks root, installs packages, builds the program, makes the folders.
bench_begin() {
    ((EUID == 0)) || give_up 'network namespaces need root; run it with sudo'
    need_packages iproute2 util-linux python3 "$@" || exit 1
    # BENCH_PROGRAM is one built already, to compare with an older one for instance.
    PROGRAM=${BENCH_PROGRAM:-$(build_release)} && [[ -x $PROGRAM ]] || exit 1
    # On the disk of the build, since a crash or a full disk in memory proves little; sockets have
    # short paths only.
    BENCH_DIR=$LIB_TARGET/bench/${0##*/}
    rm -rf "$BENCH_DIR"
    mkdir -p "$BENCH_DIR"
    BENCH_RUN=$(mktemp -d /tmp/pnk-bench.XXXXXX)
    LAB_HOSTS_BIN=${LAB_HOSTS_BIN:-}
    if [[ -z $LAB_HOSTS_BIN ]]; then
        (cd "$LIB_ROOT" && cargo build --quiet --release --locked -p panoptikon-lab-hosts >&2) ||
            give_up 'the hosts of the lab do not build'
        LAB_HOSTS_BIN=$LIB_TARGET/release/lab-hosts
    fi
    export LAB_HOSTS_BIN
    trap bench_end EXIT
    trap 'exit 130' INT TERM HUP
}

# began_at PID: the kernel's start time of a process: a number may be another's by now.
began_at() {
    local line
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    line=${line##*) }
    # shellcheck disable=SC2086
    set -- $line
    echo "${20}"
}

# bench_owns PID: a process to end with this run.
bench_owns() {
    BENCH_STARTED+=("$1 $(began_at "$1")")
}

# bench_end: takes down whatever this run made.
bench_end() {
    local pid began bed
    while read -r pid began; do
        [[ -z $pid || $(began_at "$pid") != "$began" ]] || kill -KILL "$pid" 2>/dev/null
    done < <(printf '%s\n' "${BENCH_STARTED[@]}")
    for bed in "${BENCH_BEDS[@]}"; do "$LIB_ROOT/scripts/lab" bed-down "$bed" >/dev/null 2>&1; done
    declare -F bench_also_end >/dev/null && bench_also_end
    [[ -n ${BENCH_RUN:-} ]] && rm -rf "$BENCH_RUN"
}

# bench_bed NAME NET HOSTS [options of `scripts/lab bed`]: a bed; sets NEAR and FAR, its namespaces.
bench_bed() {
    BENCH_BEDS+=("$1")
    NEAR=pnk-bed-$1-r FAR=pnk-bed-$1-h
    "$LIB_ROOT/scripts/lab" bed "$@" >&2 || give_up "the bed $1 does not come up"
}

bench_bed_down() {
    "$LIB_ROOT/scripts/lab" bed-down "$1" >&2
}

# residents NET HOSTS: the addresses of a bed's hosts, one a line.
residents() {
    "$LAB_HOSTS_BIN" respond --interface al0 --net "$1" --hosts "$2" --list \
        --exclude "$("$LAB_HOSTS_BIN" first-address --net "$1")" | cut -d ' ' -f 1 | sort
}

# own_flags FOLDER: the settings of an appliance that keeps everything in this folder, as SETTINGS.
own_flags() {
    SETTINGS=(--data-dir "$1/data" --config-dir "$1/config" --control-socket "$BENCH_RUN/control"
        --listen "$SECURE" --plain-listen "$PLAIN")
}

# clean COMMAND...: without the caller's PANOPTIKON_ variables, which are settings.
clean() {
    local name without=()
    while IFS= read -r name; do without+=(-u "$name"); done < <(compgen -e | grep '^PANOPTIKON_')
    env "${without[@]}" "$@"
}

# run_appliance FOLDER [flags]: starts it in $NEAR, or here if that is empty. Sets PID.
# LIMIT_FILES is its limit of open files.
run_appliance() {
    local folder=$1 inside=()
    shift
    mkdir -p "$folder"
    own_flags "$folder"
    SETTINGS+=("$@")
    [[ -z ${NEAR:-} ]] || inside=(ip netns exec "$NEAR")
    (
        [[ -z ${LIMIT_FILES:-} ]] || ulimit -n "$LIMIT_FILES"
        # Not by `clean`: the process that is recorded must become the program.
        for name in $(compgen -e | grep '^PANOPTIKON_'); do unset "$name"; done
        exec "${inside[@]}" "$PROGRAM" serve "${SETTINGS[@]}"
    ) >>"$folder/log" 2>&1 &
    PID=$!
    bench_owns "$PID"
    disown "$PID"
}

# start_appliance FOLDER [flags]: the same, and waits until it answers.
start_appliance() {
    local tenths
    run_appliance "$@"
    for ((tenths = 0; tenths < 600; tenths++)); do
        kill -0 "$PID" 2>/dev/null || {
            tail -n 3 "$1/log" >&2
            give_up "the appliance ended; see $1/log"
        }
        serves && ready && return 0
        sleep 0.05
    done
    give_up "the appliance does not answer after 30 s; see $1/log"
}

# ready: its rooms are open; exit code 3 is "not yet".
ready() {
    cli setup-token >/dev/null 2>&1
    (($? != 3))
}

serves() {
    local inside=()
    [[ -z ${NEAR:-} ]] || inside=(ip netns exec "$NEAR")
    "${inside[@]}" bash -c "exec 3<>/dev/tcp/${PLAIN%:*}/${PLAIN#*:}" 2>/dev/null
}

# stop_appliance: asks it to end, and waits for that.
stop_appliance() {
    local tenths
    kill -TERM "$PID" 2>/dev/null
    for ((tenths = 0; tenths < 100; tenths++)); do
        kill -0 "$PID" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$PID" 2>/dev/null
    return 1
}

# cli COMMAND...: the command line of the running appliance.
cli() {
    clean "$PROGRAM" "${SETTINGS[@]}" "$@"
}

# within COMMAND...: runs a client in the appliance's namespace.
within() {
    if [[ -n ${NEAR:-} ]]; then ip netns exec "$NEAR" "$@"; else "$@"; fi
}

# prime FOLDER [options of client/prime.py]: claims a fresh appliance in a namespace without a LAN,
# makes an API key, and leaves folder and folder/way-in.json for copies to start from.
prime() {
    local folder=$1 before=${NEAR:-} token='' tenths
    shift
    NEAR=pnk-prime-$$
    ip netns add "$NEAR" && ip -n "$NEAR" link set lo up || give_up 'cannot make a namespace'
    start_appliance "$folder"
    for ((tenths = 0; tenths < 100; tenths++)); do
        token=$(cli setup-token 2>/dev/null) && break
        sleep 0.1
    done
    within "$PYTHON" "$BENCH_CLIENT/prime.py" --at "http://$PLAIN" --token "$token" \
        --way-in "$folder/way-in.json" "$@" ||
        { ip netns delete "$NEAR"; give_up 'claiming the appliance failed'; }
    stop_appliance
    ip netns delete "$NEAR"
    NEAR=$before
}

# memory PID FIELD: VmRSS or RssAnon of a process in kB.
memory() {
    sed -n "s/^$2:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$1/status"
}

# processor_ms PID: user and system time of a process in ms.
processor_ms() {
    local line
    read -r line <"/proc/$1/stat"
    line=${line##*) }
    # shellcheck disable=SC2086
    set -- $line
    echo $(((${12} + ${13}) * 1000 / $(getconf CLK_TCK)))
}

now_ms() {
    echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# median NUMBER...: the middle one; of an even number, the lower of the two.
median() {
    printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"
}

# figure NAME MARK MEASURED VALUE RELATION BOUND: a row of the table; the run fails when
# VALUE RELATION BOUND does not hold.
figure() {
    local judged=met
    awk -v a="$4" -v b="$6" "BEGIN { exit !(a $5 b) }" </dev/null || {
        judged='**missed**'
        BENCH_MISSED=$((BENCH_MISSED + 1))
    }
    BENCH_ROWS+=("| $1 | $2 | $3 | $judged |")
}

# fact NAME MEASURED: a row without a mark.
fact() {
    BENCH_ROWS+=("| $1 | | $2 | |")
}

# verdict: prints the table and ends the program.
verdict() {
    printf '| figure | mark | measured | |\n|---|---|---|---|\n'
    printf '%s\n' "${BENCH_ROWS[@]}"
    exit $((BENCH_MISSED > 0))
}
