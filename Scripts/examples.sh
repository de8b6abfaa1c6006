#!/usr/bin/env bash
# Builds and tests the examples, on a throwaway MariaDB, or on the server that MYSQL_URL names:  examples.sh [NAME...]
#   NAME   a folder of Examples, or readme: the first program of README; default: all
# From the environment:
#   EXAMPLES_BUILD  the folder to build in; default: .build-examples. The examples share it: what both use, which is
#                   nearly all, is built once. With .build they use what was built for the tests.
#   LEAN_OPTIONS    options of the build in .build, see test.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = on-server ]; then # FOLDER NAME..., what this script calls itself with
    folder=$2
    shift 2
    for name in "$@"; do
        printf '\n== %s\n' "$name"
        if [ "$name" = readme ]; then
            Scripts/readme.sh "$folder"
            continue
        fi
        # Each is built just before its tests: switching to the other one builds Hummingbird again.
        # shellcheck disable=SC2086 # to be split
        swift test ${LEAN_OPTIONS:-} --package-path "Examples/$name" --scratch-path "$folder"
    done
    exit
fi

folder=$PWD/${EXAMPLES_BUILD:-.build-examples}
[ $# -gt 0 ] || set -- readme sessions inbox
Scripts/install.sh build browser
# exec, so that a signal reaches the script that stops the server.
exec Scripts/with-servers.sh mariadb -- Scripts/examples.sh on-server "$folder" "$@"
