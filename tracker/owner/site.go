package owner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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
// Each mount namespace may have its own BPF file system there. "ip netns exec" creates
// a mount namespace without one. If a tracker is not pinned in this process's BPF file
// system, ctop searches those of other processes.
const (
	bpffsRoot = "/sys/fs/bpf"
	pinsName  = "ctop"
	// mountSource is the source name of a BPF file system that ctop mounted.
	mountSource = "ctop"
)

// Site is the directory of a tracker's pins, which may not exist yet.
type Site struct {
	dir string
	// root is the BPF file system of another mount namespace, through which dir
	// leads. It is nil for our own.
	root *os.File
}

// Dir returns the directory, empty if the tracker is not pinned.
func (s Site) Dir() string { return s.dir }

// Close closes the site's file system.
func (s Site) Close() {
	if s.root != nil {
		_ = s.root.Close()
	}
}

// Prepare returns the site of the tracker on the given interfaces. If there is
// none it returns a new site, and mounts a BPF file system if necessary. The
// notes say so.
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

// namespaceCookie returns the cookie of the network namespace (SO_NETNS_COOKIE,
// Linux 5.14). The kernel never reuses one.
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

// baseIn returns the directory of a network namespace's trackers below the root
// of a BPF file system.
func baseIn(root, cookie string) string { return filepath.Join(root, pinsName, cookie) }

// isBPFFS reports whether path is in a BPF file system.
func isBPFFS(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && int64(st.Type) == unix.BPF_FS_MAGIC
}

// mountBPFFS mounts a BPF file system unless one is mounted. The notes say so.
func mountBPFFS() (notes []string, err error) {
	if isBPFFS(bpffsRoot) {
		return nil, nil
	}
	if err := unix.Mount(mountSource, bpffsRoot, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=700"); err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrNoPins, bpffsRoot, err)
	}
	return []string{"mounted a BPF file system at " + bpffsRoot}, nil
}

// bpffsMount is the BPF file system of a mount namespace: its device, which no other file
// system has, and its source. The zero value is none.
type bpffsMount struct{ device, source string }

// pinsStay reports whether pins outlive this process: process 1 has the same BPF file
// system. Another one may end with this mount namespace. So may one that ctop mounted,
// since process 1 of a container ends with it, and may be ctop. What somebody else mounted
// in a container cannot be told from the machine's.
func pinsStay() bool { return bpffsOf("thread-self").staysWith(bpffsOf("1")) }

func (m bpffsMount) staysWith(first bpffsMount) bool {
	return m.device != "" && m.device == first.device && !m.byCtop()
}

func (m bpffsMount) byCtop() bool { return m.source == mountSource }

// bpffsOf returns the BPF file system of a process. Unlike the process's root directory,
// its mounts are readable without privileges.
func bpffsOf(process string) bpffsMount {
	f, err := os.Open(filepath.Join("/proc", process, "mountinfo"))
	if err != nil {
		return bpffsMount{}
	}
	defer func() { _ = f.Close() }()
	return readBPFFS(f)
}

// readBPFFS finds the BPF file system in a list of mounts. The format is ID PARENT DEVICE
// ROOT POINT OPTIONS ... - TYPE SOURCE ... (proc(5)). The last mount at a point covers the
// others.
func readBPFFS(mountinfo io.Reader) (m bpffsMount) {
	for lines := bufio.NewScanner(mountinfo); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		point, mount := strings.Fields(before), strings.Fields(after)
		if len(point) < 5 || point[4] != bpffsRoot || len(mount) < 2 {
			continue
		}
		if m = (bpffsMount{}); mount[0] == "bpf" {
			m = bpffsMount{device: point[2], source: mount[1]}
		}
	}
	return m
}

// UnmountBPFFS unmounts a BPF file system that ctop mounted, unless it is used.
func UnmountBPFFS() {
	left, err := os.ReadDir(bpffsRoot)
	// The kernel adds two files of its own (kernel/bpf/preload).
	used := slices.ContainsFunc(left, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".debug") })
	if err == nil && !used && bpffsOf("thread-self").byCtop() {
		_ = unix.Unmount(bpffsRoot, 0)
	}
}

// checkSite refuses a BPF file system in which another user could lock or
// rename the pins of a network namespace. That user could take the lease or
// detach the tracker. Directories that do not exist yet are accepted.
func checkSite(root, cookie string) error {
	root += "/." // it may be a link, to a descriptor
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	// As in /tmp, the sticky bit protects each user's files.
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

// checkOwn refuses a directory of another user than root and this one, or with
// one of the forbidden permission bits.
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

// otherRoots calls visit with the BPF file system of every other mount
// namespace that has pins for this network namespace, until visit returns true.
// It looks at the processes in this network namespace, which may own a tracker,
// and at process 1, whose mount namespace may hold a tracker without an owner.
// If visit returns true, it keeps the file.
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

// openBPFFS opens the BPF file system below a process's root directory. The
// process may be in a container, so symbolic links are not followed.
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

// fdPath returns a path to an open directory that stays valid if the directory
// is renamed.
func fdPath(dir *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", dir.Fd()) }
