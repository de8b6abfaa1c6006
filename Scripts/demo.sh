#!/usr/bin/env bash
# The tour, on a throwaway MariaDB, or on the server that MYSQL_URL names.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install.sh build
# The quickest build, in a folder of its own: `swift build` has other options, and would build all of it again.
options=(--scratch-path .build-demo --disable-index-store -debug-info-format none)
swift build "${options[@]}" --product fedify-kv-demo
demo=$(swift build "${options[@]}" --show-bin-path)/fedify-kv-demo
# exec, so that a signal reaches the script that stops the server.
exec Scripts/with-servers.sh mariadb -- "$demo"
