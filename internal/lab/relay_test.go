package lab

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// Frames leave in the order in which they are due, and otherwise in that in which they
// came.
func TestRelayQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &relay{random: rand.New(rand.NewPCG(1, 0)), wake: make(chan struct{}, 1)}
		take := func(i Impairment, frame string) {
			r.impairment = i
			r.take([]byte(frame))
		}
		gone := func() string {
			var all []string
			for {
				frame, _ := r.next()
				if frame == nil {
					return strings.Join(all, "")
				}
				all = append(all, string(frame))
			}
		}
		if frame, wait := r.next(); frame != nil || wait != time.Hour {
			t.Errorf("%q, %s", frame, wait)
		}
		take(Impairment{}, "a")
		take(Impairment{Delay: 10 * time.Millisecond}, "b")
		take(Impairment{Duplicate: 1}, "c")
		take(Impairment{Loss: 1, Duplicate: 1, Reorder: 1}, "d")
		take(Impairment{Reorder: 1}, "e")
		take(Impairment{Reorder: 1, HoldBack: 7 * time.Millisecond}, "f")
		take(Impairment{}, "g")
		if got := gone(); got != "accg" {
			t.Errorf("at once %q", got)
		}
		for _, want := range []struct {
			wait time.Duration
			gone string
		}{{5 * time.Millisecond, "e"}, {2 * time.Millisecond, "f"}, {3 * time.Millisecond, "b"}, {time.Hour, ""}} {
			if _, wait := r.next(); wait != want.wait {
				t.Errorf("%q is due in %s, not %s", want.gone, wait, want.wait)
			}
			if time.Sleep(want.wait); gone() != want.gone {
				t.Errorf("not %q after %s", want.gone, want.wait)
			}
		}
		if want := (CableCounts{Frames: 7, Lost: 1, Duplicated: 1, Reordered: 2}); r.count != want {
			t.Errorf("%+v", r.count)
		}
		select {
		case <-r.wake:
		default:
			t.Error("nobody was woken")
		}
	})
}

