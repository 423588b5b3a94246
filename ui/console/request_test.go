package console

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"ctop/internal/filter"
	"ctop/tracker/flow"
	"ctop/ui"
)

// wordsOf returns the payload of a command.
func wordsOf(text string) []byte { return gossh.Marshal(struct{ Text string }{text}) }

// What a session answers depends on what came before: a terminal once, one command, and nothing
// after it.
func TestRequestsInTurn(t *testing.T) {
	pty := gossh.Marshal(ptyRequest{Terminal: "xterm", Columns: 90, Rows: 30})
	window := gossh.Marshal(windowChange{Columns: 100, Rows: 40})
	type asked struct {
		kind    string
		payload []byte
		ok, run bool
	}
	for name, list := range map[string][]asked{
		"a console": {
			{"window-change", window, false, false},
			{"pty-req", pty[1:], false, false},
			{"pty-req", pty, true, false},
			{"pty-req", pty, false, false},
			{"window-change", window[1:], false, false},
			{"window-change", window, true, false},
			{"shell", nil, true, true},
		},
		"a command":     {{"exec", wordsOf("dump")[1:], false, false}, {"exec", wordsOf("dump -o json"), true, true}},
		"no terminal":   {{"shell", nil, true, true}},
		"no command":    {{"exec", wordsOf("  "), true, true}},
		"no words":      {{"exec", wordsOf(`dump "`), true, true}},
		"a long one":    {{"exec", wordsOf(strings.Repeat("x", maxCommand)), true, true}},
		"a longer one":  {{"exec", wordsOf(strings.Repeat("x", maxCommand+1)), true, true}},
		"a subsystem":   {{"subsystem", wordsOf("sftp"), true, true}},
		"a signal":      {{"signal", wordsOf("USR1"), true, false}},
		"a locale":      {{"env", gossh.Marshal(struct{ Name, Value string }{"LC_ALL", "C"}), false, false}},
		"LANG":          {{"env", gossh.Marshal(struct{ Name, Value string }{"LANG", "C"}), false, false}},
		"LANGUAGE":      {{"env", gossh.Marshal(struct{ Name, Value string }{"LANGUAGE", "C"}), false, false}},
		"what is begun": {{"begun", nil, false, false}},
	} {
		x := &session{size: newSize(), refused: map[string]bool{}}
		for i, a := range list {
			if a.kind == "begun" {
				x.started = true
				for _, kind := range []string{"pty-req", "shell", "exec", "subsystem"} {
					if ok, run := x.request(&gossh.Request{Type: kind, Payload: wordsOf("dump")}); ok || run != nil {
						t.Errorf("%s is taken after a command has begun", kind)
					}
				}
				continue
			}
			ok, run := x.request(&gossh.Request{Type: a.kind, Payload: a.payload})
			if ok != a.ok || (run != nil) != a.run {
				t.Errorf("%s: request %d, %s: %t, runs: %t", name, i, a.kind, ok, run != nil)
			}
		}
		if name == "a console" && (x.terminal != "xterm" || x.size.last.Width != 100 || x.size.last.Height != 40) {
			t.Errorf("it is a %s of %+v", x.terminal, x.size.last)
		}
	}
}

// The signals that would end a local command end the session's, others do not.
func TestSignalsThatEnd(t *testing.T) {
	for name, ends := range map[string]bool{"INT": true, "TERM": true, "HUP": true, "USR1": false, "": false} {
		x := &session{}
		x.ctx, x.cancel = context.WithCancelCause(t.Context())
		x.takeSignal(wordsOf(name))
		if x.takeSignal([]byte{1}); (context.Cause(x.ctx) != nil) != ends || ends && !errors.Is(context.Cause(x.ctx), errGone) {
			t.Errorf("%s ends it: %v", name, context.Cause(x.ctx))
		}
	}
}

// A weak RSA key is refused, one of 2048 bits is not.
func TestStrengthOfKeys(t *testing.T) {
	for bits, fine := range map[uint]bool{minRSABits - 1: false, minRSABits: true, minRSABits + 1: true} {
		public := &rsa.PublicKey{E: 65537, N: new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)}
		key, err := gossh.NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkStrength(key); (err == nil) != fine {
			t.Errorf("a key of %d bits: %v", bits, err)
		}
	}
}

