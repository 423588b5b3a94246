package main

import (
	"errors"

	"ctop/internal/ipfix"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// exportedTable is the table of a pair whose flows are exported: the exporter learns which
// counters are the partner's.
type exportedTable struct {
	pair.Table
	exporter interface {
		Enter(enter func() (flow.ID, ipfix.Passed))
	}
}

// exported returns a table as an exporter hears of it, if there is one.
func exported(table pair.Table, exporter *ipfix.Exporter) pair.Table {
	if exporter == nil {
		return table
	}
	return &exportedTable{table, exporter}
}

// Enter implements [pair.Table].
func (t *exportedTable) Enter(told *flow.Told) (result flow.Inherited, err error) {
	t.exporter.Enter(func() (id flow.ID, elsewhere ipfix.Passed) {
		var before, after flow.Told
		_, failed := t.Flow(&told.Key, &before)
		if result, err = t.Table.Enter(told); err != nil || failed != nil {
			err = errors.Join(err, failed)
			return 0, elsewhere
		}
		if before.ID == 0 && result == flow.InheritedDone {
			return told.ID, ipfix.PassedBy(told)
		}
		if _, err = t.Flow(&told.Key, &after); after.ID != before.ID {
			// Its flow ended under the other ID, with what passed here.
			return after.ID, ipfix.PassedBy(&after)
		}
		return after.ID, toldOf(&before, &after, told)
	})
	return result, err
}

// toldOf returns by how much counters changed to what was told. Others had packets meanwhile.
func toldOf(before, after, told *flow.Told) (elsewhere ipfix.Passed) {
	was, is, said := ipfix.PassedBy(before), ipfix.PassedBy(after), ipfix.PassedBy(told)
	for d := range is.Packets {
		if is.Packets[d] == said.Packets[d] {
			elsewhere.Packets[d] = is.Packets[d] - was.Packets[d]
		}
		if is.Bytes[d] == said.Bytes[d] {
			elsewhere.Bytes[d] = is.Bytes[d] - was.Bytes[d]
		}
	}
	return elsewhere
}
