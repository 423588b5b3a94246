package ui

import (
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"ctop/ui/order"
)

// BenchmarkFrame is what a key costs: an Update that moves the cursor, and a
// View. It must not depend on the number of flows.
func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{1000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := benchModel(n)
			keys := [...]tea.Msg{tea.KeyMsg{Type: tea.KeyDown}, tea.KeyMsg{Type: tea.KeyPgDown}}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				next, _ := m.Update(keys[i%len(keys)])
				m = next.(Model)
				_ = m.View()
				i++
			}
		})
	}
}

// BenchmarkArrange is what a snapshot costs, off the console's goroutine.
func BenchmarkArrange(b *testing.B) {
	for _, n := range []int{1000, 100000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := benchModel(n)
			request := m.request()
			for b.Loop() {
				order.Arrange(request)
			}
		})
	}
}

func benchModel(n int) Model {
	renderer := lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI))
	m := New(&fakeSource{}, WithRenderer(renderer), WithClock(func() time.Time { return start }))
	next, _ := m.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	m = next.(Model)
	m.target = snapshotOf(start, flowsUpTo(n))
	m.handleArranged(arrangedMsg{result: order.Arrange(m.request())})
	return m
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
