#!/bin/sh
# Runs a program of the Rosetta suite, and leaves what it wrote in two files: PROGRAM.log and
# PROGRAM.tar.gz, an archive of all files that were not there before.
#
#   rosetta.sh PROGRAM RELEASE [ARGUMENT ...]

program=$1
release=$2
shift 2

command=$program
for candidate in "$program.$release" "$program.linuxgccrelease" "$program.default.linuxgccrelease"; do
    if command -v "$candidate" >/dev/null 2>&1; then
        command=$candidate
        break
    fi
done

before=$(mktemp)
trap 'rm -f "$before"' EXIT
find . -type f >"$before"

"$command" "$@" >"$program.log" 2>&1
status=$?

find . -type f ! -name "$program.log" ! -name "$program.tar.gz" | grep -v -x -F -f "$before" |
    tar -czf "$program.tar.gz" --files-from=-
exit "$status"
