#!/usr/bin/env bash
# The tour, on a throwaway MariaDB, or on the server that MYSQL_URL names.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install.sh build
swift build --configuration release --product fedify-kv-demo
demo=$(swift build --configuration release --show-bin-path)/fedify-kv-demo
# exec, so that a signal reaches the script that stops the server.
exec Scripts/with-servers.sh mariadb -- "$demo"
