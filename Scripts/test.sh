#!/usr/bin/env bash
# The tests:  test.sh [all|fast|format|lint|api|integration|faults|soak|asan]
#   all          build, fast tests, lint, long unit tests, integration tests, ThreadSanitizer, examples, documentation, api
#   fast         build, and the unit tests that need no server, in less than a minute
#   format       formats the sources, and copies Snippets into the documentation
#   lint         formatting, prose, and the code that the documentation shows
#   api          what has changed in the public interface since the last tag
#   integration  build and integration tests only
#   faults       faults of network and servers, at length, on clusters too
#   soak         half an hour of full load with random faults; charts in .build-soak
#   asan         the integration tests under AddressSanitizer
# From the environment:
#   MYSQL_URL    servers that run already, separated by spaces; otherwise throwaway ones are started
#   SERVERS      which kinds to start; default: "mariadb mysql"
#   TSAN=0       skips ThreadSanitizer
#   EXAMPLES=0   skips the examples
#   API=0        lets changes of the public interface pass
#   FEDIFY_KV_FAULTS  which faults happen, "killServer cut" (names: Tests/IntegrationTests/Faults/Fault.swift); default: all
#   SOAK_SECONDS how long the soak lasts; default: 1800
#   TSAN_FILTER  which tests ThreadSanitizer runs, a regular expression
#   LEAN=1       builds without debug information, which is faster, but everything is built again after a plain
#                `swift build`
set -euo pipefail
cd "$(dirname "$0")/.."

# Makes warnings errors, see Package.swift.
export FEDIFY_KV_STRICT=1

begun=$(date +%s)

step() {
    printf '\n== %s (at %d s)\n' "$1" "$(($(date +%s) - begun))"
}

