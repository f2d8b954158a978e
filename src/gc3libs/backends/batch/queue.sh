# What starts the elements of a submission on a machine without a batch system.
#
# Its argument is GC3_QUEUE=PLACE,TIME,KEY,NEXT,COUNT,CORES,SLOTS. It becomes another one with a new
# argument each time that it has started something, so that everybody can see what still waits. The
# script of an element has the argument GC3_ELEMENT=PLACE,KEY,ELEMENT,CORES.

IFS=,
set -- ${1#*=}
unset IFS
place=$1 time=$2 key=$3 next=$4 count=$5 cores=$6 slots=$7

# turn: whether no earlier queue waits; counts the cores that are in use
turn() {
    used=0
    for mark in $(cat /proc/[0-9]*/cmdline 2>/dev/null |
        tr '\0' '\n' | grep "^GC3_[A-Z]*=$place," | sort -u); do
        IFS=,
        set -- ${mark#*=}
        unset IFS
        case $mark in
            GC3_ELEMENT=*) used=$((used + $4)) ;;
            *) [ "$3" = "$key" ] || [ "$2" -gt "$time" ] || return 1 ;;
        esac
    done
}

fits() { [ "$used" -eq 0 ] || [ $((used + cores)) -le "$slots" ]; }

# A process that is just becoming another one has no argument for a moment: two looks have to agree.
tries=0
until turn && fits && turn && fits; do
    tries=$((tries + 1))
    if [ "$tries" -lt 10 ]; then sleep 0.05; elif [ "$tries" -lt 30 ]; then sleep 0.2; else sleep 1; fi
done

while [ "$next" -lt "$count" ] && fits; do
    mark=GC3_ELEMENT=$place,$key,$next,$cores
    export "$mark"
    setsid /bin/sh "${0%queue}script" "$mark" "$next" </dev/null >>"${0%queue}log" 2>&1 &
    until grep -qs "^.*$mark" /proc/$!/cmdline || ! kill -s 0 $! 2>/dev/null; do :; done
    next=$((next + 1)) used=$((used + cores))
done

[ "$next" -eq "$count" ] || {
    unset GC3_ELEMENT
    exec /bin/sh "$0" "GC3_QUEUE=$place,$time,$key,$next,$count,$cores,$slots"
}
