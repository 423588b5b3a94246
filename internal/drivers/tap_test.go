//go:build drivers

package drivers

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// wire is a lab whose hosts have tap devices instead of veth pairs.
type wire struct {
	*lab.Lab
	// taps are the queues of both hosts' devices, for qemu.
	taps [2][]*os.File
}

// newWire creates two hosts with tap devices with that number of queues.
func newWire(ctx context.Context, t *testing.T, queues int) *wire {
	t.Helper()
	l, err := lab.New(ctx, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &wire{Lab: l}
	for i, h := range w.hosts() {
		if err := l.Unplug(h); err != nil {
			t.Fatal(err)
		}
		if w.taps[i], err = openTap(h, queues); err != nil {
			t.Fatal(err)
		}
		w.setUp(t, h, uint32(i+1))
	}
	return w
}

func (w *wire) hosts() [2]*lab.Host { return [2]*lab.Host{w.Client, w.Server} }

// openTap creates a tap device in a host, under the name of its link.
func openTap(h *lab.Host, queues int) (files []*os.File, err error) {
	request, err := unix.NewIfreq(h.Link())
	if err != nil {
		return nil, err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if queues > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	request.SetUint16(flags)
	err = h.Do(func() error {
		for range queues {
			fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("open /dev/net/tun: %w", err)
			}
			files = append(files, os.NewFile(uintptr(fd), "tap of "+h.Name()))
			if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
				return fmt.Errorf("make a tap device: %w", err)
			}
		}
		return nil
	})
	return files, err
}

// setUp gives a host's device its addresses.
func (w *wire) setUp(t *testing.T, h *lab.Host, number uint32) {
	t.Helper()
	err := h.Do(func() error {
		link, err := netlink.LinkByName(h.Link())
		if err != nil {
			return err
		}
		if err := netlink.LinkSetHardwareAddr(link, []byte{2, 0, 0, 0, 1, byte(number)}); err != nil {
			return err
		}
		for _, text := range []string{fmt.Sprintf("10.0.0.%d/24", number), fmt.Sprintf("fd00::%d/64", number)} {
			addr, err := netlink.ParseAddr(text)
			if err != nil {
				return err
			}
			addr.Flags = unix.IFA_F_NODAD
			if err := netlink.AddrAdd(link, addr); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(link)
	})
	if err != nil {
		t.Fatalf("set the tap of %s up: %v", h.Name(), err)
	}
}

// setMTU sets the MTU of both hosts' devices.
func (w *wire) setMTU(t *testing.T, mtu int) {
	t.Helper()
	for _, h := range w.hosts() {
		err := h.Do(func() error {
			link, err := netlink.LinkByName(h.Link())
			if err != nil {
				return err
			}
			return netlink.LinkSetMTU(link, mtu)
		})
		if err != nil {
			t.Fatalf("set the MTU of %s: %v", h.Name(), err)
		}
	}
}
