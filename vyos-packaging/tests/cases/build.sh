# shellcheck shell=bash
# The package itself: the same bytes each time, nothing that Debian's own check calls an error, a
# unit that may do little.

build() {
    PACKAGE_FOR_TESTS=${FOR_TESTS-1} "$LIB_ROOT/vyos-packaging/build-deb" "$@"
}

case_the_same_sources_give_the_same_bytes() {
    local program=${PACKAGE_BINARY:-$BED_ROOT/panoptikon}
    FOR_TESTS=1 build "$program" "$(uname -m)" "$BED/first.deb"
    (umask 077 && touch "$LIB_ROOT"/vyos-packaging/debian/lib/* &&
        TZ=Asia/Tokyo build "$program" "$(uname -m)" "$BED/second.deb")
    cmp "$BED/first.deb" "$BED/second.deb" || fail 'the second one differs'
}

case_a_program_that_would_not_start_everywhere_is_refused() {
    local words
    words=$(refuses build "$BED_ROOT/panoptikon" riscv64 "$BED/x.deb") || fail "$words"
    words=$(refuses build "$BED_ROOT/panoptikon" aarch64 "$BED/x.deb") || fail "$words"
    expect_match "words" "$words" '*is no program for arm64*'
    words=$(refuses build "$LIB_ROOT/README.md" x86_64 "$BED/x.deb") || fail "$words"
    words=$(FOR_TESTS='' refuses build "$(command -v bash)" x86_64 "$BED/x.deb") || fail "$words"
    expect_match "words" "$words" '*is not static*'
}

case_lintian_finds_no_error() {
    command -v lintian >/dev/null || fail 'lintian is missing'
    # That a package for tests is not compressed is no finding.
    lintian --allow-root --fail-on error --suppress-tags \
        uses-no-compression-for-data-tarball,uses-no-compression-for-control-tarball "$OLD_DEB"
}

case_the_unit_may_do_little() {
    local folder=$BED/unit
    mkdir "$folder"
    # The programs that they name have to be there.
    local unit
    for unit in panoptikon.service panoptikon-prepare.service panoptikon-units.socket \
        panoptikon-units@.service; do
        sed 's,/usr/lib/panoptikon/prepare first,/bin/true,; s,/usr/bin/panoptikon [a-z-]*,/bin/true,' \
            "$LIB_ROOT/vyos-packaging/debian/$unit" >"$folder/$unit"
    done
    expect "verify" "$(SYSTEMD_UNIT_PATH=$folder: systemd-analyze verify "$folder"/*.service \
        "$folder"/*.socket 2>&1)" ""
    systemd-analyze security --no-pager --offline=true --threshold=30 "$folder/panoptikon.service" |
        tail -n 1
    ((PIPESTATUS[0] == 0)) || fail 'the exposure is 3.0 or more'
}

case_the_flavor_says_nothing_that_vyos_build_would_not_read() {
    python3 - "$LIB_ROOT/image/flavor/panoptikon.toml" <<'PYTHON' || fail 'the flavor is wrong'
import sys, tomllib
flavor = tomllib.load(open(sys.argv[1], "rb"))
# What build-vyos-image reads of a flavor: others would pass unnoticed.
known = {"image_format", "packages", "architectures", "includes_chroot", "default_config",
         "boot_settings", "artifact_format", "disk_size", "build_hook"}
assert not set(flavor) - known, set(flavor) - known
assert flavor["image_format"] in ("iso", ["iso"])
assert "panoptikon" in flavor["packages"]
for name, architecture in flavor["architectures"].items():
    assert name in ("amd64", "arm64") and set(architecture) == {"packages"}
    assert all(isinstance(package, str) for package in architecture["packages"])
PYTHON
}
