#!/bin/sh
# Installs the Panoptikon agent on this host. Run by the line that "Add host" shows, which gives:
#   PANOPTIKON_SERVER  addresses of the appliance, HOST:PORT, separated by commas
#   PANOPTIKON_PIN     the pin of the appliance's key, as curl --pinnedpubkey takes it
#   PANOPTIKON_TOKEN   the one-time token; it never stands in an argument or an address
set -eu
umask 077

fail() {
    printf 'panoptikon: %s\n' "$*" >&2
    exit 1
}

[ -n "${PANOPTIKON_SERVER:-}" ] || fail "PANOPTIKON_SERVER is not set: copy the whole line again"
[ -n "${PANOPTIKON_PIN:-}" ] || fail "PANOPTIKON_PIN is not set: copy the whole line again"
[ -n "${PANOPTIKON_TOKEN:-}" ] || fail "PANOPTIKON_TOKEN is not set: copy the whole line again"
[ "$(uname -s)" = Linux ] || fail "there is an agent for Linux only"
case "$(uname -m)" in
x86_64 | amd64) arch=x86_64 ;;
aarch64 | arm64) arch=aarch64 ;;
*) fail "there is no agent for $(uname -m)" ;;
esac
command -v curl >/dev/null || fail "curl is needed"

if [ "$(id -u)" = 0 ]; then
    target=/usr/local/bin
else
    target=$HOME/.local/bin
fi
mkdir -p "$target"
first=${PANOPTIKON_SERVER%%,*}
scratch=$(mktemp "$target/.panoptikon-agent.XXXXXX")
trap 'rm -f "$scratch"' EXIT INT TERM
curl -fsSk --pinnedpubkey "$PANOPTIKON_PIN" -o "$scratch" "https://$first/agent/$arch" ||
    fail "cannot fetch the agent from $first"
chmod 755 "$scratch"
"$scratch" --version >/dev/null || fail "the agent does not run on this host"
mv "$scratch" "$target/panoptikon-agent"
trap - EXIT INT TERM
export PANOPTIKON_TOKEN
exec "$target/panoptikon-agent" enrol --server "$PANOPTIKON_SERVER"