sources=(Package.swift Sources Tests Snippets Examples/*/{Package.swift,Sources,Tests} Benchmarks/{Package.swift,Sources} Benchmarks/Contestant/{Package.swift,Sources} Benchmarks/Micro/{Package.swift,Sources,Benchmarks})

lint() {
    step "Lint"
    swift format lint --strict --recursive --parallel "${sources[@]}"
    Scripts/prose.sh
    Scripts/snippets.sh
}

build() {
    step "Build"
    swift build "$@" --build-tests
}

# Of all builds in .build: the examples and the documentation use what was built for the tests.
export LEAN_OPTIONS=
[ "${LEAN:-0}" = 0 ] || LEAN_OPTIONS="-debug-info-format none"
# Hummingbird's driver is left out by default, and takes minutes to build.
# shellcheck disable=SC2206 # to be split
build_options=(--enable-all-traits $LEAN_OPTIONS)

# Unit tests that take from four seconds to a minute: simulations, stores and queues with planted faults, deadlines.
long_tests='SimulatorTests/|PolicyTableTests/|KvStoreContractTests/aBrokenPromiseIsNamed|MessageQueueContractTests/aBrokenPromiseIsNamed|MemoryMessageQueueTests/keepsTheContract\(|UntrustedServerTests/anAttemptEndsWithinItsTime|SetUpFailureTests/anyCodeIsTriedAgainUnlessTheAccountIsAtFault|AuthenticationExchangeTests/onlyExpectedMessagesAreAnswered|LinearizabilityCheckerTests/oneWrongAnswerIsFound'

# One at a time, these and the others: some are all computing, and would keep the threads that others wait for.
fast_tests() {
    step "Fast tests"
    swift test "${build_options[@]}" --skip-build --no-parallel --skip 'IntegrationTests\.(?!LinearizabilityCheckerTests|QueueHistoryCheckerTests)' --skip "$long_tests"
}

# tests NAME OPTION...: runs tests in the background, their lines marked with the name. It calls the program of the tests,
# since `swift test` runs once at a time.
running=()
# Ctrl-C does not reach what runs in the background.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
tests() {
    local name=$1
    shift
    "$(swift build "${build_options[@]}" --show-bin-path)/fedify-kv-swiftPackageTests.xctest" \
        --testing-library swift-testing --no-parallel "$@" 2>&1 | sed -u "s/^/$name: /" &
    running+=($!)
}

await_tests() {
    local status=0 pid
    for pid in "${running[@]}"; do wait "$pid" || status=1; done
    running=()
    return $status
}

# In two processes, since each computes on one core.
long_unit_tests() {
    step "Long unit tests"
    tests contracts --filter aBrokenPromiseIsNamed
    tests others --filter "$long_tests" --skip aBrokenPromiseIsNamed
    await_tests
}

# One process for each server. In a process one at a time: many of them bring more work of their own than a small machine
# has cores for. The checkers' tests need no server, and have run before.
integration_tests() {
    local url number=0 nodes
    step "Integration tests"
    for url in $MYSQL_URL; do
        number=$((number + 1))
        nodes=FEDIFY_KV_TEST_NODES_$number
        MYSQL_URL=$url FEDIFY_KV_TEST_NODES_1=${!nodes:-} tests "server $number" \
            --filter IntegrationTests --skip "ClusterTests|QueueCutConnectionTests|CheckerTests"
    done
    await_tests
}

fault_tests() {
    step "Faults"
    swift test "${build_options[@]}" --skip-build --no-parallel \
        --filter "FaultTests|LinearizabilityTests|ClusterTests|SessionVariableTests|CutConnectionTests|SetUpFailureTests|LockHistoryTests|Queue(Listen|Close|Deadlock|Pipe|Interop)Tests"
    step "Report"
    echo "| server | fault | times | operations | errors | longest call, ms | recovery, ms | lost |"
    echo "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |"
    cat "$FEDIFY_KV_FAULT_REPORT"
    rm "$FEDIFY_KV_FAULT_REPORT"
}

soak_options=(--configuration release -Xswiftc -enable-testing --scratch-path .build-soak)

soak_test() {
    step "Soak"
    export FEDIFY_KV_SOAK_SECONDS=${SOAK_SECONDS:-1800} FEDIFY_KV_SOAK_CHARTS=$PWD/.build-soak
    swift test "${soak_options[@]}" --skip-build --no-parallel --filter SoakTests
    echo "Charts: .build-soak/soak-*.svg"
}

asan_options=(--sanitize address --scratch-path .build-asan)

# The server's data must not cause invalid memory accesses: the connection, its statements and rows. What is bound
# in time or memory is left to the other runs: everything is slower and larger here.
address_sanitizer() {
    step "AddressSanitizer"
    # NIO and Foundation keep a little for the whole of the process.
    ASAN_OPTIONS="detect_leaks=0 ${ASAN_OPTIONS:-}" \
        swift test "${asan_options[@]}" --skip-build --no-parallel \
        --skip "${ASAN_SKIP:-ClusterTests|FaultTests|twoHundredThousandRowsTakeFlatMemory|aHundredValuesOfAMegabyteTakeLittleMemory}"
}

# What would break users of the last release is an error. Where it is wanted, the next version is a new minor one before
# 1.0, a new major one later; API=0 lets it pass until that is tagged.
api() {
    local tag
    [ "${API:-1}" != 0 ] || return 0
    step "Changes of the public interface"
    if ! tag=$(git describe --tags --abbrev=0 --match '[0-9]*.[0-9]*.[0-9]*' 2>/dev/null); then
        echo "There is no release to compare with."
        return 0
    fi
    swift package "${build_options[@]}" diagnose-api-breaking-changes "$tag"
}

# In the folder of the tests: nearly all that the examples need is built there.
examples() {
    [ "${EXAMPLES:-1}" != 0 ] || return 0
    step "Examples"
    MYSQL_URL=${MYSQL_URL%% *} EXAMPLES_BUILD=.build Scripts/examples.sh
}

documentation() {
    step "Documentation"
    Scripts/docs.sh
}

thread_sanitizer() {
    # Data races do not depend on the server; the first one will do.
    local MYSQL_URL=${MYSQL_URL%% *} options=(--sanitize thread --scratch-path .build-tsan)
    [ "${TSAN:-1}" != 0 ] || return 0
    step "ThreadSanitizer: build"
    swift build "${options[@]}" --build-tests
    step "ThreadSanitizer: tests"
    TSAN_OPTIONS="suppressions=$PWD/Scripts/tsan.supp ${TSAN_OPTIONS:-}" \
        swift test "${options[@]}" --skip-build --no-parallel \
        --skip 'SimulatorTests|PolicyTableTests' \
        --filter "${TSAN_FILTER:-MySQLClientTests|PoolTests|CoalescingTests|BatchFailureTests|OverloadTests|SeveralServersTests|AuthenticationTests|MemoryKvStoreTests}"
}

# exec, so that a signal meant for the tests reaches the script that stops the servers.
# shellcheck disable=SC2086 # SERVERS is to be split
on_servers() {
    step "Servers"
    exec Scripts/with-servers.sh ${SERVERS:-mariadb mysql} -- Scripts/test.sh on-servers "$begun" "$@"
}

case ${1:-all} in
format)
    swift format --in-place --recursive --parallel "${sources[@]}"
    Scripts/snippets.sh --write
    ;;
lint)
    lint
    ;;
integration)
    Scripts/install.sh build
    build "${build_options[@]}"
    on_servers integration_tests
    ;;
faults)
    Scripts/install.sh build
    build "${build_options[@]}"
    export FEDIFY_KV_FAULT_TIMES=${FEDIFY_KV_FAULT_TIMES:-5} FEDIFY_KV_FAILOVER_TIMES=${FEDIFY_KV_FAILOVER_TIMES:-10}
    FEDIFY_KV_FAULT_REPORT=$(mktemp)
    export FEDIFY_KV_FAULT_REPORT
    SERVERS=${SERVERS:-mariadb mysql galera group} on_servers fault_tests
    ;;
soak)
    Scripts/install.sh build
    build "${soak_options[@]}"
    on_servers soak_test
    ;;
api)
    Scripts/install.sh build
    api
    ;;
asan)
    Scripts/install.sh build
    build "${asan_options[@]}"
    on_servers address_sanitizer
    ;;
fast)
    Scripts/install.sh build
    build "${build_options[@]}"
    fast_tests
    ;;
all)
    Scripts/install.sh build
    build "${build_options[@]}"
    fast_tests
    lint
    long_unit_tests
    on_servers integration_tests thread_sanitizer examples documentation api
    ;;
on-servers) # BEGUN STEP..., what on_servers calls
    begun=$2
    shift 2
    for name in "$@"; do "$name"; done
    step "All passed"
    ;;
*)
    echo "usage: test.sh [all|fast|format|lint|api|integration|faults|soak|asan]" >&2
    exit 2
    ;;
esac
