package bpf

import (
	"encoding/binary"
	"fmt"
	"testing"

	"ctop/internal/frame"
)

// Packets with a wrong checksum are counted, and no others, for every kind and length.
// The verdict does not depend on it.
func TestVerifyChecksums(t *testing.T) {
	for _, s := range []setup{{VerifyChecksums: true}, {VerifyChecksums: true, CompleteChecksums: true, SingleBuffer: true}} {
		h := newHarness(t, s)
		verify := func(name string, by hook, data []byte, bad uint64) {
			t.Helper()
			before := h.counters()
			if forwarded, _ := h.runOut(by, data, nil); !forwarded {
				t.Fatalf("%s: %s: dropped", by, name)
			}
			if n := h.since(before).BadChecksums; n != bad {
				t.Fatalf("%s: %s: %d counted, want %d\n%x", by, name, n, bad, data)
			}
		}
		h.enforce(false)
		sizes := []int{0, 1, 2, 3, 255, 512, 513, 1447}
		if !s.SingleBuffer {
			sizes = append(sizes, 3300, 4097, 9000)
		}
		for _, size := range sizes {
			frames := sized(size)
			for name, f := range map[string]frame.Frame{"ICMP": icmpFrame(client4, server4, 8), "ICMPv6": icmpFrame(server6, client6, 128)} {
				f.L4 = append(f.L4[:8:8], frame.Payload(size)...)
				frames[name] = f
			}
			for name, f := range frames {
				for _, by := range hooks {
					if by == hookTC && size > 1447 {
						continue // longer than a test run takes
					}
					name := fmt.Sprintf("%s, payload %d", name, size)
					good := f.Bytes()
					verify(name, by, good, 0)
					f.Padding = 5
					verify(name+", padded", by, f.Bytes(), 0)
					f.Padding = 0
					wrong := append([]byte(nil), good...)
					wrong[len(wrong)-1]++
					if size > 0 {
						verify(name+", last byte", by, wrong, 1)
					}
					at := len(good) - len(f.L4) + frame.ChecksumAt(f.Proto)
					copy(wrong, good)
					wrong[len(wrong)-1] = good[len(good)-1]
					binary.BigEndian.PutUint16(wrong[at:], binary.BigEndian.Uint16(good[at:])^0x0101)
					verify(name+", checksum", by, wrong, 1)
				}
			}
		}
	}
}

// Packets that need no checksum, or cannot be verified, are not counted.
func TestVerifyChecksumsExempt(t *testing.T) {
	h := newHarness(t, setup{VerifyChecksums: true})
	set := func(f frame.Frame, value uint16) []byte {
		b := f.Bytes()
		binary.BigEndian.PutUint16(b[len(b)-len(f.L4)+frame.ChecksumAt(f.Proto):], value)
		return b
	}
	udp, tcp := udpFrame(client4, server4, 1, 2, 33), synFrame(client6, server6)
	pending, pending6 := udp, tcp
	pending.Checksum, pending6.Checksum = frame.Unfinished, frame.Unfinished
	routed := udpFrame(client6, server6, 1, 2, 33)
	routed.Extensions = []frame.Extension{{Number: frame.ProtoRouting, Rest: []byte{0, 4, 1, 0, 0, 0, 0}}}
	for name, data := range map[string][]byte{
		"UDP without":         set(udp, 0),
		"left to hardware":    pending.Bytes(),
		"left to it over v6":  pending6.Bytes(),
		"fragment":            piece{0, 32, false, ""}.of(udpFrame(client4, server4, 3, 4, 33)),
		"routed elsewhere":    set(routed, 0x1234),
		"SCTP":                frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoSCTP, L4: frame.PortsFirst(1, 2, 40)}.Bytes(),
		"ICMPv6 in IPv4":      frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoICMPv6, L4: frame.Payload(40)}.Bytes(),
		"ARP":                 frame.Raw(frame.EtherARP, frame.Payload(46)),
		"segmentation at all": nil,
	} {
		for _, by := range hooks {
			before := h.counters()
			switch {
			case data != nil:
				h.runOut(by, data, nil)
			case by == hookTC:
				h.runOut(by, set(tcp, 0x1234), &skbContext{GSOSegs: 2, GSOSize: 100})
			}
			if n := h.since(before).BadChecksums; n != 0 {
				t.Errorf("%s: %s: %d counted", by, name, n)
			}
		}
	}
}

// Without the option no checksum is verified.
func TestVerifyChecksumsIsGone(t *testing.T) {
	h := newHarness(t, setup{})
	f := udpFrame(client4, server4, 1, 2, 33)
	data := f.Bytes()
	data[len(data)-1]++
	for _, by := range hooks {
		h.expect(by, data, "new")
	}
	if n := h.counters().BadChecksums; n != 0 {
		t.Errorf("%d counted", n)
	}
}
