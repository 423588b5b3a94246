package history

import (
	"testing"

	"ctop/tracker/flow"
)

// The columns of a large table are packed before they take much memory, and come back whole.
func TestLargeTable(t *testing.T) {
	large := newTable(150_000, 1, 0.1)
	before := large.second()
	now := large.second()
	w := new(writer)
	names, processes := newKnown[flow.ServerName](), newKnown[flow.Process]()
	c := chain{}
	for _, s := range []*flow.Snapshot{before, now} {
		f, g := c.encode(s)
		c.add(f, g)
		c.last = s
	}
	places := c.places()
	equalSnapshots(t, places[0].decode(nil), before)
	equalSnapshots(t, places[1].decode(nil), now)
	e := encoder{writer: w, before: &flow.Snapshot{}, now: now, processes: processes, names: names}
	e.encode()
	size := 0
	for _, column := range w.columns {
		size += cap(column)
	}
	t.Logf("columns of %d bytes for %d flows", size, len(now.Flows))
	if most := int(numColumns) * piece; size > most {
		t.Errorf("the columns of %d flows take %d bytes, more than %d", len(now.Flows), size, most)
	}
}
