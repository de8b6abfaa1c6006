#!/usr/bin/env bash
# A newcomer's first green test: builds, starts a throwaway MariaDB, and runs the contract's tests on it.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install.sh build
swift build --build-tests
exec Scripts/with-servers.sh mariadb -- swift test --skip-build --filter 'ContractTests|MemoryKvStoreTests'
