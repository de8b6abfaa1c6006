#!/usr/bin/env bash
# The benchmarks, on throwaway servers that are durable:  bench.sh [compare|queue|upkeep|micro]
#   compare   our store; the version before; the limit in C: on loopback and at longer round trips, with CPU and memory
#   queue     the message queue; what C programs do with its table, one message at a time and batched
#   micro     the hot paths without a server, and the allocations of a get and a set
#   upkeep    what sweeping expired rows costs concurrent writers, in three processes
# From the environment:
#   QUICK=1       short: in compare some fifteen minutes for each server, in queue a few, in upkeep under ten for both
#   SERVER        mariadb or mysql; default: both
# For compare alone:
#   BASELINE      a commit: the version before, which takes part in each round
#   CELLS         what is measured, as "get:8@0 cas:8@2000 get:64@0+tls memory": workload, callers, round trip in µs
#   ROUNDS        how often all contestants take turns: 5 (QUICK=1: 3)
#   SECONDS_EACH  how long each turn is measured: 3 (QUICK=1: 0.8)
#   OUT           a file for the figures, as JSON
#   REPORT=1      writes the report and its charts into docs
# For queue alone:
#   PARTS         what is measured: consume enqueue steady ordered waiting backlog
#   ROUNDS        how often all contestants take turns: 3 (QUICK=1: 1)
#   SECONDS_EACH  how long what has no end is measured: 4 (QUICK=1: 1)
#   LONG=1        a table that has seen ten million messages is compared with a fresh one, not one million
#   REPORT=1      writes the section of the report in docs
# If MYSQL_URL is set, it runs on the servers named there; `memory` needs a max_allowed_packet of 256M.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-compare}
case $program in
compare | queue | upkeep | micro) ;;
*)
    echo "bench.sh: '$program' is not a benchmark; usage: bench.sh [compare|queue|upkeep|micro]" >&2
    exit 2
    ;;
esac
case ${SERVER:-mariadb mysql} in
mariadb | mysql | "mariadb mysql") ;;
*)
    echo "bench.sh: SERVER must be mariadb or mysql, or left out for both" >&2
    exit 2
    ;;
esac

Scripts/install.sh build bench
if [ "$program" = micro ]; then
    swift package --package-path Benchmarks/Micro benchmark --grouping metric --no-progress
    swift build --configuration release --package-path Benchmarks/Micro --product allocations
    programs=$(swift build --configuration release --package-path Benchmarks/Micro --show-bin-path)
    # shellcheck disable=SC2086 # SERVER is to be split
    exec Scripts/with-servers.sh ${SERVER:-mariadb mysql} -- "$programs/allocations"
fi
swift build --configuration release --package-path Benchmarks --product "$program"
programs=$(swift build --configuration release --package-path Benchmarks --show-bin-path)

# build_contestant VARIABLE PACKAGE: sets the variable to the program's path.
build_contestant() {
    swift build --configuration release --package-path "$2"
    printf -v "$1" %s "$(swift build --configuration release --package-path "$2" --show-bin-path)/contestant"
    export "${1?}"
}

# The contestant of today on the library of then, in folders that git ignores.
build_before() {
    local commit
    commit=$(git rev-parse --verify --quiet "$BASELINE^{commit}") || {
        echo "bench.sh: BASELINE: there is no commit '$BASELINE'" >&2
        exit 2
    }
    git worktree prune
    if [ -e .build-baseline/.git ]; then
        git -C .build-baseline checkout --quiet --detach "$commit"
    else
        git worktree add --quiet --detach .build-baseline "$commit"
    fi
    mkdir -p .build-baseline-contestant
    rm -rf .build-baseline-contestant/{Package.swift,Sources}
    # With the sources that its links lead to.
    cp -RLp Benchmarks/Contestant/{Package.swift,Sources} .build-baseline-contestant
    FEDIFY_KV_PATH=$PWD/.build-baseline FEDIFY_KV_BASELINE=1 build_contestant CONTESTANT_BEFORE .build-baseline-contestant
}

if [ "$program" = compare ]; then
    # Both programs make the same rows: the tests hold the other one to the same sum.
    sum=$("$programs/c-limit" rows | { sha256sum 2>/dev/null || shasum -a 256; })
    if [ "${sum%% *}" != 3cb27d6b6532586f7cdc4e942f6c0a86907cc4142eea69947cfa765f27421a63 ]; then
        echo "bench.sh: the C program's rows are not those of the Swift one" >&2
        exit 1
    fi
    build_contestant CONTESTANT Benchmarks/Contestant
    if [ -n "${BASELINE:-}" ]; then build_before; fi
fi
if [ "${REPORT:-}" = 1 ]; then
    export REPORT=$PWD/docs/benchmarks.md CHARTS=${CHARTS:-$PWD/docs/benchmarks}
else
    unset REPORT
fi
export DURABLE=1 SERVER_OPTIONS="--innodb-buffer-pool-size=1G --max-allowed-packet=256M ${SERVER_OPTIONS:-}"
# exec, so that a signal reaches the script that stops the servers.
# shellcheck disable=SC2086 # SERVER is to be split
exec Scripts/with-servers.sh ${SERVER:-mariadb mysql} -- "$programs/$program"
