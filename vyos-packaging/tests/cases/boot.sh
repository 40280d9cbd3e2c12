# shellcheck shell=bash
# The hook: an image without the package, with another version, with a package that is broken.

reinstall_log() {
    in_image "$1" cat /var/log/panoptikon-boot.log 2>/dev/null || true
}

case_an_image_without_the_package_gets_it_back_with_its_data() {
    vyos a
    install_old a
    serve a
    local token
    token=$(in_image a panoptikon setup-token)
    stop_serving a
    next_image a b
    # The same user has another number there.
    in_image b groupadd --system stranger
    in_image b useradd --system --gid stranger stranger
    boot b
    expect "state" "$(version_in b)" "installed 0.1.0"
    [[ $(in_image b id -u panoptikon) != $(in_image a id -u panoptikon) ]] ||
        fail 'the test proves less than it should: the numbers are the same'
    expect "data" "$(in_image b readlink /var/lib/panoptikon)" \
        /usr/lib/live/mount/persistence/panoptikon
    serve b
    expect "token" "$(in_image b panoptikon setup-token)" "$token"
    stop_serving b
    expect "the owner's script ran" "$(in_image b cat /config/ran)" owner
    expect "failures" "$(in_image b ls /config/panoptikon/boot)" reinstall
    boot b
    expect "once" "$(reinstall_log b | grep -c 'is installed')" 1
}

case_an_older_version_in_the_image_is_brought_up_to_date() {
    vyos a
    install_old a
    vyos b
    install_new b
    next_image b c
    install_old c 2>/dev/null
    # As if the image had come with it: what its installation put into /config is not there.
    cp -a "$BED/b/root/opt/vyatta/etc/config/panoptikon/package/." \
        "$BED/c/root/opt/vyatta/etc/config/panoptikon/package/"
    boot c
    expect "state" "$(version_in c)" "installed 0.2.0"
}

case_a_newer_version_in_the_image_stays() {
    vyos a
    install_new a
    cp "$OLD_DEB" "$BED/a/root$KEPT/"
    in_image a sh -c "cd $KEPT && sha256sum panoptikon_0.1.0_amd64.deb >current"
    boot a
    expect "state" "$(version_in a)" "installed 0.2.0"
    expect_match "log" "$(reinstall_log a)" '*this image brings 0.2.0, newer than the 0.1.0*'
}

case_a_broken_package_is_tried_twice_and_then_left_alone() {
    vyos a
    install_old a
    # It unpacks, and its script fails.
    local tree=$BED/tree
    dpkg-deb -R "$OLD_DEB" "$tree"
    printf '#!/bin/sh\necho attempt >>/srv/attempts\nexit 1\n' >"$tree/DEBIAN/postinst"
    next_image a b
    dpkg-deb --root-owner-group -Znone --build "$tree" "$BED/b/root$KEPT/${OLD_DEB##*/}"
    in_image b sh -c "cd $KEPT && sha256sum panoptikon_0.1.0_amd64.deb >current"
    local turn
    for turn in 1 2 3 4; do
        boot b || fail "boot $turn failed"
    done
    expect "attempts" "$(in_image b grep -c . /srv/attempts)" 2
    expect "the owner's script ran" "$(in_image b grep -c owner /config/ran)" 4
    expect_match "log" "$(reinstall_log b)" '*failed 2 times and is left alone*'
    # Another package is another chance.
    cp "$NEW_DEB" "$BED/b/root$KEPT/"
    in_image b sh -c "cd $KEPT && sha256sum panoptikon_0.2.0_amd64.deb >current"
    boot b
    expect "state" "$(version_in b)" "installed 0.2.0"
    in_image b test ! -e /config/panoptikon/boot/failures || fail 'failures are still counted'
}

case_a_package_that_hangs_is_ended() {
    vyos a
    install_old a
    local tree=$BED/tree begun=$SECONDS
    dpkg-deb -R "$OLD_DEB" "$tree"
    printf '#!/bin/sh\nsleep 500\n' >"$tree/DEBIAN/preinst"
    next_image a b
    dpkg-deb --root-owner-group -Znone --build "$tree" "$BED/b/root$KEPT/${OLD_DEB##*/}"
    in_image b sh -c "cd $KEPT && sha256sum panoptikon_0.1.0_amd64.deb >current"
    # Four minutes on a router.
    in_image b sed -i 's/timeout -k 10 240/timeout -k 1 2/' /config/panoptikon/boot/reinstall
    boot b || fail 'the boot failed'
    ((SECONDS - begun < 60)) || fail 'it took too long'
    expect_match "log" "$(reinstall_log b)" '*installing panoptikon_0.1.0_amd64.deb failed*'
    expect "the owner's script ran" "$(in_image b cat /config/ran)" owner
}

case_a_damaged_package_is_not_installed() {
    vyos a
    install_old a
    next_image a b
    truncate -s 100000 "$BED/b/root$KEPT/${OLD_DEB##*/}"
    boot b || fail 'the boot failed'
    expect "state" "$(version_in b)" ""
    expect_match "log" "$(reinstall_log b)" '*is damaged*'
}

case_nothing_is_installed_that_the_service_could_have_put_there() {
    vyos a
    install_old a
    local path
    in_image a setpriv --reuid panoptikon --regid panoptikon --init-groups \
        mv $KEPT /config/panoptikon/mine && fail 'the service can move the folder'
    in_image a setpriv --reuid panoptikon --regid panoptikon --init-groups \
        mv /config/panoptikon/boot /config/panoptikon/mine && fail 'the service can move the script'
    for path in $KEPT $KEPT/current $KEPT/${OLD_DEB##*/}; do
        next_image a "b${path##*/}"
        in_image "b${path##*/}" useradd --system panoptikon
        in_image "b${path##*/}" chown panoptikon "$path"
        boot "b${path##*/}"
        expect "$path" "$(version_in "b${path##*/}")" ""
        expect_match "log" "$(reinstall_log "b${path##*/}")" '*to root alone*'
    done
}

case_the_owners_script_runs_whatever_it_looks_like() {
    local text count=0
    for text in '#!/bin/sh\nexit 7\n' '#!/bin/bash -e\nfalse\n' 'echo no first line\n' ''; do
        count=$((count + 1))
        vyos "a$count"
        # shellcheck disable=SC2059
        printf "$text" >"$BED/a$count/root$HOOK"
        install_old "a$count"
        next_image "a$count" "b$count"
        boot "b$count" || true
        expect "$text" "$(version_in "b$count")" "installed 0.1.0"
        in_image "a$count" dpkg --purge panoptikon
        if [[ -n $text ]]; then
            # shellcheck disable=SC2059
            expect "after a purge" "$(in_image "a$count" cat $HOOK)" "$(printf "$text")"
        fi
    done
}

case_a_script_that_is_no_shell_script_stays_as_it_is() {
    vyos a
    printf '#!/usr/bin/python3\nprint("owner")\n' >"$BED/a/root$HOOK"
    local words
    words=$(install_old a 2>&1) || fail "it is not installed: $words"
    expect_match "words" "$words" '*is no shell script*image upgrade will come without*'
    expect "script" "$(in_image a cat $HOOK)" $'#!/usr/bin/python3\nprint("owner")'
}
