# shellcheck shell=bash
# The test bed: Debian roots as overlays, made up like a VyOS where wanted, and words to test with.
# An "image" is one such root; /config and the persistence partition can go from one to the next.

BED_ROOT=$LIB_TARGET/package
BED_BASE=$BED_ROOT/debian
OLD_DEB=$BED_ROOT/panoptikon_0.1.0_amd64.deb
NEW_DEB=$BED_ROOT/panoptikon_0.2.0_amd64.deb
HOOK=/config/scripts/vyos-preconfig-bootup.script
KEPT=/config/panoptikon/package

# make_base: a small Debian, once.
make_base() {
    [[ -d $BED_BASE ]] && return 0
    need_packages debootstrap || return 1
    mkdir -p "$BED_ROOT"
    rm -rf "$BED_BASE.new"
    note 'making a Debian root (once; two minutes)'
    debootstrap --variant=minbase --include=systemd,ca-certificates bookworm "$BED_BASE.new" \
        >"$BED_ROOT/debootstrap.log" 2>&1 || {
        tail -n 5 "$BED_ROOT/debootstrap.log" >&2
        return 1
    }
    touch "$BED_BASE.made"
    mv "$BED_BASE.new" "$BED_BASE"
}

# make_packages: two versions of one program.
make_packages() {
    need_packages iproute2 util-linux python3 binutils || return 1
    local program=${PACKAGE_BINARY:-}
    if [[ -z $program ]]; then
        need_rust
        cargo build --locked --quiet -p panoptikon || return 1
        program=$BED_ROOT/panoptikon
        strip --strip-all -o "$program" "$LIB_TARGET/debug/panoptikon" || return 1
    fi
    local version
    for version in 0.1.0 0.2.0; do
        PACKAGE_FOR_TESTS=1 PACKAGE_VERSION=$version "$LIB_ROOT/vyos-packaging/build-deb" \
            "$program" "$(uname -m)" "$BED_ROOT" >/dev/null || return 1
    done
}

# image NAME: an empty overlay over the base.
image() {
    local folder=$BED/$1
    mkdir -p "$folder"/{upper,work,root}
    mount -t overlay overlay \
        -o "lowerdir=$BED_BASE,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
    mount --rbind /dev "$folder/root/dev"
    mount -t proc proc "$folder/root/proc"
}

# vyos NAME: such a root made up like a VyOS: its groups, its folders, its partition, its script.
vyos() {
    image "$1"
    local root=$BED/$1/root group
    printf 'PRETTY_NAME="VyOS 1.5"\nID="vyos"\n' >"$root/etc/os-release.new"
    mv "$root/etc/os-release.new" "$root/etc/os-release"
    for group in vyattacfg frrvty _kea; do
        in_image "$1" groupadd --system "$group"
    done
    mkdir -p "$root/opt/vyatta/etc/config/scripts" "$root/usr/lib/live/mount/persistence"
    ln -s opt/vyatta/etc/config "$root/config"
    printf '#!/bin/sh\n# The owner put this here.\necho owner >>/config/ran\n' >"$root$HOOK"
    in_image "$1" chgrp -R vyattacfg /opt/vyatta/etc/config
    chmod 0750 "$root$HOOK"
    mkdir -p "$BED/persistence"
    mount --bind "$BED/persistence" "$root/usr/lib/live/mount/persistence"
}

# next_image FROM TO: as VyOS installs an image: /config is copied, files keep their owner's
# number, folders become root's; the partition is there for both.
next_image() {
    vyos "$2"
    local from=$BED/$1/root/opt/vyatta/etc/config to=$BED/$2/root/opt/vyatta/etc/config
    rm -rf "$to"
    cp -a "$from" "$to"
    find "$to" -type d -exec chown root:root {} +
    find "$to" -type f -exec chgrp root {} +
}

# in_image NAME COMMAND...
in_image() {
    local name=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
        ${WITH:+"$WITH"} chroot "$BED/$name/root" "$@"
}

# dpkg_in NAME ARGUMENT...: with the packages in /srv.
dpkg_in() {
    local name=$1
    shift
    cp -n "$OLD_DEB" "$NEW_DEB" "$BED/$name/root/srv/"
    in_image "$name" dpkg "$@"
}

install_old() {
    dpkg_in "$1" -i "/srv/${OLD_DEB##*/}"
}

install_new() {
    dpkg_in "$1" -i "/srv/${NEW_DEB##*/}"
}

# boot NAME: what VyOS does with the script before it loads its configuration.
boot() {
    if [[ -x $BED/$1/root/opt/vyatta/etc/config/scripts/vyos-preconfig-bootup.script ]]; then
        in_image "$1" "$HOOK"
    fi
}

# version_in NAME: what is installed.
version_in() {
    in_image "$1" dpkg-query -W -f '${db:Status-Status} ${Version}' panoptikon 2>/dev/null || true
}

# serve NAME: starts the program as the service's user with its two capabilities, as systemd would.
serve() {
    local capabilities=-all,+net_raw,+net_admin
    in_image "$1" mkdir -p /run/panoptikon
    in_image "$1" chown panoptikon:panoptikon /run/panoptikon
    in_image "$1" /usr/lib/panoptikon/prepare
    in_image "$1" setpriv --reuid panoptikon --regid panoptikon --init-groups \
        --inh-caps "$capabilities" --ambient-caps "$capabilities" --bounding-set "$capabilities" \
        --no-new-privs env PANOPTIKON_INTERFACES=lo /usr/bin/panoptikon serve &
    SERVED=$!
    wait_until "the program answers" in_image "$1" panoptikon setup-token
}

stop_serving() {
    in_image "$1" panoptikon stop
    wait "$SERVED"
}

# wait_until WHAT COMMAND...
wait_until() {
    local what=$1 begun=$SECONDS
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS - begun < 30)) || fail "waited in vain until $what"
        sleep 0.1
    done
}

# listing NAME: every file with its mode, owner and sum, but for what dpkg and useradd keep for
# themselves.
listing() {
    local left_out=(\( -path ./proc -o -path ./dev -o -path ./srv -o -path ./tmp
        -o -path ./var/lib/dpkg \) -prune -o ! -path ./var/log/dpkg.log ! -path './etc/*-'
        ! -path ./etc/.pwd.lock)
    (cd "$BED/$1/root" && {
        find . -xdev "${left_out[@]}" -printf '%P %y %m %u:%g %l\n'
        # Programs that came with the base and were not written since are what they were.
        find . -xdev "${left_out[@]}" -type f \( -newer "$BED_BASE.made" -o -path './etc/*' \) \
            -print0 | xargs -0r md5sum
    }) | LC_ALL=C sort
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect WHAT ACTUAL WANTED
expect() {
    [[ $2 == "$3" ]] || fail "$1: \"$2\" instead of \"$3\""
}

# expect_match WHAT TEXT PATTERN
expect_match() {
    # shellcheck disable=SC2053
    [[ $2 == $3 ]] || fail "$1: \"$2\" does not match \"$3\""
}

# refuses COMMAND...: it must fail; its words are printed.
refuses() {
    local words
    if words=$("$@" 2>&1); then
        echo "it was done: $words"
        return 1
    fi
    printf '%s\n' "$words"
}

# facts NAME PATH...: mode and owner of each.
facts() {
    local name=$1
    shift
    in_image "$name" stat -c '%a %U:%G' "$@"
}
