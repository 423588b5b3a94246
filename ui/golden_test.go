package ui

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"ctop/tracker/flow"
)

var sizes = [...][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}}

// TestScreens compares whole screens. They are what the console is: a change
// of one is to be looked at, not only to be accepted with -update.
func TestScreens(t *testing.T) {
	for _, size := range sizes {
		for _, n := range []int{0, 1, 10000} {
			t.Run(fmt.Sprintf("%dx%d_%d", size[0], size[1], n), func(t *testing.T) {
				c := newConsole(t, size[0], size[1], flowsUpTo(n))
				golden.RequireEqual(t, []byte(c.m.View()))
			})
		}
	}
}

func TestPages(t *testing.T) {
	pages := map[string]func(*console){
		"waiting": func(c *console) {
			c.source.snapshot = nil
			c.m = New(c.source, WithRenderer(c.m.options.renderer), WithActor(c.source))
		},
		"events": func(c *console) {
			c.source.events = append(someEvents(), recoveredEvents()...)
			c.pass(time.Second)
			c.press("2")
		},
		"timeouts": func(c *console) { c.press("5") },
		"editing":  func(c *console) { c.press("5", "down", "enter", "5x") },
		"detail":   func(c *console) { c.source.events = someEvents(); c.pass(time.Second); c.press("enter") },
		"help":     func(c *console) { c.press("?") },
		"delete":   func(c *console) { c.press("d") },
		"deleteAll": func(c *console) {
			c.press("/", "tcp", "enter", "D")
		},
		"filter": func(c *console) { c.press("/", "dport:x") },
		"sort":   func(c *console) { c.press("s") },
		"capture": func(c *console) {
			c.press("w")
			c.m.options.capturer.(*fakeCapturer).state.Size = 12_345_678
			c.pass(7 * time.Second)
		},
		"problems": func(c *console) {
			s := snapshotOf(start, flowsUpTo(100))
			s.MaxFlows, s.Counters.EventsLost, s.Interfaces[1].Up = 105, 12, false
			s.Warnings = flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{95}}}
			c.source.snapshot = s
			c.pass(8 * time.Second)
			c.press("p")
		},
		"views": func(c *console) {
			c.press("V", "usual", "enter", "/", "port:443 !state:established", "enter", "V", "backspace", "s", "b", "enter", "v")
		},
		"save": func(c *console) { c.press("V", "web") },
		"compare": func(c *console) {
			c.press("m")
			c.publish(changed(), 5*time.Second)
			c.press("M")
		},
		"columns": func(c *console) { c.press("c", "down", "space") },
		"drilled": func(c *console) { c.press("3", "b", "b", "b", "b", "b", "b", "enter") },
		"trouble": func(c *console) {
			s := snapshotOf(start.Add(time.Second), flowsUpTo(100))
			s.MaxFlows, s.Counters.EventsLost, s.Counters.TableFull, s.Interfaces[1].Up = 105, 12, 3, false
			s.Warnings = flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{95}}}
			c.source.snapshot = s
			c.pass(7 * time.Second)
			c.press("4")
		},
		"ended": func(c *console) {
			c.source.events = []flow.Event{
				destroy(fakeFlow(1), flow.ReasonRST, start), destroy(fakeFlow(200), flow.ReasonClosed, start),
			}
			c.publish(flowsUpTo(1), time.Second)
			c.publish(flowsUpTo(1), 20*time.Second)
			c.press("/", "state:ended", "enter")
		},
		"ipv6": func(c *console) { c.publish(ipv6Flows(), time.Second) },
	}
	for name, act := range pages {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s_%dx%d", name, size[0], size[1]), func(t *testing.T) {
				c := newConsole(t, size[0], size[1], flowsUpTo(100), WithCapturer(&fakeCapturer{}))
				act(c)
				c.m.frame.Width, c.m.frame.Height = size[0], size[1]
				c.m.place()
				golden.RequireEqual(t, []byte(c.m.View()))
			})
		}
	}
}

// TestViewScreens compares whole screens of the other views.
func TestViewScreens(t *testing.T) {
	for view, key := range map[string]string{"events": "2", "talkers": "3", "overview": "4", "timeouts": "5"} {
		for _, size := range sizes {
			for _, n := range []int{0, 1, 10000} {
				t.Run(fmt.Sprintf("%s_%dx%d_%d", view, size[0], size[1], n), func(t *testing.T) {
					c := newConsole(t, size[0], size[1], flowsUpTo(n))
					c.busy(n)
					c.press(key)
					golden.RequireEqual(t, []byte(c.m.View()))
				})
			}
		}
	}
}

