package collect

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"ctop/tracker/flow"
)

// Accounts are found like the elements of a map, whatever comes and goes.
func TestAccounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, ids := range []uint64{10, 500, 20_000} {
		var a accounts
		want := map[flow.ID]uint32{}
		for round := range uint32(100_000) {
			id := flow.ID(random.Uint64N(ids) * (ids | 1))
			switch a.find(id); {
			case random.IntN(2+int(round/40_000)) != 0:
				a.remove(id)
				delete(want, id)
			default:
				one := a.find(id)
				if one == nil {
					one = a.add(id)
				}
				one.Round, want[id] = round, round
			}
		}
		if a.n != len(want) || len(a.chunks) > a.n/chunkSize+2 {
			t.Errorf("%d accounts in %d chunks, want %d", a.n, len(a.chunks), len(want))
		}
		for id := range flow.ID(ids) {
			id *= flow.ID(ids | 1)
			round, known := want[id]
			one := a.find(id)
			if known != (one != nil) || known && (one.id != id || one.Round != round) {
				t.Errorf("flow %d: %+v, want %d, %t", id, one, round, known)
			}
		}
		for i := a.n - 1; i >= 0; i-- {
			if id := a.at(i).id; i%2 == 0 {
				a.remove(id)
				delete(want, id)
			}
		}
		for i := range a.n {
			if _, known := want[a.at(i).id]; !known {
				t.Errorf("flow %d was removed", a.at(i).id)
			}
		}
		if a.n != len(want) {
			t.Errorf("%d accounts are left, want %d", a.n, len(want))
		}
	}
}

// A million flows take 64 MB of accounts.
func TestAccountIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(account{}); n > 64 {
		t.Errorf("an account takes %d bytes", n)
	}
}
