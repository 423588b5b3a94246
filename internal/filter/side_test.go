package filter

import (
	"errors"
	"testing"

	"ctop/tracker/flow"
)

// A term about the local end holds for the end that is this machine, wherever it stands.
func TestSides(t *testing.T) {
	served := tcp("10.9.0.7:51514", "192.0.2.1:443")
	served.Reply.Local, served.Tuple.Zone = true, 2
	called := tcp("192.0.2.1:40000", "10.9.0.8:5432")
	called.Origin.Local, called.Tuple.Zone, called.Outgoing = true, 2, true
	both := tcp("127.0.0.1:40000", "127.0.0.1:25")
	both.Tuple.Zone = 1
	both.SetLocal(flow.EndOrigin | flow.EndReply)
	none := tcp("10.9.0.7:51514", "192.0.2.1:443")
	for _, c := range []struct {
		text string
		// want are the answers for a flow that is served here, called from here, at lo,
		// and of others.
		want [4]bool
	}{
		{"local:443", [4]bool{true, false, false, false}},
		{"local:https", [4]bool{true, false, false, false}},
		{"remote:443", [4]bool{false, false, false, false}},
		{"local:192.0.2.1", [4]bool{true, true, false, false}},
		{"local:192.0.2.0/24", [4]bool{true, true, false, false}},
		{"local:192.0.2.*", [4]bool{true, true, false, false}},
		{"local:1-500", [4]bool{true, false, true, false}},
		{"local:443,5432,25", [4]bool{true, false, true, false}},
		{"remote:5432,25", [4]bool{false, true, true, false}},
		{"remote:10.0.0.0/8", [4]bool{true, true, false, false}},
		{"remote:127.0.0.1", [4]bool{false, false, true, false}},
		{"local!=443", [4]bool{false, true, true, true}},
		{"local 443", [4]bool{true, false, false, false}},
		{"dir:in", [4]bool{true, false, true, false}},
		{"dir:OUT", [4]bool{false, true, false, false}},
		{"dir:in,out", [4]bool{true, true, true, false}},
		{"dir:out remote:10.9.0.8 remote:5432", [4]bool{false, true, false, false}},
	} {
		f, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for i, of := range []*flow.Flow{served, called, both, none} {
			if got := f.Match(of); got != c.want[i] {
				t.Errorf("%s matches flow %d: %t", c.text, i, got)
			}
		}
	}
	for text, column := range map[string]int{
		"local:": 1, "dir:up": 5, "local:70000": 7, "tcp local:443-80": 11, "remote:10.0.0.0/40": 8, "local>443": 7, "local:nobody.": 7,
	} {
		var e *Error
		if _, err := Parse(text); !errors.As(err, &e) || e.Column != column {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Events have these terms, and the interface; the packets of a trace have no local end.
func TestSidesOfEvents(t *testing.T) {
	e := flow.Event{Type: flow.EventNew, Interface: "eth0", Reply: flow.Half{Local: true}, Tuple: tcp("10.9.0.7:51514", "192.0.2.1:443").Tuple}
	for text, want := range map[string]bool{"if:eth0": true, "if:eth1": false, "local:443 if:eth0": true, "remote:443": false, "!if:eth0": false} {
		f, err := Parse(text)
		if err != nil || f.CheckEvents() != nil {
			t.Fatalf("%s: %v, %v", text, err, f.CheckEvents())
		}
		if got := f.MatchEvent(&e); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	for text, traced := range map[string]bool{"local:443": false, "remote:443": false, "dir:in": true, "if:eth0": true} {
		if f, err := Parse(text); err != nil || (f.CheckTraces() == nil) != traced {
			t.Errorf("%s: %v, %v", text, err, f.CheckTraces())
		}
	}
}
