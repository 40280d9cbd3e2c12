# shellcheck shell=bash
# Installing: on Debian, on something like a VyOS, and where /config cannot be written to.

case_it_installs_on_plain_debian_and_serves() {
    image a
    install_old a
    local user
    user=$(in_image a id -u panoptikon)
    ((user < 1000)) || fail "the user has the number $user"
    expect "groups" "$(in_image a id -nG panoptikon)" "panoptikon adm systemd-journal"
    expect "folders" "$(facts a /var/lib/panoptikon /config/panoptikon $KEPT)" \
        $'700 panoptikon:panoptikon\n1770 root:panoptikon\n755 root:root'
    in_image a test -L /etc/systemd/system/multi-user.target.wants/panoptikon.service ||
        fail 'the service is not enabled'
    in_image a test ! -e "$HOOK" || fail 'there is a boot hook without a VyOS'
    cmp "$OLD_DEB" "$BED/a/root$KEPT/${OLD_DEB##*/}" || fail 'another package was kept'
    serve a
    expect_match "status" "$(in_image a panoptikon status)" '*0.1.0*'
    expect "owner of the database" "$(facts a /var/lib/panoptikon/panoptikon.db)" \
        '600 panoptikon:panoptikon'
    stop_serving a
}

case_it_installs_on_vyos_outside_the_image_and_after_the_owners_script() {
    vyos a
    install_old a
    expect "groups" "$(in_image a id -nG panoptikon)" \
        "panoptikon adm systemd-journal vyattacfg frrvty _kea"
    expect "data" "$(in_image a readlink /var/lib/panoptikon)" \
        /usr/lib/live/mount/persistence/panoptikon
    expect "first line" "$(in_image a head -n 1 $HOOK)" '#!/bin/sh'
    expect "owner's lines" "$(in_image a tail -n 2 $HOOK)" \
        $'# The owner put this here.\necho owner >>/config/ran'
    expect "mode" "$(facts a $HOOK)" '750 root:vyattacfg'
    local before
    before=$(in_image a cat $HOOK)
    in_image a /usr/lib/panoptikon/boot-hook install
    expect "a second time" "$(in_image a cat $HOOK)" "$before"
    boot a
    expect "the owner's script ran" "$(in_image a cat /config/ran)" owner
    serve a
    in_image a test -e /usr/lib/live/mount/persistence/panoptikon/panoptikon.db ||
        fail 'the database lies elsewhere'
    stop_serving a
}

case_programs_for_values_of_ones_own_stay_roots() {
    image a
    install_old a
    in_image a sh -c 'mkdir /config/panoptikon/metrics.d
        echo "echo 1" >/config/panoptikon/metrics.d/one
        echo >/config/panoptikon/another'
    in_image a /usr/lib/panoptikon/prepare
    expect "owners" "$(facts a /config/panoptikon/metrics.d /config/panoptikon/metrics.d/one \
        /config/panoptikon/another | sed 's/^[0-9]* //')" \
        $'root:root\nroot:root\npanoptikon:panoptikon'
}

case_it_installs_without_the_programs_of_systemd() {
    image a
    local program
    for program in systemctl systemd-sysusers systemd-tmpfiles; do
        in_image a rm "$(in_image a sh -c "command -v $program")"
    done
    local words
    words=$(install_old a 2>&1)
    expect_match "words" "$words" '*there is no systemd here*panoptikon serve*'
    ((($(in_image a id -u panoptikon)) < 1000)) || fail 'the user is no system user'
    serve a
    stop_serving a
}

case_a_read_only_config_is_told_and_the_package_is_installed() {
    vyos a
    mount --bind "$BED/a/root/opt/vyatta/etc/config" "$BED/a/root/opt/vyatta/etc/config"
    mount -o remount,ro,bind "$BED/a/root/opt/vyatta/etc/config"
    local words
    words=$(install_old a 2>&1) || fail "it is not installed: $words"
    expect "state" "$(version_in a)" "installed 0.1.0"
    expect_match "words" "$words" '*/config/panoptikon cannot be written to*'
    expect_match "words" "$words" '*image upgrade will come without*'
}

case_a_full_config_is_told_and_nothing_half_is_left_there() {
    vyos a
    mount -t tmpfs -o size=2m tmpfs "$BED/a/root/opt/vyatta/etc/config"
    head -c 1900000 /dev/zero >"$BED/a/root/config-filler"
    cp "$BED/a/root/config-filler" "$BED/a/root/opt/vyatta/etc/config/filler"
    local words
    words=$(install_old a 2>&1) || fail "it is not installed: $words"
    expect "state" "$(version_in a)" "installed 0.1.0"
    expect_match "words" "$words" '*no room for the package*'
    expect_match "words" "$words" '*image upgrade will come without*'
    expect "kept" "$(in_image a ls -A $KEPT)" ""
}

