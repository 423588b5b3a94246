package bpf

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/bpftest"
)

// tcNext is TC_ACT_UNSPEC, which is TCX_NEXT: the next program sees the packet.
const tcNext = ^uint32(0)

// malformedFrame is longer than it is.
func malformedFrame() []byte {
	data := slices.Clone(icmpFrame(client4, server4, 8).Bytes())
	data[16] = 0xff
	return data
}

// What comes in by one end of a wire leaves by the other end. What the policy drops
// goes nowhere.
func TestForward(t *testing.T) {
	h := newHarness(t, setup{})
	data := icmpFrame(client4, server4, 8).Bytes()
	for _, c := range []struct {
		name    string
		by      hook
		in      int
		to      [2]uint32
		enforce bool
		data    []byte
		want    uint32
	}{
		{"redirected", hookTC, 0, [2]uint32{bpftest.Loopback, 0}, false, data, bpftest.TCRedirect},
		{"invalid, redirected", hookTC, 0, [2]uint32{bpftest.Loopback, 0}, false, malformedFrame(), bpftest.TCRedirect},
		{"invalid, dropped", hookTC, 0, [2]uint32{bpftest.Loopback, 0}, true, malformedFrame(), bpftest.TCShot},
		{"gone", hookTC, 0, [2]uint32{0, bpftest.Loopback}, false, data, bpftest.TCRedirect}, // to nowhere
		{"XDP", hookXDP, 0, [2]uint32{}, false, data, bpftest.XDPRedirect},
	} {
		h.enforce(c.enforce)
		h.come(c.in)
		for i, to := range c.to {
			h.config.Points[i].To = to
		}
		h.configure()
		program, options := h.CtopXdp, &ebpf.RunOptions{Data: c.data}
		if c.by == hookTC {
			program, options.Context = h.CtopTc, &skbContext{IngressIfindex: bpftest.Loopback}
		}
		action, err := program.Run(options)
		ok(t, err)
		if action != c.want {
			t.Errorf("%s: %s returned %d, want %d", c.name, c.by, int32(action), int32(c.want))
		}
	}
}
