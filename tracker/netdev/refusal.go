package netdev

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// refusal is the error of an interface that cannot use an XDP mode. tc mode
// always works, so the error advises it.
type refusal struct {
	what error
	// remedy is a change that may make the mode usable, empty if none is known.
	remedy string
}

func (r *refusal) Error() string {
	if r.remedy == "" {
		return r.what.Error() + ": use --mode tc"
	}
	return r.what.Error() + ": use --mode tc, or " + r.remedy
}

func (r *refusal) Unwrap() error { return r.what }

// reason returns the text of err without the advice to use tc mode.
func reason(err error) string {
	var r *refusal
	switch {
	case !errors.As(err, &r):
		return err.Error()
	case r.remedy == "":
		return r.what.Error()
	}
	return r.what.Error() + ": for native XDP, " + r.remedy
}

// refused returns the error for a driver that refuses the XDP program.
func refused(k *kernel.Objects, s *Device, err error) error {
	var errno unix.Errno
	errors.As(err, &errno)
	said := "refuses it"
	if text := driverSays(k, s); text != "" {
		said = "says: " + text
	}
	what := fmt.Errorf("attach to %s in %s mode: its driver %s %s (%w)", s.Name(), s.mode, s.driver(), said, errno)
	return &refusal{what: what, remedy: s.remedy(what)}
}

// driverSays returns the driver's message for a refused program, empty if it
// has none. Only netlink returns that message, so driverSays repeats the
// request there.
func driverSays(k *kernel.Objects, s *Device) string {
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return ""
	}
	defer socket.Close()
	if err := socket.SetExtAck(true); err != nil {
		return ""
	}
	flags := link.XDPDriverMode
	if s.mode == flow.ModeGeneric {
		flags = link.XDPGenericMode
	}
	err = requestXDP(socket, s.link, k.XDP(), uint32(flags))
	if err == nil { // it does now, so take it back
		_ = netlink.LinkSetXdpFdWithFlags(s.link, -1, int(flags))
		return ""
	}
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	text, _ := strings.CutPrefix(err.Error(), errno.Error())
	return strings.TrimPrefix(strings.TrimPrefix(text, ": "), s.driver()+": ") // some begin with their name
}

// requestXDP attaches a program by netlink. It fails if one is attached.
func requestXDP(socket *nl.NetlinkSocket, to netlink.Link, program *ebpf.Program, flags uint32) error {
	request := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	request.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	message := nl.NewIfInfomsg(unix.AF_UNSPEC)
	message.Index = int32(to.Attrs().Index)
	request.AddData(message)
	xdp := nl.NewRtAttr(unix.IFLA_XDP|unix.NLA_F_NESTED, nil)
	xdp.AddRtAttr(nl.IFLA_XDP_FD, nl.Uint32Attr(uint32(program.FD())))
	xdp.AddRtAttr(nl.IFLA_XDP_FLAGS, nl.Uint32Attr(flags|nl.XDP_FLAGS_UPDATE_IF_NOEXIST))
	request.AddData(xdp)
	_, err := request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// driver returns the name of the interface's driver, "?" if it is unknown.
func (s *Device) driver() (name string) {
	err := withEthtool(func(e *ethtool.Ethtool) (err error) {
		name, err = e.DriverName(s.Name())
		return err
	})
	if err != nil || name == "" {
		return "?"
	}
	return name
}

// frameMTU is the largest MTU whose frames fit into one buffer in every driver.
// XDP programs without fragment support need that.
const frameMTU = 1500

// remedy returns a change that may make the refused mode usable.
func (s *Device) remedy(err error) string {
	driver, text := s.driver(), err.Error()
	switch {
	case strings.Contains(text, "not support XDP"):
		return ""
	case driver == "virtio_net" && (s.merges() || strings.Contains(text, "CSUM")):
		return "let the guest turn its offloads off (in qemu ctrl_guest_offloads=on, its default)"
	case strings.Contains(text, "queues") || errors.Is(err, unix.ENOMEM):
		return fmt.Sprintf("leave queues to XDP, as with \"ethtool -L %s combined N\" (half of the number in \"ethtool -l %s\")", s.Name(), s.Name())
	case s.link.Attrs().MTU > frameMTU:
		return fmt.Sprintf("set a smaller MTU, as with \"ip link set dev %s mtu %d\"", s.Name(), frameMTU)
	}
	return ""
}

// merges reports whether the card merges segments and the driver cannot turn
// that off.
func (s *Device) merges() bool {
	for _, kind := range []settingKind{settingLRO, settingHWGRO} {
		if (Setting{Kind: kind, Name: s.Name()}).stuck() {
			return true
		}
	}
	return false
}
