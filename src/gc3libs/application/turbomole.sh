#!/bin/sh
# Runs a program of TURBOMOLE in this directory; with `define.in`, after `define` has made `control`.
#
#   turbomole.sh PROGRAM

if [ -f define.in ]; then
    define <define.in >define.out 2>&1 || exit
fi
"$1" >"$1.out" 2>&1
