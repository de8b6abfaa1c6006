#!/usr/bin/env bash
# The benchmarks, on throwaway servers that are durable:  bench.sh [compare|upkeep|micro]
#   compare   our store, our store with coalescing off, and the limit in C
#   micro     the hot paths without a server, and the allocations of a get and a set
#   upkeep    what sweeping expired rows costs those who write meanwhile, in three processes
# From the environment:
#   QUICK=1   short: under ten minutes for both servers
#   SERVER    mariadb or mysql; both, if left out
#   OUT       compare: a file for the figures, as JSON
#   README=1  compare: writes the report and its charts into the README
# If MYSQL_URL is set, it runs on the servers named there.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-compare}
case $program in
compare | upkeep | micro) ;;
*)
    echo "bench.sh: '$program' is not a benchmark; usage: bench.sh [compare|upkeep|micro]" >&2
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

Scripts/install.sh build
if [ "$program" = micro ]; then
    swift package --package-path Benchmarks/Micro benchmark --grouping metric --no-progress
    swift build --configuration release --package-path Benchmarks/Micro --product allocations
    programs=$(swift build --configuration release --package-path Benchmarks/Micro --show-bin-path)
    # shellcheck disable=SC2086 # SERVER is to be split
    exec Scripts/with-servers.sh ${SERVER:-mariadb mysql} -- "$programs/allocations"
fi
swift build --configuration release --package-path Benchmarks
programs=$(swift build --configuration release --package-path Benchmarks --show-bin-path)
if [ "$program" = compare ]; then
    # Both programs make the same rows: the tests hold the other one to the same sum.
    sum=$("$programs/c-limit" rows | { sha256sum 2>/dev/null || shasum -a 256; })
    if [ "${sum%% *}" != 3cb27d6b6532586f7cdc4e942f6c0a86907cc4142eea69947cfa765f27421a63 ]; then
        echo "bench.sh: the C program's rows are not those of the Swift one" >&2
        exit 1
    fi
fi
if [ "${README:-}" = 1 ]; then
    export README=$PWD/README.md CHARTS=${CHARTS:-$PWD/docs/benchmarks}
else
    unset README
fi
export DURABLE=1 SERVER_OPTIONS="--innodb-buffer-pool-size=1G ${SERVER_OPTIONS:-}"
# exec, so that a signal reaches the script that stops the servers.
# shellcheck disable=SC2086 # SERVER is to be split
exec Scripts/with-servers.sh ${SERVER:-mariadb mysql} -- "$programs/$program"
