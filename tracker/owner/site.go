package owner

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ctop/tracker/kernel"
)

// A tracker's maps, programs and links are pinned in a directory of its own
// under the BPF file system:
//
//	/sys/fs/bpf/ctop/<network namespace>/<interface>:<interface>/
//
// Each mount namespace may have a BPF file system of its own there: "ip netns
// exec" makes one that has none. A tracker that is not pinned in that of this
// process is looked for in those of the others.
const (
	bpffsRoot = "/sys/fs/bpf"
	pinsName  = "ctop"
	// mountSource is what a BPF file system is mounted as that ctop mounts.
	mountSource = "ctop"
)

// Site is where a tracker is pinned, or would be.
type Site struct {
	dir string
	// root is the BPF file system of another mount namespace, through which dir
	// leads; nil for our own.
	root *os.File
}

// Dir returns the directory of the tracker, empty where it is not to be pinned.
func (s Site) Dir() string { return s.dir }

// Close gives the file system of the site back.
func (s Site) Close() {
	if s.root != nil {
		_ = s.root.Close()
	}
}

// Prepare returns where the tracker of a set of interfaces is pinned, or where it is to
// be pinned, and makes that possible.
func Prepare(interfaces ...string) (where Site, notes []string, err error) {
	where, found, err := find(interfaces)
	if found && err == nil {
		return where, nil, nil
	}
	if err == nil {
		notes, err = mountBPFFS()
	}
	if err == nil && errors.Is(unix.Access(bpffsRoot, unix.W_OK), unix.EROFS) {
		err = fmt.Errorf("%s is a read-only file system", bpffsRoot)
	}
	if err != nil {
		where.Close()
		return Site{}, nil, err
	}
	return where, notes, nil
}

// namespaceCookie identifies the network namespace. The kernel never gives the
// same cookie to two.
func namespaceCookie() (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return "", fmt.Errorf("%w: its network namespaces have no cookies (Linux 5.14): ctop needs Linux 5.15 or newer", kernel.ErrUnsupported)
	}
	if err != nil {
		return "", fmt.Errorf("identify the network namespace: %w", err)
	}
	return strconv.FormatUint(cookie, 16), nil
}

// baseIn is where the trackers of a network namespace are pinned, below the root of
// a BPF file system.
func baseIn(root, cookie string) string { return filepath.Join(root, pinsName, cookie) }

// isBPFFS reports whether a BPF file system is mounted there.
func isBPFFS(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && int64(st.Type) == unix.BPF_FS_MAGIC
}

// mountBPFFS mounts one where none is, and returns what to tell about that.
func mountBPFFS() (notes []string, err error) {
	if isBPFFS(bpffsRoot) {
		return nil, nil
	}
	if err := unix.Mount(mountSource, bpffsRoot, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=700"); err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrNoPins, bpffsRoot, err)
	}
	return []string{"mounted a BPF file system at " + bpffsRoot}, nil
}

// mountedByCtop reports whether the BPF file system is one that ctop mounted, and
// that therefore may end with this mount namespace.
func mountedByCtop() (is bool) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// ID PARENT DEVICE ROOT POINT OPTIONS ... - TYPE SOURCE ...: proc(5). The
		// last one at a point covers the others.
		before, after, _ := strings.Cut(lines.Text(), " - ")
		point, mount := strings.Fields(before), strings.Fields(after)
		if len(point) > 4 && point[4] == bpffsRoot && len(mount) > 1 {
			is = mount[0] == "bpf" && mount[1] == mountSource
		}
	}
	return is
}

// UnmountBPFFS unmounts what mountBPFFS mounted, unless others have come to rely on
// it.
func UnmountBPFFS() {
	left, err := os.ReadDir(bpffsRoot)
	// The kernel puts two files there by itself: kernel/bpf/preload.
	used := slices.ContainsFunc(left, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".debug") })
	if err == nil && !used && mountedByCtop() {
		_ = unix.Unmount(bpffsRoot, 0)
	}
}

// checkSite refuses a BPF file system in which somebody else could lock or rename
// what is pinned for a network namespace: that would take the tracker's lease, or
// detach it. What is not there yet is all right.
func checkSite(root, cookie string) error {
	root += "/." // it may be a link, to a descriptor
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	// As in /tmp, the sticky bit leaves to everybody what is theirs.
	if info.Mode()&fs.ModeSticky == 0 {
		err = checkOwn(root, 0o022)
	} else {
		err = checkOwn(root, 0)
	}
	for _, dir := range []string{filepath.Join(root, pinsName), baseIn(root, cookie)} {
		err = errors.Join(err, checkOwn(dir, 0o022))
	}
	return err
}

// checkOwn refuses a directory that belongs to another user than this one and
// root, or that others have one of some permissions to.
func checkOwn(dir string, forbidden fs.FileMode) error {
	var st unix.Stat_t
	err := unix.Lstat(dir, &st)
	dir = filepath.Clean(dir)
	switch mode := fs.FileMode(st.Mode & 0o777); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return fmt.Errorf("inspect %s: %w", dir, err)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%w: %s is not a directory: remove it", ErrUnsafe, dir)
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user id %d, who could detach a tracker pinned there: find out why, and remove it", ErrUnsafe, dir, st.Uid)
	case mode&forbidden != 0:
		return fmt.Errorf("%w: other users can write to %s (mode %o) and could detach a tracker pinned there: chmod 700 %s", ErrUnsafe, dir, mode, dir)
	}
	return nil
}

// otherRoots calls visit with the root of every other mount namespace's BPF file
// system in which something is pinned for this network namespace, until visit takes
// one: those of processes in the same network namespace, as owners are, and that of
// the machine, where a tracker goes on that has none.
func otherRoots(cookie string, visit func(root *os.File) (taken bool)) {
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	own, _ := os.Readlink("/proc/thread-self/ns/mnt")
	network, _ := os.Readlink("/proc/thread-self/ns/net")
	seen := map[string]bool{own: true, "": true}
	mine, _ := placeOf(baseIn(bpffsRoot, cookie))
	for _, process := range processes {
		if net, _ := os.Readlink(filepath.Join(process, "ns/net")); net != network && process != "/proc/1" {
			continue
		}
		ns, _ := os.Readlink(filepath.Join(process, "ns/mnt"))
		if seen[ns] {
			continue
		}
		seen[ns] = true
		root, err := openBPFFS(filepath.Join(process, "root"))
		if err != nil {
			continue
		}
		there, err := placeOf(baseIn(fdPath(root), cookie))
		if err != nil || there == mine || !isBPFFS(fdPath(root)) || !visit(root) {
			_ = root.Close()
			continue
		}
		return
	}
}

// openBPFFS opens the BPF file system below the root of a process. That may be a
// container's, whose links lead nowhere but there, if at all.
func openBPFFS(root string) (*os.File, error) {
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(top)
	fd, err := unix.Openat2(top, strings.TrimPrefix(bpffsRoot, "/"), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), bpffsRoot), nil
}

// fdPath is a path to an open directory, whatever it is called and wherever it is.
func fdPath(dir *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", dir.Fd()) }
