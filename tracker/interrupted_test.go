package tracker

import (
	"errors"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// answers is a table that answers look-ups with what was prepared, the last
// answer for ever. Where there is no error it hands out so many flows.
type answers struct {
	list  []answer
	asked int
	// rooms are how many flows each look-up had room for.
	rooms []int
}

type answer struct {
	flows int
	err   error
}

func (a *answers) BatchLookup(_ *ebpf.MapBatchCursor, keys, values any, _ *ebpf.BatchOptions) (int, error) {
	a.rooms = append(a.rooms, len(keys.([]kernelKey)))
	now := a.list[min(a.asked, len(a.list)-1)]
	a.asked++
	for i := range now.flows {
		values.([]kernelFlow)[i].Control = 7 << 32
	}
	return now.flows, now.err
}

// A look-up that lacks room gets more, one that was interrupted is made again,
// neither for ever; the end may bring flows, too.
func TestReadingTheTable(t *testing.T) {
	end := answer{2, ebpf.ErrKeyNotExist}
	for name, c := range map[string]struct {
		list  []answer
		flows int
		err   error
		last  int
	}{
		"all is well":       {[]answer{{3, nil}, end}, 5, nil, batchSize},
		"no room, twice":    {[]answer{{3, nil}, {0, unix.ENOSPC}, {0, unix.ENOSPC}, end}, 5, nil, 4 * batchSize},
		"never enough room": {[]answer{{0, unix.ENOSPC}}, 0, unix.ENOSPC, maxBatchSize},
		"interrupted":       {[]answer{{0, unix.EAGAIN}, {3, nil}, {0, unix.EINTR}, {0, unix.EAGAIN}, end}, 5, nil, batchSize},
		"never let through": {[]answer{{3, nil}, {0, unix.EAGAIN}}, 3, unix.EAGAIN, batchSize},
		"something else":    {[]answer{{0, unix.EBADF}}, 0, unix.EBADF, batchSize},
	} {
		t.Run(name, func(t *testing.T) {
			table, flows := &answers{list: c.list}, 0
			err := new(tableReader).each(table, func(_ *kernelKey, f *kernelFlow) {
				if f.ID() == 7 {
					flows++
				}
			})
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if last := table.rooms[len(table.rooms)-1]; flows != c.flows || last != c.last {
				t.Errorf("%d flows, room for %d in the end; want %d and %d", flows, last, c.flows, c.last)
			}
		})
	}
}

// Somebody sets the time of day: nothing expires, nothing gets older or younger
// than it is, and what is dated is by the new time.
func TestTimeOfDaySet(t *testing.T) {
	lab.Require(t)
	tr := filled(t, 10)
	for _, step := range []time.Duration{0, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		tr.now = func() time.Time { return time.Now().Round(0).Add(step) }
		done, err := tr.sweep(0)
		if err != nil || done.left != 10 {
			t.Fatalf("set by %s: %d flows are left, %v", step, done.left, err)
		}
		s, err := tr.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Until(s.Time) - step; len(s.Flows) != 10 || off.Abs() > time.Hour {
			t.Errorf("set by %s: %d flows, the snapshot is of %s", step, len(s.Flows), s.Time)
		}
		for _, f := range s.Flows {
			if f.Age < 0 || f.Age > time.Hour || f.Idle > time.Hour || f.Timeout-f.TTL(0) > time.Hour {
				t.Errorf("set by %s: %+v", step, f)
			}
		}
	}
}

// The times of events follow the time of day at once.
func TestClockOutdated(t *testing.T) {
	c := clock{wall: time.Now()}
	for _, x := range []struct {
		since, set time.Duration
		outdated   bool
	}{
		{time.Second, 0, false},
		{time.Second, clockStep / 2, false},
		{time.Second, time.Hour, true},
		{time.Second, -time.Hour, true},
		{clockRefresh + 1, 0, true},
	} {
		if got := c.outdated(x.since, c.wall.Add(x.since+x.set)); got != x.outdated {
			t.Errorf("after %s, set by %s: %v", x.since, x.set, got)
		}
	}
	if none := (clock{}); !none.outdated(time.Since(none.wall), time.Now()) {
		t.Error("a clock that was never read is not outdated")
	}
}
