#!/usr/bin/env bash
# Builds and runs README's first program as it stands there, and compares what it prints:  readme.sh FOLDER
#   FOLDER   the folder to build in; Scripts/examples.sh calls this with the folder of the examples
# The dependency is this clone, with the trait of the examples, so that what they built is used.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
folder=$1
package=$folder/readme
# shellcheck disable=SC2206 # to be split
program=(swift run ${LEAN_OPTIONS:-} --package-path "$package" --scratch-path "$folder")
dependency=".package(name: \"fedify-kv-swift\", path: \"$root\", traits: [.defaults, \"Hummingbird\"])"

# block TEXT: the block of code after the line that ends with TEXT.
block() {
    awk -v text="$1:" '
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside { print }
        index($0, text) && index($0, text) == length($0) - length(text) + 1 { found = 1 }
    ' README.md
}

mkdir -p "$package/Sources/example"
block '`Package.swift`' | sed "s|\.package(url: .*fedify-kv-swift\".*|$dependency|" >"$package/Package.swift"
block '`Sources/example/main.swift`' >"$package/Sources/example/main.swift"

# Where the program ran before there are more visits, and MySQL puts a space after a colon.
"${program[@]}" | sed -e 's/^visits: .*/visits: 1/' -e 's/":  *"/":"/g' >"$package/output"
block 'the first run prints' | diff -u --label README.md --label "the program's output" - "$package/output"

if (unset MYSQL_URL && "${program[@]}" --skip-build >"$package/output"); then
    echo "readme.sh: the program ends without an error where MYSQL_URL is not set" >&2
    exit 1
fi
grep -q MYSQL_URL "$package/output"
echo "README's program prints what README says."
