package ui

import (
	"errors"
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
)

// Whoever may not act is told so at the key, before anything is asked or typed.
func TestRefusedAtTheKey(t *testing.T) {
	var tried []string
	refuse := func(a Attempt) error {
		tried = append(tried, fmt.Sprint(a.Kind, " ", len(a.Flows), " ", a.Count, " ", a.Timeout))
		return errors.New("viewer: read only")
	}
	for _, tt := range []struct {
		keys []string
		want []string
	}{
		{[]string{"d"}, []string{"delete 1 1 tcp_syn_sent"}},
		{[]string{"x"}, []string{"reset 1 1 tcp_syn_sent"}},
		{[]string{"space", "space", "x"}, []string{"reset 2 2 tcp_syn_sent"}},
		{[]string{"enter", "x"}, []string{"reset 1 1 tcp_syn_sent"}},
		{[]string{"D"}, []string{"delete 100 150 tcp_syn_sent"}},
		{[]string{"space", "space", "d"}, []string{"delete 2 2 tcp_syn_sent"}},
		{[]string{"+"}, []string{"flow_timeout 1 1 tcp_syn_sent"}},
		{[]string{"-"}, []string{"flow_timeout 1 1 tcp_syn_sent"}},
		{[]string{"P"}, []string{"flow_timeout 1 1 tcp_syn_sent"}},
		{[]string{"0"}, []string{"flow_timeout 1 1 tcp_syn_sent"}},
		{[]string{"enter", "d"}, []string{"delete 1 1 tcp_syn_sent"}},
		{[]string{"enter", "+"}, []string{"flow_timeout 1 1 tcp_syn_sent"}},
		{[]string{"t", "enter"}, []string{"timeout 0 1 tcp_syn_sent"}},
		{[]string{"t", "j", "0"}, []string{"timeout 0 1 tcp_syn_recv"}},
	} {
		t.Run(fmt.Sprint(tt.keys), func(t *testing.T) {
			tried = nil
			c := newConsole(t, 100, 24, flowsUpTo(150), WithRole("viewer"), WithRefusal(refuse))
			c.press(tt.keys...)
			c.shows("viewer: read only")
			if fmt.Sprint(tried) != fmt.Sprint(tt.want) || len(c.source.deleted)+len(c.source.timeouts) != 0 {
				t.Errorf("tried %q, want %q", tried, tt.want)
			}
		})
	}
	tried = nil
	c := newConsole(t, 100, 24, flowsUpTo(150), WithRefusal(refuse))
	c.hides("delete", "mark") // nor does the footer offer it
	c.press("/", "d0+", "esc", "2", "d", "3", "0", "4", "-", "1", "enter", "enter", "t", "esc")
	if len(tried) != 0 {
		t.Errorf("harmless keys were refused: %q", tried)
	}
}

// A console without an actor says so at the key, and the footer does not offer it.
func TestWithoutActor(t *testing.T) {
	for _, keys := range [][]string{{"d"}, {"x"}, {"D"}, {"+"}, {"-"}, {"P"}, {"0"}, {"enter", "d"}, {"t", "enter"}, {"t", "0"}} {
		c := newConsole(t, 100, 24, flowsUpTo(5))
		c.m = New(c.source, WithRenderer(c.m.options.renderer), WithClock(func() time.Time { return c.now }), WithInterval(1))
		c.send(tea.WindowSizeMsg{Width: 100, Height: 24})
		c.run(c.m.Init())
		c.shows("/ filter", "5/5")
		c.hides("delete", "mark")
		c.press(keys...)
		c.shows("what is shown here cannot be changed")
	}
}

// The header says as whom one is here, on small screens, too.
func TestRoleIsShown(t *testing.T) {
	for _, width := range []int{40, 80, 140} {
		c := newConsole(t, width, 24, flowsUpTo(5), WithRole("viewer"))
		c.pass(time.Second)
		c.shows("viewer")
	}
}

// The header says under which policy one acts: it goes after nothing but the names,
// the role and the flows.
func TestPolicyIsShown(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(465))
	c.shows("observe", "lost 0")
	c.press("p")
	c.shows("observe", "465 / 65,536 flows", "paused")
	c.source.snapshot = snapshotOf(c.now.Add(time.Second), flowsUpTo(5))
	c.source.snapshot.Policy = flow.PolicyEnforce
	c.press("p")
	c.pass(time.Second)
	c.press("p")
	c.shows("enforce", "paused")
}

// Where no file can be written the key says what would write one.
func TestExportElsewhere(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(100), WithExportElsewhere(func(what, filter string) string {
		return "ssh host " + what + " <" + filter + ">"
	}))
	c.press("e")
	c.shows("export: ssh host flows <>")
	c.press("/", "udp", "enter", "e")
	c.shows("export: ssh host flows <udp>")
	c.press("2", "e")
	c.shows("export: ssh host events <udp>")
	c.press("3", "e")
	c.shows("export: ssh host flows <udp>")
	c.press("1", "?")
	c.shows("the command that exports")
}
