# What runs on a cluster: the jobs of one element of one submission, in order. Before this text
# stand: root, key, element. What follows it calls `run` for each job, and then `finish`.
#
# A job runs if its start marker can be made, which nobody can do twice. How it ended goes into a
# file of its own (written beside, synced, renamed) before this script ends, with the same status.

{ read -r host </proc/sys/kernel/hostname || host=$(uname -n); } 2>/dev/null
setsid=/usr/bin/setsid
[ -x $setsid ] || setsid=$(command -v setsid)
here=$root/batches/$key
said=$here/said.$element
exec 2>"$said"
clock() { read -r now rest </proc/uptime || now=$(date +%s); } 2>/dev/null
clock
begun=$(date +%s.%N)
since=$now
name=$key.$element.$$-$begun
chunk=0 last=${now%%.*} status=0 stop= pid= timers= heeder= why=-

# later SECONDS COMMAND [$1]: does that then; `timer` is its process group
later() {
    $setsid /bin/sh -c "sleep $1; $2" sh "$3" &
    timer=$!
}

# end REASON: ends the job that runs, with all of its processes
end() {
    [ -n "$pid" ] && [ "$why" = - ] || return 0
    why=$1
    kill -s TERM -- "-$pid" || kill -s TERM "$pid"
    later 5 "kill -s KILL -- -$pid"
    timers="$timers $timer"
}

trap 'woken=yes stop=yes; end ended' TERM INT USR2 XCPU
trap 'woken=yes' USR1
trap 'woken=yes; end walltime' URG
trap 'woken=yes; [ ! -e "$here/cancel.$number" ] || end cancelled' WINCH

# heed: looks, as long as this script runs, for jobs that are to be cancelled
heed() {
    later 0 "while sleep 1; do
        for wish in \"\$1\"/cancel.*; do [ ! -e \"\$wish\" ] || kill -s WINCH $$; done
    done" "$here"
    heeder=$timer
}

# quiet TIMER...: ends timers; a signal that can be caught may be lost before they have begun
quiet() {
    for timer in "$@"; do
        kill -s KILL "$timer"
        kill -s KILL -- "-$timer"
        wait "$timer"
    done
}

# again: somebody has the marker; or nobody can have it, since it cannot be made
again() {
    status=75
    [ -e "$mark" ] || { stop=yes status=73; return; }
    : >"$mark.again"
}

# trim FILE: keeps 10 MB of what a job wrote to a stream of which it said nothing
trim() {
    case $1 in "$root/logs/"*) [ -s "$1" ] || return 0 ;; *) return 0 ;; esac
    [ "$(wc -c <"$1")" -gt 10000000 ] || return 0
    { head -c 10000000 "$1"; echo; echo "[gc3: only the first 10 MB were kept]"; } >"$1.cut"
    mv "$1.cut" "$1"
}

# note: writes down how a job ended
note() {
    new=$root/ended/.$name-$chunk
    [ -e "$new" ] || echo "$begun $since" >>"$new"
    { echo "$number $kind $code $why $from $now"; times; } >>"$new"
    [ $((${now%%.*} - last)) -lt 1 ] || publish
}

publish() {
    [ -e "$root/ended/.$name-$chunk" ] || return 0
    sync "$root/ended/.$name-$chunk"
    mv "$root/ended/.$name-$chunk" "$root/ended/$name-$chunk"
    chunk=$((chunk + 1)) last=${now%%.*}
}

# attend: waits for the job that runs; a signal to this script interrupts that
attend() {
    first=yes
    while
        woken=
        wait "$pid"
        found=$?
        [ "$found" = 127 ] && [ -z "$first" ] || status=$found
        first=
        [ -n "$woken" ]
    do :; done
}

# run NUMBER WALLTIME STDIN STDOUT STDERR: the job whose command is the function `task`
run() {
    [ -z "$stop" ] || return 0
    number=$1 mark=$root/started/$key.$1
    clock
    set -C
    { echo "$host $$ $begun $since $now" >"$mark"; } || { set +C; again; return; }
    set +C
    exec 2>"$said"
    why=- timers= from=$now
    case $5 in
        =) (task) <"$3" >"$4" 2>&1 & ;;
        *) (task) <"$3" >"$4" 2>"$5" & ;;
    esac
    pid=$!
    [ -z "$stop" ] || end ended
    [ "$2" = - ] || { later "$2" "kill -s URG $$"; timers="$timers $timer"; }
    attend
    pid=
    clock
    kind=exit code=$status
    # a shell says so when a signal has ended a command, unless it is PIPE or one of those above
    if [ "$status" -gt 128 ]; then
        case $status in 130 | 138 | 140 | 141 | 143 | 152) kind=signal ;; esac
        [ ! -s "$said" ] || kind=signal
        [ $kind = exit ] || code=$((status - 128))
    fi
    quiet $timers 2>/dev/null
    trim "$4"
    trim "$5"
    note
}

finish() {
    publish
    quiet $heeder 2>/dev/null
    exit "$status"
}
