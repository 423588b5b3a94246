# Runs a command with a file system that is read-only but for a directory, its tmp as
# /tmp, an empty /run, and the build cache.
# sandbox DIR CACHE COMMAND...
set -e
dir=$1 cache=$2
shift 2
here=$PWD
mount --bind "$dir" "$dir"
mount --bind "$cache" "$cache"
mount --bind "$dir/tmp" /tmp
mount -t tmpfs tmpfs /run
mount -o remount,bind,ro /
ip link set lo up
ulimit -v 8388608 # KiB: a loop that allocates ends the test, not the machine
cd "$here"
# The shell stays process 1, which signals would not reach by default.
"$@" && exit 0
exit 1
