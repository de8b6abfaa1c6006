#!/usr/bin/env bash
# Compares the code blocks of the documentation with the compiled code in Snippets:  snippets.sh [--write]
#   --write   updates the blocks instead
# A block that comes from Snippets has a comment in the line before it, which names the file and the part:
#   <!-- snippet: Helpers.update -->
# A part begins after the line `// snippet.update` and ends before the next such line. Several parts, separated by
# spaces, make one block, with a blank line between them.
set -euo pipefail
cd "$(dirname "$0")/.."

# The text of a file with its blocks replaced.
# shellcheck disable=SC2016 # the variables are awk's
replaced='
    function fail(message) {
        printf "%s:%d: %s\n", FILENAME, FNR, message >"/dev/stderr"
        failed = 1
        exit 1
    }
    # A part without its indentation and the blank lines around it.
    function part(name,    dot, file, line, text, blank, inside, found, indentation) {
        dot = index(name, ".")
        if (dot == 0) fail("a snippet is named FILE.PART, not " name)
        file = "Snippets/" substr(name, 1, dot - 1) ".swift"
        while ((getline line <file) > 0) {
            if (line ~ /^[ \t]*\/\/ snippet\./) {
                inside = line ~ ("snippet\\." substr(name, dot + 1) "[ \t]*$")
                if (inside) {
                    found = 1
                    indentation = index(line, "//")
                }
            } else if (inside && line ~ /^[ \t]*$/) {
                blank = blank "\n"
            } else if (inside) {
                text = text (text == "" ? "" : blank) substr(line, indentation) "\n"
                blank = ""
            }
        }
        close(file)
        if (!found) fail("there is no snippet " name)
        return text
    }
    expected && !/^```swift$/ { fail("a block of Swift is to follow the comment") }
    expected {
        print
        for (i = 1; i <= count; i++) printf "%s%s", (i > 1 ? "\n" : ""), part(names[i])
        expected = 0
        skipping = 1
        next
    }
    skipping && !/^```$/ { next }
    { skipping = 0; print }
    /^<!-- snippet: .* -->$/ {
        count = split(substr($0, 15, length($0) - 18), names, " ")
        expected = 1
    }
    END { if (!failed && (expected || skipping)) fail("the block of Swift is missing or does not end") }
'

result=0
new=$(mktemp)
trap 'rm -f "$new"' EXIT
# No file with such a comment is an error too.
files=$(git grep --untracked --files-with-matches '^<!-- snippet: ' -- '*.md')
while IFS= read -r file; do
    awk "$replaced" "$file" >"$new"
    cmp -s "$file" "$new" && continue
    if [ "${1:-}" = --write ]; then
        cat "$new" >"$file"
        echo "Updated: $file"
    else
        diff -u --label "$file" --label "as in Snippets" "$file" "$new" || result=1
    fi
done <<<"$files"
if [ $result != 0 ]; then echo "Scripts/snippets.sh --write updates these blocks." >&2; fi
exit $result
