package lab

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// CableOptions configures a bad cable for a host. A relay in its own namespace, between the
// port in the middle and the link inside, loses, duplicates, reorders and delays frames. It
// carries frames like a wire: large segments are cut to size, and checksums finished.
//
// The fate of the nth frame of a direction depends only on Seed and n.
type CableOptions struct {
	Seed uint64
	Out  Impairment // from the host
	In   Impairment // to the host
}

// Impairment configures one direction. The zero value passes all frames at
// once. Shares are between 0 and 1.
type Impairment struct {
	Delay     time.Duration // of every frame
	Loss      float64       // share that is lost
	Duplicate float64       // share that comes twice
	Reorder   float64       // share that is held back by HoldBack longer than the others
	HoldBack  time.Duration // zero: 5 ms
}

// CableCounts counts the frames of one direction by their fate.
type CableCounts struct {
	Frames, Lost, Duplicated, Reordered uint64
}

// Names of the relay's two ends in the cable's namespace.
const (
	cableMiddle = "middle"
	cableHost   = "host"
)

// cable is a relay with its namespace. It is created and removed with the host.
type cable struct {
	options CableOptions
	name    string
	ns      *os.File
	handle  *netlink.Handle
	relays  [2]*relay // out, in; nil while unplugged
}

func newCable(host string, o CableOptions) (*cable, error) {
	c := &cable{options: o, name: host + "-cable"}
	ns, err := makeNamespace(c.name)
	if err != nil {
		return nil, err
	}
	c.ns = ns
	if c.handle, err = netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE); err != nil {
		return nil, errors.Join(fmt.Errorf("open netlink: %w", err), c.close())
	}
	return c, nil
}

// lay creates the two pairs, from port to the cable and from the cable to link
// in the host's namespace, and starts to relay between them.
func (c *cable) lay(middle *netlink.Handle, port, link string, mtu int, host *os.File) error {
	outer := veth(port, cableMiddle, mtu, c.ns)
	if err := middle.LinkAdd(outer); err != nil {
		return fmt.Errorf("add veth pair %s, %s: %w", port, cableMiddle, err)
	}
	if err := c.handle.LinkAdd(veth(cableHost, link, mtu, host)); err != nil {
		return errors.Join(fmt.Errorf("add veth pair %s, %s: %w", cableHost, link, err), deleteLink(middle, port))
	}
	if err := c.start(); err != nil {
		return errors.Join(err, c.cut(), deleteLink(middle, port))
	}
	return nil
}

func (c *cable) start() error {
	var ends [2]*os.File
	for i, name := range []string{cableHost, cableMiddle} {
		link, err := c.handle.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if err := quietUp(c.handle, link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
		if ends[i], err = relaySocket(c.ns, link.Attrs().Index); err != nil {
			for _, end := range ends[:i] {
				err = errors.Join(err, end.Close())
			}
			return fmt.Errorf("open cable at %s: %w", name, err)
		}
	}
	c.relays[0] = startRelay(ends[0], ends[1], c.options.Out, c.options.Seed)
	c.relays[1] = startRelay(ends[1], ends[0], c.options.In, c.options.Seed+1)
	return nil
}

// cut stops the relay and removes the pair towards the host. The other pair is
// removed with the port.
func (c *cable) cut() error {
	for i, r := range c.relays {
		if r != nil {
			r.stop()
			c.relays[i] = nil
		}
	}
	return deleteLink(c.handle, cableHost)
}

// operational returns an error that names the end of the cable that does not
// carry packets yet.
func (c *cable) operational() error {
	return errors.Join(operational(c.handle, cableMiddle), operational(c.handle, cableHost))
}

func (c *cable) close() error {
	var err error
	if c.handle != nil {
		err = c.cut()
		c.handle.Close()
	}
	return errors.Join(err, removeNamespace(c.name), c.ns.Close())
}

func veth(name, peer string, mtu int, peerNamespace *os.File) *netlink.Veth {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	pair := netlink.NewVeth(attrs)
	pair.PeerName, pair.PeerMTU = peer, uint32(mtu)
	pair.PeerNamespace = netlink.NsFd(peerNamespace.Fd())
	return pair
}

// Cable returns the counts of the host's cable in both directions, or zeros for
// a good cable. Do not call it while the host is plugged in or unplugged.
func (h *Host) Cable() (out, in CableCounts) {
	if h.cable == nil || h.cable.relays[0] == nil {
		return out, in
	}
	return h.cable.relays[0].counts(), h.cable.relays[1].counts()
}

// Impair changes the host's cable from the next frame on. The host must have a
// Cable. Do not call it while the host is plugged in or unplugged.
func (h *Host) Impair(out, in Impairment) error {
	if h.cable == nil || h.cable.relays[0] == nil {
		return fmt.Errorf("impair the cable of %s: it has none", h.name)
	}
	h.cable.options.Out, h.cable.options.In = out, in
	h.cable.relays[0].impair(out)
	h.cable.relays[1].impair(in)
	return nil
}
