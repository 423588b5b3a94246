package leaving

import (
	"errors"
	"strings"
	"testing"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// ending is a tracker that ends with the console, or goes on.
type ending struct {
	ends, keepable, kept bool
	err                  error
}

func (e *ending) Ends() bool     { return e.ends }
func (e *ending) Keepable() bool { return e.keepable }

func (e *ending) Keep() error {
	e.kept = e.err == nil
	return e.err
}

func newDialog(e Ending) (*fake.Frame, *Dialog) {
	f := fake.NewFrame(fake.Flows(1)...)
	f.With(page.Base{})
	d := New(f.Frame, e)
	return f, d
}

func TestLeave(t *testing.T) {
	f, d := newDialog(nil)
	if f.Run(d.Leave()); !f.Quit {
		t.Error("it does not quit without an ending")
	}
	f, d = newDialog(&ending{keepable: true})
	if f.Run(d.Leave()); !f.Quit || f.Dialog() != nil {
		t.Error("it asks though the tracker goes on")
	}
	f, d = newDialog(&ending{ends: true, keepable: true})
	if f.Run(d.Leave()); f.Quit || f.Dialog() != page.Dialog(d) {
		t.Error("it does not ask")
	}
	box := strings.Join(d.Box(80, 24), "\n")
	for _, want := range []string{"stop forwarding?", "then nothing passes veth1 ⇄ veth2", "s stop   k keep running   Esc stay"} {
		if !strings.Contains(box, want) {
			t.Errorf("no %q in\n%s", want, box)
		}
	}
	if got := d.Footer(80, 0)[0]; !strings.HasPrefix(got, " s stop   k keep running   Esc stay") {
		t.Errorf("%q", got)
	}
}

// A watched interface goes on without the tracker, and the question says so.
func TestLeaveWatched(t *testing.T) {
	f, d := newDialog(&ending{ends: true, keepable: true})
	for i := range f.Latest.Interfaces {
		f.Latest.Interfaces[i].Role = flow.RoleWatch
	}
	f.Run(d.Leave())
	box := strings.Join(d.Box(80, 24), "\n")
	for _, want := range []string{"stop watching?", "it forgets its flows; the traffic goes on", "s stop   k keep running   Esc stay"} {
		if !strings.Contains(box, want) {
			t.Errorf("no %q in\n%s", want, box)
		}
	}
	if strings.Contains(box, "forwarding") || strings.Contains(box, "nothing passes") {
		t.Errorf("a watched interface forwards nothing by the tracker:\n%s", box)
	}
}

func TestAnswers(t *testing.T) {
	for key, want := range map[string]struct{ quit, kept, open bool }{
		"s": {quit: true, open: true}, "k": {quit: true, kept: true, open: true}, "esc": {}, "n": {}, "y": {open: true},
	} {
		e := &ending{ends: true, keepable: true}
		f, d := newDialog(e)
		f.Run(d.Leave())
		f.Press(key)
		if f.Quit != want.quit || e.kept != want.kept || (f.Dialog() != nil) != want.open {
			t.Errorf("%s: quit %t, kept %t, open %t", key, f.Quit, e.kept, f.Dialog() != nil)
		}
	}
	e := &ending{ends: true}
	f, d := newDialog(e)
	f.Run(d.Leave())
	if f.Press("k"); f.Quit || e.kept || strings.Contains(d.Footer(80, 0)[0], "keep") {
		t.Error("it keeps what cannot be kept")
	}
	e = &ending{ends: true, keepable: true, err: errors.New("no room")}
	f, d = newDialog(e)
	f.Run(d.Leave())
	if f.Press("k"); f.Quit || f.Dialog() != nil || f.Said() != "no room" {
		t.Errorf("quit %t, said %q", f.Quit, f.Said())
	}
}

func TestKeysBeforeTheQuestionAnswerIt(t *testing.T) {
	e := &ending{ends: true, keepable: true}
	f, d := newDialog(e)
	if d.TakeKey(fake.Keys("k")[0]) {
		t.Fatal("a key is taken though nobody wants to leave")
	}
	cmd := d.Leave()
	if !d.TakeKey(fake.Keys("k")[0]) {
		t.Fatal("a key is not for the question that is coming")
	}
	if f.Run(cmd); !f.Quit || !e.kept {
		t.Errorf("quit %t, kept %t", f.Quit, e.kept)
	}
	if d.TakeKey(fake.Keys("k")[0]) {
		t.Error("a key is held back while the question is there")
	}
}

func TestInterrupt(t *testing.T) {
	f, d := newDialog(&ending{ends: true})
	f.Run(d.Interrupt())
	if f.Quit || f.Dialog() == nil {
		t.Fatal("the first one does not ask")
	}
	if f.Run(d.Interrupt()); !f.Quit {
		t.Error("the second one does not quit")
	}
	// Also before the question is there, but not after another key.
	f, d = newDialog(&ending{ends: true})
	d.Interrupt()
	if f.Run(d.Interrupt()); !f.Quit {
		t.Error("the second one waits for the question")
	}
	f, d = newDialog(&ending{ends: true})
	d.Interrupt()
	d.TakeKey(fake.Keys("x")[0])
	if f.Run(d.Interrupt()); f.Quit {
		t.Error("one after another key quits")
	}
}
