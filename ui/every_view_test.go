package ui

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"ctop/tracker/flow"
)

// everyPage has the keys that open each page.
var everyPage = []struct {
	name string
	keys []string
}{
	{"flows", []string{"1"}},
	{"events", []string{"2"}},
	{"talkers", []string{"3"}},
	{"overview", []string{"4"}},
	{"timeouts", []string{"5"}},
	{"detail", []string{"j", "enter"}},
	{"help", []string{"?"}},
}

// everyMode makes a console of each mode: between two interfaces, beside them, in the
// past of either, with a recording, and while flows are compared.
var everyMode = []struct {
	name  string
	watch bool
	opts  func() []Option
	act   func(c *console)
}{
	{name: "wire"},
	{name: "watch", watch: true},
	{name: "past", act: func(c *console) { c.press("[", "[") }},
	{name: "past of a watch", watch: true, act: func(c *console) { c.press("[", "[") }},
	{name: "recording", opts: func() []Option { return []Option{WithDeck(&deck{speed: 1})} }, act: func(c *console) { c.press("[", "]") }},
	{name: "compared", act: func(c *console) {
		c.press("m")
		c.publish(changed(), 5*time.Second)
		c.press("M")
	}},
}

// everyRole has the roles. The first may act.
var everyRole = []string{"operator", "owner", "joined", "viewer"}

// everyLook has the looks. The first is the one to which others are compared.
var everyLook = []struct {
	name string
	opts []Option
}{
	{"dark", []Option{WithLook(LookDark)}},
	{"light", []Option{WithLook(LookLight)}},
	{"mono", []Option{WithNoColor()}},
	{"ascii", []Option{WithNoColor(), WithASCII()}},
}

// everyMachine returns flows of which some are this machine's.
func everyMachine(n int) []flow.Flow {
	flows := flowsUpTo(n)
	nginx := &flow.Process{PID: 812, Name: "nginx", User: "www-data", Unit: "nginx.service"}
	gone := &flow.Process{PID: 4711, Name: "backup", User: "root", Gone: true}
	for i := range flows {
		f := &flows[i]
		f.Tuple.Zone, f.In, f.Outgoing = 1, 0, i%2 == 1
		f.SetLocal(flow.EndOrigin << (i % 2))
		switch i % 3 {
		case 0:
			f.Holding = flow.Holding{Process: nginx, End: flow.Reply}
		case 1:
			f.Holding = flow.Holding{Process: gone, First: true}
		}
	}
	return flows
}

// watched is a snapshot of interfaces that are watched.
func watched(s *flow.Snapshot) *flow.Snapshot {
	for i := range s.Interfaces {
		in := &s.Interfaces[i]
		in.Name, in.Role, in.Mode = []string{"eth0", "docker0"}[i], flow.RoleWatch, flow.ModeTC
	}
	return s
}

// openEvery returns a console of one mode, role and look, with a page open.
func openEvery(t *testing.T, page, mode, look int, role string, size [2]int) *console {
	t.Helper()
	how := everyMode[mode]
	opts := []Option{
		WithRenderer(lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI))), WithRole(role), WithPast(new(pastList)), WithCapturer(&fakeCapturer{}),
	}
	opts = append(opts, everyLook[look].opts...)
	if role == "viewer" {
		opts = append(opts, WithRefusal(func(Attempt) error { return errors.New("viewer: read only") }))
	}
	if how.opts != nil {
		opts = append(opts, how.opts()...)
	}
	c := newConsole(t, size[0], size[1], nil, opts...)
	c.source.events = someEvents()
	for i := range 4 {
		c.now = c.now.Add(time.Second)
		flows, as := flowsUpTo(5+i), func(s *flow.Snapshot) *flow.Snapshot { return s }
		if how.watch {
			flows, as = everyMachine(5+i), watched
		}
		c.source.snapshot = as(snapshotOf(c.now, flows))
		c.send(tickMsg{c.m.generation})
	}
	c.press("1")
	if how.act != nil {
		how.act(c)
	}
	c.press(everyPage[page].keys...)
	c.send(tickMsg{c.m.generation})
	return c
}

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// lined returns a view's lines, with its escape sequences in a form that can be read.
func lined(view string) []string {
	lines := strings.Split(escape.ReplaceAllString(view, "‹$1›"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// TestEveryView compares every page in each mode, role and look, in four sizes. A file
// has a page as the operator of a wire sees it on a dark screen, and of the rest the lines
// that differ: of another mode from the wire, of another role from the operator, of another
// look of a wire from the dark one. Where two of the three are others, it has a hash: what
// changes it changes other views, too.
func TestEveryView(t *testing.T) {
	for p, page := range everyPage {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s_%dx%d", page.name, size[0], size[1]), func(t *testing.T) {
				w := writer{seen: map[string]string{}}
				for m := range everyMode {
					w.mode(t, p, m, size)
				}
				golden.RequireEqual(t, []byte(w.text.String()))
			})
		}
	}
}

