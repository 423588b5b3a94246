package lab

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offload is a task that a network card, or a veth, may perform for the host.
type Offload int

// The offloads that matter to a program in the middle.
const (
	TxChecksum Offload = iota // finish transmit checksums (ethtool -K tx)
	RxChecksum                // verify received checksums (rx)
	TSO                       // segment TCP (tso)
	GSO                       // segment late, in software (gso)
	GRO                       // merge received segments (gro)
)

// Offloads returns all of them.
func Offloads() []Offload { return []Offload{TxChecksum, RxChecksum, TSO, GSO, GRO} }

// String returns the name in ethtool -K.
func (o Offload) String() string {
	names := [...]string{"tx", "rx", "tso", "gso", "gro"}
	if o < 0 || int(o) >= len(names) {
		return fmt.Sprintf("offload %d", int(o))
	}
	return names[o]
}

// commands returns the ethtool ioctls of linux/ethtool.h that read and write o.
func (o Offload) commands() (get, set uint32, err error) {
	switch o {
	case TxChecksum:
		return unix.ETHTOOL_GTXCSUM, unix.ETHTOOL_STXCSUM, nil
	case RxChecksum:
		return unix.ETHTOOL_GRXCSUM, unix.ETHTOOL_SRXCSUM, nil
	case TSO:
		return unix.ETHTOOL_GTSO, unix.ETHTOOL_STSO, nil
	case GSO:
		return unix.ETHTOOL_GGSO, unix.ETHTOOL_SGSO, nil
	case GRO:
		return unix.ETHTOOL_GGRO, unix.ETHTOOL_SGRO, nil
	}
	return 0, 0, fmt.Errorf("choose offload: there is no %s", o)
}

// Offload reports whether an offload of the host's link is on.
func (h *Host) Offload(o Offload) (on bool, err error) {
	get, _, err := o.commands()
	if err != nil {
		return false, err
	}
	value := ethtoolValue{command: get}
	if err := h.ethtool(&value); err != nil {
		return false, fmt.Errorf("read %s of %s in %s: %w", o, h.link, h.name, err)
	}
	return value.data != 0, nil
}

// SetOffload turns offloads of the host's link on or off, in this order.
// Turning TxChecksum off turns TSO off with it.
func (h *Host) SetOffload(on bool, offloads ...Offload) error {
	for _, o := range offloads {
		_, set, err := o.commands()
		if err != nil {
			return err
		}
		value := ethtoolValue{command: set}
		if on {
			value.data = 1
		}
		if err := h.ethtool(&value); err != nil {
			return fmt.Errorf("set %s of %s in %s: %w", o, h.link, h.name, err)
		}
	}
	return nil
}

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// ifreqData is struct ifreq of linux/if.h with its pointer member.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// ethtool performs one ioctl in the host's namespace.
func (h *Host) ethtool(value *ethtoolValue) error {
	if len(h.link) >= unix.IFNAMSIZ {
		return errors.New("the name is too long")
	}
	request := ifreqData{data: unsafe.Pointer(value)}
	copy(request.name[:], h.link)
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open socket: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return fmt.Errorf("ethtool: %w", errno)
		}
		return nil
	})
}
