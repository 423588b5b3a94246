package tracker

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// ownProgram returns the id of a tracker's program that is linked to an interface,
// be it another version's; zero where there is none.
func ownProgram(l netlink.Link) ebpf.ProgramID {
	var ids []ebpf.ProgramID
	if xdp := l.Attrs().Xdp; xdp != nil && xdp.Attached {
		ids = append(ids, ebpf.ProgramID(xdp.ProgId))
	}
	// Before Linux 6.6 this fails: there is no tcx.
	if tcx, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: ebpf.AttachTCXIngress}); err == nil {
		for _, p := range tcx.Programs {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range ids {
		if isOwn(id) {
			return id
		}
	}
	return 0
}

// isOwn reports whether a program is a tracker's: by its name, and by the maps that
// it uses, which stay the same from one version to another, as its tag does not.
func isOwn(id ebpf.ProgramID) bool {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return false
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil || info.Name != xdpProgram && info.Name != tcProgram {
		return false
	}
	maps, err := mapsOf(p)
	for _, m := range maps {
		defer m.Close()
	}
	return err == nil && maps[flowsMap] != nil && maps[statsMap] != nil
}

// goingPatience is how long a tracker whose pins are gone may take to go itself.
const goingPatience = 2 * time.Second

// outOfReach returns an error that says what to do where one of the interfaces, or
// any of this network namespace where none is named, carries the program of a
// tracker; nil where none does. After a kill the mount namespace with the pins may
// be gone while the kernel has yet to detach what was pinned there: it waits for
// that.
func outOfReach(names ...string) error {
	for deadline := time.Now().Add(goingPatience); ; time.Sleep(attachPoll) {
		err := carriesTracker(names)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func carriesTracker(names []string) error {
	if len(names) == 0 {
		all, err := net.Interfaces()
		if err != nil {
			return nil
		}
		for _, i := range all {
			names = append(names, i.Name)
		}
	}
	for _, name := range names {
		l, err := netlink.LinkByName(name)
		if err != nil {
			continue
		}
		if id := ownProgram(l); id != 0 {
			return fmt.Errorf("look for trackers: %w", errOccupied(name, id))
		}
	}
	return nil
}

// errOccupied says what to do about a tracker's program on an interface.
func errOccupied(name string, id ebpf.ProgramID) error {
	pairs, _ := Pairs()
	for _, p := range pairs {
		if slices.Contains(p[:], name) {
			return fmt.Errorf("%w: a tracker runs between %s and %s: end it with \"ctop down %s %s\"", ErrBusy, p[0], p[1], p[0], p[1])
		}
	}
	return fmt.Errorf("%w: another ctop runs on %s (its program has the id %d), and its pins are not visible from here: "+
		"run this one like that one, with \"nsenter --net=/run/netns/NAME ctop\" rather than \"ip netns exec\", or end that one first; "+
		"to detach its program would cut the link", ErrBusy, name, id)
}
