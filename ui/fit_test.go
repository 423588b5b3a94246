package ui

import (
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"ctop/tracker/flow"
)

// TestEverythingFits presses keys and changes sizes at random. Whatever comes of
// it, no line may be wider than the screen, nor may there be more of them.
func TestEverythingFits(t *testing.T) {
	keys := []string{
		"up", "down", "pgup", "pgdown", "g", "G", "tab", "1", "2", "3", "4", "5", "t", "b", "B", "c", "n", "f", "P", "enter", "esc", "/", "s", "S", "left",
		"right", "space", "d", "D", "+", "-", "0", "p", "r", "y", "n", "?", "tcp", "!", ":", "x", "7", "backspace",
	}
	for seed := range int64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewSource(seed))
			renderer := lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI))
			c := newConsole(t, 80, 24, nil, WithRenderer(renderer))
			for range 150 {
				switch rnd.Intn(8) {
				case 0:
					c.send(tea.WindowSizeMsg{Width: rnd.Intn(220), Height: rnd.Intn(60)})
				case 1:
					c.send(tea.WindowSizeMsg{Width: rnd.Intn(12), Height: rnd.Intn(12)})
				case 2:
					c.source.events = append(c.source.events, someEvents()...)
					c.publish(append(ipv6Flows(), flowsUpTo(rnd.Intn(80))[:]...), time.Second)
				case 3:
					c.click(rnd.Intn(120), rnd.Intn(40))
				default:
					c.press(keys[rnd.Intn(len(keys))])
				}
				checkFit(t, c.m)
			}
		})
	}
}

func checkFit(t *testing.T, m Model) {
	t.Helper()
	view := m.View()
	if m.frame.Width <= 0 || m.frame.Height <= 0 {
		if view != "" {
			t.Fatalf("drew on a screen of %d×%d", m.frame.Width, m.frame.Height)
		}
		return
	}
	lines := strings.Split(view, "\n")
	if len(lines) != m.frame.Height {
		t.Fatalf("drew %d lines on a screen of %d×%d:\n%s", len(lines), m.frame.Width, m.frame.Height, view)
	}
	for _, line := range lines {
		if w := ansi.StringWidth(line); w > m.frame.Width {
			t.Fatalf("drew %d cells on a screen of %d×%d: %q", w, m.frame.Width, m.frame.Height, line)
		}
	}
}

func TestEverySize(t *testing.T) {
	c := newConsole(t, 80, 24, append(ipv6Flows(), flowsUpTo(30)...))
	c.source.events = someEvents()
	c.pass(time.Second)
	for _, page := range [][]string{{"1"}, {"2"}, {"3"}, {"4"}, {"5"}, {"1", "c"}, {"enter", "n"}, {"1", "enter"}, {"esc", "?"}, {"esc", "d"}, {"esc", "s"}, {"esc", "/"}} {
		c.press(page...)
		for width := range 130 {
			for _, height := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 24, 50} {
				c.send(tea.WindowSizeMsg{Width: width, Height: height})
				checkFit(t, c.m)
			}
		}
	}
}

// A terminal that does not know one side of its size has the size of the options.
func TestSizeUnknown(t *testing.T) {
	c := newConsole(t, 80, 24, flowsUpTo(3), WithSize(70, 20))
	for _, size := range []tea.WindowSizeMsg{{}, {Width: 90}, {Height: 30}} {
		c.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		c.send(size)
		if f := c.m.frame; f.Width != 70 || f.Height != 20 {
			t.Errorf("%d×%d of a terminal of %d×%d, want 70×20", f.Width, f.Height, size.Width, size.Height)
		}
	}
}

// TestAddressesAreNeverCutAmbiguously is the promise for 80×24: two IPv4 flows
// that differ look different, whatever they differ in.
func TestAddressesAreWholeAt80(t *testing.T) {
	flows := flowsUpTo(3)
	for i := range flows {
		flows[i].Tuple.Proto = flow.ProtocolTCP
		flows[i].Tuple.Src = flow.MustParseEnd(fmt.Sprintf("203.113.114.115:5000%d", i))
		flows[i].Tuple.Dst = flow.MustParseEnd("192.168.101.102:60443")
	}
	c := newConsole(t, 80, 24, flows)
	for i := range flows {
		c.shows(fmt.Sprintf("203.113.114.115:5000%d", i))
	}
	c.shows("192.168.101.102:60443", "ESTABLISHED")
}

// TestHintsAreNotCut has a hint whole or not at all.
func TestHintsAreNotCut(t *testing.T) {
	c := newConsole(t, 80, 10, flowsUpTo(30))
	for _, page := range [][]string{{"1"}, {"2"}, {"3"}, {"4"}, {"5"}, {"1", "enter"}, {"esc", "?"}} {
		c.press(page...)
		for width := 25; width < 130; width++ {
			c.send(tea.WindowSizeMsg{Width: width, Height: 10})
			lines := strings.Split(c.m.View(), "\n")
			if last := lines[len(lines)-1]; strings.Contains(last, "…") {
				t.Fatalf("at %d columns after %q: %q", width, page, last)
			}
		}
	}
}
