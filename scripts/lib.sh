# Shared by the scripts beside it; source it, do not run it.
#
# It finds what a bare Debian 12 with Rust lacks to build Baton, and keeps what is built in a cache outside the clone, so
# that a second clone or a clean checkout does not compile RocksDB again.
# shellcheck shell=bash

# The directory of the clone.
BATON_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# One line on standard error, and the end.
fail() {
    echo "baton: $*" >&2
    exit 1
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "need root to run \`$*\`; run it yourself, or install sudo"
    fi
}

# Whether libclang, which generates the bindings of RocksDB, can be found.
has_libclang() {
    local directory
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        return 0
    fi
    for directory in /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/local/lib; do
        if compgen -G "$directory/libclang*.so*" >/dev/null; then
            return 0
        fi
    done
    return 1
}

# Installs the packages that are missing, and nothing else.
install_build_tools() {
    local missing=()
    command -v clang++ >/dev/null || missing+=(clang)
    command -v ccache >/dev/null || missing+=(ccache)
    has_libclang || missing+=(libclang-dev)
    if [ "${#missing[@]}" -eq 0 ]; then
        return
    fi
    command -v apt-get >/dev/null || fail "install ${missing[*]} first; without apt-get this script cannot"
    echo "baton: installing ${missing[*]}" >&2
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Points the compilers and cargo at the cache.
use_build_cache() {
    command -v cargo >/dev/null || fail "cargo is not installed; see https://rustup.rs"
    export BATON_CACHE="${BATON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/baton}"
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$BATON_CACHE/target}"
    export CCACHE_DIR="${CCACHE_DIR:-$BATON_CACHE/ccache}"
    export CC="${CC:-ccache clang}" CXX="${CXX:-ccache clang++}"
    mkdir -p "$CARGO_TARGET_DIR" "$CCACHE_DIR"
}

# Builds the release program; its path is then in BATON.
build_baton() {
    install_build_tools
    use_build_cache
    (cd "$BATON_ROOT" && cargo build --release --locked -p baton-node --bin baton) >&2
    # shellcheck disable=SC2034 # for whoever sources this
    BATON="$CARGO_TARGET_DIR/release/baton"
}

# Installs a cargo subcommand into the cache if it is not on the path.
install_cargo_tool() {
    export PATH="$BATON_CACHE/tools/bin:$PATH"
    command -v "$1" >/dev/null && return
    echo "baton: installing $1" >&2
    # Its own target directory: its flags are not the project's.
    CARGO_TARGET_DIR="$BATON_CACHE/tools/target" cargo install --locked --quiet --root "$BATON_CACHE/tools" "$1" >&2
    rm -rf "$BATON_CACHE/tools/target"
}

# Finds etcd, or fetches Debian's; its path is then in ETCD. Its package is unpacked into the cache and not installed, which
# would start a server on this machine.
find_etcd() {
    local download
    ETCD="$(command -v etcd || true)"
    [ -z "$ETCD" ] || return 0
    ETCD="$BATON_CACHE/tools/etcd/usr/bin/etcd"
    [ ! -x "$ETCD" ] || return 0
    command -v apt-get >/dev/null || fail "install etcd first; without apt-get this script cannot"
    echo "baton: fetching etcd-server" >&2
    download="$(mktemp -d)"
    # The directory is not that of apt's own user, who could not write there.
    (cd "$download" && set -- -qq -o APT::Sandbox::User=root download etcd-server && {
        apt-get "$@" || { as_root apt-get update -qq && apt-get "$@"; }
    }) >&2
    mkdir -p "$BATON_CACHE/tools/etcd"
    dpkg-deb -x "$download"/etcd-server_*.deb "$BATON_CACHE/tools/etcd"
    rm -rf "$download"
    [ -x "$ETCD" ] || fail "the package etcd-server holds no etcd at $ETCD"
}

# Installs the Ethereum clients that the end-to-end tests use: anvil as the outside judge, and cast, viem and ethers.
install_test_clients() {
    command -v node >/dev/null || install_node
    (cd "$BATON_ROOT/tests/clients" && npm ci --no-audit --no-fund --loglevel error) >&2
}

# Installs the peers of other implementations that the end-to-end tests let join a mesh.
install_foreign_peers() {
    local version optional=()
    command -v node >/dev/null || install_node
    # js-libp2p needs Node.js 22; a package brings it where the system's is older.
    version="$(node --version)"
    version="${version#v}"
    [ "${version%%.*}" -lt 22 ] || optional=(--omit=optional)
    (cd "$BATON_ROOT/tests/interop/js" && npm ci "${optional[@]}" --no-audit --no-fund --loglevel error) >&2
    install_python_peer || echo "baton: no py-libp2p: the tests of the peer in Python are skipped" >&2
}

# Installs py-libp2p into the cache, once for each list of its packages. One of them is compiled, against Python and GMP.
install_python_peer() {
    local directory="$BATON_ROOT/tests/interop/py" sum venv missing=()
    sum="$(sha256sum "$directory/requirements.txt" | cut -c1-12)"
    venv="$BATON_CACHE/interop-py-$sum"
    if [ ! -e "$venv/complete" ]; then
        python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
        compgen -G '/usr/include/python3*/Python.h' >/dev/null || missing+=(python3-dev)
        compgen -G '/usr/include/*/gmp.h' >/dev/null || [ -e /usr/include/gmp.h ] || missing+=(libgmp-dev)
        if [ "${#missing[@]}" -gt 0 ]; then
            command -v apt-get >/dev/null || return 1
            echo "baton: installing ${missing[*]}" >&2
            as_root apt-get update -qq || return 1
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
                >&2 || return 1
        fi
        rm -rf "$venv"
        python3 -m venv "$venv" >&2 || return 1
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
            -r "$directory/requirements.txt" >&2 || return 1
        touch "$venv/complete"
    fi
    ln -sfn "$venv" "$directory/.venv"
}

# Installs `ip` and `nft`, by which tests make hosts of their own and routers that translate addresses.
install_test_tools() {
    local missing=()
    command -v ip >/dev/null || missing+=(iproute2)
    command -v nft >/dev/null || missing+=(nftables)
    if [ "${#missing[@]}" -eq 0 ]; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "baton: no ${missing[*]}: tests with hosts of their own are skipped" >&2
        return
    fi
    echo "baton: installing ${missing[*]}" >&2
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

install_node() {
    command -v apt-get >/dev/null || fail "install Node.js 18 or later first; without apt-get this script cannot"
    echo "baton: installing nodejs and npm" >&2
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >&2
}