// sum16 is the Internet checksum of some bytes, zero if they contain their own.
func sum16(parts ...[]byte) uint16 {
	sum := uint32(0)
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(b[i]) << 8
			if i+1 < len(b) {
				sum += uint32(b[i+1])
			}
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// largeSegment is what a packet socket gives of a TCP segment that a card would cut.
func largeSegment(v6 bool, size uint16, payload []byte) (data []byte, tcp int) {
	header := make([]byte, virtioSize)
	header[0], header[1] = virtioNeedsSum, virtioTCPv4|virtioECN
	ip := make([]byte, 20)
	ip[0], ip[9] = 0x45, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(ip[4:], 700)
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	if v6 {
		header[1] = virtioTCPv6
		ip = make([]byte, ipv6Size)
		ip[0], ip[6], ip[8], ip[23], ip[24], ip[39] = 0x60, unix.IPPROTO_TCP, 0xfd, 1, 0xfd, 2
	}
	binary.NativeEndian.PutUint16(header[4:], size)
	segment := make([]byte, 24)
	binary.BigEndian.PutUint32(segment[4:], 1e6)
	segment[12], segment[13] = 6<<4, tcpFIN|tcpPSH|tcpCWR|0x10
	return slices.Concat(header, make([]byte, ethernetSize), ip, segment, payload), ethernetSize + len(ip)
}

// A large segment is cut like a card does it (Linux, net/ipv4/tcp_offload.c): numbers
// and lengths follow, FIN and PSH are in the last piece, CWR in the first.
func TestCutSegments(t *testing.T) {
	payload := []byte(strings.Repeat("0123456789", 25) + "x")
	for _, v6 := range []bool{false, true} {
		data, tcp := largeSegment(v6, 100, payload)
		frames := wireFrames(data)
		if len(frames) != 3 {
			t.Fatalf("%d frames", len(frames))
		}
		var got []byte
		for i, frame := range frames {
			if slices.Max(frame[:virtioSize]) != 0 {
				t.Errorf("frame %d leaves work: %x", i, frame[:virtioSize])
			}
			ip, segment := frame[virtioSize+ethernetSize:virtioSize+tcp], frame[virtioSize+tcp:]
			want := byte(0x10)
			if i == 0 {
				want |= tcpCWR
			}
			if i == 2 {
				want |= tcpFIN | tcpPSH
			}
			if segment[13] != want || binary.BigEndian.Uint32(segment[4:]) != uint32(1e6+100*i) {
				t.Errorf("frame %d has flags %x, number %d", i, segment[13], binary.BigEndian.Uint32(segment[4:]))
			}
			pseudo := []byte{0, unix.IPPROTO_TCP, byte(len(segment) >> 8), byte(len(segment))}
			addresses := ip[len(ip)-8:]
			if v6 {
				addresses = ip[8:]
				if int(binary.BigEndian.Uint16(ip[4:])) != len(segment) {
					t.Errorf("frame %d has a length of %d", i, binary.BigEndian.Uint16(ip[4:]))
				}
			} else if int(binary.BigEndian.Uint16(ip[2:])) != len(ip)+len(segment) || binary.BigEndian.Uint16(ip[4:]) != uint16(700+i) || sum16(ip) != 0 {
				t.Errorf("frame %d has the header %x", i, ip)
			}
			if sum := sum16(addresses, pseudo, segment); sum != 0 {
				t.Errorf("frame %d has a wrong checksum, by %x", i, sum)
			}
			got = append(got, segment[24:]...)
		}
		if string(got) != string(payload) {
			t.Errorf("%q", got)
		}
		even, _ := largeSegment(v6, 100, payload[:200])
		if frames := wireFrames(even); len(frames) != 2 {
			t.Errorf("%d frames of two full segments", len(frames))
		}
		// What cannot be cut is dropped.
		zero, _ := largeSegment(v6, 0, payload)
		if wireFrames(zero) != nil || wireFrames(data[:virtioSize+tcp+19]) != nil || wireFrames(data[:virtioSize+tcp+23]) != nil {
			t.Error("it is cut")
		}
	}
}

// A checksum that was left to the card is finished, and anything else goes as it is.
func TestUnfinishedChecksums(t *testing.T) {
	frame := make([]byte, virtioSize+ethernetSize+30)
	frame[0] = virtioNeedsSum
	binary.NativeEndian.PutUint16(frame[6:], ethernetSize+10)
	binary.NativeEndian.PutUint16(frame[8:], 6)
	for i := range 20 {
		frame[virtioSize+ethernetSize+10+i] = byte(i + 1)
	}
	frame[virtioSize+ethernetSize+16], frame[virtioSize+ethernetSize+17] = 0, 0
	want := sum16(frame[virtioSize+ethernetSize+10:])
	got := wireFrames(frame)
	if at := virtioSize + ethernetSize + 16; len(got) != 1 || binary.BigEndian.Uint16(got[0][at:]) != want || got[0][0] != 0 {
		t.Errorf("%x, not %x", got, want)
	}
	binary.NativeEndian.PutUint16(frame[8:], 18) // at the end
	if got, at := wireFrames(frame), virtioSize+ethernetSize+10+18; len(got) != 1 || slices.Equal(got[0][at:], frame[at:]) {
		t.Errorf("%x has no checksum at its end", got)
	}
	binary.NativeEndian.PutUint16(frame[8:], 19) // beyond the end
	if got := wireFrames(frame); len(got) != 1 || !slices.Equal(got[0][virtioSize:], frame[virtioSize:]) {
		t.Errorf("%x", got)
	}
	if wireFrames(frame[:virtioSize+ethernetSize-1]) != nil || len(wireFrames(frame[:virtioSize+ethernetSize])) != 1 {
		t.Error("a short frame")
	}
}
