package tracker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A tracker's maps, programs and links are pinned in a directory of its own
// under the BPF file system:
//
//	/sys/fs/bpf/ctop/<network namespace>/<interface>:<interface>/
//
// The directory itself is the lease: whoever holds an exclusive lock on it owns
// the tracker, and the kernel takes the lock away from a process that dies.
const (
	bpffsRoot = "/sys/fs/bpf"
	pinRoot   = bpffsRoot + "/ctop"
	// draftName is what the name of a directory in the making begins with.
	draftName = "draft"
)

// pinName escapes what may stand in an interface's name but not in the BPF file
// system, which reserves the dot.
func pinName(iface string) string {
	return strings.NewReplacer("%", "%25", ".", "%2E").Replace(iface)
}

func interfaceName(pin string) string {
	return strings.NewReplacer("%2E", ".", "%25", "%").Replace(pin)
}

// namespaceDir is where the trackers of this network namespace are pinned. The
// kernel never gives the same cookie to two namespaces.
func namespaceDir() (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return "", fmt.Errorf("%w: its network namespaces have no cookies (Linux 5.14): ctop needs Linux 5.15 or newer", ErrUnsupported)
	}
	if err != nil {
		return "", fmt.Errorf("identify the network namespace: %w", err)
	}
	return filepath.Join(pinRoot, strconv.FormatUint(cookie, 16)), nil
}

// isBPFFS reports whether a BPF file system is mounted where pins belong.
func isBPFFS() bool {
	var st unix.Statfs_t
	return unix.Statfs(bpffsRoot, &st) == nil && int64(st.Type) == unix.BPF_FS_MAGIC
}

// mountBPFFS mounts one where none is, and reports whether it did.
func mountBPFFS() (mounted bool, err error) {
	if isBPFFS() {
		return false, nil
	}
	if err := unix.Mount("bpf", bpffsRoot, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=700"); err != nil {
		return false, fmt.Errorf("%w at %s: %w", ErrNoPins, bpffsRoot, err)
	}
	return true, nil
}

// unmountBPFFS unmounts what mountBPFFS mounted. It stays where it is in use,
// which means that somebody else has come to rely on it.
func unmountBPFFS() {
	_ = unix.Unmount(bpffsRoot, 0)
}

// pairDir returns the directory of a pair that is pinned, in whichever order the
// interfaces were named then, and whatever they are called now.
func pairDir(a, b string) (dir string, found bool, err error) {
	base, err := namespaceDir()
	if err != nil {
		return "", false, err
	}
	dir = filepath.Join(base, pinName(a)+":"+pinName(b))
	other := filepath.Join(base, pinName(b)+":"+pinName(a))
	for _, d := range []string{dir, other} {
		_, err := os.Stat(d)
		if err == nil {
			return d, true, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", false, explainPermission("look for trackers", fmt.Errorf("look for trackers: %w", err))
		}
	}
	if renamed := renamedDir(base, a, b); renamed != "" {
		return renamed, true, nil
	}
	return dir, false, nil
}

// renamedDir returns the directory of the tracker between two interfaces that had
// other names when it was started, empty where there is none.
func renamedDir(base, a, b string) string {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		dir := filepath.Join(base, e.Name())
		if m := describedAt(dir); m != nil && m.between(a, b) {
			return dir
		}
	}
	return ""
}

// between reports whether the two interfaces are called so now, in either order.
func (m *meta) between(a, b string) bool {
	var now [2]string
	for i, side := range m.Interfaces {
		if l, err := side.link(); err == nil {
			now[i] = l.Attrs().Name
		}
	}
	return now == [2]string{a, b} || now == [2]string{b, a}
}

// Pairs returns the pairs of interfaces of this network namespace that a tracker
// runs between.
func Pairs() ([][2]string, error) {
	base, err := namespaceDir()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(base)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explainPermission("list trackers", fmt.Errorf("list trackers: %w", err))
	}
	var pairs [][2]string
	for _, e := range entries {
		if a, b, ok := strings.Cut(e.Name(), ":"); ok {
			pairs = append(pairs, [2]string{interfaceName(a), interfaceName(b)})
		}
	}
	return pairs, nil
}

// removePins removes a tracker's directory, and those above it once they are
// empty.
func removePins(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove pins: %w", err)
	}
	sweepDrafts(filepath.Dir(dir))
	for _, d := range []string{filepath.Dir(dir), pinRoot} {
		if err := os.Remove(d); err != nil {
			break
		}
	}
	return nil
}

// errClaimed means that another process was faster.
var errClaimed = errors.New("another ctop attaches there")

// claim makes a tracker's directory with its lease taken: nobody ever sees one
// that is not, unless its owner is dead.
func claim(dir string) (owner, presence *lease, err error) {
	base := filepath.Dir(dir)
	sweepDrafts(base)
	// Who leaves removes directories that are empty, and drafts that seem to be
	// nobody's, perhaps before they are ours.
	for range 100 {
		owner, presence, err = claimOnce(base, dir)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return owner, presence, err
}

func claimOnce(base, dir string) (owner, presence *lease, err error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, nil, err
	}
	draft, err := os.MkdirTemp(base, draftName)
	if err != nil {
		return nil, nil, err
	}
	owner, free, err := takeLease(draft)
	if err == nil && !free {
		err = os.ErrNotExist // it will be, in a moment
	}
	if err == nil {
		presence, _, err = shareLease(filepath.Join(draft, usersDir))
	}
	if err == nil {
		err = os.Rename(draft, dir)
	}
	if err == nil {
		return owner, presence, nil
	}
	owner.release()
	presence.release()
	_ = os.RemoveAll(draft)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		err = errClaimed
	}
	return nil, nil, err
}

// lease is a lock on a directory.
type lease struct {
	dir *os.File
}

// takeLease locks the directory for this process alone; ok is false where another
// holds a lock on it.
func takeLease(path string) (l *lease, ok bool, err error) {
	return lockDir(path, unix.LOCK_EX)
}

// shareLease locks the directory together with others who share it.
func shareLease(path string) (l *lease, ok bool, err error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, false, fmt.Errorf("make lease: %w", err)
	}
	return lockDir(path, unix.LOCK_SH)
}

func lockDir(path string, how int) (l *lease, ok bool, err error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("open lease: %w", err)
	}
	err = unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
	if err != nil {
		_ = dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("take lease: %w", err)
	}
	return &lease{dir: dir}, true, nil
}

func (l *lease) release() {
	if l != nil {
		_ = l.dir.Close()
	}
}
