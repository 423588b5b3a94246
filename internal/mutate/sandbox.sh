# Runs a command with a file system that is read-only but for a directory, the build
# cache, and a slot: it has the state of the directory and /tmp. /run is empty.
# sandbox DIR SLOT CACHE COMMAND...
set -e
dir=$1 slot=$2 cache=$3
shift 3
here=$PWD
mount --bind "$dir" "$dir"
mount --bind "$cache" "$cache"
mount --bind "$slot" "$dir/state"
mount --bind "$slot/tmp" /tmp
mount -t tmpfs tmpfs /run
mount -o remount,bind,ro /
ip link set lo up
ulimit -v 8388608 # KiB: a loop that allocates ends the test, not the machine
cd "$here"
[ -x "$1" ]
: > "$dir/state/started"
# The shell stays process 1, which signals would not reach by default.
"$@" && exit 0
exit 1
