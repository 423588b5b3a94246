package tracker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// TestFilter runs tc mode as on a kernel without tcx: packets pass and are
// tracked, and nothing is left, whichever way the tracker ends.
func TestFilter(t *testing.T) {
	lab.Require(t)
	for _, tt := range []struct {
		name string
		// foreign says that the qdisc is there before, and must stay.
		foreign bool
		end     func(context.Context, *Tracker) error
	}{
		{"closed", false, func(_ context.Context, t *Tracker) error { return t.Close() }},
		{"closed, qdisc of somebody else", true, func(_ context.Context, t *Tracker) error { return t.Close() }},
		{"crashed, taken down", false, takeDown},
		{"crashed, taken down, qdisc of somebody else", true, takeDown},
		{"crashed, adopted and closed", false, adoptAndClose},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			l, ports := filterLab(t)
			if tt.foreign {
				for _, port := range ports {
					must(t, addClsact(port))
				}
			}
			tracker, err := Open(ctx, Options{
				Interfaces: []string{l.Client.Port(), l.Server.Port()}, Mode: flow.ModeTC, filter: true,
			})
			must(t, err)
			for i, port := range ports {
				if n := countFilters(t, port); n != 1 {
					t.Errorf("interface %d has %d filters", i, n)
				}
			}
			must(t, lab.Transfer(ctx, l.Client, l.Server, l.Server.Addr4(), 1<<20))
			s, err := tracker.Snapshot()
			must(t, err)
			// A SYN that is answered late is sent again, and is new both times.
			if s.Counters.FlowsCreated != 1 || s.Counters.New == 0 || s.Counters.Invalid != 0 || s.Counters.Bytes < 2<<20 {
				t.Errorf("the tracker counted %+v", s.Counters)
			}
			must(t, tt.end(ctx, tracker))
			for i, port := range ports {
				has, err := hasClsact(port)
				must(t, err)
				if has != tt.foreign || countFilters(t, port) != 0 {
					t.Errorf("interface %d has a qdisc: %t, and %d filters", i, has, countFilters(t, port))
				}
			}
		})
	}
}

// crash leaves a tracker as a process does that is killed.
func crash(t *Tracker) error {
	t.hold.BeginClose()
	t.readers.Close()
	t.attachments.Close()
	t.objects.Close()
	t.hold.Release()
	return nil
}

func takeDown(ctx context.Context, t *Tracker) error {
	sides := t.Interfaces()
	return errors.Join(crash(t), Down(ctx, sides[0], sides[1]))
}

func adoptAndClose(ctx context.Context, t *Tracker) error {
	sides := t.Interfaces()
	before, err := filterProgram(t)
	if err := errors.Join(err, age(t), crash(t)); err != nil {
		return err
	}
	next, err := Open(ctx, Options{Interfaces: sides})
	if err != nil {
		return err
	}
	if !next.Joined() {
		return errors.Join(errors.New("the tracker was not joined"), next.Close())
	}
	after, err := filterProgram(next)
	if err == nil && (after == before || after == 0) {
		err = fmt.Errorf("program %d runs, it was %d", after, before)
	}
	return errors.Join(err, next.Close())
}

// age makes a tracker one of another version.
func age(t *Tracker) error {
	d := t.hold.Description()
	d.Programs = "of another version"
	text, err := json.Marshal(d)
	return errors.Join(err, t.objects.WriteMeta(text))
}

// filterProgram returns the program that hangs in the only filter of the first
// interface.
func filterProgram(t *Tracker) (id int, err error) {
	l, err := netlink.LinkByIndex(t.hold.Points()[0].Index)
	if err != nil {
		return 0, err
	}
	filters, err := filtersOf(l)
	if err == nil && len(filters) != 1 {
		err = fmt.Errorf("%d filters", len(filters))
	}
	if err != nil {
		return 0, err
	}
	return filters[0].Id, nil
}

// filtersOf lists the tracker's filters on an interface.
func filtersOf(l netlink.Link) (ours []*netlink.BpfFilter, err error) {
	if has, err := hasClsact(l); err != nil || !has {
		return nil, err
	}
	filters, err := netlink.FilterList(l, netlink.HANDLE_MIN_INGRESS)
	for _, f := range filters {
		if bpf, ok := f.(*netlink.BpfFilter); ok && bpf.Name == "ctop_tc" {
			ours = append(ours, bpf)
		}
	}
	return ours, err
}

func hasClsact(l netlink.Link) (bool, error) {
	qdiscs, err := netlink.QdiscList(l)
	return slices.ContainsFunc(qdiscs, func(q netlink.Qdisc) bool { return q.Type() == "clsact" }), err
}

// addClsact adds the qdisc, as somebody else may have done.
func addClsact(l netlink.Link) error {
	return netlink.QdiscAdd(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	})
}

func filterLab(t *testing.T) (*lab.Lab, [2]netlink.Link) {
	t.Helper()
	l, err := lab.New(t.Context(), lab.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	var ports [2]netlink.Link
	for i, host := range []*lab.Host{l.Client, l.Server} {
		ports[i], err = netlink.LinkByName(host.Port())
		must(t, err)
	}
	return l, ports
}

func countFilters(t *testing.T, port netlink.Link) int {
	t.Helper()
	filters, err := filtersOf(port)
	must(t, err)
	return len(filters)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
