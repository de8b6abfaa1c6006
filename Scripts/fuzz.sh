#!/usr/bin/env bash
# Fuzzes with libFuzzer and AddressSanitizer, from the inputs in Tests/Corpus. A finding ends it with an error; the
# input is then in .build-fuzz/findings.
# From the environment:
#   SECONDS_EACH  how long each subject is fuzzed; default: 600
#   SUBJECTS      which; default: "key value url pipe packets"
#   MINIMIZE=1    adds what reached new code to Tests/Corpus, minimized
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install.sh build
export FEDIFY_KV_FUZZ=1
build=(swift build --configuration release --product fuzz --scratch-path .build-fuzz -Xswiftc "-sanitize=fuzzer,address")
# The linker warns about every symbol of AddressSanitizer.
mkdir -p .build-fuzz/findings
"${build[@]}" >.build-fuzz/build.log 2>&1 || {
    grep -v "Cannot export local symbol" .build-fuzz/build.log >&2
    exit 1
}
# Swift's own handler of crashes would wait for a terminal, and keep libFuzzer from writing the input.
export SWIFT_BACKTRACE=enable=no

failed=0
for subject in ${SUBJECTS:-key value url pipe packets}; do
    printf '\n== %s\n' "$subject"
    found=.build-fuzz/corpus/$subject
    mkdir -p "$found"
    options=(-detect_leaks=0 -max_len=512 -timeout=10)
    if ! .build-fuzz/release/fuzz "$subject" "${options[@]}" -max_total_time="${SECONDS_EACH:-600}" \
        -print_final_stats=1 -artifact_prefix=".build-fuzz/findings/$subject-" "$found" "Tests/Corpus/$subject"; then
        echo "fuzz.sh: a finding; its input is in .build-fuzz/findings/$subject-*" >&2
        failed=1
    elif [ "${MINIMIZE:-}" = 1 ]; then
        .build-fuzz/release/fuzz "$subject" "${options[@]}" -merge=1 "Tests/Corpus/$subject" "$found"
    fi
done
exit "$failed"