// Who has proven no key is nobody.
func TestNobody(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.1")
	key := &Key{Comment: "ann"}
	for i, c := range []struct {
		permissions *gossh.Permissions
		want        bool
	}{
		{nil, false},
		{&gossh.Permissions{}, false},
		{&gossh.Permissions{ExtraData: map[any]any{proven{}: (*Key)(nil)}}, false},
		{&gossh.Permissions{ExtraData: map[any]any{proven{}: "ann"}}, false},
		{&gossh.Permissions{ExtraData: map[any]any{proven{}: key}}, true},
	} {
		who, ok := identify(&gossh.ServerConn{Permissions: c.permissions}, addr)
		if ok != c.want || ok && (who.key != key || who.addr != addr) {
			t.Errorf("%d: %+v, %t", i, who, ok)
		}
	}
}

// An attempt that is refused at its key is in the log with what it was about.
func TestRefusedAttemptSaysWhat(t *testing.T) {
	for what, want := range map[string][]string{"": nil, "filter tcp": {"filter tcp"}} {
		log := &page{}
		r := refusing{by: ann, log: log, lines: &thinned{}, clock: actingClock}
		if err := r.attempt(ui.Attempt{Act: flow.Act{Kind: flow.ActTimeout}, Count: 7, What: what}); !errors.Is(err, errViewer) || len(log.entries) != 1 {
			t.Fatalf("%v, %+v", err, log.entries)
		}
		if e := log.entries[0]; e.Count != 7 || what != "" && !slices.Equal(e.What, want) || e.Error != errViewer.Error() || !e.Time.Equal(actingAt) || e.Fingerprint != ann.Fingerprint {
			t.Errorf("%+v", e)
		}
	}
}

// takes is a capturer that notes what it is asked.
type takes struct {
	err   error
	ended int
	end   func(ui.Capture)
}

func (c *takes) Begin(_ filter.Filter, ended func(ui.Capture)) (ui.Capture, error) {
	c.end = ended
	return ui.Capture{Text: "capture"}, c.err
}

// End counts how often it is called.
func (c *takes) End() ui.Capture {
	c.ended++
	return ui.Capture{}
}

// State says nothing.
func (c *takes) State() ui.Capture { return ui.Capture{} }

// A capture that cannot be audited ends, and whoever began it hears when one ends. An error of a
// capture is in the log.
func TestAuditedCaptures(t *testing.T) {
	for name, c := range map[string]struct {
		begin, write, last error
		ended              int
	}{
		"fine": {}, "cannot begin": {begin: io.ErrShortWrite}, "cannot be audited": {write: io.ErrShortWrite, ended: 1}, "full disk": {last: io.ErrShortWrite},
	} {
		log, inner := &page{broken: c.write}, &takes{err: c.begin}
		var told []string
		a := audited{by: ann, log: log, clock: actingClock, notify: func(text string) { told = append(told, text) }}
		heard := 0
		captures, ok := a.Captures(inner).(interface {
			Begin(f filter.Filter, ended func(ui.Capture)) (ui.Capture, error)
		})
		if !ok {
			t.Fatal("it captures nothing")
		}
		_, err := captures.Begin(filter.Filter{}, func(ui.Capture) { heard++ })
		if failed := errors.Join(c.begin, c.write); (err != nil) != (failed != nil) || inner.ended != c.ended || len(log.entries) != 1 {
			t.Errorf("%s: %v, ended %d times, %+v", name, err, inner.ended, log.entries)
		}
		if e := log.entries[0]; (e.Error != "") != (c.begin != nil) || (e.Done == 1) != (c.begin == nil) || e.Act != "capture" {
			t.Errorf("%s: %+v", name, e)
		}
		inner.end(ui.Capture{Text: "tcp", Err: c.last})
		if e := log.entries[1]; heard != 1 || e.Act != "capture_end" || e.Done != 1 || (e.Error != "") != (c.last != nil) || len(told) == 0 {
			t.Errorf("%s: heard %d times, %+v", name, heard, e)
		}
	}
}
