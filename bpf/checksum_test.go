package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
)

// sized returns frames of every kind that has a checksum, with a payload.
func sized(size int) map[string]frame {
	s := segment{flags: ack, seq: 1, ack: 1, window: 1, sport: 40000, dport: 443, payload: size}
	options := s
	options.options = tcpOptions
	frames := map[string]frame{}
	for _, ends := range [][2]netip.Addr{{client4, server4}, {server6, client6}} {
		f := frame{src: ends[0], dst: ends[1]}
		add := func(name string, proto uint8, l4 []byte, vlans ...uint16) {
			f := f
			f.proto, f.l4, f.vlans = proto, l4, vlans
			frames[fmt.Sprintf("%s %s", name, f.src)] = f
		}
		add("TCP", protoTCP, s.bytes())
		add("TCP with options", protoTCP, options.bytes())
		add("TCP in a VLAN", protoTCP, s.bytes(), 5)
		add("UDP", protoUDP, datagram(1, 2, size))
		add("UDP in QinQ", protoUDP, datagram(1, 2, size), 5, 6)
	}
	return frames
}

// A checksum of which there is only the pseudo header's part is completed to
// what the sender would have computed, for every length of payload.
func TestChecksumCompleted(t *testing.T) {
	for _, s := range []setup{{completeChecksums: true}, {completeChecksums: true, singleBuffer: true}} {
		h := newHarness(t, s)
		for size := 0; size <= 1500; size += 1 + size/97 {
			h.reset()
			for name, f := range sized(size) {
				h.complete(name, f, size)
			}
		}
	}
}

// complete sends a frame unfinished and finished; it must come out finished.
func (h *harness) complete(name string, f frame, size int) {
	h.t.Helper()
	finished := f.bytes()
	f.unfinished = true
	before := h.counters()
	for i, data := range [][]byte{f.bytes(), finished} {
		forwarded, out := h.runOut(hookXDP, data, nil)
		if !forwarded || !bytes.Equal(out, finished) {
			h.t.Fatalf("%s, payload %d, frame %d: forwarded %t\nin   %x\nout  %x\nwant %x",
				name, size, i, forwarded, data, out, finished)
		}
	}
	if n := h.since(before).Checksums; n != 1 {
		h.t.Fatalf("%s, payload %d: %d checksums completed", name, size, n)
	}
}

// Packets of several buffers are summed through copies.
func TestChecksumOfJumbo(t *testing.T) {
	h := newHarness(t, setup{completeChecksums: true})
	for _, size := range []int{3000, 3301, 3400, 3499, 3502, 3600, 4096, 4097, 5000, 8192, 8921, 8951, 9000, 16001, 40001} {
		h.reset()
		for name, f := range sized(size) {
			h.complete(name, f, size)
		}
	}
}

// What need not or cannot be completed is left alone.
func TestChecksumLeftAlone(t *testing.T) {
	h := newHarness(t, setup{completeChecksums: true})
	set := func(f frame, value uint16) []byte {
		b := f.bytes()
		at := len(b) - f.padding - len(f.l4) + checksumAt(f.proto)
		binary.BigEndian.PutUint16(b[at:], value)
		return b
	}
	udp := udpFrame(client4, server4, 1, 2, 33)
	fragment, fragment6 := udp, udpFrame(client6, server6, 1, 2, 33)
	fragment.unfinished, fragment.fragment = true, ipv4MoreFragments
	fragment6.unfinished, fragment6.extensions = true, []extension{fragmentHeader(0, true)}
	icmp4 := icmpFrame(client4, server4, 8)
	frames := map[string][]byte{
		"UDP without":            set(udp, 0),
		"wrong UDP":              set(udp, 0x1234),
		"wrong TCP":              set(synFrame(client6, server6), 0x1234),
		"TCP zero":               set(synFrame(client4, server4), 0),
		"first fragment":         fragment.bytes(),
		"first fragment of IPv6": fragment6.bytes(),
		"ICMP":                   icmp4.bytes(),
		"GRE":                    frame{src: client4, dst: server4, proto: protoGRE, l4: payload(50)}.bytes(),
		"ARP":                    raw(etherARP, payload(46)),
	}
	before := h.counters()
	for name, data := range frames {
		forwarded, out := h.runOut(hookXDP, data, nil)
		if !forwarded || !bytes.Equal(data, out) {
			t.Errorf("%s: forwarded %t\nin  %x\nout %x", name, forwarded, data, out)
		}
	}
	if n := h.since(before).Checksums; n != 0 {
		t.Errorf("%d checksums completed", n)
	}
}

// The padding of a short frame is no part of the sum, and neither do extension
// headers before the transport header disturb it.
func TestChecksumBetweenHeaderAndPadding(t *testing.T) {
	h := newHarness(t, setup{completeChecksums: true})
	for name, f := range wholeFrames() {
		if f.proto != protoTCP && f.proto != protoUDP {
			continue
		}
		f.padding = 17
		h.reset()
		h.complete(name, f, 0)
	}
}

// A UDP sum that comes out zero is sent as ones: zero means none.
func TestChecksumOfZero(t *testing.T) {
	h := newHarness(t, setup{completeChecksums: true})
	f := udpFrame(client4, server4, 1, 2, 2)
	rest := fold(f.pseudo() + sum(f.l4[:8]))
	binary.BigEndian.PutUint16(f.l4[8:], ^rest)
	if b := f.transport(); b[6] != 0xff || b[7] != 0xff {
		t.Fatalf("the frame is built wrong: %x", b)
	}
	h.complete("UDP", f, 2)
}

// Physical interfaces finish checksums themselves.
func TestChecksumOfHardware(t *testing.T) {
	h := newHarness(t, setup{})
	for name, f := range sized(100) {
		f.unfinished = true
		if !h.run(hookXDP, f.bytes()) {
			t.Errorf("%s: dropped", name)
		}
	}
	if n := h.counters().Checksums; n != 0 {
		t.Errorf("%d checksums completed", n)
	}
}
