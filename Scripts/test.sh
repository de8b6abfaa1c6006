#!/usr/bin/env bash
# The tests:  test.sh [all|format|lint|integration|faults]
#   all          lint, build, unit tests, integration tests, ThreadSanitizer
#   format       formats the sources
#   lint         the formatting only
#   integration  build and integration tests only
#   faults       faults of network and servers, at length, on clusters too
# From the environment:
#   MYSQL_URL    servers that run already, separated by spaces; otherwise throwaway ones are started
#   SERVERS      which kinds to start, "mariadb mysql" unless told
#   TSAN=0       leaves ThreadSanitizer out
#   TSAN_FILTER  which tests ThreadSanitizer runs, a regular expression
set -euo pipefail
cd "$(dirname "$0")/.."

# Makes warnings errors, see Package.swift.
export FEDIFY_KV_STRICT=1

begun=$(date +%s)

step() {
    printf '\n== %s (at %d s)\n' "$1" "$(($(date +%s) - begun))"
}

sources=(Package.swift Sources Tests Benchmarks/{Package.swift,Sources} Benchmarks/Micro/{Package.swift,Sources,Benchmarks})

lint() {
    step "Lint"
    swift format lint --strict --recursive --parallel "${sources[@]}"
}

build() {
    step "Build"
    swift build --build-tests
}

unit_tests() {
    step "Unit tests"
    swift test --skip-build --skip IntegrationTests
}

integration_tests() {
    step "Integration tests"
    # One at a time: many of them bring more work of their own than a small machine has cores for.
    swift test --skip-build --no-parallel --filter IntegrationTests --skip ClusterTests
}

fault_tests() {
    step "Faults"
    swift test --skip-build --no-parallel --filter 'FaultTests|LinearizabilityTests|ClusterTests'
    step "Report"
    echo "| server | fault | times | operations | errors | longest call, ms | recovery, ms | lost |"
    echo "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |"
    cat "$FEDIFY_KV_FAULT_REPORT"
    rm "$FEDIFY_KV_FAULT_REPORT"
}

thread_sanitizer() {
    # What it looks for does not depend on the server; the first one will do.
    local MYSQL_URL=${MYSQL_URL%% *} options=(--sanitize thread --scratch-path .build-tsan)
    [ "${TSAN:-1}" != 0 ] || return 0
    step "ThreadSanitizer: build"
    swift build "${options[@]}" --build-tests
    step "ThreadSanitizer: tests"
    TSAN_OPTIONS="suppressions=$PWD/Scripts/tsan.supp ${TSAN_OPTIONS:-}" \
        swift test "${options[@]}" --skip-build --no-parallel \
        --filter "${TSAN_FILTER:-MySQLClientTests|PoolTests|CoalescingTests|SeveralServersTests|AuthenticationTests|MemoryKvStoreTests}"
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
    ;;
lint)
    lint
    ;;
integration)
    Scripts/install.sh build
    build
    on_servers integration_tests
    ;;
faults)
    Scripts/install.sh build
    build
    export FEDIFY_KV_FAULT_TIMES=${FEDIFY_KV_FAULT_TIMES:-5} FEDIFY_KV_FAILOVER_TIMES=${FEDIFY_KV_FAILOVER_TIMES:-10}
    FEDIFY_KV_FAULT_REPORT=$(mktemp)
    export FEDIFY_KV_FAULT_REPORT
    SERVERS=${SERVERS:-mariadb mysql galera group} on_servers fault_tests
    ;;
all)
    Scripts/install.sh build
    lint
    build
    unit_tests
    on_servers integration_tests thread_sanitizer
    ;;
on-servers) # BEGUN STEP..., what on_servers calls
    begun=$2
    shift 2
    for name in "$@"; do "$name"; done
    step "All passed"
    ;;
*)
    echo "usage: test.sh [all|format|lint|integration|faults]" >&2
    exit 2
    ;;
esac
