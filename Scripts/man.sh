#!/usr/bin/env bash
# Generates the manual pages of fedify-kv and fedify-mq, in docs/man, with the plugin of swift-argument-parser.
set -euo pipefail
cd "$(dirname "$0")/.."

# (With all traits, as the tests are built, so that nothing is built twice.)
swift package --enable-all-traits --allow-writing-to-package-directory generate-manual --configuration debug
mkdir -p docs/man
for tool in fedify-kv fedify-mq; do
    # The generator's own "exits 0 on success, and >0 if an error occurs" says too little.
    sed 's/^\.Ex -std$/See the exit codes under DESCRIPTION./' ".build/plugins/GenerateManual/outputs/$tool/$tool.1" \
        >"docs/man/$tool.1"
done
