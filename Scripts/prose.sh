#!/usr/bin/env bash
# Reports habits of prose to avoid in comments, strings and documentation, as FILE:LINE with the better words.
#   prose.sh [FILE...]   default: all that git tracks, except the benchmarks
set -euo pipefail
cd "$(dirname "$0")/.."

# A regular expression of awk for text in lower case, and the better words. With @ it is for a comment as it is written.
habits=(
    'unless (it is |it was |they are )?told( otherwise| not to)?=by default; except'
    'at the (most|least)([^a-z]|$)=at most, at least'
    '(is|are|was|were) none of=is not part of'
    '(^|[^a-z])(it|which|that|one|line|file|entry|value|files|entries) (is|are) none([^a-z]|$)=is not a …; does not exist'
    '(^|[^a-z])(there )?is no [a-z]+ (that|which|of a|of the)=is not; does not'
    '(who|nobody|somebody|whoever) (waits|wants|asks|knows|looks|reads|listens|writes|may be|else)=a caller; a process; no reader'
    '(^|[^a-z])(whoever|somebody)([^a-z]|$)=any caller; a reader; an attacker'
    '(^|[^a-z/])nobody([ .,;:)?]|$)=no caller; no process; nothing'
    '(^|[^a-z])(he|his|him)([^a-z"]|$)=it, its; the caller'
    '(^|[^a-z])meanwhile([^a-z]|$)=in the meantime; since; concurrent'
    '(^|[,.;] )for one,=for example'
    '(^|[^a-z])in the place of=instead of'
    '(^|[^a-z])behind (a|an|the|it|its|them|this|that|what|which|each)([^a-z]|$)=after'
    '(^|[^a-z])go(es)? on (behind|with|by|until|where)=continue'
    '(^|[^a-z])anew([^a-z]|$)=again'
    'in (its|their|the) midst([^a-z]|$)=during; in the middle'
    'let(s|ting)? (the user|us|them|him) (not )?in([^a-z]|$)=access denied; log in'
    '(is|are|was|were) told of([^a-z]|$)=is logged; is reported'
    'what is (there|left|to be)([^a-z]|$)=name the thing: the entry, the rest'
    "can't be known=is unknown"
    ', who (is|are|has|have|can|may|waits?|wants?|asks?|writes?|reads?|comes?)([^a-z]|$)=, which'
    '(is|are|was|were|be) told (so|at once|what|anything|nothing)([^a-z]|$)=is reported; is answered'
    '@^What (is|was|are|were|the|a|an|each|this|such|they|real|servers?|clients?|callers?|waits|comes|becomes|goes|went|happens|makes|can|may|must|should|only|both|all|we|it|one)([^a-z]|$)=name the thing: the result, the error, the options'
    '(^|[^s])taken for (a|an|one|the)([^a-z]|$)=mistaken for; treated as'
    'left? (it|them|one) out([^a-z]|$)=omit'
    'twice is as good as once=idempotent'
    'by chance([^a-z]|$)=random'
    '(^|[^a-z])log-in=login'
)

if [ $# -gt 0 ]; then
    files=("$@")
else
    # Bash 3.2, which macOS has, lacks mapfile.
    files=()
    while IFS= read -r file; do files+=("$file"); done < <(
        git ls-files '*.swift' '*.sh' '*.md' '*.c' '*.h' Makefile compose.yaml |
            grep -v -e '^Scripts/prose\.sh$' -e '^Benchmarks/' -e '/Captures/' -e '/Corpus/')
fi

# Of code only comments and strings count; a line of prose may be wrapped, so each is looked at with the next one.
printf '%s\n' "${habits[@]}" | awk '
    NR == FNR {
        cut = match($0, /=[^=]*$/)
        expression[++count] = substr($0, 1, cut - 1)
        better[count] = substr($0, cut + 1)
        if (expression[count] !~ /^@/) any = any (any == "" ? "" : "|") "(" expression[count] ")"
        next
    }
    FNR == 1 { previous = ""; fenced = 0 }
    {
        text = $0
        if (FILENAME ~ /\.md$/) {
            if (text ~ /^```/) fenced = !fenced
            if (fenced) text = ""
        } else if (FILENAME ~ /\.sh$|Makefile$|\.yaml$/) {
            if (text !~ /(^|[ \t])#|"/) text = ""
        } else if (match(text, /(^|[ \t])\/\//)) {
            text = substr(text, RSTART)
        } else if (text ~ /"/) {
            sub(/^[^"]*/, "", text)
            sub(/[^"]*$/, "", text)
        } else {
            text = ""
        }
        plain = tolower(text)
        gsub(/`[^`]*`/, "", plain)
        sub(/^[ \t]*(\/\/+|#)[ \t]*/, "", plain)
        spoken = text
        sub(/^[ \t]*(\/\/+|#)[ \t]*/, "", spoken)
        lines = previous == "" || plain == "" ? plain : previous " " plain
        hasAny = lines != "" && lines ~ any
        for (i = 1; i <= count; i++) {
            if (expression[i] ~ /^@/) {
                if (text ~ /^[ \t]*(\/\/|#)/ && spoken ~ substr(expression[i], 2)) found(i)
            } else if (hasAny && (plain ~ expression[i] || lines ~ expression[i] && previous !~ expression[i])) {
                found(i)
            }
        }
        previous = plain
    }
    function found(i) {
        printf "%s:%d: better: %s\n    %s\n", FILENAME, FNR, better[i], $0
        failures++
    }
    END { exit failures > 0 }
' - "${files[@]}"
