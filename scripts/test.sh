#!/usr/bin/env bash
# Installs what the tests need and runs all of them: those of the L1 contracts, unit and property tests, the simulators,
# the wire and disk formats, and the end-to-end tests over real processes, against anvil and with real clients; those with
# hosts of their own need root, and say so where they are skipped. Arguments go to the test runner:
#
#   scripts/test.sh                 everything
#   scripts/test.sh -E 'test(e2e)'  what a filter of cargo-nextest selects
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/lib.sh
source scripts/lib.sh

install_build_tools
use_build_cache
install_test_clients
install_foreign_peers
install_test_tools

# Beside the build, as the compiler of contracts takes minutes, and one processor.
if [ "$#" -eq 0 ]; then
    contracts_log="$(mktemp)"
    { scripts/contracts.sh check && scripts/contracts.sh test; } >"$contracts_log" 2>&1 &
    contracts=$!
    cargo test --workspace --locked --lib --bins --tests --no-run
    failed=0
    wait "$contracts" || failed=1
    cat "$contracts_log"
    rm "$contracts_log"
    [ "$failed" -eq 0 ] || fail "the contracts do not pass"
fi

if command -v cargo-nextest >/dev/null; then
    cargo nextest run --workspace --locked --no-fail-fast "$@"
else
    cargo test --workspace --locked --no-fail-fast --lib --bins --tests -- "$@"
fi
if [ "$#" -eq 0 ]; then
    cargo test --workspace --locked --doc
    # A workspace of its own, on another clock.
    (cd tests/gossip && cargo test --locked)
fi
