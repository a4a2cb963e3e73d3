#!/usr/bin/env bash
# Attacks a mesh of four sequencers and an observer on this machine, in every way that tests/hostile knows, and measures how
# blocks flow and how much memory nodes take meanwhile; docs/benchmarks.md tells what the figures mean:
#
#   scripts/attacks.sh                           every attack for 30 seconds, with a development build
#   scripts/attacks.sh --release                 with a release build, which takes longer to make
#   scripts/attacks.sh --seconds 120             for two minutes
#   scripts/attacks.sh pairings slow-streams     these attacks
#
# It prints a table and fails if a node crashes, two disagree, an honest peer is sent away, blocks take more than 1.5 times as
# long as in calm (p99), or memory is not bounded. Nothing else should run on the machine.
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

attacks=() build=()
while [ "$#" -gt 0 ]; do
    case "$1" in
    --seconds)
        [ "$#" -ge 2 ] || fail "--seconds wants a number"
        export BATON_E2E_ATTACK_SECONDS="$2"
        shift 2
        ;;
    --release)
        build=(--release)
        shift
        ;;
    -*) fail "there is no option \`$1\`" ;;
    *)
        attacks+=("$1")
        shift
        ;;
    esac
done
if [ "${#attacks[@]}" -gt 0 ]; then
    BATON_E2E_ATTACKS="$(IFS=, && echo "${attacks[*]}")"
    export BATON_E2E_ATTACKS
fi

install_build_tools
use_build_cache
cd "$BATON_ROOT"
exec cargo test "${build[@]}" --locked -q -p baton-node --test e2e attacks::attacks_at_length -- --ignored --exact --nocapture
