package client_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// bare is a table without flows.
type bare struct{ pair.Table }

func (bare) Part(int, int, time.Duration, func(*flow.Told)) (bool, error) { return false, nil }
func (bare) Glance(int, int, func(*flow.Glance)) (bool, error)            { return false, nil }
func (bare) Present() (int, error)                                        { return 0, nil }
func (bare) Pair(bool, bool) error                                        { return nil }

// paired makes the key of a host of a pair.
func (w *world) paired(name string) *fleet.Credentials {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	if err := w.dir.AddPaired(name, "gate", path, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	c, err := fleet.ReadCredentials(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// half returns the options of a half of a pair that watches nothing, and says nothing.
func (w *world) half(c *fleet.Credentials, table pair.Table, capacity int, log *slog.Logger) standby.Options {
	return standby.Options{
		Name: "gate", Log: log, Link: link.Options{URL: w.url, Credentials: c},
		Pair:  pair.Options{Table: table, Capacity: capacity, Version: "test", Uptime: func() time.Duration { return time.Second }},
		Say:   func(flow.Pair) error { return nil },
		Watch: func(ctx context.Context, _ *pair.Pair) error { <-ctx.Done(); return nil },
	}
}

// greeting returns what a half of a pair says first.
func greeting(t *testing.T) (message []byte) {
	t.Helper()
	p := pair.New(pair.Options{
		Table: bare{}, Capacity: 1, Version: "test", Uptime: func() time.Duration { return time.Second },
		Send: func(m []byte) error { message = append(message, m...); return nil },
	})
	if err := p.Tick(); err != nil || message == nil {
		t.Fatalf("%v: %x", err, message)
	}
	return message
}

// A host beside a pair and a console, which have the server send a stored message to the
// subject of a half, are not taken for it.
func TestReflectedPartner(t *testing.T) {
	w := newWorld(t)
	one, two := w.paired("gate-1"), w.paired("gate-2")
	beside, vic := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleViewer, "vic")
	space, hello := one.Space(), greeting(t)
	half := standby.New(w.half(two, bare{}, 1, slog.New(slog.DiscardHandler)))
	partner := w.raw(one)
	said, err := partner.SubscribeSync(space.Pair("gate", "gate-2"))
	if err == nil {
		err = partner.FlushTimeout(waitTimeout)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- half.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if _, err := said.NextMsg(waitTimeout); err != nil { // it listens before it speaks
		t.Fatal(err)
	}
	host := w.raw(beside)
	if err := host.Publish(space.Heartbeat("edge-1"), hello); err != nil || host.FlushTimeout(waitTimeout) != nil {
		t.Fatal(err)
	}
	bad, get := w.raw(vic), "$JS.API.DIRECT.GET."+fleet.HostsStream
	w.stored(bad, space.Heartbeat("edge-1"))
	if err := bad.PublishRequest(get, space.Pair("gate", "evil"), []byte(`{"last_by_subj":"`+space.Heartbeat("edge-1")+`"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Request(get, []byte(`{"seq":1}`), waitTimeout); err != nil { // the server answers in order
		t.Fatal(err)
	}
	var s pair.Status
	w.eventually("the half has a partner", func() bool {
		if err := partner.Publish(space.Pair("gate", "gate-1"), hello); err != nil {
			t.Fatal(err)
		}
		s = half.Status()
		return s.Partner != ""
	})
	if s.Partner != "gate-1" || s.OtherForm != 0 {
		t.Errorf("%+v", s)
	}
}
