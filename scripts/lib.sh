# shellcheck shell=bash
# What the scripts have in common: it installs what a fresh Debian 12 with rustup lacks.
# Sourced, also by scripts that have functions of their own, so all names here are distinct.

LIB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LIB_TARGET=${CARGO_TARGET_DIR:-$LIB_ROOT/target}
LIB_TOOLS=$LIB_TARGET/tools

# One release each, so that a new lint or check comes when somebody asks for it.
CARGO_DENY_VERSION=0.20.2
CARGO_AUDIT_VERSION=0.22.2

# Rust is often installed without a new sign-in.
if ! command -v cargo >/dev/null 2>&1 && [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
fi

note() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

give_up() {
    note "$*"
    exit 1
}

# need_packages PACKAGE...: installs those that are missing, as root; says the command otherwise.
# Services that come with a package are not started: they are wanted for tests and tools only.
need_packages() {
    local package missing=() policy=/usr/sbin/policy-rc.d placed=
    command -v dpkg-query >/dev/null 2>&1 || {
        note "this is no Debian; make sure that these are there: $*"
        return 0
    }
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]} == 0)) && return 0
    if ((EUID != 0)); then
        note "missing packages; install them with: sudo apt-get install --no-install-recommends ${missing[*]}"
        return 1
    fi
    note "installing ${missing[*]}"
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 0755 "$policy" && placed=1
    fi
    local outcome=0
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y \
        --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
        # The lists of packages may be missing or old.
        apt-get -qq update >/dev/null &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y \
                --no-install-recommends "${missing[@]}" >/dev/null
    } || outcome=1
    [[ -n $placed ]] && rm -f "$policy"
    ((outcome == 0)) || note "installing ${missing[*]} failed"
    return "$outcome"
}

# need_rust: cargo and a C compiler, which SQLite and ring are built with.
need_rust() {
    command -v cargo >/dev/null 2>&1 ||
        give_up 'cargo is missing; install Rust as https://rustup.rs says'
    need_packages gcc libc6-dev || exit 1
}

# need_rust_target TARGET: the standard library for a target.
need_rust_target() {
    [[ -d $(rustc --print sysroot)/lib/rustlib/$1 ]] && return 0
    command -v rustup >/dev/null 2>&1 ||
        give_up "the Rust target $1 is missing, and so is rustup to install it"
    note "installing the Rust target $1"
    rustup target add "$1" || give_up "installing the Rust target $1 failed"
}

# need_rust_component COMPONENT PROGRAM: such as clippy cargo-clippy.
need_rust_component() {
    command -v "$2" >/dev/null 2>&1 && "$2" --version >/dev/null 2>&1 && return 0
    command -v rustup >/dev/null 2>&1 || give_up "$1 is missing, and so is rustup to install it"
    rustup component add "$1" || give_up "installing $1 failed"
}

# static_target: prints the target of a static program for this machine, or nothing if there is
# none here.
static_target() {
    case $(uname -m) in
        x86_64) echo x86_64-unknown-linux-musl ;;
        aarch64) echo aarch64-unknown-linux-musl ;;
    esac
}

# need_cargo_tool NAME VERSION: builds a tool once, into target/tools.
need_cargo_tool() {
    [[ -x $LIB_TOOLS/bin/$1 && $("$LIB_TOOLS/bin/$1" --version) == *" $2" ]] && return 0
    note "building $1 $2 (once; one or two minutes)"
    # Without optimisation it is built in a third of the time; the tools share their dependencies.
    CARGO_TARGET_DIR=$LIB_TOOLS/build cargo install --quiet --debug --locked --force \
        --root "$LIB_TOOLS" "$1@$2"
}

# need_musl ARCH: a C compiler for static programs of x86_64 or aarch64, and what cargo must know of
# it. For another architecture than this machine's that is Debian's cross compiler with the headers
# of Debian's musl of that architecture, which are unpacked below target/tools, not installed.
need_musl() {
    local arch=$1 debian=amd64
    need_rust
    need_rust_target "$arch-unknown-linux-musl"
    if [[ $(uname -m) == "$arch" ]]; then
        need_packages musl-tools || exit 1
        return
    fi
    [[ $arch == aarch64 ]] && debian=arm64
    # The C library is musl's; that of the GNU only lets its compiler's linker find its own parts.
    need_packages "gcc-${arch/_/-}-linux-gnu" "libc6-dev-$debian-cross" || exit 1
    local tools=$LIB_TOOLS/musl-$arch
    local compiler=$tools/compiler
    [[ -x $compiler ]] || unpack_musl "$arch" "$debian" "$tools"
    local name=$arch-unknown-linux-musl
    local upper=${name^^}
    export "CC_${name//-/_}=$compiler" "CARGO_TARGET_${upper//-/_}_LINKER=$arch-linux-gnu-gcc"
}

