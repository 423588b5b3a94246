package owner

import (
	"fmt"
	"net"
	"strings"
	"time"

	"ctop/tracker/netdev"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
)

// goingTime is how long the kernel may take to detach programs whose pins are
// gone.
const goingTime = 2 * time.Second

// outOfReach returns an error if an interface carries a tracker's program whose
// pins this process cannot see. Without names it checks all interfaces of the
// network namespace. If a kill ended the mount namespace with the pins, the
// kernel detaches the programs soon after, so outOfReach waits for that.
func outOfReach(names ...string) error {
	for deadline := time.Now().Add(goingTime); ; time.Sleep(attachPoll) {
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
		if id := netdev.OwnProgram(l); id != 0 {
			return fmt.Errorf("look for trackers at %s: %w", name, Occupied(name, id))
		}
	}
	return nil
}

// Occupied returns an error that says what to do about a tracker's program on
// an interface.
func Occupied(name string, id ebpf.ProgramID) error {
	if interfaces, _ := Holding(name); interfaces != nil {
		return inUse(interfaces)
	}
	return fmt.Errorf("%w: another ctop runs on %s (its program has the id %d), and its pins are not visible from here: "+
		"run this one like that one, with \"nsenter --net=/run/netns/NAME ctop\" rather than \"ip netns exec\", or end that one first; "+
		"to detach its program would cut the link", netdev.ErrBusy, name, id)
}

// inUse returns an error that says what to do about a tracker that has an interface.
func inUse(interfaces []string) error {
	if sameNames(interfaces, []string{netdev.All}) {
		return fmt.Errorf("%w: a tracker watches all interfaces: \"ctop down %s\" ends that, or start it again and leave this one out with --except", netdev.ErrBusy, netdev.All)
	}
	if len(interfaces) == 1 {
		return fmt.Errorf("%w: a tracker watches it: \"ctop down %s\" ends that", netdev.ErrBusy, interfaces[0])
	}
	return fmt.Errorf("%w: a tracker runs between %s: name both to join it; \"ctop down %s\" ends it, and its forwarding",
		netdev.ErrBusy, strings.Join(interfaces, " and "), commandLine(interfaces))
}

// CheckFree refuses interfaces of which another tracker has one: a program in a filter
// is not seen on the interface.
func CheckFree(names []string) error {
	for _, name := range names {
		if interfaces, err := Holding(name); interfaces != nil && err == nil {
			return fmt.Errorf("attach to %s: %w", name, inUse(interfaces))
		}
	}
	return nil // or there are no pins
}
