package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// fragmentHeader returns an IPv6 fragment header.
func fragmentHeader(offset uint16, more bool) frame.Extension {
	low := uint8(offset)
	if more {
		low |= 1
	}
	return frame.Extension{Number: frame.ProtoFragment, Rest: []byte{0, uint8(offset >> 8), low, 0, 0, 0, 1}}
}

// A first fragment belongs to a flow. Later ones without it pass and begin none.
func TestFragments(t *testing.T) {
	h := newHarness(t, setup{})
	first4 := udpFrame(client4, server4, 1, 2, 600)
	first4.L4 = first4.L4[:400] // the UDP length covers what is to follow
	first4.Fragment = frame.MoreFragments
	later4 := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP, Fragment: 50, L4: frame.Payload(208)}
	middle4 := later4
	middle4.Fragment |= frame.MoreFragments
	first6, later6, middle6, atomic6 := first4, later4, later4, udpFrame(client6, server6, 1, 2, 600)
	for _, f := range []*frame.Frame{&first6, &later6, &middle6} {
		f.Src, f.Dst, f.Fragment = client6, server6, 0
	}
	first6.Extensions = []frame.Extension{fragmentHeader(0, true)}
	later6.Extensions = []frame.Extension{extensions[0], fragmentHeader(400, false)}
	middle6.Extensions = []frame.Extension{fragmentHeader(400, true)}
	atomic6.Extensions = []frame.Extension{fragmentHeader(0, false)}
	short4, short6 := first4, first6
	short4.Proto, short6.Proto = frame.ProtoTCP, frame.ProtoTCP
	short4.L4 = frame.Segment{Flags: frame.SYN, Sport: 1, Dport: 2}.Bytes()[:8]
	short6.L4 = short4.L4
	padded4 := short4
	padded4.Padding = 40
	dont := udpFrame(client4, server4, 1, 2, 30)
	dont.Fragment = 0x4000
	for _, c := range []struct {
		name  string
		frame frame.Frame
		want  string
		flows int
	}{
		{"first", first4, "new", 1},
		{"first of IPv6", first6, "new", 1},
		{"later", later4, "untracked", 0},
		{"later of IPv6", later6, "untracked", 0},
		{"middle", middle4, "untracked", 0},
		{"middle of IPv6", middle6, "untracked", 0},
		{"atomic", atomic6, "new", 1},
		{"not to be fragmented", dont, "new", 1},
		{"first, too short for TCP", short4, "invalid/malformed", 0},
		{"first, too short for TCP, of IPv6", short6, "invalid/malformed", 0},
		{"first, too short for TCP, padded", padded4, "invalid/malformed", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			for _, by := range hooks {
				h.reset()
				h.expect(by, c.frame.Bytes(), c.want)
				h.expectFlows(c.flows)
			}
		})
	}
}

// A packet with more than MAX_IPV6_EXTENSIONS extension headers is untracked.
func TestExtensionChains(t *testing.T) {
	h := newHarness(t, setup{})
	for n := range 12 {
		f := udpFrame(client6, server6, 1, 2, 30)
		for range n {
			f.Extensions = append(f.Extensions, extensions[n%len(extensions)])
		}
		want, flows := "new", 1
		if n > 8 {
			want, flows = "untracked", 0
		}
		for _, by := range hooks {
			h.reset()
			h.expect(by, f.Bytes(), want)
			h.expectFlows(flows)
		}
	}
}