// busy lets some time go by in which things happen.
func (c *console) busy(n int) {
	for i := range 20 {
		s := snapshotOf(c.now.Add(time.Second), flowsUpTo(n*(i+20)/39))
		s.PPS, s.BPS = float64(n*(i%7)), float64(n*(i%5))*8e3
		s.Uptime, s.Took = time.Duration(i)*time.Minute, 12*time.Millisecond
		s.Counters = flow.Counters{
			Packets: uint64(n * i * 11), Established: uint64(n * i * 10), Invalid: uint64(n * i), FlowsCreated: uint64(n * i * i / 10),
			FlowsDestroyed: uint64(n * i / 20), Events: uint64(n * i), InvalidBy: [len(flow.Counters{}.InvalidBy)]uint64{1: uint64(n * i)},
		}
		s.Counters.Destroyed[flow.ReasonExpired] = uint64(n * i / 20)
		c.source.snapshot = s
		for j := range min(n/40, 5) {
			began := flow.Event{Time: c.now, Type: flow.EventNew, ID: 1, Tuple: fakeFlow(j % 3).Tuple, To: flow.StateSynSent}
			c.source.events = append(c.source.events, began)
		}
		for j := range min(n/40, 3) {
			c.source.events = append(c.source.events, destroy(fakeFlow(5000+3*i+j), flow.ReasonExpired, c.now))
		}
		c.pass(time.Second)
	}
}

// TestColours shows what the styles do: sixteen colours on a dark and on a light
// background, and none.
func TestColours(t *testing.T) {
	for name, opts := range map[string][]Option{"colour": nil, "none": {WithNoColor()}, "light": {WithLook(LookLight)}} {
		t.Run(name, func(t *testing.T) {
			renderer := lipgloss.NewRenderer(io.Discard, termenv.WithProfile(termenv.ANSI))
			c := newConsole(t, 80, 24, flowsUpTo(20), append(opts, WithRenderer(renderer))...)
			c.source.events = []flow.Event{destroy(fakeFlow(3), flow.ReasonRST, start)}
			c.press("space")
			c.pass(time.Second)
			golden.RequireEqualEscape(t, []byte(c.m.View()), true)
		})
	}
}

func someEvents() []flow.Event {
	f := fakeFlow(0)
	at := func(d time.Duration) time.Time { return start.Add(-time.Minute + d) }
	event := func(d time.Duration, from, to flow.State, dir flow.Direction) flow.Event {
		e := flow.Event{
			Time: at(d), Type: flow.EventUpdate, ID: f.ID, Tuple: f.Tuple, From: from, To: to, Direction: dir,
		}
		if from == flow.StateNone {
			e.Type = flow.EventNew
		}
		return e
	}
	return []flow.Event{
		event(0, flow.StateNone, flow.StateSynSent, flow.Origin),
		event(12100*time.Microsecond, flow.StateSynSent, flow.StateSynRecv, flow.Reply),
		{Time: at(time.Second), Type: flow.EventLost, Lost: 123},
		event(12400*time.Microsecond, flow.StateSynRecv, flow.StateEstablished, flow.Origin),
		destroy(fakeFlow(7), flow.ReasonExpired, at(2*time.Second)),
	}
}

// recoveredEvents are told by the table, not by the kernel.
func recoveredEvents() []flow.Event {
	at := start.Add(-time.Minute)
	return []flow.Event{
		{Time: at, Type: flow.EventNew, ID: 9, Tuple: fakeFlow(8).Tuple, To: flow.StateFinWait2, Recovered: true},
		{Time: at, Type: flow.EventDestroy, ID: 10, Tuple: fakeFlow(9).Tuple, From: flow.StateEstablished, Recovered: true},
	}
}

func destroy(f flow.Flow, r flow.Reason, at time.Time) flow.Event {
	return flow.Event{
		Time: at, Type: flow.EventDestroy, ID: f.ID, Tuple: f.Tuple, From: f.State,
		Reason: r, Origin: f.Origin, Reply: f.Reply, Age: f.Age,
	}
}
