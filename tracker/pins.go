package tracker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// draftName is what the name of a directory in the making begins with.
const draftName = "draft"

// pinName escapes what may stand in an interface's name but not in the BPF file
// system, which reserves the dot.
func pinName(iface string) string {
	return strings.NewReplacer("%", "%25", ".", "%2E").Replace(iface)
}

func interfaceName(pin string) string {
	return strings.NewReplacer("%2E", ".", "%25", "%").Replace(pin)
}

// findPair returns where a pair is pinned, in whichever order the interfaces were
// named then, and whatever they are called now; where it is not, found is false,
// and the site is where it would be. Who gets a site closes it.
func findPair(a, b string) (s site, found bool, err error) {
	cookie, err := namespaceCookie()
	if err != nil {
		return s, false, err
	}
	if isBPFFS(bpffsRoot) {
		if err := checkSite(bpffsRoot, cookie); err != nil {
			return s, false, explainPermission("look for trackers", fmt.Errorf("look for trackers: %w", err))
		}
	}
	dir, found, err := findIn(baseIn(bpffsRoot, cookie), a, b)
	if found || err != nil {
		return site{dir: dir}, found, err
	}
	s = site{dir: dir}
	otherRoots(cookie, func(root *os.File) bool {
		path := fdPath(root)
		if checkSite(path, cookie) != nil {
			return false
		}
		theirs, there, err := findIn(baseIn(path, cookie), a, b)
		if err != nil || !there {
			return false
		}
		s, found = site{dir: theirs, root: root}, true
		return true
	})
	return s, found, nil
}

// findIn looks for a pair in one directory of trackers.
func findIn(base, a, b string) (dir string, found bool, err error) {
	dir = filepath.Join(base, pinName(a)+":"+pinName(b))
	other := filepath.Join(base, pinName(b)+":"+pinName(a))
	for _, d := range []string{dir, other} {
		_, err := os.Stat(d)
		if err == nil {
			return d, true, checkOwn(d, 0o077)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", false, explainPermission("look for trackers", fmt.Errorf("look for trackers: %w", err))
		}
	}
	if renamed := renamedDir(base, a, b); renamed != "" {
		return renamed, true, checkOwn(renamed, 0o077)
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
	return samePair(now, a, b)
}

// wasBetween reports whether they were called so when the tracker was started:
// they may be gone.
func (m *meta) wasBetween(a, b string) bool {
	return samePair([2]string{m.Interfaces[0].Name, m.Interfaces[1].Name}, a, b)
}

func samePair(names [2]string, a, b string) bool {
	return names == [2]string{a, b} || names == [2]string{b, a}
}

// Pairs returns the pairs of interfaces of this network namespace that a tracker
// runs between.
func Pairs() ([][2]string, error) {
	cookie, err := namespaceCookie()
	if err != nil {
		return nil, err
	}
	if isBPFFS(bpffsRoot) {
		if err := checkSite(bpffsRoot, cookie); err != nil {
			return nil, explainPermission("list trackers", fmt.Errorf("list trackers: %w", err))
		}
	}
	pairs, err := pairsIn(baseIn(bpffsRoot, cookie))
	if err != nil {
		return nil, explainPermission("list trackers", fmt.Errorf("list trackers: %w", err))
	}
	otherRoots(cookie, func(root *os.File) bool {
		path := fdPath(root)
		if more, err := pairsIn(baseIn(path, cookie)); err == nil && checkSite(path, cookie) == nil {
			pairs = append(pairs, more...)
		}
		return false
	})
	return pairs, nil
}

func pairsIn(base string) (pairs [][2]string, err error) {
	entries, err := os.ReadDir(base)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if a, b, ok := strings.Cut(e.Name(), ":"); ok {
			pairs = append(pairs, [2]string{interfaceName(a), interfaceName(b)})
		}
	}
	return pairs, err
}

// removePins removes a tracker's directory, and those above it once they are
// empty.
func removePins(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove pins: %w", err)
	}
	base := filepath.Dir(dir)
	sweepDrafts(base)
	for _, d := range []string{base, filepath.Dir(base)} {
		if err := os.Remove(d); err != nil {
			break
		}
	}
	return nil
}

// errClaimed means that another process was faster.
var errClaimed = errors.New("another ctop is attaching there")

// claim makes a tracker's directory with its lease taken: nobody ever sees one
// that is not, unless its owner is dead.
func claim(dir string) (owner, presence *lease, notes []string, err error) {
	base := filepath.Dir(dir)
	sweepDrafts(base)
	// Who leaves removes directories that are empty, and drafts that seem to be
	// nobody's, perhaps before they are ours, and unmounts a BPF file system in
	// which nothing is pinned yet.
	for range 100 {
		owner, presence, err = claimOnce(base, dir)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			break
		}
		if strings.HasPrefix(dir, bpffsRoot+"/") {
			said, failed := mountBPFFS()
			if notes = append(notes, said...); failed != nil {
				return nil, nil, notes, failed
			}
		}
	}
	return owner, presence, notes, err
}

func claimOnce(base, dir string) (owner, presence *lease, err error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, nil, err
	}
	if err := errors.Join(checkOwn(filepath.Dir(base), 0o022), checkOwn(base, 0o022)); err != nil {
		return nil, nil, err // somebody was faster
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

// InterfaceName returns the name of the interface in this network namespace that
// has the name, or the alternative name (ip link property add altname). Without
// one it returns an error.
func InterfaceName(name string) (string, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", name, err)
	}
	return l.Attrs().Name, nil
}
