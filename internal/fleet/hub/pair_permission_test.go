package hub

import (
	"path/filepath"
	"testing"
	"time"

	"ctop/internal/fleet"
)

// A host of a pair speaks for itself only, and is heard by its partner alone.
func TestPairPermissions(t *testing.T) {
	r := run(t, Options{})
	for _, name := range []string{"gate-1", "gate-2"} {
		path := filepath.Join(t.TempDir(), name)
		if err := r.dir.AddPaired(name, "gate", path, time.Now()); err != nil {
			t.Fatal(err)
		}
		c, err := fleet.ReadCredentials(path)
		if err != nil {
			t.Fatal(err)
		}
		r.creds[name] = c
	}
	r.end()
	r.start(Options{})
	s := fleet.Space("main")
	gate, partner := r.connect("gate-1"), r.connect("gate-2")
	heard, err := partner.SubscribeSync(s.Pair("gate", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := partner.FlushTimeout(waitTimeout); err != nil {
		t.Fatal(err)
	}
	refused := func(p *peer, who string, publish, subscribe []string) {
		t.Helper()
		for _, subject := range publish {
			if err := p.Publish(subject, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			p.expectRefused(who + " that publishes " + subject)
		}
		for _, subject := range subscribe {
			if _, err := p.SubscribeSync(subject); err != nil {
				t.Fatal(err)
			}
			p.expectRefused(who + " that receives " + subject)
		}
	}
	refused(gate, "a host of the pair",
		[]string{s.Pair("gate", "gate-2"), s.Pair("gate", "edge-1"), s.Pair("other", "gate-1"), s.Pair("gate", "gate-1") + ".x", s.Heartbeat("gate-2"), s.Act("gate-2")},
		[]string{s.Pair("*", "*"), s.Pair("other", "*"), s.Pair("other", "gate-2"), "ctop.v1.main.pair.>", s.Act("gate-2"), s.Inbox("gate-2") + ".>"})
	for _, name := range []string{"edge-1", "ann", "bob"} {
		refused(r.connect(name), name,
			[]string{s.Pair("gate", "gate-1"), s.Pair("gate", name)},
			[]string{s.Pair("gate", "*"), s.Pair("gate", "gate-1"), s.Pair("*", "*"), s.Pair("gate", ">")})
	}
	if err := gate.Publish(s.Pair("gate", "gate-1"), []byte("mine")); err != nil {
		t.Fatal(err)
	}
	if m, err := heard.NextMsg(waitTimeout); err != nil || string(m.Data) != "mine" || s.PairHost(m.Subject) != "gate-1" {
		t.Errorf("%v: %v", err, m)
	}
}
