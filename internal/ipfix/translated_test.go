package ipfix

import (
	"log/slog"
	"net/netip"
	"testing"

	"ctop/internal/ipfix/ipfixtest"
	"ctop/tracker/flow"
)

// translator translates some tuples.
type translator map[flow.Tuple]flow.Tuple

func (translator) Renew() error { return nil }

func (t translator) Of(here flow.Tuple) (flow.Tuple, bool) {
	there, ok := t[here]
	return there, ok
}

// A translated flow has its other ends in its record: those of its first packet if that
// came in, those of the answers if it went out, also if the kernel has forgotten it.
func TestTranslated(t *testing.T) {
	c := listenUDP(t, "127.0.0.1:0")
	came := event(1, flow.EventUpdate, 10)
	went, plain := came, came
	went.ID, went.Outgoing, plain.ID = 2, true, 3
	went.Tuple.Src = flow.MustParseEnd("192.0.2.254:1024")
	plain.Tuple.Src = flow.MustParseEnd("10.0.0.9:9")
	outside, inside := came.Tuple, went.Tuple
	outside.Src = flow.MustParseEnd("192.0.2.254:1024")
	inside.Src = flow.MustParseEnd("10.0.0.1:40000")
	nat := translator{came.Tuple: outside, went.Tuple: inside}
	source := table{came, went, plain}
	a, err := ParseAddress(c.address)
	if err != nil {
		t.Fatal(err)
	}
	e := New(Options{Source: &source, Collectors: []Address{a}, Domain: 9, NAT: nat, Log: slog.New(slog.DiscardHandler), Interfaces: func() []flow.Interface { return nil }})
	e.Start()
	if _, err := e.readOnce(t.Context(), e.exportActive, 0); err != nil { // none is due
		t.Fatal(err)
	}
	clear(nat)
	for i := range source {
		end := source[i]
		end.Type, end.Reason = flow.EventDestroy, flow.ReasonExpired
		e.Observe(&end)
	}
	number := func(text string) uint64 {
		b := netip.MustParseAddr(text).As4()
		return uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	}
	dst, port := number(came.Tuple.Dst.Addr().String()), uint64(came.Tuple.Dst.Port())
	const reverse = 29305
	records := c.flows(3)
	compare(t, records[0], map[ipfixtest.Key]uint64{{ID: 148}: 1, {ID: 225}: number("192.0.2.254"), {ID: 226}: dst, {ID: 227}: 1024, {ID: 228}: port})
	compare(t, records[1], map[ipfixtest.Key]uint64{
		{ID: 148}: 2, {Enterprise: reverse, ID: 225}: dst, {Enterprise: reverse, ID: 226}: number("10.0.0.1"),
		{Enterprise: reverse, ID: 227}: port, {Enterprise: reverse, ID: 228}: 40000,
	})
	for _, key := range []ipfixtest.Key{{ID: 225}, {Enterprise: reverse, ID: 225}} {
		if _, there := records[2][key]; there {
			t.Errorf("a flow that is not translated has element %d", key.ID)
		}
	}
	if len(e.others) != 0 {
		t.Errorf("%d translations are kept of flows that have ended", len(e.others))
	}
	source = nil
	e.Finish(false)
}

// The ids of templates differ, whatever the options, and a kind has the same one with and
// without translations.
func TestTemplateIDs(t *testing.T) {
	seen := map[uint16]bool{}
	for _, process := range []bool{false, true} {
		all := newTemplates(process, true)
		for n, one := range newTemplates(process, false) {
			if one.id != all[n].id {
				t.Errorf("template %d has the ids %d and %d", n, one.id, all[n].id)
			}
		}
		for _, one := range all {
			if seen[one.id] || one.id >= templateReliability {
				t.Errorf("the id %d is used twice", one.id)
			}
			seen[one.id] = true
		}
	}
	if !seen[256] || !seen[263] || len(seen) != 2*allTemplates {
		t.Error(seen)
	}
}
