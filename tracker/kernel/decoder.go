package kernel

import (
	"runtime"
	"sync"

	"ctop/internal/memory"
	"ctop/tracker/flow"
)

const (
	// MostDecoders is the number of processors that read a large table at the same
	// time. More would wait for the memory.
	MostDecoders = 2
	// alone is the number of places that one processor reads as fast as several.
	alone = 1 << 15
)

// Decoders returns the number of processors that read a table with so many flows.
func Decoders(flows int) int {
	if flows <= alone {
		return 1
	}
	return min(MostDecoders, runtime.GOMAXPROCS(0))
}

// together reports whether several processors read so many places, of which about so many
// have flows.
func together(places, expected int) bool {
	return Decoders(places) > 1 && places <= expected+expected/8
}

// decoder converts the flows of a table.
type decoder struct {
	table    *Table
	clock    Clock
	timeouts *flow.Timeouts
	// rates may be nil.
	rates *Rates
	// locals may be nil.
	locals *flow.Locals
}

// flows converts the flows at the places, in their order. expected is about the number
// of flows. waiting counts those that ended or expired and were not swept yet.
func (d *decoder) flows(places []kernelFlow, expected int) (flows []flow.Flow, waiting int) {
	if !together(len(places), expected) {
		flows = make([]flow.Flow, 0, RoomFor(expected))
		memory.Prepare(flows)
		flows, waiting = d.part(flows, places, 0)
		return flows, waiting
	}
	// Each part of the places has its own part of the result, with room for all of it.
	flows = d.rates.roomFor(len(places))
	parts := Decoders(len(places))
	size := (len(places) + parts - 1) / parts
	found, waits := make([]int, parts), make([]int, parts)
	var work sync.WaitGroup
	for i := range parts {
		from, to := i*size, min((i+1)*size, len(places))
		work.Go(func() {
			part, n := d.part(flows[from:from:to], places[from:to], from)
			found[i], waits[i] = len(part), n
		})
	}
	work.Wait()
	n := 0
	for i := range parts {
		n += copy(flows[n:], flows[i*size:i*size+found[i]])
		waiting += waits[i]
	}
	return flows[:n], waiting
}

// part appends the flows at some places, of which the first one is number first.
func (d *decoder) part(flows []flow.Flow, places []kernelFlow, first int) (_ []flow.Flow, waiting int) {
	var v kernelFlow
	for i := range places {
		if !copyFlow(&v, &places[i]) {
			d.rates.forget(first + i)
			continue
		}
		if len(flows) == cap(flows) {
			flows = append(flows, flow.Flow{})
		} else {
			flows = flows[:len(flows)+1]
		}
		f := &flows[len(flows)-1]
		flowFromKernel(f, &v, d.clock, d.timeouts)
		if f.TTL(0) <= 0 {
			flows = flows[:len(flows)-1]
			waiting++
			d.rates.forget(first + i)
			continue
		}
		if d.locals != nil {
			f.SetLocal(d.locals.Ends(&f.Tuple))
		}
		d.rates.set(first+i, f)
		d.table.ownerOf(&f.Holding, first+i, &v)
		d.table.nameFlow(first+i, f)
	}
	return flows, waiting
}
