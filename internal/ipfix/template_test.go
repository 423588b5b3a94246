package ipfix

import (
	"slices"
	"testing"

	"ctop/tracker/flow"
)

// Every kind of record has a template of its own, from 256 on.
func TestTemplatesAreNumbered(t *testing.T) {
	seen := map[uint16]bool{}
	for _, process := range []bool{false, true} {
		for n := range allTemplates {
			id := templateID(n, process)
			if seen[id] || id < templateFlows || int(id) >= templateFlows+2*allTemplates {
				t.Errorf("template %d with processes: %t has the number %d", n, process, id)
			}
			seen[id] = true
		}
	}
	if templateID(0, false) != templateFlows || templateID(numTemplates, true)-templateID(numTemplates, false) != uint16(allTemplates-numTemplates) {
		t.Error("the numbers are others than they were")
	}
	for i, c := range []struct {
		tuple flow.Tuple
		want  int
	}{
		{flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:1")}, 0},
		{flow.Tuple{Proto: flow.ProtocolICMP, Src: flow.MustParseEnd("10.0.0.1:0")}, templateICMP},
		{flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("[2001:db8::1]:1")}, templateIPv6},
		{flow.Tuple{Proto: flow.ProtocolICMPv6, Src: flow.MustParseEnd("[2001:db8::1]:0")}, templateICMP | templateIPv6},
	} {
		if got := templateOf(&c.tuple); got != c.want {
			t.Errorf("%d: template %d, want %d", i, got, c.want)
		}
	}
}

// The elements of IANA's registry have their numbers and lengths.
func TestNumbersOfElements(t *testing.T) {
	of := func(list []element) (numbers [][2]uint16) {
		for _, e := range list {
			numbers = append(numbers, [2]uint16{e.id, e.length})
		}
		return numbers
	}
	for i, c := range []struct {
		got, want [][2]uint16
	}{
		{of(ends(false, false)), [][2]uint16{{7, 2}, {11, 2}}},
		{of(ends(false, true)), [][2]uint16{{32, 2}, {10, 2}}},
		{of(ends(true, true)), [][2]uint16{{139, 2}, {10, 2}}},
		{of(otherEnds(false, false, false)), [][2]uint16{{225, 4}, {226, 4}, {227, 2}, {228, 2}}},
		{of(otherEnds(true, false, true)), [][2]uint16{{281, 16}, {282, 16}, {227, 2}, {228, 2}}},
		{of(otherEnds(true, true, false)), [][2]uint16{{281, 16}, {282, 16}}},
		{of(place()), [][2]uint16{{10, 4}, {14, 4}, {61, 1}, {243, 2}, {245, 2}, {239, 1}, {136, 1}}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%d: %d, want %d", i, c.got, c.want)
		}
	}
}
