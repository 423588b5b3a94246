package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// sized returns frames of every kind that has a checksum, with a payload.
func sized(size int) map[string]frame.Frame {
	s := frame.Segment{Flags: frame.ACK, Seq: 1, Ack: 1, Window: 1, Sport: 40000, Dport: 443, Payload: size}
	options := s
	options.Options = tcpOptions
	frames := map[string]frame.Frame{}
	for _, ends := range [][2]netip.Addr{{client4, server4}, {server6, client6}} {
		f := frame.Frame{Src: ends[0], Dst: ends[1]}
		add := func(name string, proto uint8, l4 []byte, vlans ...uint16) {
			f := f
			f.Proto, f.L4, f.VLANs = proto, l4, vlans
			frames[fmt.Sprintf("%s %s", name, f.Src)] = f
		}
		add("TCP", frame.ProtoTCP, s.Bytes())
		add("TCP with options", frame.ProtoTCP, options.Bytes())
		add("TCP in a VLAN", frame.ProtoTCP, s.Bytes(), 5)
		add("UDP", frame.ProtoUDP, frame.Datagram(1, 2, size))
		add("UDP in QinQ", frame.ProtoUDP, frame.Datagram(1, 2, size), 5, 6)
	}
	return frames
}

// A checksum that covers only the pseudo header is completed to the one that the
// sender would have computed, for every payload length.
func TestChecksumCompleted(t *testing.T) {
	for _, s := range []setup{{CompleteChecksums: true}, {CompleteChecksums: true, SingleBuffer: true}} {
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
func (h *harness) complete(name string, f frame.Frame, size int) {
	h.t.Helper()
	finished := f.Bytes()
	f.Checksum = frame.Unfinished
	before := h.counters()
	for i, data := range [][]byte{f.Bytes(), finished} {
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

// Packets with several buffers are summed by way of copies.
func TestChecksumOfJumbo(t *testing.T) {
	h := newHarness(t, setup{CompleteChecksums: true})
	for _, size := range []int{3000, 3301, 3400, 3499, 3502, 3600, 4096, 4097, 5000, 8192, 8921, 8951, 9000, 16001, 40001} {
		h.reset()
		for name, f := range sized(size) {
			h.complete(name, f, size)
		}
	}
}

// A checksum that need not or cannot be completed stays as it is.
func TestChecksumLeftAlone(t *testing.T) {
	h := newHarness(t, setup{CompleteChecksums: true})
	set := func(f frame.Frame, value uint16) []byte {
		b := f.Bytes()
		at := len(b) - f.Padding - len(f.L4) + frame.ChecksumAt(f.Proto)
		binary.BigEndian.PutUint16(b[at:], value)
		return b
	}
	udp := udpFrame(client4, server4, 1, 2, 33)
	fragment, fragment6 := udp, udpFrame(client6, server6, 1, 2, 33)
	fragment.Checksum, fragment.Fragment = frame.Unfinished, frame.MoreFragments
	fragment6.Checksum, fragment6.Extensions = frame.Unfinished, []frame.Extension{fragmentHeader(0, true)}
	icmp4 := icmpFrame(client4, server4, 8)
	frames := map[string][]byte{
		"UDP without":            set(udp, 0),
		"wrong UDP":              set(udp, 0x1234),
		"wrong TCP":              set(synFrame(client6, server6), 0x1234),
		"TCP zero":               set(synFrame(client4, server4), 0),
		"first fragment":         fragment.Bytes(),
		"first fragment of IPv6": fragment6.Bytes(),
		"ICMP":                   icmp4.Bytes(),
		"GRE":                    frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoGRE, L4: frame.Payload(50)}.Bytes(),
		"ARP":                    frame.Raw(frame.EtherARP, frame.Payload(46)),
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

// Neither the padding of a short frame nor extension headers change the sum.
func TestChecksumBetweenHeaderAndPadding(t *testing.T) {
	h := newHarness(t, setup{CompleteChecksums: true})
	for name, f := range wholeFrames() {
		if f.Proto != frame.ProtoTCP && f.Proto != frame.ProtoUDP {
			continue
		}
		f.Padding = 17
		h.reset()
		h.complete(name, f, 0)
	}
}

// A UDP checksum of zero is sent as 0xffff, since zero means none.
func TestChecksumOfZero(t *testing.T) {
	h := newHarness(t, setup{CompleteChecksums: true})
	f := udpFrame(client4, server4, 1, 2, 2)
	rest := frame.Fold(f.Pseudo() + frame.Sum(f.L4[:8]))
	binary.BigEndian.PutUint16(f.L4[8:], ^rest)
	if b := f.Transport(); b[6] != 0xff || b[7] != 0xff {
		t.Fatalf("the frame is built wrong: %x", b)
	}
	h.complete("UDP", f, 2)
}

// Physical interfaces complete checksums themselves.
func TestChecksumOfHardware(t *testing.T) {
	h := newHarness(t, setup{})
	for name, f := range sized(100) {
		f.Checksum = frame.Unfinished
		if !h.run(hookXDP, f.Bytes()) {
			t.Errorf("%s: dropped", name)
		}
	}
	if n := h.counters().Checksums; n != 0 {
		t.Errorf("%d checksums completed", n)
	}
}