// writer writes views, each that there was before by its name only.
type writer struct {
	text strings.Builder
	seen map[string]string
	// wire is the first mode, dark the present one, as the first role sees it in the
	// first look.
	wire, dark []string
}

// mode writes a page in one mode.
func (w *writer) mode(t *testing.T, page, mode int, size [2]int) {
	t.Helper()
	var hashes []string
	for r, role := range everyRole {
		for l, look := range everyLook {
			c := openEvery(t, page, mode, l, role, size)
			checkFit(t, c.m)
			view := c.m.View()
			checkLook(t, look.name, view)
			lines, name := lined(view), strings.Join([]string{everyMode[mode].name, role, look.name}, ", ")
			switch {
			case r == 0 && l == 0:
				w.differ(name, w.wire, lines)
				w.dark = lines
			case l == 0 || mode == 0 && r == 0:
				w.differ(name, w.dark, lines)
			default:
				hashes = append(hashes, fmt.Sprintf("%s: %s\n", name, hashOf(lines)))
			}
		}
	}
	if mode == 0 {
		w.wire = w.dark
	}
	w.text.WriteString(strings.Join(hashes, ""))
}

// differ writes the lines of a view that differ from those of another one.
func (w *writer) differ(name string, from, lines []string) {
	view := strings.Join(lines, "\n")
	if same, ok := w.seen[view]; ok {
		fmt.Fprintf(&w.text, "== %s: as %s\n", name, same)
		return
	}
	w.seen[view] = name
	fmt.Fprintf(&w.text, "== %s\n", name)
	for i, line := range lines {
		if from == nil || line != from[i] {
			fmt.Fprintf(&w.text, "%2d %s\n", i+1, line)
		}
	}
}

var coloured = regexp.MustCompile("\x1b\\[([0-9;]*;)?[349][0-7][;m]")

// checkLook checks what each look promises.
func checkLook(t *testing.T, look, view string) {
	t.Helper()
	if (look == "mono" || look == "ascii") && coloured.MatchString(view) {
		t.Errorf("%s has colours:\n%q", look, view)
	}
	if look == "ascii" && strings.ContainsFunc(ansi.Strip(view), func(r rune) bool { return r >= 0x80 }) {
		t.Errorf("that is not ASCII:\n%s", view)
	}
}

func hashOf(lines []string) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, strings.Join(lines, "\n"))
	return fmt.Sprintf("%08x", h.Sum32())
}

// TestEveryViewIsDistinct checks that modes and roles are seen: the test above would also
// pass if none of them changed anything.
func TestEveryViewIsDistinct(t *testing.T) {
	var views []string
	for m := range everyMode {
		for _, role := range everyRole {
			views = append(views, openEvery(t, 0, m, 0, role, [2]int{120, 40}).m.View())
		}
	}
	slices.Sort(views)
	if n := len(slices.Compact(views)); n != len(everyMode)*len(everyRole) {
		t.Errorf("%d of %d views differ", n, len(everyMode)*len(everyRole))
	}
}
