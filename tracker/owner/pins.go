package owner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// draftName is the prefix of unfinished directories.
const draftName = "draft"

// pinName escapes an interface name for the BPF file system, which reserves the
// dot.
func pinName(iface string) string {
	return strings.NewReplacer("%", "%25", ".", "%2E").Replace(iface)
}

func interfaceName(pin string) string {
	return strings.NewReplacer("%2E", ".", "%25", "%").Replace(pin)
}

// dirName returns the name of the directory that a tracker is pinned in: the names of
// its interfaces, which have a colon between them, and one after a single one.
func dirName(interfaces []string) string {
	var pins []string
	for _, name := range interfaces {
		pins = append(pins, pinName(name))
	}
	if len(pins) == 1 {
		return pins[0] + ":"
	}
	return strings.Join(pins, ":")
}

// interfacesOf parses the name of a tracker's directory. It returns nil for
// other names.
func interfacesOf(dirName string) []string {
	if !strings.Contains(dirName, ":") {
		return nil
	}
	var names []string
	for pin := range strings.SplitSeq(strings.TrimSuffix(dirName, ":"), ":") {
		names = append(names, interfaceName(pin))
	}
	return names
}

// find returns the site of the tracker on the given interfaces, in any order
// and even if they were renamed since. If there is none, found is false and the
// site is where it would be. The caller closes the site.
func find(names []string) (s Site, found bool, err error) {
	cookie, err := checkedCookie("look for trackers")
	if err != nil {
		return s, false, err
	}
	dir, found, err := findIn(baseIn(bpffsRoot, cookie), names)
	if found || err != nil {
		return Site{dir: dir}, found, err
	}
	s = Site{dir: dir}
	otherRoots(cookie, func(root *os.File) bool {
		path := fdPath(root)
		if checkSite(path, cookie) != nil {
			return false
		}
		theirs, there, err := findIn(baseIn(path, cookie), names)
		if err != nil || !there {
			return false
		}
		s, found = Site{dir: theirs, root: root}, true
		return true
	})
	return s, found, nil
}

// checkedCookie returns the cookie of the network namespace. It returns an
// error if the place of its pins is not safe from other users.
func checkedCookie(what string) (string, error) {
	cookie, err := namespaceCookie()
	if err != nil {
		return "", err
	}
	if isBPFFS(bpffsRoot) {
		if err := checkSite(bpffsRoot, cookie); err != nil {
			return "", lookError(what, err)
		}
	}
	return cookie, nil
}

func lookError(what string, err error) error {
	return kernel.ExplainPermission(what, fmt.Errorf("%s: %w", what, err))
}

// findIn looks for the tracker of a set of interfaces in one directory.
func findIn(base string, names []string) (dir string, found bool, err error) {
	dir = filepath.Join(base, dirName(names))
	switch _, err := os.Stat(dir); {
	case err == nil:
		return dir, true, checkOwn(dir, 0o077)
	case !errors.Is(err, os.ErrNotExist):
		return "", false, lookError("look for trackers", err)
	}
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if sameNames(interfacesOf(e.Name()), names) {
			other := filepath.Join(base, e.Name())
			return other, true, checkOwn(other, 0o077)
		}
	}
	for _, e := range entries {
		// The interfaces may have had other names at the time of attaching.
		renamed := filepath.Join(base, e.Name())
		if d := describedAt(renamed); d != nil && d.between(names) {
			return renamed, true, checkOwn(renamed, 0o077)
		}
	}
	return dir, false, nil
}

// Holding returns the names of the tracker that has an interface, as [List] returns them;
// nil if no tracker has it. One that follows all interfaces may have it, too.
func Holding(name string) ([]string, error) {
	list, err := List()
	for _, names := range list {
		if slices.Contains(names, name) || sameNames(names, []string{netdev.All}) && follows(name) {
			return names, nil
		}
	}
	return nil, err
}

// follows reports whether the tracker that follows all interfaces has one.
func follows(name string) bool {
	where, found, err := find([]string{netdev.All})
	if err != nil || !found {
		return false
	}
	defer where.Close()
	d := describedAt(where.dir)
	return d != nil && slices.ContainsFunc(d.Interfaces, func(p netdev.Point) bool { return !p.Left && p.Name == name })
}

// List returns the interfaces of each tracker in this network namespace, [netdev.All] for
// one that follows all of them.
func List() ([][]string, error) {
	cookie, err := checkedCookie("list trackers")
	if err != nil {
		return nil, err
	}
	list, err := listIn(baseIn(bpffsRoot, cookie))
	if err != nil {
		return nil, lookError("list trackers", err)
	}
	otherRoots(cookie, func(root *os.File) bool {
		path := fdPath(root)
		if more, err := listIn(baseIn(path, cookie)); err == nil && checkSite(path, cookie) == nil {
			list = append(list, more...)
		}
		return false
	})
	return list, nil
}

func listIn(base string) (list [][]string, err error) {
	entries, err := os.ReadDir(base)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if names := interfacesOf(e.Name()); names != nil {
			list = append(list, names)
		}
	}
	return list, err
}

// removePins removes a tracker's directory, and its parents if they are empty.
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

// claim creates a tracker's directory, locked by this process. It locks a draft
// and renames it, so an unlocked directory belongs to a dead process.
func claim(dir string) (owner, presence *lease, notes []string, err error) {
	base := filepath.Dir(dir)
	sweepDrafts(base)
	// Processes that leave remove empty directories, drafts that are not locked
	// yet, and a BPF file system without pins. So claim retries.
	for range tries {
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

// tries bounds how often a process begins again because others remove what it has just
// found.
const tries = 1000

// makeDir creates a directory and its parents. It reports one as missing that another ctop
// removed when os.MkdirAll had just found it.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	if info, known := os.Lstat(dir); known == nil && !info.IsDir() {
		return err
	}
	return &os.PathError{Op: "mkdir", Path: dir, Err: os.ErrNotExist}
}

func claimOnce(base, dir string) (owner, presence *lease, err error) {
	if err := makeDir(base); err != nil {
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
		err = ErrClaimed
	}
	return nil, nil, err
}
