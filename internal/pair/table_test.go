package pair

import (
	"time"

	"ctop/tracker/flow"
)

// table is a table in memory that does what the programs do.
type table struct {
	now      func() time.Time
	capacity int
	flows    map[flow.ToldKey]*entry
	// order has the keys in the order of their places.
	order         []flow.ToldKey
	made, ended   int
	paired, alive bool
	// changed is told of own flows that begin.
	changed func(flow.ToldKey)
	// refusals counts own flows that something was to be done with.
	ownEnded int
}

// entry is a flow, with its times as times of the machine.
type entry struct {
	told        flow.Told
	made, heard time.Time
	own         bool
}

func newTable(now func() time.Time, capacity int) *table {
	return &table{now: now, capacity: capacity, flows: map[flow.ToldKey]*entry{}, changed: func(flow.ToldKey) {}}
}

func (t *table) read(e *entry) flow.Told {
	told := e.told
	told.Age = t.now().Sub(e.made)
	told.Control &^= toldInherited
	if !e.own {
		told.Control |= toldInherited
	}
	for d := range told.Halves {
		told.Halves[d].Idle = t.now().Sub(e.heard)
	}
	return told
}

// The bits of an inherited flow, and of one whose end was missed (bpf/flow.h).
const (
	toldInherited = 1 << 6
	toldMissed    = 3 << 29
)

func (t *table) Flow(key *flow.ToldKey, told *flow.Told) (bool, error) {
	e := t.flows[*key]
	if e == nil {
		return false, nil
	}
	*told = t.read(e)
	return true, nil
}

func (t *table) Enter(told *flow.Told) (flow.Inherited, error) {
	if told.ID == 0 || told.State() == flow.StateNone {
		return flow.InheritedRefused, nil
	}
	e := t.flows[told.Key]
	switch {
	case e == nil && len(t.flows) == t.capacity:
		return flow.InheritedFull, nil
	case e == nil:
		e = t.add(told.Key)
	case e.own && e.told.ID != told.ID:
		return t.unite(e, told), nil
	case e.own && told.Idle()+heardLater >= t.now().Sub(e.heard):
		if t.now().Sub(e.heard)+heardLater < told.Idle() {
			return flow.InheritedBack, nil
		}
		return flow.InheritedOwn, nil
	case e.told.ID != told.ID:
		t.remove(told.Key)
		e = t.add(told.Key)
	}
	*e = entry{told: *told, made: t.now().Add(-told.Age), heard: t.now().Add(-told.Idle())}
	return flow.InheritedDone, nil
}

// heardLater is an eighth of a second, as in the programs for what passes both ways.
const heardLater = time.Second / 8

// unite lets the smaller ID stay of a flow that began on both machines.
func (t *table) unite(e *entry, told *flow.Told) flow.Inherited {
	if told.ID > e.told.ID {
		return flow.InheritedOwn
	}
	t.made++
	t.ended++
	*e = entry{told: *told, made: t.now().Add(-told.Age), heard: e.heard, own: true}
	t.changed(told.Key)
	return flow.InheritedDone
}

func (t *table) End(key *flow.ToldKey, id flow.ID, _ flow.Reason) (flow.Inherited, error) {
	e := t.flows[*key]
	switch {
	case e == nil:
		return flow.InheritedNone, nil
	case e.told.ID != id:
		return flow.InheritedOther, nil
	case e.own:
		t.ownEnded++
		e.told.Control |= toldMissed
		return flow.InheritedOwn, nil
	}
	t.remove(*key)
	return flow.InheritedDone, nil
}

func (t *table) Own(key *flow.ToldKey, id flow.ID) (flow.Inherited, error) {
	if e := t.flows[*key]; e != nil && e.told.ID == id && !e.own {
		e.own = true
		return flow.InheritedDone, nil
	}
	return flow.InheritedNone, nil
}

func (t *table) Part(from, n int, within time.Duration, visit func(*flow.Told)) (bool, error) {
	end := min(from+n, len(t.order))
	for i := from; i < end; i++ {
		if e := t.flows[t.order[i]]; e != nil {
			told := t.read(e)
			if within < 0 || !told.Inherited() && told.Idle() <= within {
				visit(&told)
			}
		}
	}
	return end < len(t.order) && from < end, nil
}

func (t *table) Glance(from, n int, visit func(*flow.Glance)) (bool, error) {
	return t.Part(from, n, -1, func(told *flow.Told) { visit(&told.Glance) })
}

func (t *table) Present() (int, error) { return t.made - t.ended, nil }

func (t *table) Pair(paired, alive bool) error {
	t.paired, t.alive = paired, alive
	return nil
}

func (t *table) add(key flow.ToldKey) *entry {
	e := new(entry)
	if _, again := t.flows[key]; !again {
		t.order = append(t.order, key)
	}
	t.flows[key] = e
	t.made++
	return e
}

func (t *table) remove(key flow.ToldKey) {
	delete(t.flows, key)
	for i, k := range t.order {
		if k == key {
			t.order = append(t.order[:i], t.order[i+1:]...)
			break
		}
	}
	t.ended++
}
