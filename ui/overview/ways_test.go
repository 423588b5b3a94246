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
	wire := fake.Snapshot(fake.Start.Add(time.Minute), nil)
	wire.Interfaces[0].In.Bytes = 1e9
	if h.Add(wire); len(h.now().ways) > 0 {
		t.Errorf("%v in a wire", h.now().ways)
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
