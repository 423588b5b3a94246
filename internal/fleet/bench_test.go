package fleet

import (
	"context"
	"testing"
)

// BenchmarkTop encodes and decodes the first rows of a host.
func BenchmarkTop(b *testing.B) {
	s := randomSnapshot(MaxTop)
	rows := rowsOf(s)
	pages, err := Pages(s, rows)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Pages(s, rows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodePage(context.Background(), pages[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
