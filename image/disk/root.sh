# shellcheck shell=bash
# The root file system of the disk image: a small Debian that starts, has addresses and lets whoever
# is at its console in.

# make_disk_base FOLDER KERNEL: Debian with a kernel, once.
make_disk_base() {
    local folder=$1 kernel=$2
    [[ -d $folder ]] && return 0
    need_packages debootstrap || return 1
    mkdir -p "${folder%/*}"
    rm -rf "$folder.new"
    note 'making a Debian with a kernel (once; some minutes)'
    debootstrap --variant=minbase --include="systemd-sysv,udev,dbus,iproute2,iputils-ping,kmod,$(
    )initramfs-tools,nftables,ca-certificates,e2fsprogs,less,$kernel" \
        bookworm "$folder.new" >"$folder.log" 2>&1 || {
        tail -n 5 "$folder.log" >&2
        return 1
    }
    mv "$folder.new" "$folder"
}

# furnish ROOT: what makes a machine of it.
furnish() {
    local root=$1 terminal
    echo panoptikon >"$root/etc/hostname"
    printf '127.0.0.1 localhost panoptikon\n::1 localhost panoptikon\n' >"$root/etc/hosts"
    # One partition for what outlives a new root file system: /config lies on it, too.
    mkdir -p "$root/config" "$root/usr/lib/live/mount/persistence"
    cat >"$root/etc/fstab" <<'TABLE'
LABEL=panoptikon-root / ext4 errors=remount-ro,noatime 0 1
LABEL=panoptikon-data /usr/lib/live/mount/persistence ext4 noatime 0 2
/usr/lib/live/mount/persistence/config /config none bind,x-systemd.requires-mounts-for=/usr/lib/live/mount/persistence 0 0
TABLE
    cat >"$root/etc/systemd/network/80-all.network" <<'NETWORK'
# Every cable gets an address if there is somebody who gives one.
[Match]
Type=ether

[Network]
DHCP=yes

[Link]
RequiredForOnline=no
NETWORK
    # Whoever is at the console owns the machine anyway. There is no way in over the network but the
    # appliance's own pages.
    chroot "$root" passwd --quiet --delete root
    for terminal in getty@tty1 serial-getty@ttyS0; do
        mkdir -p "$root/etc/systemd/system/$terminal.service.d"
        printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear %%I $TERM\n' \
            >"$root/etc/systemd/system/$terminal.service.d/autologin.conf"
    done
    chroot "$root" systemctl --quiet enable systemd-networkd.service
    # Each copy of the image is a machine of its own.
    : >"$root/etc/machine-id"
    rm -f "$root/var/lib/dbus/machine-id"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}

# equip ROOT PACKAGE: installs the package.
equip() {
    cp "$2" "$1/tmp/panoptikon.deb" || return 1
    chroot "$1" dpkg -i /tmp/panoptikon.deb >&2 || return 1
    rm -f "$1/tmp/panoptikon.deb"
}
