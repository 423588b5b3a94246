package lab_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

func TestThroughTheBridge(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	for _, addr := range []netip.Addr{l.Server.Addr4(), l.Server.Addr6()} {
		t.Run(addr.String(), func(t *testing.T) {
			if rtt, err := lab.Ping(t.Context(), l.Client, addr); err != nil || rtt <= 0 {
				t.Errorf("ping: %s, %v", rtt, err)
			}
			if err := lab.Transfer(t.Context(), l.Client, l.Server, addr, 3<<20); err != nil {
				t.Error(err)
			}
			if err := lab.Transfer(t.Context(), l.Client, l.Server, addr, 0); err != nil {
				t.Error(err)
			}
			for _, size := range []int{0, 1, 512, 1400, 9000} {
				err := lab.Exchange(t.Context(), l.Client, l.Server, netip.AddrPortFrom(addr, 5300), make([]byte, size))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := lab.Transfer(t.Context(), l.Server, l.Client, l.Client.Addr4(), 1<<20); err != nil {
		t.Error(err)
	}
}

func TestNothingFlowsWithoutAForwarder(t *testing.T) {
	l := newLab(t, lab.Options{})
	if _, err := lab.Ping(t.Context(), l.Client, l.Server.Addr4()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ping: %v, want os.ErrDeadlineExceeded", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := lab.WaitPing(ctx, l.Client, l.Server.Addr6()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitPing: %v", err)
	}
	if err := lab.Transfer(ctx, l.Client, l.Server, l.Server.Addr4(), 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Transfer: %v", err)
	}
	if err := lab.Exchange(ctx, l.Client, l.Server, netip.AddrPortFrom(l.Server.Addr4(), 0), nil); err == nil {
		t.Error("Exchange: no error")
	}
}

func TestUnplugAndPlug(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	if err := l.Unplug(l.Server); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(linkNames(t), "veth2") {
		t.Error("veth2 is still there")
	}
	if err := l.Unplug(l.Server); err != nil {
		t.Errorf("Unplug again: %v", err)
	}
	if err := l.Plug(l.Server); err != nil {
		t.Fatal(err)
	}
	if err := l.Plug(l.Server); err == nil {
		t.Error("Plug of a host that is plugged in: no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := lab.WaitPing(ctx, l.Client, l.Server.Addr4()); err != nil {
		t.Error(err)
	}
	if err := l.Unbridge(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := lab.Ping(ctx, l.Client, l.Server.Addr4()); err == nil {
		t.Error("ping without the bridge: no error")
	}
}

func TestThirdHost(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	third, err := l.AddHost(t.Context(), lab.HostOptions{
		Name: "third", Port: "veth3", Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.3/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddHost(t.Context(), lab.HostOptions{Name: "fourth", Port: "veth3"}); err == nil {
		t.Error("AddHost with a port that is taken: no error")
	}
	if _, err := lab.Ping(t.Context(), l.Client, third.Addr4()); err != nil {
		t.Errorf("ping, after AddHost failed: %v", err)
	}
}

func TestOffloads(t *testing.T) {
	l := newLab(t, lab.Options{})
	if on, err := l.Client.Offload(lab.GRO); err != nil || on {
		t.Errorf("GRO of a stock veth: %t, %v; want off", on, err)
	}
	if on, err := l.Client.Offload(lab.TxChecksum); err != nil || !on {
		t.Errorf("transmit checksums of a stock veth: %t, %v; want on", on, err)
	}
	for _, o := range lab.Offloads() {
		for _, want := range []bool{false, true} {
			if err := l.Client.SetOffload(want, o); err != nil {
				t.Errorf("%s: %v", o, err)
			}
			if on, err := l.Client.Offload(o); err != nil || on != want {
				t.Errorf("%s is %t (%v) after it was set to %t", o, on, err, want)
			}
		}
	}
	if err := l.Client.SetOffload(true, lab.Offload(99)); err == nil {
		t.Error("offload 99: no error")
	}
}

func TestSetQueue(t *testing.T) {
	l := newLab(t, lab.Options{})
	kind := func() (root string) {
		err := l.Server.Do(func() error {
			link, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			queues, err := netlink.QdiscList(link)
			for _, q := range queues {
				root = q.Type()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	for _, on := range []bool{false, true, true, false, false} {
		if err := l.Server.SetQueue(on); err != nil {
			t.Fatal(err)
		}
		if got := kind(); (got == "pfifo") != on {
			t.Errorf("after SetQueue(%t) the queue is %s", on, got)
		}
	}
}

// testFrame is a broadcast frame of an experimental type from the client.
func testFrame(t *testing.T, l *lab.Lab, tags ...byte) []byte {
	t.Helper()
	mac, err := l.Client.MAC()
	if err != nil {
		t.Fatal(err)
	}
	frame := append(bytes.Repeat([]byte{0xff}, 6), mac...)
	frame = append(frame, tags...)
	return append(append(frame, 0x88, 0xb5), bytes.Repeat([]byte("lab"), 20)...)
}

func TestInjectAndCapture(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	capture, err := l.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := capture.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, frame := range [][]byte{
		testFrame(t, l),
		testFrame(t, l, 0x81, 0x00, 0x00, 0x2a), // VLAN 42
		testFrame(t, l, 0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x00, 0x2a), // 42 in 7
	} {
		if err := l.Client.Inject(frame); err != nil {
			t.Fatal(err)
		}
		for {
			got, err := capture.Next(ctx)
			if err != nil {
				t.Fatalf("%x never came: %v", frame, err)
			}
			if bytes.Equal(got.Data, frame) && !got.Outgoing {
				break
			}
			if bytes.Contains(got.Data, []byte("lablab")) {
				t.Fatalf("came %x, sent was %x", got.Data, frame)
			}
		}
	}
}

func TestCaptureShowsUnfinishedChecksums(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	for _, on := range []bool{true, false} {
		if err := l.Client.SetOffload(on, lab.TxChecksum); err != nil {
			t.Fatal(err)
		}
		capture, err := l.Server.Capture()
		if err != nil {
			t.Fatal(err)
		}
		if err := lab.Exchange(t.Context(), l.Client, l.Server, netip.AddrPortFrom(l.Server.Addr4(), 4242), []byte("x")); err != nil {
			t.Fatal(err)
		}
		for {
			frame, err := capture.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(kinds(frame), "udp4>4242") {
				if frame.Unfinished != on {
					t.Errorf("with checksum offload %t the captured checksum is unfinished: %t", on, frame.Unfinished)
				}
				break
			}
		}
		if err := capture.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	capture, err := l.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = capture.Close() }()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		for err = nil; err == nil; {
			_, err = capture.Next(ctx)
		}
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v", err)
		}
	}
	if err := l.Client.Inject(testFrame(t, l)); err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Next(t.Context()); err != nil {
		t.Errorf("Next with another context: %v", err)
	}
}
