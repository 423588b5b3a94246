package e2e

import (
	"net/netip"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// lossySize is the number of bytes that each side sends over a bad cable.
const lossySize = 8 << 20

// Large transfers over cables that lose, duplicate and reorder on either side
// of the tracker complete, byte for byte, without an invalid packet: enforce
// obstructs nobody.
func TestEnforceOverBadCables(t *testing.T) {
	bad := lab.Impairment{Loss: 0.01, Duplicate: 0.01, Reorder: 0.02, HoldBack: 2 * time.Millisecond}
	cable := func(seed uint64) *lab.CableOptions { return &lab.CableOptions{Seed: seed, Out: bad, In: bad} }
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRigWith(t, lab.Options{
				Client: lab.HostOptions{Cable: cable(1)}, Server: lab.HostOptions{Cable: cable(2)},
			}, tracker.Options{Mode: mode, Policy: flow.PolicyEnforce})
			for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
				if err := lab.Transfer(r.ctx, r.Client, r.Server, addr, lossySize); err != nil {
					t.Error(err)
				}
			}
			for range 40 {
				if err := lab.Transfer(r.ctx, r.Client, r.Server, r.Server.Addr4(), 1000); err != nil {
					t.Error(err)
				}
			}
			checkSums(t, r)
			for _, h := range []*lab.Host{r.Client, r.Server} {
				out, in := h.Cable()
				t.Logf("%s: out %+v, in %+v", h.Name(), out, in)
			}
		})
	}
}
