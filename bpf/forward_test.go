package bpf

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/bpftest"
)

// What a packet's attachment point says decides where the packet goes: to another
// interface, or on to the next program of the hook. XDP never passes packets on, and
// what the policy drops goes nowhere.
func TestForward(t *testing.T) {
	const (
		next   = uint32(ConntrackPointToTO_NEXT)
		tcNext = ^uint32(0) // TC_ACT_UNSPEC, which is TCX_NEXT
	)
	h := newHarness(t, setup{})
	data := icmpFrame(client4, server4, 8).Bytes()
	malformed := slices.Clone(data)
	malformed[16] = 0xff // longer than the frame
	for _, c := range []struct {
		name    string
		by      hook
		in      int
		to      [2]uint32
		enforce bool
		data    []byte
		want    uint32
	}{
		{"redirected", hookTC, 0, [2]uint32{bpftest.Loopback, next}, false, data, bpftest.TCRedirect},
		{"passed on", hookTC, 1, [2]uint32{bpftest.Loopback, next}, false, data, tcNext},
		{"passed on by the first", hookTC, 0, [2]uint32{next, bpftest.Loopback}, false, data, tcNext},
		{"invalid, passed on", hookTC, 0, [2]uint32{next}, false, malformed, tcNext},
		{"invalid, dropped", hookTC, 0, [2]uint32{next}, true, malformed, bpftest.TCShot},
		{"gone", hookTC, 0, [2]uint32{0, bpftest.Loopback}, false, data, bpftest.TCRedirect}, // to nowhere
		{"XDP", hookXDP, 0, [2]uint32{next}, false, data, bpftest.XDPRedirect},
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