case_a_copy_is_kept_however_the_package_is_named_to_dpkg() {
    image a
    cp "$OLD_DEB" "$BED/a/root/srv/renamed.deb"
    in_image a sh -c 'cd /srv && dpkg -i renamed.deb'
    cmp "$OLD_DEB" "$BED/a/root$KEPT/${OLD_DEB##*/}" || fail 'another package was kept'
    in_image a sh -c "cd $KEPT && sha256sum --status -c current" || fail 'its sum is wrong'
}

case_a_copy_is_built_again_where_dpkg_does_not_name_it() {
    image a
    dpkg_in a --unpack "/srv/${OLD_DEB##*/}"
    in_image a dpkg --configure panoptikon
    cmp -s "$OLD_DEB" "$BED/a/root$KEPT/${OLD_DEB##*/}" && fail 'it was found, not built'
    in_image a sh -c 'echo "#mine" >>/etc/default/panoptikon'
    in_image a rm -r $KEPT
    in_image a /usr/lib/panoptikon/keep-package 0 0.1.0 "$(dpkg --print-architecture)"
    local built=$BED/a/root$KEPT/${OLD_DEB##*/} field
    for field in Package Version Architecture Description Maintainer; do
        expect "$field" "$(dpkg-deb -f "$built" "$field")" "$(dpkg-deb -f "$OLD_DEB" "$field")"
    done
    local part
    for part in conffiles md5sums triggers preinst postinst prerm postrm; do
        expect "$part" "$(dpkg-deb -I "$built" "$part")" "$(dpkg-deb -I "$OLD_DEB" "$part")"
    done
    files() { dpkg-deb -c "$1" | awk '{ print $1, $2, $3, $6 }' | LC_ALL=C sort; }
    diff <(files "$OLD_DEB") <(files "$built") || fail 'other files, modes or owners'
    expect "no edits" "$(dpkg-deb --fsys-tarfile "$built" | tar -xO ./etc/default/panoptikon | md5sum)" \
        "$(dpkg-deb --fsys-tarfile "$OLD_DEB" | tar -xO ./etc/default/panoptikon | md5sum)"
}

case_a_machine_made_from_an_image_gets_the_hook_and_a_copy_at_its_first_start() {
    vyos a
    install_old a
    # Its /config is new.
    local config=$BED/a/root/opt/vyatta/etc/config
    rm -rf "$config/panoptikon" "$config/scripts"
    in_image a /usr/lib/panoptikon/prepare first
    in_image a sh -c "cd $KEPT && sha256sum --status -c current" || fail 'no copy was kept'
    expect "hooks" "$(in_image a grep -c '^# BEGIN panoptikon' $HOOK)" 1
    # What the owner takes out later stays out.
    in_image a sh -c "echo '#!/bin/sh' >$HOOK"
    in_image a /usr/lib/panoptikon/prepare first
    expect "hooks" "$(in_image a cat $HOOK)" '#!/bin/sh'
}

case_a_truncated_package_changes_nothing() {
    image a
    local before
    before=$(listing a)
    head -c 100000 "$OLD_DEB" >"$BED/a/root/srv/cut.deb"
    refuses in_image a dpkg -i /srv/cut.deb || fail 'it was installed'
    expect "files" "$(listing a)" "$before"
    in_image a sh -c '! getent passwd panoptikon' || fail 'there is a user'
}

case_the_wrong_architecture_is_refused_in_one_line() {
    image a
    local tree=$BED/tree words
    dpkg-deb -R "$OLD_DEB" "$tree"
    sed -i 's/^Architecture: .*/Architecture: riscv64/' "$tree/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone --build "$tree" "$BED/a/root/srv/other.deb"
    words=$(refuses in_image a dpkg -i /srv/other.deb) || fail "$words"
    expect_match "words" "$words" '*package architecture (riscv64) does not match system*'
    sed -i "s/^Architecture: .*/Architecture: $(dpkg --print-architecture)/" "$tree/DEBIAN/control"
    sed -i "s/^arch='.*/arch='other'/" "$tree/DEBIAN/preinst"
    dpkg-deb --root-owner-group -Znone --build "$tree" "$BED/a/root/srv/other.deb"
    words=$(refuses in_image a dpkg -i /srv/other.deb) || fail "$words"
    expect_match "words" "$words" '*this package is for other, and this machine is*'
    in_image a test ! -e /usr/bin/panoptikon || fail 'something was installed'
}
