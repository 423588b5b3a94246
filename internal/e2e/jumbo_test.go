package e2e

import (
	"net/netip"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
)

// Frames of 9,000 bytes arrive in several buffers under native XDP. They are
// forwarded whole, with completed checksums.
func TestJumboFrames(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRigWith(t, lab.Options{MTU: 9000}, tracker.Options{Mode: mode})
			for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
				if err := lab.Transfer(r.ctx, r.Client, r.Server, addr, 20<<20); err != nil {
					t.Errorf("transfer to %s: %v", addr, err)
				}
				for _, size := range []int{3400, 3600, 4100, 8000, 8952} {
					if err := lab.Exchange(r.ctx, r.Client, r.Server, netip.AddrPortFrom(addr, 0), make([]byte, size)); err != nil {
						t.Errorf("exchange %d bytes with %s: %v", size, addr, err)
					}
				}
			}
			checkSums(t, r)
		})
	}
}
