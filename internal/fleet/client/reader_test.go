package client_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/client"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// shown waits until a reader shows what holds, and returns the snapshot.
func shown(w *world, r *client.Reader, what string, holds func(s *flow.Snapshot) bool) *flow.Snapshot {
	w.t.Helper()
	var s *flow.Snapshot
	w.eventually(what, func() bool {
		s = r.Snapshot()
		return s != nil && holds(s)
	})
	return s
}

// The first rows of a fleet are those of all its flows, by any order. They come again when
// another filter is typed, and nothing is sent when nobody looks.
func TestReader(t *testing.T) {
	w := newWorld(t)
	const hosts, flows = 20, 300
	ann := w.key(fleet.RoleOperator, "ann")
	var all []flow.Flow
	var agents []*agent.Agent
	for i := range hosts {
		s := newSource(1+i*flows, flows)
		for j := range s.snapshot.Load().Flows { // rates that cross all hosts
			f := &s.snapshot.Load().Flows[j]
			f.Origin.BPS = float64((uint64(f.ID) * 2654435761) % 4096)
			all = append(all, *f)
		}
		a, _ := w.host(w.key(fleet.RoleHost, "h"+strconv.Itoa(i)), s)
		agents = append(agents, a)
	}
	c := w.client(ann)
	w.eventually("all hosts", func() bool { return len(strings.Fields(here(t, c))) == hosts })
	r, err := c.NewReader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, v := range []struct{ filter, by string }{{"", "rate:desc"}, {"", "id:asc"}, {"src:10.0.1.0/24", "rate:desc"}, {"on:h7", "age:desc"}} {
		r.Show(v.filter, v.by)
		full := &flow.Snapshot{Interfaces: make([]flow.Interface, hosts)}
		for i := range all {
			f := all[i]
			f.In = uint16((int(f.ID) - 1) / flows)
			full.Interfaces[f.In] = flow.Interface{Name: "eth0", Host: fmt.Sprintf("h%d", f.In)}
			full.Flows = append(full.Flows, f)
		}
		view := fleet.View{Filter: v.filter, Sort: v.by}
		f, by, err := view.Parse()
		if err != nil {
			t.Fatal(err)
		}
		want := ids(order.First(full, f, by, fleet.MaxTop).Rows)
		shown(w, r, "the first of "+v.filter+" by "+v.by, func(s *flow.Snapshot) bool {
			return slices.Equal(ids(order.First(s, f, by, fleet.MaxTop).Rows), want)
		})
		w.eventually("all hosts say how many flows they have", func() bool { return r.State().Flows == hosts*flows })
	}
	if o, err := r.Inspect(context.Background(), flow.Ref{ID: 7*flows + 1}); err != nil || o.NAT == nil {
		t.Errorf("%v: %+v", err, o)
	}
	r.Close()
	w.eventually("no lease lives", func() bool {
		return !slices.ContainsFunc(agents, func(a *agent.Agent) bool { return a.Stats().Watches > 0 })
	})
}

func ids(rows []*flow.Flow) (list []flow.ID) {
	for _, f := range rows {
		list = append(list, f.ID)
	}
	return list
}

// BenchmarkFleet has 1,000 agents of 1,000 flows, in one process with hub and console. It
// reports what idle agents send, how long a typed filter takes to fill the screen, what comes
// into the console then, and the memory of all together.
func BenchmarkFleet(b *testing.B) {
	const hosts, flows, idle, live = 1000, 1000, 30 * time.Second, 10 * time.Second
	w := newWorld(b)
	var agents []*agent.Agent
	shared := newSource(1, flows)
	ann := w.key(fleet.RoleOperator, "ann")
	for i := range hosts {
		a, _ := w.host(w.key(fleet.RoleHost, "h"+strconv.Itoa(i)), shared)
		agents = append(agents, a)
	}
	c := w.client(ann)
	w.within(5*time.Minute, "all hosts", func() bool { return len(c.Known()) == hosts })
	sent := func() (bytes uint64) {
		for _, a := range agents {
			bytes += a.Stats().Bytes
		}
		return bytes
	}
	for b.Loop() {
		before := sent()
		time.Sleep(idle)
		b.ReportMetric(float64(sent()-before)/idle.Seconds()/1000, "idle-kB/s")
		r, err := c.NewReader(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		full := func() bool { return r.State().Flows == hosts*flows }
		w.within(5*time.Minute, "rows of all hosts", full)
		began := time.Now()
		r.Show("dport:443 out_rate>1", "out_bytes:desc")
		w.within(5*time.Minute, "the filter", full)
		if n := len(r.Snapshot().Flows); n < hosts*fleet.MaxTop*9/10 {
			b.Errorf("%d rows", n)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/filter")
		before = sent()
		for end := time.Now().Add(live); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
			r.Snapshot()
		}
		b.ReportMetric(float64(sent()-before)/live.Seconds()/1e6, "MB/s")
		r.Close()
	}
	b.ReportMetric(resident(b), "MB-all")
}

// resident returns the anonymous memory of the process, in megabytes.
func resident(t testing.TB) float64 {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "RssAnon:" {
			kb, _ := strconv.ParseFloat(fields[1], 64) // the kernel writes numbers
			return kb / 1000
		}
	}
	return 0
}
