package collect

import (
	"fmt"
	"testing"

	"ctop/internal/lab"
)

// BenchmarkSnapshot reads tables of a thousand and of a million flows, alone and
// with the rates since the one before.
func BenchmarkSnapshot(b *testing.B) {
	lab.Require(b)
	for _, n := range []int{1_000, 1_000_000} {
		tr := filled(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s, err := tr.Snapshot(nil); err != nil || len(s.Flows) != n {
					b.Fatal(len(s.Flows), err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/collected", n), func(b *testing.B) {
			b.ReportAllocs()
			c := New(tr, Options{})
			for b.Loop() {
				if _, err := c.collect(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
