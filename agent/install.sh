#!/bin/sh
# Installs the Panoptikon agent: fetches the program from the appliance over the pinned connection,
# checks it, makes this host known and starts the service. As root for the whole host, otherwise for
# who runs it. The appliance puts the checksums in.
#   PANOPTIKON_SERVER  addresses of the appliance with ports, commas between
#   PANOPTIKON_PIN     SHA-256 of its public key, base64, as the page shows it
#   PANOPTIKON_TOKEN   the token, good for one host; without it this asks for it
# To remove it all: panoptikon-agent uninstall
set -eu

sha256_x86_64='@SHA256_X86_64@'
sha256_aarch64='@SHA256_AARCH64@'

give_up() {
    printf 'panoptikon: %s\n' "$*" >&2
    exit 1
}

# fetch PATH FILE: from the first server that answers.
fetch() {
    for server in $(printf '%s' "$servers" | tr ',' ' '); do
        curl -fsSk --tlsv1.3 --pinnedpubkey "sha256//$pin" --connect-timeout 10 --max-time 300 \
            --max-filesize 16777216 -o "$2" "https://$server$1" && return 0
    done
    return 1
}

main() {
    servers=${PANOPTIKON_SERVER:-} pin=${PANOPTIKON_PIN:-} token=${PANOPTIKON_TOKEN:-}
    unset PANOPTIKON_TOKEN
    pin=${pin#sha256//}
    [ -n "$servers" ] || give_up 'PANOPTIKON_SERVER is missing: copy the whole line'
    [ -n "$pin" ] || give_up 'PANOPTIKON_PIN is missing: copy the whole line'
    # Standard input is this script; what is typed is in no history and no list of processes.
    if [ -z "$token" ] && (: </dev/tty) 2>/dev/null; then
        printf 'token, as the page shows it: ' >/dev/tty
        read -r token </dev/tty || true
    fi
    [ -n "$token" ] || give_up 'PANOPTIKON_TOKEN is missing, and there is no terminal to ask at'
    [ "$(uname -s)" = Linux ] || give_up 'the agent is for Linux'
    case $(uname -m) in
        x86_64 | amd64) arch=x86_64 sha256=$sha256_x86_64 ;;
        aarch64 | arm64) arch=aarch64 sha256=$sha256_aarch64 ;;
        *) give_up "there is no agent for $(uname -m)" ;;
    esac
    [ "${#sha256}" -eq 64 ] || give_up "this appliance has no agent for $arch"
    for tool in curl sha256sum mktemp tr; do
        command -v "$tool" >/dev/null 2>&1 || give_up "$tool is missing"
    done

    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' HUP INT TERM
    program=$folder/panoptikon-agent
    fetch "/agent/$arch" "$program" || give_up 'the program could not be fetched'
    printf '%s  %s\n' "$sha256" "$program" | sha256sum -c - >/dev/null 2>&1 ||
        give_up 'the program that came is not the one that this script names'
    chmod 0755 "$program"
    "$program" version >/dev/null || give_up "programs cannot be run in $folder: set TMPDIR"
    # The program knows the key that releases are signed with; 3 says that this one knows none.
    if fetch "/agent/$arch.minisig" "$program.minisig" 2>/dev/null; then
        code=0
        "$program" verify "$program" "$program.minisig" || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 3 ] || give_up 'the signature is not good'
    fi

    "$program" install >/dev/null || give_up 'it could not be put in place; nothing was enrolled'
    PANOPTIKON_TOKEN=$token "$program" enrol --server "$servers" ||
        give_up 'this host was not enrolled; make another token and try again'
    "$program" install
}

# At the end, so that a script that was cut off does nothing.
main
