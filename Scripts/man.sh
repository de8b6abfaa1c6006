#!/usr/bin/env bash
# Generates the manual page of fedify-kv, docs/man/fedify-kv.1, with the plugin of swift-argument-parser.
set -euo pipefail
cd "$(dirname "$0")/.."

swift package --allow-writing-to-package-directory generate-manual --configuration debug
mkdir -p docs/man
cp .build/plugins/GenerateManual/outputs/fedify-kv/fedify-kv.1 docs/man/