# unpack_musl ARCH DEBIAN-ARCH FOLDER: the headers, and a compiler that knows no others.
unpack_musl() {
    local arch=$1 debian=$2 tools=$3
    note "fetching Debian's musl for $debian"
    rm -rf "$tools" && mkdir -p "$tools/lists/partial" "$tools/cache/archives/partial" "$tools/root"
    # Lists of its own, so that this machine does not take on a second architecture.
    printf '%s\n' "Dir::State::Lists \"$tools/lists\";" "Dir::Cache \"$tools/cache\";" \
        "APT::Architecture \"$debian\";" "APT::Architectures { \"$debian\"; };" \
        'APT::Sandbox::User "";' >"$tools/apt.conf"
    (cd "$tools" && export APT_CONFIG=$tools/apt.conf && apt-get -qq update &&
        apt-get -qq download "musl-dev:$debian" && dpkg-deb -x musl-dev_*.deb root) ||
        give_up "fetching musl-dev for $debian failed"
    rm -rf "$tools/lists" "$tools/cache"
    sed "s|/usr/|$tools/root/usr/|g" "$tools/root/usr/lib/$arch-linux-musl/musl-gcc.specs" \
        >"$tools/specs"
    printf '#!/bin/sh\nexec %s-linux-gnu-gcc "$@" -specs %q\n' "$arch" "$tools/specs" \
        >"$tools/compiler.new"
    chmod 0755 "$tools/compiler.new" && mv "$tools/compiler.new" "$tools/compiler"
}

# build_release [PACKAGE [ARCH]]: builds a static program in release mode; prints its path. The agent
# has a profile of its own, for size.
build_release() {
    local package=${1:-panoptikon} arch=${2:-$(uname -m)} profile=release
    local target=$arch-unknown-linux-musl
    [[ $package == panoptikon-agent ]] && profile=agent
    case $arch in
        x86_64 | aarch64)
            need_musl "$arch"
            (cd "$LIB_ROOT" &&
                cargo build --profile "$profile" --locked -p "$package" --target "$target" >&2) ||
                give_up "$package does not build for $arch"
            echo "$LIB_TARGET/$target/$profile/$package"
            ;;
        *)
            need_rust
            (cd "$LIB_ROOT" && cargo build --profile "$profile" --locked -p "$package" >&2) ||
                give_up "$package does not build"
            echo "$LIB_TARGET/$profile/$package"
            ;;
    esac
}

# workspace_version: prints the version of everything here.
workspace_version() {
    sed -n '/^\[workspace\.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' "$LIB_ROOT/Cargo.toml"
}

# source_commit: prints the commit that is checked out, or "unknown".
source_commit() {
    git -C "$LIB_ROOT" rev-parse HEAD 2>/dev/null || echo unknown
}

# source_date: prints the time of the sources in seconds since 1970, so that what is built from
# them does not depend on the clock.
source_date() {
    echo "${SOURCE_DATE_EPOCH:-$(git -C "$LIB_ROOT" log -1 --format=%ct 2>/dev/null || echo 1750000000)}"
}

# run_programs FOLDER [NAME]...: runs the named programs of a folder, or all of them, one by one;
# counts them at the end.
run_programs() {
    local folder=$1 name programs=() passed=0 failed=0
    shift
    if (($# > 0)); then
        for name in "$@"; do
            [[ -f $folder/$name && -x $folder/$name ]] || give_up "there is no ${folder##*/}/$name"
            programs+=("$folder/$name")
        done
    else
        for name in "$folder"/*; do
            [[ -f $name && -x $name ]] && programs+=("$name")
        done
    fi
    ((${#programs[@]} > 0)) || give_up "there is nothing in ${folder##*/} yet"
    for name in "${programs[@]}"; do
        printf '## %s\n\n' "${name##*/}"
        if "$name"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            printf '\n%s FAILED\n' "${name##*/}"
        fi
        printf '\n'
    done
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0))
}
