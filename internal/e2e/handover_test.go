package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf/link"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// "systemctl restart" with the unit's signal: no packet of a running connection is lost,
// the next process has the same flow, and ends the tracker when it is stopped.
func TestUnitHandsOver(t *testing.T) {
	v := newSupervisor(t, newServing(t))
	before := offloads(t, v.s.Lab)
	v.start()
	v.serves(0)
	v.s.talk("5001")
	id := v.flow()
	e := startEchoes(v.s.ctx, t, v.s.Lab)
	for range 3 {
		back := e.back.Load()
		v.s.eventually("echoes", func() bool { return e.back.Load() > back+100 })
		v.restart()
		if now := v.flow(); now != id {
			t.Errorf("the flow is %v, it was %v", now, id)
		}
	}
	if sent, back := e.stop(); sent != back {
		t.Errorf("%d of %d packets were lost", sent-back, sent)
	}
	v.stopped()
	checkDetached(t, v.s.Lab)
	if after := offloads(t, v.s.Lab); after != before {
		t.Errorf("offloads are %v, they were %v", after, before)
	}
}

// flow returns the id of the flow that talk made.
func (v *supervisor) flow() (id string) {
	v.t.Helper()
	o := runUnder(v.s.ctx, v.t, nil, "--dump", "-o", "json", "--filter", "proto:tcp port:5001")
	var dump struct {
		Flows []struct{ ID json.RawMessage }
	}
	if err := json.Unmarshal([]byte(o.stdout), &dump); err != nil || len(dump.Flows) != 1 {
		v.t.Fatalf("%v: %d flows: %s", err, len(dump.Flows), o.stderr)
	}
	return string(dump.Flows[0].ID)
}

// ctop down --all detaches whatever runs, and nothing is no failure.
func TestDownAll(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	for _, port := range []string{l.Client.Port(), l.Server.Port()} {
		o, err := tracker.Open(ctx, tracker.Options{Interfaces: []string{port}, Watch: true, Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if o := runUnder(ctx, t, nil, "down", "--all"); o.status != 0 || o.stdout+o.stderr != "" {
			t.Errorf("%+v", o)
		}
		checkDetached(t, l)
	}
}

// While "ctop down" puts the settings back, the owner of the tracker finds its programs
// detached: it does not change the settings again.
func TestTakenDownIsNotRepaired(t *testing.T) {
	r := newRig(t, tracker.Options{Mode: flow.ModeNative})
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/link[01]")
	if err != nil || len(pins) != 2 {
		t.Fatal(pins, err)
	}
	var links []link.Link
	for _, pin := range pins {
		l, err := link.LoadPinnedLink(pin, nil)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
		if err := os.Remove(pin); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range links {
		if err := errors.Join(l.Detach(), l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range []*lab.Host{r.Client, r.Server} {
		if err := h.SetOffload(false, lab.GRO); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range []*lab.Host{r.Client, r.Server} {
		r.eventually("it says so", func() bool {
			if on, err := h.Offload(lab.GRO); on || err != nil {
				t.Fatalf("it has changed the settings of %s again: %v", h.Name(), err)
			}
			return r.warns("attach to "+h.Port()+" again", "another ctop takes the tracker down")
		})
	}
	r.stop()
	checkDetached(t, r.Lab)
}
