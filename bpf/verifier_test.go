package bpf

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/lab"
)

// mostVerified limits the instructions that the verifier processes per program: a tenth
// of its own limit, since each kernel counts differently.
const mostVerified = 100_000

// TestVerifier loads every program in every specialisation and reads how many
// instructions the verifier of this kernel processed.
func TestVerifier(t *testing.T) {
	lab.Require(t)
	for _, s := range specialised() {
		objects, err := loaded.get(s)
		ok(t, err)
		programs := map[string]*ebpf.Program{}
		for i, v := 0, reflect.ValueOf(objects.ConntrackPrograms); i < v.NumField(); i++ {
			programs[v.Type().Field(i).Tag.Get("ebpf")] = v.Field(i).Interface().(*ebpf.Program)
		}
		for _, name := range slices.Sorted(maps.Keys(programs)) {
			n, err := verified(programs[name])
			ok(t, err)
			t.Logf("%s: %d", name, n)
			if n > mostVerified {
				t.Errorf("%s took the verifier %d instructions, not %d at most, with %+v", name, n, mostVerified, s)
			}
		}
	}
}

// specialised returns all combinations of the constants that remove code, which this
// kernel can have.
func specialised() (all []setup) {
	for i := range 1 << 5 {
		all = append(all, setup{
			CompleteChecksums: i&1 != 0, SingleBuffer: i&2 != 0, Tracing: i&4 != 0, VerifyChecksums: i&8 != 0, ExactOctets: i&16 != 0,
		})
	}
	if !haveFrags() {
		all = slices.DeleteFunc(all, func(s setup) bool { return !s.SingleBuffer })
	}
	return all
}

// verified reads from the verifier's log how many instructions it processed.
func verified(p *ebpf.Program) (n int, err error) {
	_, count, found := strings.Cut(p.VerifierLog, "processed ")
	if !found {
		return 0, fmt.Errorf("the verifier says nothing of instructions: %q", p.VerifierLog)
	}
	_, err = fmt.Sscan(count, &n)
	return n, err
}
