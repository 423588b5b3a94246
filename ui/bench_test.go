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

	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/events"
	"ctop/ui/page"
)

// BenchmarkFrame is what a key costs in every view: an Update that moves the
// cursor, and a View. It must not depend on the number of flows.
func BenchmarkFrame(b *testing.B) {
	for _, key := range []string{"1", "2", "3", "4", "5"} {
		for _, n := range []int{1000, 1000000} {
			b.Run(fmt.Sprintf("view%s/%d", key, n), func(b *testing.B) {
				m := benchModel(n)
				m.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)})
				keys := [...]tea.Msg{tea.KeyMsg{Type: tea.KeyDown}, tea.KeyMsg{Type: tea.KeyPgDown}}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					next, _ := m.Update(keys[i%len(keys)])
					m.Model = next.(Model)
					_ = m.View()
					i++
				}
			})
		}
	}
}

// BenchmarkStorm is what a look at the source costs the console's goroutine, with
// what 100,000 events a second leave between two of them, and the frame after
// it: that long a key waits.
func BenchmarkStorm(b *testing.B) {
	m := benchModel(1000)
	m.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("2")})
	perLook := 100_000 / int(time.Second/DefaultInterval)
	batch := make([]flow.Event, perLook)
	for i := range batch {
		f := fakeFlow(i)
		batch[i] = flow.Event{Time: start, Type: flow.EventNew, ID: f.ID, Tuple: f.Tuple, To: f.State}
	}
	var next uint64
	for b.Loop() {
		next += uint64(perLook)
		m.take(look{now: start, events: batch, next: next})
		m.place()
		_ = m.View()
	}
	if want := next - uint64(perLook) - m.frame.Missed; want != next/uint64(perLook)*mostEvents-mostEvents {
		b.Errorf("%d of %d events are accounted for", m.frame.Missed, next)
	}
}

// BenchmarkCount is what the talkers and the overview cost for each snapshot,
// off the console's goroutine.
func BenchmarkCount(b *testing.B) {
	s := snapshotOf(start, flowsUpTo(1000000))
	b.Run("talkers", func(b *testing.B) {
		for b.Loop() {
			order.Talk(order.GroupRequest{Snapshot: s, By: order.GroupBy{Sort: order.GroupRate, Desc: true}})
		}
	})
	b.Run("opening", func(b *testing.B) {
		sources := make([]netip.Addr, events.Limit)
		for i := range sources {
			sources[i] = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		}
		for b.Loop() {
			order.NewOpening(sources)
		}
	})
	b.Run("overview", func(b *testing.B) {
		for b.Loop() {
			order.NewCount(s)
		}
	})
}

// BenchmarkArrange is what a snapshot costs, off the console's goroutine.
func BenchmarkArrange(b *testing.B) {
	for _, n := range []int{1000, 100000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := benchModel(n)
			request := order.Request{Snapshot: m.frame.Target, By: order.By{Key: "rate", Desc: true}, Before: m.flows.Rows()}
			for b.Loop() {
				order.Arrange(request)
			}
		})
	}
}

// benched is a model whose commands are run at once.
type benched struct{ Model }

func (m *benched) send(msg tea.Msg) {
	next, cmd := m.Update(msg)
	m.Model = next.(Model)
	m.run(cmd)
}

func (m *benched) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			m.run(c)
		}
	default:
		m.send(msg)
	}
}

func benchModel(n int) *benched {
	renderer := lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI))
	m := &benched{New(&fakeSource{}, WithRenderer(renderer), WithClock(func() time.Time { return start }))}
	m.send(tea.WindowSizeMsg{Width: 200, Height: 50})
	m.frame.Target = snapshotOf(start, flowsUpTo(n))
	m.frame.Latest = m.frame.Target
	m.run(m.frame.Broadcast(page.FilterChanged{}))
	return m
}
