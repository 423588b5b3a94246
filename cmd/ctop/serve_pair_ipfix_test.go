package main

import (
	"testing"

	"ctop/internal/ipfix"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// oneFlow is a table with one flow, or none, that takes what it is told in some way.
type oneFlow struct {
	pair.Table
	flow   flow.Told
	take   func(*flow.Told)
	result flow.Inherited
}

func (o *oneFlow) Flow(_ *flow.ToldKey, to *flow.Told) (bool, error) {
	*to = o.flow
	return o.flow.ID != 0, nil
}

func (o *oneFlow) Enter(told *flow.Told) (flow.Inherited, error) {
	o.take(told)
	return o.result, nil
}

// learner learns what an exporter does.
type learner struct {
	id        flow.ID
	elsewhere ipfix.Passed
}

func (l *learner) Enter(enter func() (flow.ID, ipfix.Passed)) { l.id, l.elsewhere = enter() }

func told(id flow.ID, origin, reply uint64) flow.Told {
	t := flow.Told{Glance: flow.Glance{ID: id}}
	for d, n := range [...]uint64{origin, reply} {
		t.Halves[d].Packets, t.Halves[d].Bytes = n, 100*n
	}
	return t
}

// The exporter learns by how much counters have become the partner's, and not what packets
// added meanwhile.
func TestToldToExporter(t *testing.T) {
	for what, c := range map[string]struct {
		before, told, after flow.Told
		result              flow.Inherited
		// elsewhere are the packets that passed at the partner.
		elsewhere [2]uint64
	}{
		"a new flow":              {flow.Told{}, told(1, 5, 6), told(1, 5, 6), flow.InheritedDone, [2]uint64{5, 6}},
		"one that moved":          {told(1, 4, 9), told(1, 5, 6), told(1, 5, 6), flow.InheritedDone, [2]uint64{1, minus(3)}},
		"the other direction":     {told(1, 4, 0), told(1, 2, 6), told(1, 5, 6), flow.InheritedOwn, [2]uint64{0, 6}},
		"an own one that stays":   {told(1, 4, 4), told(1, 2, 3), told(1, 4, 5), flow.InheritedOwn, [2]uint64{0, 0}},
		"one that has another id": {told(7, 0, 6), told(1, 5, 0), told(1, 5, 6), flow.InheritedOwn, [2]uint64{5, 6}},
		"a refused one":           {flow.Told{}, told(1, 5, 6), flow.Told{}, flow.InheritedFull, [2]uint64{0, 0}},
	} {
		table, l := &oneFlow{flow: c.before, result: c.result}, &learner{}
		table.take = func(*flow.Told) { table.flow = c.after }
		if result, err := (&exportedTable{table, l}).Enter(&c.told); result != c.result || err != nil {
			t.Errorf("%s: %v, %v", what, result, err)
		}
		want := [2]uint64{100 * c.elsewhere[0], 100 * c.elsewhere[1]}
		if l.id != c.after.ID || l.elsewhere.Packets != c.elsewhere || l.elsewhere.Bytes != want {
			t.Errorf("%s: %+v of flow %v, want %v packets", what, l.elsewhere, l.id, c.elsewhere)
		}
		if exported(table, nil) != pair.Table(table) {
			t.Errorf("%s: without an exporter it is another table", what)
		}
	}
}

// minus is less than nothing, as counters have it.
func minus(n uint64) uint64 { return -n }
