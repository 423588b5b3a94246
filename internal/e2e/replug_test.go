package e2e

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The cable is unplugged and plugged in during a transfer, which continues by
// itself: same connection, same flow, and everything that was sent arrives.
func TestCableDuringTransfer(t *testing.T) {
	r := newRig(t, tracker.Options{})
	client, server := r.connect(r.Server.Addr4())
	id := r.flow("tcp", flow.StateEstablished).ID
	ctx, cancel := context.WithCancel(r.ctx)
	sent, received := transfer(ctx, t, client, server)
	r.eventually("data arrive", func() bool { return received.Load() > 1<<20 })
	if err := r.Unplug(r.Server); err != nil {
		t.Fatal(err)
	}
	r.eventually("it says so", func() bool { return r.warns(r.Server.Port() + " gone") })
	r.replug()
	cut, plugged := received.Load(), time.Now()
	r.eventually("data arrive again", func() bool { return received.Load() > cut+1<<20 })
	t.Logf("data arrived again %s after the cable was back", time.Since(plugged).Round(time.Millisecond))
	if f := r.flow("tcp", flow.StateEstablished); f.ID != id {
		t.Errorf("the flow is %v, it was %v", f.ID, id)
	}
	cancel()
	r.eventually("all has arrived", func() bool { return received.Load() == sent() })
	r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
}

// The interval of snapshots does not matter.
func TestCableBetweenSnapshots(t *testing.T) {
	l, ctx := newLab(t)
	tr, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Lab: l, t: t, ctx: ctx, tracker: tr, collector: tracker.NewCollector(tr, tracker.CollectorOptions{Interval: time.Hour})}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.collector.Run(ctx) }()
	defer func() {
		cancel()
		if err := errors.Join(<-done, tr.Close()); err != nil {
			t.Error(err)
		}
	}()
	for range 2 { // the interface has another index then
		if err := r.Unplug(r.Server); err != nil {
			t.Fatal(err)
		}
		r.replug()
	}
}

// transfer sends zeros one way until ctx is done. received counts the bytes
// that have arrived; sent waits for the end and returns the number sent.
func transfer(ctx context.Context, t *testing.T, from, to net.Conn) (sent func() int64, received *atomic.Int64) {
	t.Helper()
	received = new(atomic.Int64)
	done := make(chan int64, 1)
	go func() {
		all, block := int64(0), make([]byte, 1<<14)
		for ctx.Err() == nil {
			n, err := from.Write(block)
			if all += int64(n); err != nil {
				break
			}
			time.Sleep(time.Millisecond) // the machine has other things to do
		}
		done <- all
	}()
	go func() {
		_, _ = io.Copy(writerFunc(func(p []byte) { received.Add(int64(len(p))) }), to)
	}()
	var all int64
	return func() int64 {
		select {
		case all = <-done:
		default:
		}
		return all
	}, received
}

type writerFunc func(p []byte)

func (w writerFunc) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// replug plugs in the server's cable, and announces it: its new interface has
// another MAC address, for which the client would ask only seconds later.
func (r *rig) replug() {
	r.t.Helper()
	if err := r.Plug(r.Server); err != nil {
		r.t.Fatal(err)
	}
	if err := lab.WaitPing(r.ctx, r.Server, r.Client.Addr4()); err != nil {
		r.t.Fatal(err)
	}
}

// warns reports whether the tracker now has a warning with some words.
func (r *rig) warns(words ...string) bool {
	for _, w := range r.collector.Snapshot().Warnings.Sentences() {
		all := true
		for _, word := range words {
			all = all && strings.Contains(w, word)
		}
		if all {
			return true
		}
	}
	return false
}

// An interface that returns with a foreign program is left alone. This is
// reported, the other side and the flows stay, and once the program is gone
// everything continues.
func TestForeignProgramOnReturn(t *testing.T) {
	r := newRig(t, tracker.Options{})
	r.connect(r.Server.Addr4())
	id := r.flow("tcp", flow.StateEstablished).ID
	port := r.Server.Port()
	if err := r.Unplug(r.Server); err != nil {
		t.Fatal(err)
	}
	ip(t, "link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1")
	detach := attachForeign(t, "foreign0")
	ip(t, "link", "set", "foreign0", "name", port)
	r.eventually("it says why it does not attach", func() bool { return r.warns("attach to "+port+" again", tracker.ErrBusy.Error()) })
	if f := r.flow("tcp", flow.StateEstablished); f.ID != id {
		t.Errorf("the flow is %v, it was %v", f.ID, id)
	}
	if s := r.collector.Snapshot(); s.Interfaces[0].Index == 0 || s.Interfaces[1].Index != 0 {
		t.Errorf("interfaces %+v", s.Interfaces)
	}
	ip(t, "link", "del", port)
	detach()
	r.replug()
	r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
	if err := lab.WaitPing(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Error(err)
	}
	if f := r.flow("tcp", flow.StateEstablished); f.ID != id {
		t.Errorf("the flow is %v, it was %v", f.ID, id)
	}
}

// A tracker left running is joined and taken down by the current names of its
// interfaces.
func TestRenamedMeanwhile(t *testing.T) {
	l, ctx := newLab(t)
	ports := []string{l.Client.Port(), l.Server.Port()}
	if o := runUnder(ctx, t, nil, append([]string{"--dump", "--keep", "--for", "100ms"}, ports...)...); o.status != 0 {
		t.Fatal(o.stderr)
	}
	rename := func(from, to string) {
		ip(t, "link", "set", from, "down")
		ip(t, "link", "set", from, "name", to)
		ip(t, "link", "set", to, "up")
	}
	rename(ports[1], "renamed")
	defer rename("renamed", ports[1])
	if o := runUnder(ctx, t, nil, "--dump", "-o", "json", "renamed", ports[0]); o.status != 0 || !strings.Contains(o.stdout, `"joined": true`) {
		t.Errorf("dump: exit status %d, %s%s", o.status, o.stdout, o.stderr)
	}
	if o := runUnder(ctx, t, nil, "down", ports[0], "renamed"); o.status != 0 {
		t.Errorf("down: %s", o.stderr)
	}
	if left, err := filepath.Glob("/sys/fs/bpf/ctop/*/*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
