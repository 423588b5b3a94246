package overview

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
	"ctop/ui/theme"
)

// watching returns a snapshot of interfaces that are watched, at a second.
func watching(second, interfaces int) *flow.Snapshot {
	s := fake.Snapshot(fake.Start.Add(time.Duration(second)*time.Second), fake.Flows(3))
	s.Interfaces = nil
	for i := range interfaces {
		n := uint64(1e6 / (i + 1) * second * (second%5 + 1))
		s.Interfaces = append(s.Interfaces, flow.Interface{
			Name: fmt.Sprintf("eth%d", i), Index: i + 2, Role: flow.RoleWatch, Up: true,
			In: flow.Volume{Bytes: n * uint64(second)}, Out: flow.Volume{Bytes: n / 8 * uint64(second)},
		})
	}
	return s
}

// TestWays are the rates of each interface and direction, from the counters of two
// snapshots.
func TestWays(t *testing.T) {
	var h History
	add := func(second int, outs, ins [2]uint64) []way {
		s := watching(second, 2)
		for i := range s.Interfaces {
			s.Interfaces[i].Out.Bytes, s.Interfaces[i].In.Bytes = outs[i], ins[i]
		}
		h.Add(s)
		return h.now().ways
	}
	for _, step := range []struct {
		second    int
		outs, ins [2]uint64
		want      []way
	}{
		{0, [2]uint64{100, 0}, [2]uint64{100, 0}, nil},
		{1, [2]uint64{200, 0}, [2]uint64{100, 0}, []way{{2, 800, 0}}},
		{3, [2]uint64{200, 50}, [2]uint64{300, 0}, []way{{2, 0, 800}, {3, 200, 0}}},
		{4, [2]uint64{0, 50}, [2]uint64{0, 1}, []way{{3, 0, 8}}}, // attached again
	} {
		if got := add(step.second, step.outs, step.ins); !slices.Equal(got, step.want) {
			t.Errorf("at %d s: %v, not %v", step.second, got, step.want)
		}
	}
	if list, more := h.busiest(1); !slices.Equal(list, []int{2}) || more != 1 {
		t.Errorf("the busiest is %v, and %d more", list, more)
	}
	if list, more := h.busiest(3); !slices.Equal(list, []int{2, 3}) || more != 0 {
		t.Errorf("the busiest are %v, and %d more", list, more)
	}
}

// TestWaysOfWire are what went through a wire there and back: what came in by either end.
func TestWaysOfWire(t *testing.T) {
	var h History
	for _, step := range []struct {
		second     int
		one, other uint64
		want       []way
	}{
		{60, 1000, 5000, nil},
		{62, 2000, 5500, []way{{2, 4000, 2000}}},
		{63, 0, 5500, nil}, // replaced by another interface
	} {
		s := fake.Snapshot(fake.Start.Add(time.Duration(step.second)*time.Second), nil)
		s.Interfaces[0].Index, s.Interfaces[1].Index = 2, 3
		s.Interfaces[0].In.Bytes = 1e9 // counts where an interface is watched
		s.Interfaces[0].ReceivedBytes, s.Interfaces[1].ReceivedBytes = step.one, step.other
		if h.Add(s); !slices.Equal(h.now().ways, step.want) {
			t.Errorf("at %d s: %v, not %v", step.second, h.now().ways, step.want)
		}
	}
}

// TestWayScreens draws five interfaces, of which the busiest have charts.
func TestWayScreens(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f, p := newPage(fake.Flows(1)...)
			for i := range 150 {
				s := watching(i, 5)
				f.Now, f.Latest, f.Shown = s.Time, s, s
				f.Send(page.SnapshotTaken{})
			}
			f.Send(page.ShownChanged{})
			p.SetSize(size[0], size[1])
			golden.RequireEqual(t, []byte(strings.Join(p.Lines(), "\n")))
		})
	}
}

// TestWayColours: out and in are told apart by more than their colours.
func TestWayColours(t *testing.T) {
	f, p := newPage(fake.Flows(1)...)
	f.Theme.Out, f.Theme.In = theme.New(2, false, false).Out, theme.New(2, false, false).In
	for i := range 3 {
		s := watching(i, 1)
		f.Now, f.Latest, f.Shown = s.Time, s, s
		f.Send(page.SnapshotTaken{})
	}
	f.Send(page.ShownChanged{})
	p.SetSize(80, 24)
	lines := strings.Join(p.Lines(), "\n")
	for _, want := range []string{"eth0    →", "        ←", "\x1b[36m", "\x1b[32m"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, lines)
		}
	}
}

// A chart that is full does not touch its label, however long that is.
func TestWayLabelAndChart(t *testing.T) {
	f, p := newPage(fake.Flows(1)...)
	for i := range 700 {
		s := watching(i%2, 1)
		s.Time = fake.Start.Add(time.Duration(i) * time.Second)
		s.Interfaces[0].Out.Bytes, s.Interfaces[0].In.Bytes = uint64(i)*2_150_000, uint64(i)*41_000_000
		f.Now, f.Latest, f.Shown = s.Time, s, s
		f.Send(page.SnapshotTaken{})
	}
	f.Send(page.ShownChanged{})
	p.SetSize(80, 24)
	if lines := strings.Join(p.Lines(), "\n"); !strings.Contains(lines, "max 17.2 Mb/s █") || !strings.Contains(lines, "max 328 Mb/s  █") {
		t.Errorf("the chart touches its label:\n%s", lines)
	}
}
