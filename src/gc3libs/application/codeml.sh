#!/bin/sh
# Runs CODEML on control files, one after the other; what it says goes to FILE.log.
#
#   codeml.sh CODEML FILE [FILE ...]

codeml=$1
shift

status=0
for ctl in "$@"; do
    "$codeml" "$ctl" >"$ctl.log" 2>&1 </dev/null || status=$?
done
exit "$status"
