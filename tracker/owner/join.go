package owner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// Running returns the site of the tracker on the given interfaces, or of the
// only tracker if none are given. The errors are [ErrNotRunning] and
// [ErrAmbiguous].
func Running(interfaces []string) (Site, error) {
	if len(interfaces) == 0 {
		list, err := List()
		if err != nil {
			return Site{}, err
		}
		switch len(list) {
		case 0:
			return Site{}, cmp.Or(outOfReach(), fmt.Errorf("%w in this network namespace", ErrNotRunning))
		case 1:
			interfaces = list[0]
		default:
			return Site{}, fmt.Errorf("%w (%s)", ErrAmbiguous, listNames(list))
		}
	}
	where, found, err := find(interfaces)
	if err != nil {
		// A name that is wrong is wrong for everybody.
		if _, wrong := netdev.FindWatched(interfaces...); wrong != nil && !sameNames(interfaces, []string{netdev.All}) {
			return Site{}, wrong
		}
		return Site{}, err
	}
	if !found {
		return Site{}, cmp.Or(outOfReach(interfaces...), fmt.Errorf("%w %s", ErrNotRunning, Standing(interfaces)))
	}
	return where, nil
}

// listNames formats the trackers' interfaces for an error.
func listNames(list [][]string) string {
	names := make([]string, len(list))
	for i, interfaces := range list {
		names[i] = commandLine(interfaces)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Standing says where the tracker of some interfaces stands.
func Standing(interfaces []string) string {
	if sameNames(interfaces, []string{netdev.All}) {
		return "on all interfaces"
	}
	if len(interfaces) == 1 {
		return "on " + interfaces[0]
	}
	return "between " + strings.Join(interfaces, " and ")
}

// CheckRole refuses to join a tracker for what it does not do.
func CheckRole(dir string, watch bool) error {
	d := describedAt(dir)
	if d == nil || len(d.Interfaces) == 0 || netdev.IsWatch(d.Interfaces) == watch {
		return nil
	}
	names := commandLine(d.names())
	if watch {
		return fmt.Errorf("watch %s: %w: a wire stands between them: \"ctop %s\" joins it", names, netdev.ErrBusy, names)
	}
	return fmt.Errorf("attach to %s: %w: a tracker watches them: \"ctop --watch %s\" joins it, \"ctop down %[1]s\" ends it", names, netdev.ErrBusy, names)
}

// commandLine returns the interfaces as they are typed.
func commandLine(interfaces []string) string { return strings.Join(interfaces, " ") }

const (
	// AttachTime is how long Join waits for a tracker that is being attached.
	// Attaching takes far less even on a busy machine.
	AttachTime = 30 * time.Second
	attachPoll = 10 * time.Millisecond
)

// Join opens the tracker pinned in dir. If pins are missing while a process
// owns it, Join waits for them, since that process is attaching or detaching.
func Join(ctx context.Context, dir string) (*Hold, *kernel.Objects, error) {
	for deadline := time.Now().Add(AttachTime); ; {
		h, k, err := joinNow(dir)
		if !errors.Is(err, ErrPinsMissing) {
			return h, k, err
		}
		if !isOwned(dir) {
			return joinNow(dir) // all that will ever come is there
		}
		if time.Now().After(deadline) {
			return nil, nil, fmt.Errorf("join the tracker at %s: another ctop has been attaching it for %s: try again, or end that ctop", dir, AttachTime)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(attachPoll):
		}
	}
}

func joinNow(dir string) (*Hold, *kernel.Objects, error) {
	before, err := placeOf(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, ErrNotRunning
	}
	if err != nil {
		return nil, nil, lookError("look for trackers", err)
	}
	k, d, err := open(dir)
	if err != nil {
		// The directory was removed meanwhile.
		if _, gone := os.Stat(dir); errors.Is(gone, os.ErrNotExist) {
			return nil, nil, ErrNotRunning
		}
		return nil, nil, err
	}
	return &Hold{objects: k, description: *d, dir: dir, place: before, joined: true}, k, nil
}

// open opens the objects of a pinned tracker. It reads the description first,
// so that another version's objects are refused.
func open(dir string) (*kernel.Objects, *Description, error) {
	if !whole(dir) {
		return nil, nil, pinError(dir, os.ErrNotExist)
	}
	text, err := kernel.ReadPinnedMeta(dir)
	if err != nil && !errors.Is(err, kernel.ErrLayout) {
		return nil, nil, pinError(dir, err)
	}
	var d *Description
	if err == nil {
		d, err = decode(text)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("join the tracker at %s: %w: it continues forwarding, and the version that started it can show it; to replace it without its flows, run \"%s\" and start again at once", dir, err, downOf(dir))
	}
	k, err := kernel.Open(dir, netdev.IsWatch(d.Interfaces))
	if errors.Is(err, kernel.ErrForeign) {
		return nil, nil, fmt.Errorf("join the tracker at %s: %w: run \"%s\", then start again", dir, err, downOf(dir))
	}
	if err != nil {
		return nil, nil, pinError(dir, err)
	}
	return k, d, nil
}

// downOf returns the command that ends the tracker of a directory.
func downOf(dir string) string {
	return "ctop down " + commandLine(interfacesOf(filepath.Base(dir)))
}

func pinError(dir string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("join the tracker at %s: %w: a ctop was killed while it attached or ended: start it on these interfaces again, or run \"%s\"", dir, ErrPinsMissing, downOf(dir))
	}
	return lookError("open the pins at "+dir, err)
}
