package lab

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// SetQueue adds or removes a first-in-first-out queue on the host's link, as
// long as the link's transmit queue (1000 packets). A veth has none by default.
// The queue gives back-pressure to senders, which would otherwise overrun the
// ring of a link with XDP.
func (h *Host) SetQueue(on bool) error {
	link, err := h.inside.LinkByName(h.link)
	if err != nil {
		return fmt.Errorf("find %s in %s: %w", h.link, h.name, err)
	}
	queue := &netlink.GenericQdisc{QdiscType: "pfifo", QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT,
	}}
	if on {
		err = h.inside.QdiscReplace(queue)
	} else if err = h.inside.QdiscDel(queue); errors.Is(err, unix.ENOENT) {
		err = nil // there was none
	}
	if err != nil {
		return fmt.Errorf("set queue of %s in %s: %w", h.link, h.name, err)
	}
	return nil
}
