#!/usr/bin/env bash
# Builds the documentation of every product; a warning is an error:  docs.sh [FOLDER]
#   FOLDER   where the pages go; default: .build-docs
# From the environment:
#   LEAN_OPTIONS   options of the build in .build, see test.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# Brings the plugin in, see Package.swift.
export FEDIFY_KV_DOCS=1
folder=${1:-.build-docs}
targets=(FedifyJSON FedifyKv FedifyKvTesting FedifyMQ FedifyMQTesting ContractTesting MySQLClient FedifyMySQL HummingbirdFedifyKv)
options=()
for target in "${targets[@]}"; do options+=(--target "$target"); done
# The plugin reports success where it could not combine the targets' pages, as without this folder.
mkdir -p "$folder"
rm -rf "$folder/pages"
# shellcheck disable=SC2086 # to be split
swift package --enable-all-traits ${LEAN_OPTIONS:-} --allow-writing-to-directory "$folder" \
    generate-documentation "${options[@]}" --enable-experimental-combined-documentation --warnings-as-errors \
    --output-path "$folder/pages" --transform-for-static-hosting
[ -e "$folder/pages/index.html" ] || {
    echo "docs.sh: the pages were not written" >&2
    exit 1
}
echo "Documentation: $folder/pages"
