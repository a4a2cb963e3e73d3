#!/usr/bin/env bash
# The bar of the mesh: 25 nodes that know only 3 bootnodes find each other; all bootnodes and a third of the nodes are killed; the
# rest mesh again and finalize, and a newcomer with a stored list of peers joins. Prints how long each step took.
#
#   scripts/mesh.sh              with a development build
#   scripts/mesh.sh --release    with a release build, which takes longer to make and less to run
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install_build_tools
use_build_cache
cd "$BATON_ROOT"
exec cargo test --locked "$@" -p baton-node --test e2e -- \
  --ignored --exact --nocapture discovery::a_mesh_of_25_survives_its_bootnodes_and_a_third_of_itself
