package collect

import (
	"math/bits"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// account is the state of one flow according to its events.
type account struct {
	id flow.ID
	// Round is the number of the last reading that found the flow.
	kernel.Origin
}

// begin sets how the flow began.
func (a *account) begin(o kernel.Origin) {
	o.State, o.Round = a.State, a.Round
	a.Origin = o
}

// accounts finds accounts by flow ID. A million of them take half the memory of a Go
// map, and no more while their number grows. The zero value is empty.
type accounts struct {
	n int
	// chunks have the accounts, of which the first n are used.
	chunks []*[chunkSize]account
	// slots is a hash table with open addressing, at most half full. A slot is the number
	// of an account plus one, or 0 if it is empty.
	slots []uint32
}

const (
	chunkSize  = 1 << 10
	firstSlots = 1 << 6
)

// at returns account number i.
func (a *accounts) at(i int) *account { return &a.chunks[i/chunkSize][i%chunkSize] }

// slot returns the slot of an ID, or the empty slot where it belongs.
func (a *accounts) slot(id flow.ID) int {
	i := a.home(id)
	for a.slots[i] != 0 && a.at(int(a.slots[i]-1)).id != id {
		i = a.after(i)
	}
	return i
}

// home returns the first slot to look at for an ID, by Fibonacci hashing.
func (a *accounts) home(id flow.ID) int {
	return int(uint64(id) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(a.slots)-1))))
}

func (a *accounts) after(slot int) int { return (slot + 1) & (len(a.slots) - 1) }

// find returns the account of a flow, nil if there is none. It is valid until the next
// call of add or remove.
func (a *accounts) find(id flow.ID) *account {
	if a.n == 0 {
		return nil
	}
	if s := a.slots[a.slot(id)]; s != 0 {
		return a.at(int(s - 1))
	}
	return nil
}

// add returns a new account of a flow that has none.
func (a *accounts) add(id flow.ID) *account {
	if 2*(a.n+1) > len(a.slots) {
		a.grow()
	}
	if a.n == len(a.chunks)*chunkSize {
		a.chunks = append(a.chunks, new([chunkSize]account))
	}
	a.n++
	a.slots[a.slot(id)] = uint32(a.n)
	one := a.at(a.n - 1)
	*one = account{id: id}
	return one
}

// grow doubles the slots.
func (a *accounts) grow() {
	a.slots = make([]uint32, max(firstSlots, 2*len(a.slots)))
	for i := range a.n {
		slot := a.home(a.at(i).id)
		for a.slots[slot] != 0 {
			slot = a.after(slot)
		}
		a.slots[slot] = uint32(i + 1)
	}
}

// remove removes the account of a flow if there is one. The last account takes its number.
func (a *accounts) remove(id flow.ID) {
	if a.n == 0 {
		return
	}
	hole := a.slot(id)
	number := a.slots[hole]
	if number == 0 {
		return
	}
	last := a.at(a.n - 1)
	a.slots[a.slot(last.id)] = number
	*a.at(int(number - 1)) = *last
	a.empty(hole)
	if a.n--; a.n <= (len(a.chunks)-2)*chunkSize {
		a.chunks[len(a.chunks)-1] = nil
		a.chunks = a.chunks[:len(a.chunks)-1]
	}
}

// empty empties a slot, and moves others so that they are found.
func (a *accounts) empty(hole int) {
	for next := a.after(hole); a.slots[next] != 0; next = a.after(next) {
		home := a.home(a.at(int(a.slots[next] - 1)).id)
		// The slot stays if its home is behind the hole.
		if (next-home)&(len(a.slots)-1) < (next-hole)&(len(a.slots)-1) {
			continue
		}
		a.slots[hole] = a.slots[next]
		hole = next
	}
	a.slots[hole] = 0
}
