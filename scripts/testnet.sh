#!/usr/bin/env bash
# Builds Baton and runs a whole network on this machine, under load. All arguments are those of `baton testnet`:
#
#   scripts/testnet.sh --duration 30s
#   scripts/testnet.sh --nodes 7 --load 500 --kill leader@10s --kill scheduler@20s --restart-after 5s --duration 40s
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build_baton
exec "$BATON" testnet "$@"
