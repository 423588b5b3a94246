package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// awaitReady waits until the pair carries packets. The kernel completes the
// setup in the background: the middle end drops everything until its carrier is
// detected, and the host drops neighbour solicitations until it has joined
// their multicast groups. Lost packets are retransmitted a second later, which
// would make a test slow or, rarely, fail.
func (h *Host) awaitReady() error {
	const timeout = time.Minute
	for deadline := time.Now().Add(timeout); ; time.Sleep(time.Millisecond) {
		err := h.ready()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// ready returns an error that names the part that is not ready.
func (h *Host) ready() error {
	err := errors.Join(operational(h.middle, h.port), operational(h.inside, h.link), h.joined())
	if h.cable != nil {
		err = errors.Join(err, h.cable.operational())
	}
	return err
}

func operational(handle *netlink.Handle, name string) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if state := link.Attrs().OperState; state != netlink.OperUp {
		return fmt.Errorf("wait for %s: it is %s", name, state)
	}
	return nil
}

// joined looks for the solicited-node multicast group of each IPv6 address.
func (h *Host) joined() error {
	if len(h.Addrs6()) == 0 {
		return nil
	}
	var groups []byte
	err := h.Do(func() (err error) {
		groups, err = os.ReadFile("/proc/thread-self/net/igmp6")
		return err
	})
	if err != nil {
		return fmt.Errorf("list multicast groups: %w", err)
	}
	for _, addr := range h.Addrs6() {
		if !strings.Contains(string(groups), solicitedNode(addr)) {
			return fmt.Errorf("wait for %s: not solicitable yet", addr)
		}
	}
	return nil
}

// solicitedNode returns the group of RFC 4291, section 2.7.1, in the format of
// /proc.
func solicitedNode(addr netip.Addr) string {
	bytes := addr.As16()
	return fmt.Sprintf("ff0200000000000000000001ff%x", bytes[13:])
}
