package tracker

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// A process may hand a socket on: after accept and fork, or through a Unix socket. So the
// owner looks again and again who has the connected sockets among its files, and corrects
// what the programs saw when the flow began. Who accepts a connection is not seen at all:
// after one began it looks soon, and some more times, since to accept it may take a while.

const (
	// correctEvery is the time between two looks, and correctSoon that after a flow
	// began that somebody listens for. From look to look it is doubled.
	correctEvery = 2 * time.Second
	correctSoon  = 100 * time.Millisecond
	// acceptTime is how long nobody may have accepted a connection before it is said to
	// be of the process at its other end, in another network namespace.
	acceptTime = 2 * correctEvery
	// correctShare is the largest share of a core for them.
	correctShare = 0.01
	// maxHolders bounds the processes with a connection that are remembered for a look:
	// of several, none has it for sure. maxHeld bounds those with all connections.
	maxHeld    = 1 << 20
	maxHolders = 8
)

var errManyHeld = fmt.Errorf("there are more than %d connected sockets", maxHeld)

// correction corrects the owners of flows.
type correction struct {
	tracker *Tracker
	// next is when to look again, and soonest when at the earliest.
	next, soonest time.Time
	// pause is the time between looks, listened the number of [kernel.Who.Listened]
	// at the latest.
	pause    time.Duration
	listened uint64
	failed   bool
}

// look corrects the owners if it is time to.
func (c *correction) look(ctx context.Context) {
	t := c.tracker
	now := time.Now()
	if t.who == nil || now.Before(c.soonest) {
		return
	}
	if n := t.who.Listened(); n != c.listened {
		c.listened, c.pause = n, correctSoon
	} else if now.Before(c.next) {
		return
	}
	if t.Gone() {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := kernel.ThreadTime()
	err := t.correctOwners(ctx)
	least := pauseAfter(kernel.ThreadTime() - before)
	now = time.Now()
	c.soonest, c.next = now.Add(least), now.Add(max(c.pause, least))
	if c.pause = min(2*c.pause, correctEvery); err != nil && !c.failed {
		c.failed = true
		t.log.Warn("the processes behind flows are not looked for again", "error", err)
	}
}

// pauseAfter returns how long not to look again after a look that took so much CPU time.
func pauseAfter(took time.Duration) time.Duration {
	return max(correctSoon, time.Duration(float64(took)/correctShare))
}

// connection is a socket's ends, its own first.
type connection struct {
	proto         flow.Protocol
	local, remote flow.End
}

// holders are the sockets of the machine by their ends.
type holders struct {
	sockets map[connection][]*kernel.Held
	// own is our network namespace, ids are those of others as we know them.
	own uint32
	ids map[uint32]int
	// peers are the IDs of the namespaces at the other ends of watched interfaces.
	peers []int
	// held is the number of sockets, many is set if there were more than that are kept.
	held int
	many bool
}

func (t *Tracker) correctOwners(ctx context.Context) error {
	c, err := t.table.ReadClock()
	if err != nil {
		return err
	}
	h, err := newHolders(netdev.PeerNamespaces(t.hold.Points()))
	if err != nil {
		return err
	}
	if err := t.who.Files(ctx, h.add); err != nil || len(h.sockets) == 0 {
		return err
	}
	if h.many {
		return errManyHeld
	}
	return t.table.Correct(t.who, c.Ns, h.decide)
}

func newHolders(peers []int) (*holders, error) {
	own, err := namespaceInode("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	return &holders{sockets: map[connection][]*kernel.Held{}, own: own, ids: map[uint32]int{}, peers: peers}, nil
}

// add adds a socket among the files of a process. A process may have it in many files, and
// many processes may have it.
func (h *holders) add(s *kernel.Held) {
	if s.Remote.Port() != 0 {
		h.addAs(connectionOf(s), s)
	}
}

func connectionOf(s *kernel.Held) connection {
	return connection{
		flow.Protocol(s.Protocol), flow.EndFrom(s.Local.Addr(), s.Local.Port()), flow.EndFrom(s.Remote.Addr(), s.Remote.Port()),
	}
}

// addAs adds a socket as that of a connection.
func (h *holders) addAs(c connection, s *kernel.Held) {
	list, same := h.sockets[c], 0
	for _, has := range list {
		if has.Netns != s.Netns {
			continue
		}
		if same++; same == maxHolders || has.Seen() == s.Seen() {
			return
		}
	}
	if h.held == maxHeld {
		h.many = true
		return
	}
	kept := *s
	h.sockets[c] = append(list, &kept)
	h.held++
}

func namespaceInode(path string) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("look up the network namespace: %w", &os.PathError{Op: "stat", Path: path, Err: err})
	}
	return uint32(st.Ino), nil
}

// decide is for [kernel.Table.Correct].
func (h *holders) decide(o *kernel.Owned) (found *kernel.Held, end flow.Direction, change bool) {
	zone := int(o.Tuple.Zone) - 1
	if zone < 0 || zone >= len(h.peers) {
		return nil, 0, false
	}
	ends := [...]connection{
		flow.Origin: {o.Tuple.Proto, o.Tuple.Src, o.Tuple.Dst}, flow.Reply: {o.Tuple.Proto, o.Tuple.Dst, o.Tuple.Src},
	}
	for _, here := range []bool{true, false} {
		for d, c := range ends {
			if o.Sure && o.End != flow.Direction(d) {
				continue // it has a process at the other end
			}
			if !here && accepts(o, flow.Direction(d)) {
				continue
			}
			sockets := h.at(c, zone, here)
			if len(sockets) == 0 {
				continue
			}
			if found = owns(o, sockets); found == nil {
				continue // of several
			}
			return found, flow.Direction(d), !o.Has(found)
		}
	}
	return nil, 0, false
}

// accepts reports whether the end of a connection that is not at d may be accepted yet.
func accepts(o *kernel.Owned, d flow.Direction) bool {
	if o.Sure || o.Tuple.Proto != flow.ProtocolTCP {
		return false
	}
	return o.Age < acceptTime || o.Listens && o.End != d
}

// owns returns the one that has the flow: who is known to, if it still has the socket, or
// the only one that has it.
func owns(o *kernel.Owned, sockets []*kernel.Held) *kernel.Held {
	for _, s := range sockets {
		if o.Has(s) {
			return s
		}
	}
	for _, s := range sockets[1:] {
		if s.Seen() != sockets[0].Seen() {
			return nil
		}
	}
	return sockets[0]
}

// at returns the sockets of a connection that can be seen at a watched interface: those
// of our namespace, or those of the namespace at its other end.
func (h *holders) at(c connection, zone int, here bool) (list []*kernel.Held) {
	for _, s := range h.sockets[c] {
		if here && s.Netns == h.own || !here && h.peers[zone] >= 0 && h.id(s) == h.peers[zone] {
			list = append(list, s)
		}
	}
	return list
}

// id returns the ID by which we know the namespace of a socket, -1 without one. It is
// found by the process, if that is in the same namespace.
func (h *holders) id(s *kernel.Held) int {
	if id, ok := h.ids[s.Netns]; ok {
		return id
	}
	pid := int(s.Seen().PID)
	if inode, err := namespaceInode(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil || inode != s.Netns {
		return -1
	}
	id, err := netlink.GetNetNsIdByPid(pid)
	if err != nil {
		id = -1
	}
	h.ids[s.Netns] = id
	return id
}
