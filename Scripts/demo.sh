#!/usr/bin/env bash
# The tour, on a throwaway MariaDB, or on the server that MYSQL_URL names.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install.sh build
# A debug build: it takes about half as long as a release build, and the tests use most of it too.
swift build --product fedify-kv-demo
demo=$(swift build --show-bin-path)/fedify-kv-demo
# exec, so that a signal reaches the script that stops the server.
exec Scripts/with-servers.sh mariadb -- "$demo"
