#!/usr/bin/env bash
# Fuzzes the decoders that face the network, with cargo-fuzz and a nightly compiler:
#
#   scripts/fuzz.sh                      every target for 60 seconds
#   scripts/fuzz.sh --seconds 3600       every target for an hour
#   scripts/fuzz.sh gossip request       these targets
#
# They start from the golden files of the wire; what they find more is kept for the next time, outside the clone. A crash ends
# the run and names the input that leads to it. The tests of `network` run every target over the same seeds and over many
# mutants, without a nightly compiler.
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=60
targets=()
while [ "$#" -gt 0 ]; do
    case "$1" in
    --seconds)
        [ "$#" -ge 2 ] || fail "--seconds wants a number"
        seconds="$2"
        shift 2
        ;;
    -*) fail "there is no option \`$1\`" ;;
    *)
        [ -f "$BATON_ROOT/fuzz/targets/$1.rs" ] || fail "there is no target \`$1\`"
        targets+=("$1")
        shift
        ;;
    esac
done
if [ "${#targets[@]}" -eq 0 ]; then
    for target in "$BATON_ROOT"/fuzz/targets/*.rs; do
        targets+=("$(basename "$target" .rs)")
    done
fi

install_build_tools
use_build_cache
cargo +nightly --version >/dev/null 2>&1 || fail "fuzzing needs a nightly compiler: rustup toolchain install nightly"
install_cargo_tool cargo-fuzz

corpus="$BATON_CACHE/fuzz"
(cd "$BATON_ROOT" && BATON_CORPUS="$corpus" cargo test --locked -q -p baton-network --lib fuzzing::tests::corpus) >&2

cd "$BATON_ROOT"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz"
cargo +nightly fuzz build >&2
for target in "${targets[@]}"; do
    echo "== $target"
    mkdir -p "$corpus/$target"
    cargo +nightly fuzz run "$target" "$corpus/$target" -- \
        -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1
done
echo "== no crash"
