#!/usr/bin/env bash
# Measures on this machine; docs/benchmarks.md tells what the figures mean.
#
#   scripts/bench.sh [throughput]   transfers and ERC-20 transfers included a second by anvil, by one Baton node and by a
#                                   mesh of four, and the machine's own ceilings, in one run
#   scripts/bench.sh failover       how long a mesh of four stands still when its leader, or its scheduler, is killed, and
#                                   a cluster of three etcd members when its leader is
#   scripts/bench.sh finality       how soon a block is final on all of 4, 7 and 13 nodes, and what voting costs
#   scripts/bench.sh sync           how soon a node with nothing but the genesis file is in sync with 10,000 blocks: by a
#                                   snapshot of the state, and by executing all of them
#   scripts/bench.sh network        how soon a block is on all of 4, 13 and 25 nodes, and what nodes send for that
#   scripts/bench.sh mesh           the same for 1,000 nodes all over the world, simulated
#
# Further arguments are those of the examples `bench`, `failover`, `finality`, `sync` and `network`, and of the simulation; see --help:
#
#   scripts/bench.sh --quick
#   scripts/bench.sh --json bench.json
#   scripts/bench.sh --rounds 5 --only anvil,one
#   scripts/bench.sh failover --quick
#   scripts/bench.sh failover --json failover.json
#   scripts/bench.sh finality --quick
#   scripts/bench.sh finality --json finality.json
#   scripts/bench.sh sync --quick
#   scripts/bench.sh sync --json sync.json
#   scripts/bench.sh network --quick
#   scripts/bench.sh mesh --nodes 200 --seed 7
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

failover() {
    find_etcd
    (cd "$BATON_ROOT" && cargo build --release --locked -p baton-node --bin baton --example failover) >&2
    exec "$CARGO_TARGET_DIR/release/examples/failover" --baton "$CARGO_TARGET_DIR/release/baton" --etcd "$ETCD" "$@"
}

finality() {
    (cd "$BATON_ROOT" && cargo build --release --locked -p baton-node -p baton-consensus \
        --bin baton --example finality --example finality_ceilings) >&2
    CEILINGS="$(mktemp)"
    trap 'rm -f "$CEILINGS"' EXIT
    echo "baton: votes and certificates" >&2
    "$CARGO_TARGET_DIR/release/examples/finality_ceilings" >"$CEILINGS"
    "$CARGO_TARGET_DIR/release/examples/finality" --baton "$CARGO_TARGET_DIR/release/baton" --ceilings "$CEILINGS" "$@"
}

sync() {
    (cd "$BATON_ROOT" && cargo build --release --locked -p baton-node --bin baton --example sync) >&2
    exec "$CARGO_TARGET_DIR/release/examples/sync" --baton "$CARGO_TARGET_DIR/release/baton" "$@"
}

network() {
    install_test_tools
    (cd "$BATON_ROOT" && cargo build --release --locked -p baton-node --bin baton --example network) >&2
    exec "$CARGO_TARGET_DIR/release/examples/network" --baton "$CARGO_TARGET_DIR/release/baton" "$@"
}

mesh() {
    # Virtual time does not care how fast the program is: it is the one that the tests build.
    (cd "$BATON_ROOT/tests/gossip" && cargo build --locked --bin mesh) >&2
    exec "$CARGO_TARGET_DIR/debug/mesh" "$@"
}

throughput() {
    local anvil ceilings part
    anvil="$BATON_ROOT/tests/clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
    # Installing anew would take the files away from tests that run.
    [ -x "$anvil" ] || install_test_clients
    [ -x "$anvil" ] || fail "there is no anvil for this machine; the bench knows Linux on x86-64 only"

    (cd "$BATON_ROOT" && cargo build --release --locked -p baton-node -p baton-execution -p baton-storage \
        --bin baton --example bench --example execution_ceilings --example storage_ceilings) >&2

    ceilings="$(mktemp)"
    # shellcheck disable=SC2064 # the name as it is now
    trap "rm -f '$ceilings'" EXIT
    for part in execution storage; do
        echo "baton: the ceilings of $part" >&2
        "$CARGO_TARGET_DIR/release/examples/${part}_ceilings" >>"$ceilings"
    done

    "$CARGO_TARGET_DIR/release/examples/bench" --anvil "$anvil" --baton "$CARGO_TARGET_DIR/release/baton" \
        --ceilings "$ceilings" "$@"
}

install_build_tools
use_build_cache
case "${1:-}" in
failover)
    shift
    failover "$@"
    ;;
finality)
    shift
    finality "$@"
    ;;
sync)
    shift
    sync "$@"
    ;;
network)
    shift
    network "$@"
    ;;
mesh)
    shift
    mesh "$@"
    ;;
throughput)
    shift
    throughput "$@"
    ;;
"" | -*) throughput "$@" ;;
*) fail "there is no benchmark \`$1\`; it is throughput, failover, finality, sync, network or mesh" ;;
esac
