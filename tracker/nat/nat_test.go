package nat

import (
	"slices"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"

	"ctop/tracker/flow"
)

func tuple(proto flow.Protocol, src, dst string) flow.Tuple {
	return flow.Tuple{Proto: proto, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst)}
}

// tracked is a connection as the kernel tracks it: the tuple of its first packet, and
// that of the answer.
func tracked(first, answer flow.Tuple) *conntrack.Flow {
	return &conntrack.Flow{TupleOrig: toKernel(first), TupleReply: toKernel(answer)}
}

// Each half of a translated flow has the other, seen from either end, whatever the place.
// What is not translated has none.
func TestTranslations(t *testing.T) {
	inside, outside := tuple(flow.ProtocolTCP, "10.0.0.1:40000", "192.0.2.2:443"), tuple(flow.ProtocolTCP, "192.0.2.254:1024", "192.0.2.2:443")
	plain := tuple(flow.ProtocolUDP, "10.0.0.1:53", "10.0.0.2:53")
	ping, pinged := tuple(flow.ProtocolICMP, "10.0.0.1:0", "192.0.2.2:0"), tuple(flow.ProtocolICMP, "192.0.2.254:0", "192.0.2.2:0")
	ping.ICMPType, ping.ICMPID, pinged.ICMPType, pinged.ICMPID = 8, 7, 8, 9
	all := translations{}
	all.add(tracked(inside, answer(outside)))
	all.add(tracked(plain, answer(plain)))
	all.add(tracked(ping, answer(pinged)))
	for here, there := range map[flow.Tuple]flow.Tuple{
		inside: outside, outside: inside, inside.Reverse(): outside.Reverse(), outside.Reverse(): inside.Reverse(),
		ping: pinged, pinged: ping,
	} {
		here.Zone, here.VLAN = 3, 7
		if got, ok := all.of(here); !ok || got != there {
			t.Errorf("%v is translated to %v, not %v", here, got, there)
		}
	}
	if got, ok := all.of(plain); ok {
		t.Errorf("%v is translated to %v", plain, got)
	}
	six := tuple(flow.ProtocolICMPv6, "[fd00::1]:0", "[fd00::2]:0")
	six.ICMPType = 128
	if got := answer(six); got.ICMPType != 129 || got.Src != six.Dst {
		t.Errorf("the answer to %v is %v", six, got)
	}
}

// Until the next reading, flows are told what others were told, also flows that come
// later. A tuple keeps its index.
func TestCache(t *testing.T) {
	inside, outside := tuple(flow.ProtocolTCP, "10.0.0.1:40000", "192.0.2.2:443"), tuple(flow.ProtocolTCP, "192.0.2.254:40000", "192.0.2.2:443")
	c := Cache{
		known: translations{inside: outside, outside: inside}, indices: map[flow.Tuple]uint32{}, told: map[flow.ID]uint32{},
		until: time.Now().Add(time.Hour),
	}
	c.some[mark(&inside)/64] |= 1 << (mark(&inside) % 64)
	var first []flow.Tuple
	for range 2 {
		s := flow.Snapshot{Flows: []flow.Flow{{ID: 1, Tuple: inside}, {ID: 2, Tuple: outside.Reverse()}, {ID: 3, Tuple: tuple(flow.ProtocolUDP, "10.0.0.1:1", "10.0.0.2:2")}}}
		if err := c.Apply(&s); err != nil {
			t.Fatal(err)
		}
		for i, want := range []flow.Tuple{outside, inside.Reverse(), {}} {
			if got, ok := s.OtherHalf(&s.Flows[i]); got != want || ok != (i < 2) {
				t.Errorf("flow %d: %v", i+1, got)
			}
		}
		if first == nil {
			first = s.Translations
		}
		if !slices.Equal(first, s.Translations) {
			t.Errorf("%v, and before %v", s.Translations, first)
		}
	}
}

// Who waits for a processor costs nothing.
func TestCostIsProcessorTime(t *testing.T) {
	const nap = 100 * time.Millisecond
	if cost := costOf(func() { time.Sleep(nap) }); cost > nap/2 {
		t.Errorf("sleeping costs %s", cost)
	}
	for cost := time.Duration(0); cost == 0; {
		cost = costOf(func() { _, _ = readAll() })
	}
}
