#!/usr/bin/env bash
# Builds and tests the L1 contracts, with the forge and the solc of contracts/package-lock.json.
#
#   scripts/contracts.sh test [ARGS]   checks the format, builds, runs all tests; arguments go to `forge test`
#   scripts/contracts.sh check         builds, and fails if contracts/artifacts is not what the sources compile to
#   scripts/contracts.sh artifacts     writes contracts/artifacts: what the node deploys and calls
#   scripts/contracts.sh coverage      how much of contracts/src the tests run, by lines
#   scripts/contracts.sh gas           writes contracts/.gas-snapshot
set -euo pipefail

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Whose artifacts are committed.
ARTIFACTS=(CheckpointVerifier SequencerRegistry)

cd "$BATON_ROOT/contracts"

install_contract_tools() {
    command -v node >/dev/null || install_node
    # npm writes this file last.
    if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
        npm ci --no-audit --no-fund --loglevel error >&2
        touch node_modules/.package-lock.json
    fi
    export PATH="$PWD/node_modules/.bin:$PATH"
    command -v forge >/dev/null || fail "there is no forge for this platform in contracts/package.json; install Foundry first"
}

# Writes the artifacts into the directory given: ABI and creation bytecode, and nothing that depends on this machine. The
# sources are compiled together and anew, since names that the compiler makes up depend on what it compiles.
write_artifacts() {
    local build name log
    build="$(mktemp -d)"
    # Contracts that EIP-170 would not let be deployed are an error here.
    if ! log="$(forge build --force --sizes --out "$build/out" --cache-path "$build/cache" src 2>&1)"; then
        echo "$log" >&2
        fail "the contracts do not compile, or are too large"
    fi
    mkdir -p "$1"
    for name in "${ARTIFACTS[@]}"; do
        node - "$build/out/$name.sol/$name.json" >"$1/$name.json" <<'SCRIPT'
const { abi, bytecode } = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const key = (item) => JSON.stringify([item.type, item.name ?? "", item.inputs ?? []]);
const sorted = (value) => {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
};
abi.sort((one, other) => (key(one) < key(other) ? -1 : 1));
console.log(JSON.stringify(sorted({ abi, bytecode: { object: bytecode.object } }), null, 2));
SCRIPT
    done
    rm -rf "$build"
}

check() {
    local fresh
    fresh="$(mktemp -d)"
    write_artifacts "$fresh"
    if ! diff -r "$fresh" artifacts >/dev/null; then
        rm -rf "$fresh"
        fail "contracts/artifacts is not what contracts/src compiles to; run scripts/contracts.sh artifacts"
    fi
    rm -rf "$fresh"
}

# Every call as a transaction of its own, as its sender pays for it.
gas() {
    forge snapshot --isolate --match-contract Gas "$@"
}

command="${1:-test}"
[ "$#" -eq 0 ] || shift
install_contract_tools
case "$command" in
    test)
        forge fmt --check
        forge test "$@"
        # Without arguments everything is tested: what calls cost too, with room for what a compiler may change.
        [ "$#" -gt 0 ] || gas --check --tolerance 5
        ;;
    check) check ;;
    artifacts)
        rm -rf artifacts
        write_artifacts artifacts
        ;;
    # Without the optimizer the stack is too deep for the registry, unless it is compiled like this. The long campaigns and what
    # calls cost show no line that the other tests do not.
    coverage)
        forge coverage --ir-minimum --report summary --no-match-coverage '^(test|node_modules)/' \
            --no-match-contract 'Gas|Invariant' "$@"
        ;;
    gas) gas "$@" ;;
    *) fail "unknown command $command; see the head of scripts/contracts.sh" ;;
esac
