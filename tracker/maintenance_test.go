package tracker

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

// said returns the lines of a log since the last call.
func said(b *bytes.Buffer) string {
	defer b.Reset()
	return b.String()
}

// What changes at the interfaces is logged once: their use by the machine, and MTUs that
// differ.
func TestChangesAreLoggedOnce(t *testing.T) {
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	l, ports := filterLab(t)
	var log bytes.Buffer
	tracker, err := Open(ctx, Options{
		Interfaces: []string{l.Client.Port(), l.Server.Port()}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	m := maintenance{tracker: tracker}
	look := func() string {
		said(&log)
		tracker.attachments.ForgetUses()
		m.logUses()
		m.logMTUs()
		m.logBehind()
		return said(&log)
	}
	addr, err := netlink.ParseAddr("198.51.100.1/24")
	must(t, err)
	steps := []struct {
		change func() error
		want   string
	}{
		{func() error { return nil }, ""},
		{func() error { return netlink.AddrAdd(ports[0], addr) }, "level=WARN"},
		{func() error { return nil }, ""},
		{func() error { return netlink.AddrDel(ports[0], addr) }, "the machine no longer uses " + l.Client.Port()},
		{func() error { return netlink.LinkSetMTU(ports[1], 1400) }, "1400"},
		{func() error { return nil }, ""},
		{func() error { return netlink.LinkSetMTU(ports[1], 1500) }, ""},
		{func() error { return netlink.LinkSetMTU(ports[1], 1400) }, "1400"},
	}
	for i, step := range steps {
		must(t, step.change())
		got := look()
		if step.want == "" && got != "" || !strings.Contains(got, step.want) || strings.Count(got, "\n") > 1 {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
		if step.want == "level=WARN" && (!strings.Contains(got, "198.51.100.1") || !strings.Contains(got, "takes every packet")) {
			t.Errorf("step %d: %q", i, got)
		}
	}
}
