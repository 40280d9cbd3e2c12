# shellcheck shell=bash
# Removing keeps what people made; purging leaves nothing.

# A VyOS command line that writes down what it is told.
fake_cli() {
    local root=$BED/$1/root
    mkdir -p "$root/opt/vyatta/sbin"
    printf '#!/bin/sh\necho "$*" >>/srv/told\n[ "$1" != "%s" ]\n' "${2:-nothing}" \
        >"$root/opt/vyatta/sbin/vyatta-cfg-cmd-wrapper"
    printf '#!/bin/sh\n[ "$*" = "existsActive service panoptikon" ]\n' >"$root/bin/cli-shell-api"
    printf '#!/bin/sh\nexit %d\n' "${3:-0}" >"$root/usr/bin/python3"
    chmod +x "$root/opt/vyatta/sbin/vyatta-cfg-cmd-wrapper" "$root/bin/cli-shell-api" \
        "$root/usr/bin/python3"
}

case_a_removal_keeps_settings_and_data_and_no_boot_brings_it_back() {
    vyos a
    local before
    before=$(in_image a cat $HOOK)
    install_old a
    serve a
    stop_serving a
    in_image a dpkg --remove panoptikon
    in_image a test -e /var/lib/panoptikon/panoptikon.db || fail 'the database is gone'
    in_image a test -d /config/panoptikon/tls || fail 'the certificates are gone'
    in_image a test ! -e /usr/bin/panoptikon || fail 'the program is still there'
    expect "hook" "$(in_image a cat $HOOK)" "$before"
    boot a
    expect "state" "$(version_in a)" "config-files 0.1.0"
    install_old a
    expect "state" "$(version_in a)" "installed 0.1.0"
}

case_a_purge_leaves_nothing_on_debian() {
    image a
    local before
    before=$(listing a)
    install_old a
    serve a
    stop_serving a
    install_new a
    in_image a dpkg --purge panoptikon
    diff <(printf '%s\n' "$before") <(listing a) || fail 'something is left'
}

case_a_purge_leaves_nothing_on_vyos() {
    vyos a
    local before
    before=$(listing a)
    install_old a
    serve a
    stop_serving a
    in_image a dpkg --purge panoptikon
    diff <(printf '%s\n' "$before") <(listing a) || fail 'something is left'
    expect "partition" "$(ls -A "$BED/persistence")" ""
}

case_a_purge_takes_the_script_that_was_made_for_the_hook() {
    vyos a
    in_image a rm $HOOK
    install_old a
    expect "mode" "$(facts a $HOOK)" '750 root:vyattacfg'
    in_image a dpkg --purge panoptikon
    in_image a test ! -e $HOOK || fail 'the script is left'
}

case_a_removal_takes_the_service_out_of_the_configuration_and_saves_it() {
    vyos a
    install_old a
    fake_cli a
    in_image a dpkg --purge panoptikon 2>"$BED/words"
    expect "commands" "$(cat "$BED/a/root/srv/told")" \
        $'begin\ndelete service panoptikon\ncommit\nsave\nend'
    expect_match "words" "$(cat "$BED/words")" '*was deleted and saved*'
}

case_a_removal_saves_nothing_that_the_owner_has_not_saved() {
    vyos a
    install_old a
    fake_cli a nothing 1
    in_image a dpkg --purge panoptikon 2>"$BED/words"
    expect "commands" "$(cat "$BED/a/root/srv/told")" $'begin\ndelete service panoptikon\ncommit\nend'
    expect_match "words" "$(cat "$BED/words")" '*other changes wait to be saved*'
}

case_a_purge_goes_on_when_vyos_refuses() {
    vyos a
    install_old a
    fake_cli a commit
    in_image a dpkg --purge panoptikon 2>"$BED/words" || fail 'the purge failed'
    expect_match "words" "$(cat "$BED/words")" '*delete service panoptikon*'
    in_image a test ! -e /config/panoptikon || fail 'something is left'
}
