#!/usr/bin/env bash
# Runs many seeds of the simulator on all cores, and reports what failed, seeds per second, and how long recovery took.
#
#   scripts/simulate.sh --seeds 1000                             every scenario
#   scripts/simulate.sh --seeds 1000 --nodes 13 --regions        thirteen members in ten regions of the world
#   scripts/simulate.sh --scenario NAME --replay SEED            one run, with everything that happens in it
#   scripts/simulate.sh --list                                   the scenarios; --help tells the rest
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install_build_tools
use_build_cache
(cd "$BATON_ROOT" && cargo build --release --locked --quiet -p baton-simulator --bin simulate) >&2
exec "$CARGO_TARGET_DIR/release/simulate" "$@"
