package ui

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// start is when every test begins.
var start = fake.Start

// fakeSource is a tracker that does what a test tells it.
type fakeSource struct {
	snapshot *flow.Snapshot
	events   []flow.Event
	err      error

	deleted  []flow.Ref
	timeouts []string
	// at are the hosts of the last change of a timeout.
	at []string
}

func (s *fakeSource) Snapshot() *flow.Snapshot { return s.snapshot }

func (s *fakeSource) Events(after uint64) ([]flow.Event, uint64) {
	n := uint64(len(s.events))
	return s.events[min(after, n):], n
}

// Act takes one of the flows to delete for one that is gone.
func (s *fakeSource) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	switch act.Kind {
	case flow.ActDelete:
		s.deleted = append(s.deleted, act.Flows...)
		return flow.Outcome{Done: len(act.Flows) - 1, Gone: 1}, s.err
	case flow.ActTimeout:
		s.at = act.Hosts
		s.timeouts = append(s.timeouts, fmt.Sprintf("%s=%s", act.Timeout, act.Duration))
	case flow.ActFlowTimeout:
		s.timeouts = append(s.timeouts, fmt.Sprintf("%d=%s", act.Flows[0].ID, act.Duration))
	}
	return flow.Outcome{Done: 1}, s.err
}

// console drives a model the way bubbletea would, but for the passing of time.
type console struct {
	t      *testing.T
	m      Model
	source *fakeSource
	now    time.Time
	out    bytes.Buffer
	quit   bool
	// redrawn counts how often everything was drawn again.
	redrawn int
}

func newConsole(t *testing.T, width, height int, flows []flow.Flow, opts ...Option) *console {
	t.Helper()
	c := &console{t: t, source: &fakeSource{}, now: start}
	if flows != nil {
		c.source.snapshot = snapshotOf(start, flows)
	}
	renderer := lipgloss.NewRenderer(&c.out, termenv.WithProfile(termenv.Ascii))
	opts = append([]Option{
		WithRenderer(renderer), WithClock(func() time.Time { return c.now }), WithInterval(time.Nanosecond),
	}, opts...)
	c.m = New(c.source, append(opts, WithActor(c.source))...)
	c.send(tea.WindowSizeMsg{Width: width, Height: height})
	c.run(c.m.Init())
	return c
}

// send gives the model a message and runs what comes of it.
func (c *console) send(msg tea.Msg) {
	next, cmd := c.m.Update(msg)
	c.m = next.(Model)
	c.run(cmd)
}

func (c *console) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	if msg == tea.ClearScreen() {
		c.redrawn++
	}
	switch msg := msg.(type) {
	case nil, tickMsg:
	case tea.QuitMsg:
		c.quit = true
	case tea.BatchMsg:
		for _, inner := range msg {
			c.run(inner)
		}
	default:
		c.send(msg)
	}
}

// pass lets time go by up to the next tick.
func (c *console) pass(d time.Duration) {
	c.now = c.now.Add(d)
	c.send(tickMsg{c.m.generation})
}

// publish replaces the snapshot and lets the console look.
func (c *console) publish(flows []flow.Flow, d time.Duration) {
	c.source.snapshot = snapshotOf(c.now.Add(d), flows)
	c.pass(d)
}

var namedKeys = map[string]tea.KeyType{
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab,
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
	"f1": tea.KeyF1, "f3": tea.KeyF3, "f4": tea.KeyF4, "f5": tea.KeyF5, "f6": tea.KeyF6, "f9": tea.KeyF9, "f10": tea.KeyF10,
	"ctrl+z": tea.KeyCtrlZ, "backspace": tea.KeyBackspace, "ctrl+b": tea.KeyCtrlB, "ctrl+f": tea.KeyCtrlF, "ctrl+c": tea.KeyCtrlC, "ctrl+l": tea.KeyCtrlL, "space": tea.KeySpace,
}

// press sends keys by name; anything without a name is typed.
func (c *console) press(keys ...string) {
	for _, k := range keys {
		if named, ok := namedKeys[k]; ok {
			msg := tea.KeyMsg{Type: named}
			if named == tea.KeySpace {
				msg.Runes = []rune{' '}
			}
			c.send(msg)
			continue
		}
		for _, r := range k {
			c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
		}
	}
}

func (c *console) shows(texts ...string) {
	c.t.Helper()
	screen := c.m.View()
	for _, text := range texts {
		if !strings.Contains(screen, text) {
			c.t.Fatalf("the screen does not show %q:\n%s", text, screen)
		}
	}
}

func (c *console) hides(texts ...string) {
	c.t.Helper()
	screen := c.m.View()
	for _, text := range texts {
		if strings.Contains(screen, text) {
			c.t.Fatalf("the screen shows %q:\n%s", text, screen)
		}
	}
}

// cursor returns the line that the cursor is on.
func (c *console) cursor() string {
	for line := range strings.SplitSeq(c.m.View(), "\n") {
		if strings.HasPrefix(line, "▌") {
			return line
		}
	}
	return ""
}

func (c *console) cursorOn(text string) {
	c.t.Helper()
	if line := c.cursor(); !strings.Contains(line, text) {
		c.t.Fatalf("the cursor is on %q, not on %q:\n%s", line, text, c.m.View())
	}
}

func snapshotOf(at time.Time, flows []flow.Flow) *flow.Snapshot { return fake.Snapshot(at, flows) }

func fakeFlow(i int) flow.Flow { return fake.Flow(i) }

func flowsUpTo(n int) []flow.Flow { return fake.Flows(n) }

func ipv6Flows() []flow.Flow { return fake.IPv6Flows() }
