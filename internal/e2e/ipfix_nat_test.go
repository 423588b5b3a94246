package e2e

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ctop/internal/ipfix/ipfixtest"
)

// has reports whether a record was collected whose fields have these values.
func (c *collected) has(fields map[ipfixtest.Key][]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.records, func(r ipfixtest.Record) bool {
		for key, value := range fields {
			if !bytes.Equal(r[key], value) {
				return false
			}
		}
		return true
	})
}

// The records of a router that masquerades have the ends behind the translation: of a
// connection that comes in what it became, and where it goes out what its answers become.
func TestNATRecords(t *testing.T) {
	r := newRouter(t, rules)
	c := &collected{t: t, keep: true}
	stop := c.listen()
	s := newServingIn(r.ctx, t, r.Lab)
	e := s.serveFlows(collectorAddr, "--ipfix-active", "1s", "--watch")
	const reverse = 29305
	for _, server := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
		client, far := r.connect(server)
		inside, router := r.Client.Addr4(), outside[0].Addr()
		first, src, dst := uint16(8), uint16(225), uint16(226)
		if server.Is6() {
			inside, router = r.Client.Addr6(), outside[1].Addr()
			first, src, dst = 27, 281, 282
		}
		came := map[ipfixtest.Key][]byte{{ID: first}: inside.AsSlice(), {ID: src}: router.AsSlice(), {ID: dst}: server.AsSlice()}
		went := map[ipfixtest.Key][]byte{
			{ID: first}: router.AsSlice(), {Enterprise: reverse, ID: src}: server.AsSlice(), {Enterprise: reverse, ID: dst}: inside.AsSlice(),
		}
		e.eventually("both records of "+server.String(), func() bool {
			say(t, client, far, "hello")
			time.Sleep(100 * time.Millisecond) // not a flood
			return c.has(came) && c.has(went)
		})
	}
	e.stop()
	stop()
}
