package lab_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"ctop/internal/lab"
)

// kinds returns the kinds of traffic in a frame, by the server's ports.
func kinds(f lab.Frame) []string {
	const ethernet = 14
	if len(f.Data) < ethernet+20 {
		return nil
	}
	switch ip := f.Data[ethernet:]; binary.BigEndian.Uint16(f.Data[12:]) {
	case 0x0800:
		return transportKinds("4", ip[9], ip[4*int(ip[0]&15):])
	case 0x86dd:
		return transportKinds("6", ip[6], ip[40:])
	}
	return nil
}

func transportKinds(family string, protocol byte, payload []byte) (list []string) {
	if len(payload) < 8 {
		return nil
	}
	source, target := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	ports := fmt.Sprintf(">%d", target)
	if source < 10000 {
		ports = fmt.Sprintf("<%d", source)
	}
	switch {
	case protocol == 6 && len(payload) >= 20:
		list = append(list, "tcp"+family+ports)
		for bit, flag := range map[byte]string{1: "FIN", 2: "SYN", 4: "RST", 18: "SYN+ACK"} {
			if payload[13]&23&^16 == bit || payload[13]&23 == bit {
				list = append(list, "tcp"+family+ports+" "+flag)
			}
		}
	case protocol == 17:
		list = append(list, "udp"+family+ports)
	case protocol == 1 || protocol == 58:
		list = append(list, fmt.Sprintf("icmp%s type %d", family, payload[0]))
	}
	return list
}

func TestTrafficIsLively(t *testing.T) {
	before, err := lab.TakeInventory()
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, lab.Options{
		Bridge: true,
		Client: lab.HostOptions{Addrs: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.7/24"), netip.MustParsePrefix("fd00::1/64"),
		}},
	})
	capture, err := l.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- lab.Traffic(ctx, l, lab.TrafficOptions{Short: 40}) }()

	missing := map[string]bool{}
	for _, kind := range []string{
		"tcp4>5201", "tcp4<5201", "tcp6>8080", "tcp6<8080", "tcp4>22", "tcp4<22", "tcp4>443", "tcp6>443",
		"tcp4>443 FIN", "tcp4<443 FIN", "tcp4>443 RST", "tcp4<443 RST", "tcp4<23 RST", "tcp6<443 SYN+ACK",
		"tcp4>25 SYN", "udp4>53", "udp4<53", "udp6>53", "udp6<53", "udp4>9000",
		"icmp4 type 8", "icmp4 type 0", "icmp6 type 128", "icmp6 type 129",
	} {
		missing[kind] = true
	}
	seen := map[string]int{}
	unserved := map[uint16]bool{} // the client's ports of connections to the port that nobody serves
	waiting, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(missing) > 0 || seen["tcp4>25 SYN"] < 4 {
		frame, err := capture.Next(waiting)
		if err != nil {
			t.Errorf("never seen: %v (%v); seen %v", missing, err, seen)
			break
		}
		for _, kind := range kinds(frame) {
			delete(missing, kind)
			seen[kind]++
			if kind == "tcp4<25 SYN+ACK" { // which is sent again if the answer takes a second
				unserved[binary.BigEndian.Uint16(frame.Data[14+20+2:])] = true
			}
		}
	}
	if seen["udp4<9000"] > 0 || seen["icmp4 type 3"] > 0 {
		t.Errorf("the one-way stream was answered: %v", seen)
	}
	if len(unserved) > 1 {
		t.Errorf("%d connections to the port that nobody serves", len(unserved))
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Traffic goes on after its context ended")
	}
	if err := capture.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := before.WaitNoLeaks(time.Minute); err != nil {
		t.Error(err)
	}
}

// TestTrafficKeepsItsRate checks the rate, also after a short time without a
// forwarder.
func TestTrafficKeepsItsRate(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- lab.Traffic(ctx, l, lab.TrafficOptions{Rate: 20_000_000, Chats: -1, Short: -1}) }()
	awaitRate(t, l, 15_000_000, 25_000_000)
	if err := l.Unbridge(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := l.Bridge(); err != nil {
		t.Fatal(err)
	}
	awaitRate(t, l, 15_000_000, math.MaxInt64)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// awaitRate waits until the upload reaches the rate: a busy machine may delay
// the sender or the capture, so that one measurement is wrong.
func awaitRate(t *testing.T, l *lab.Lab, least, most float64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		got := bulkRate(t, l)
		if got >= least && got <= most {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%.1f Mbit/s, want about 20", got/1e6)
		}
	}
}

// bulkRate waits for the upload and measures it at the server, for two seconds,
// in bits per second.
func bulkRate(t *testing.T, l *lab.Lab) float64 {
	t.Helper()
	capture, err := l.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = capture.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var start time.Time
	for bytes := 0; ; {
		frame, err := capture.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds(frame) {
			if kind == "tcp4>5201" && len(frame.Data) > 100 {
				if start.IsZero() {
					start = frame.Time
				}
				bytes += len(frame.Data)
			}
		}
		if past := frame.Time.Sub(start); !start.IsZero() && past > 2*time.Second {
			return float64(bytes) * 8 / past.Seconds()
		}
	}
}
