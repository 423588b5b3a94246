package kernel

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"ctop/internal/frame"
	"ctop/tracker/flow"
)

// udp returns a datagram of so many bytes of payload, with padding, in a frame with tags.
func udp(payload, padding int, vlans ...uint16) []byte {
	return frame.Frame{
		VLANs: vlans, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoUDP,
		L4: frame.Datagram(40000, 53, payload), Padding: padding,
	}.Bytes()
}

// answered returns the answer of the other end to a frame of [udp].
func answered(payload, padding int, vlans ...uint16) []byte {
	return frame.Frame{
		VLANs: vlans, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"), Proto: frame.ProtoUDP,
		L4: frame.Datagram(53, 40000, payload), Padding: padding,
	}.Bytes()
}

// labelled returns a frame with MPLS labels in place of its ethertype.
func labelled(plain []byte, labels int) []byte {
	b := append(bytes.Clone(plain[:12]), 0x88, 0x47)
	for i := range labels {
		b = append(b, 0, 1, 0, 64)
		if i == labels-1 {
			b[len(b)-2] |= 1
		}
	}
	return append(b, plain[14:]...)
}

// TestOctets counts the octets of IP packets, whatever stands around them.
func TestOctets(t *testing.T) {
	six := frame.Frame{
		Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2"), Proto: frame.ProtoUDP,
		Extensions: []frame.Extension{{Number: 60, Rest: make([]byte, 7)}}, L4: frame.Datagram(1, 2, 4), Padding: 9,
	}.Bytes()
	first := frame.Frame{
		Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoUDP, ID: 7, Fragment: 1 << 13,
		L4: frame.Datagram(40000, 53, 16),
	}
	later := first
	later.Fragment, later.L4, later.Checksum, later.Padding = 3, []byte{1, 2, 3, 4}, frame.AsGiven, 22
	for name, test := range map[string]struct {
		frames  [][]byte // one after the other from this side, and then
		answers [][]byte // from the other
		want    [2]uint64
	}{
		"nothing around":   {[][]byte{udp(20, 0), udp(30, 0)}, [][]byte{answered(100, 0)}, [...]uint64{48 + 58, 128}},
		"padded":           {[][]byte{udp(2, 16), udp(1, 17)}, [][]byte{answered(0, 18)}, [...]uint64{30 + 29, 28}},
		"padded at last":   {[][]byte{udp(20, 0), udp(20, 0)}, [][]byte{answered(20, 0), answered(3, 15)}, [...]uint64{96, 48 + 31}},
		"a long trailer":   {[][]byte{udp(20, 1000)}, [][]byte{answered(20, 4)}, [...]uint64{48, 48}},
		"a tag":            {[][]byte{udp(20, 0, 7), udp(2, 12, 7)}, [][]byte{answered(20, 0, 7)}, [...]uint64{48 + 30, 48}},
		"two tags":         {[][]byte{udp(20, 0, 7, 8)}, [][]byte{answered(9, 0, 7, 8)}, [...]uint64{48, 37}},
		"a priority":       {[][]byte{udp(20, 0), udp(20, 0, 0)}, [][]byte{answered(20, 0, 0)}, [...]uint64{96, 48}},
		"labels":           {[][]byte{labelled(udp(20, 0), 1), labelled(udp(20, 0), 3)}, [][]byte{answered(20, 0)}, [...]uint64{96, 48}},
		"IPv6, extensions": {[][]byte{six, six}, nil, [...]uint64{2 * (40 + 8 + 12), 0}},
		"fragments":        {[][]byte{first.Bytes(), later.Bytes()}, nil, [...]uint64{44 + 24, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			_, table, _, c := injectedWith(t, Options{Octets: true})
			var sizes [2]uint64
			for side, frames := range [...][][]byte{test.frames, test.answers} {
				table.SetSide(side, true)
				for _, f := range frames {
					if err := errors.Join(table.SetClock(c), table.Inject(f)); err != nil {
						t.Fatal(err)
					}
					sizes[side] += uint64(len(f))
				}
			}
			var all []flow.Event
			if _, err := table.Part(0, 100, func(e *flow.Event) { all = append(all, *e) }); err != nil {
				t.Fatal(err)
			}
			if len(all) != 1 {
				t.Fatalf("%d flows", len(all))
			}
			if e := all[0]; e.Octets != test.want || e.Origin.Bytes != sizes[0] || e.Reply.Bytes != sizes[1] {
				t.Errorf("%d octets, not %d; frames of %d and %d bytes, not %d", e.Octets, test.want, e.Origin.Bytes, e.Reply.Bytes, sizes)
			}
		})
	}
}

// TestOctetsAreNotCounted leaves out what nobody asked for.
func TestOctetsAreNotCounted(t *testing.T) {
	k, table, _, c := injected(t)
	if err := errors.Join(table.SetClock(c), table.Inject(udp(2, 16))); err != nil {
		t.Fatal(err)
	}
	more, err := table.Part(0, 100, func(e *flow.Event) {
		if e.Octets != [2]uint64{} {
			t.Errorf("%d octets", e.Octets)
		}
	})
	if err != nil || more || k.CountsOctets() {
		t.Errorf("more %v, error %v", more, err)
	}
}

// TestPart reads a table in parts.
func TestPart(t *testing.T) {
	_, table, _, c := injectedWith(t, Options{Octets: true})
	for port := range uint16(5) {
		f := frame.Frame{
			Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoUDP,
			L4: frame.Datagram(1000+port, 53, 20),
		}
		if err := errors.Join(table.SetClock(c), table.Inject(f.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	ports := map[uint16]bool{}
	from, parts := 0, 0
	for more := true; more; from += 2 {
		var err error
		more, err = table.Part(from, 2, func(e *flow.Event) { ports[e.Tuple.Src.Port()] = true })
		if err != nil {
			t.Fatal(err)
		}
		parts++
	}
	if len(ports) != 5 || parts != 3 {
		t.Errorf("%d flows in %d parts", len(ports), parts)
	}
}
