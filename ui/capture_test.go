package ui

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"ctop/internal/filter"
)

// fakeCapturer captures nothing.
type fakeCapturer struct {
	state Capture
	err   error
	begun []string
	ended int
}

func (f *fakeCapturer) Begin(what filter.Filter, _ func(Capture)) (Capture, error) {
	if f.err != nil {
		return Capture{}, f.err
	}
	f.begun = append(f.begun, what.String())
	f.state = Capture{Number: f.state.Number + 1, Running: true, Filter: what.String(), Host: "edge-1", Path: "/var/lib/ctop/captures/ctop-1.pcapng"}
	return f.state, nil
}

func (f *fakeCapturer) End() Capture {
	f.ended++
	f.state.Running, f.state.Text = false, "captured 7 packets"
	return f.state
}

func (f *fakeCapturer) State() Capture { return f.state }

// w begins a capture of the flow under the cursor, of the marked ones or of what the filter
// shows, and ends it; W begins one of what the filter shows.
func TestCapture(t *testing.T) {
	const first = "proto:tcp src:10.0.0.0 sport:40000 dst:192.168.1.10 dport:443"
	second := "proto:icmp src:10.0.0.4 dst:192.168.1.10 icmp:8 #4"
	for _, tt := range []struct {
		keys []string
		want string
	}{
		{[]string{"w"}, first},
		{[]string{"enter", "w"}, first},
		{[]string{"/", "icmp", "enter", "w"}, second},
		{[]string{"/", "icmp", "enter", "W"}, "icmp"},
		{[]string{"/", "port 7", "enter", "w"}, "port 7"},
		{[]string{"/", "icmp", "enter", "2", "w"}, "icmp"},
		{[]string{"/", "icmp", "enter", "4", "W"}, "icmp"},
	} {
		c := newConsole(t, 120, 24, flowsUpTo(9), WithCapturer(&fakeCapturer{}))
		c.press(tt.keys...)
		f := c.m.options.capturer.(*fakeCapturer)
		if fmt.Sprint(f.begun) != "["+tt.want+"]" {
			t.Errorf("%v: %q, want %q", tt.keys, f.begun, tt.want)
		}
		c.shows("capturing 0 B", "on edge-1", "capturing to edge-1:/var/lib/ctop/captures/ctop-1.pcapng   w ends it")
		f.state.Size = 12_345_678
		c.pass(time.Second)
		c.shows("capturing 12.3 MB  on edge-1")
		c.press("3", "w")
		c.shows("captured 7 packets to edge-1:/var/lib/ctop/captures/ctop-1.pcapng")
		c.hides("capturing 12")
		if f.ended != 1 || len(f.begun) != 1 {
			t.Errorf("%v: ended %d, begun %d", tt.keys, f.ended, len(f.begun))
		}
		c.press("2")
		c.shows("capturing "+tt.want+" to edge-1:", "captured 7 packets to edge-1:")
	}
}

// Marked flows are captured together, each by itself and its ends.
func TestCaptureOfMarked(t *testing.T) {
	f := &fakeCapturer{}
	c := newConsole(t, 120, 24, flowsUpTo(40), WithCapturer(f))
	c.press("space", "space", "w")
	if len(f.begun) != 1 {
		t.Fatal(f.begun)
	}
	wanted, err := filter.Parse(f.begun[0])
	if err != nil {
		t.Fatal(err)
	}
	flows := flowsUpTo(40)
	n := 0
	for i := range flows {
		if wanted.Match(&flows[i]) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%s matches %d flows", f.begun[0], n)
	}
	c.press("w")
	for range 15 {
		c.press("space")
	}
	c.press("w")
	c.shows("17 flows are marked, and 16 can be captured")
}

// What cannot be captured is said at the key, and nothing begins.
func TestCaptureRefused(t *testing.T) {
	f := &fakeCapturer{}
	c := newConsole(t, 120, 24, flowsUpTo(9), WithCapturer(f))
	c.press("W")
	c.shows("no flow and no filter say what to capture: / sets a filter")
	c.press("2", "w")
	c.shows("no flow and no filter say what to capture")
	f.err = errors.New("capture /here: no space left on device")
	c.press("1", "w")
	c.shows("capture /here: no space left on device")
	c.hides("capturing")
	if len(f.begun) != 0 {
		t.Error(f.begun)
	}
	c = newConsole(t, 120, 24, flowsUpTo(9))
	c.press("w")
	c.shows("no packets pass here that could be captured")
}

// Whoever may not act is told at the key, and the attempt names what was to be captured.
func TestCaptureRefusedToViewers(t *testing.T) {
	var tried []string
	refuse := WithRefusal(func(a Attempt) error {
		tried = append(tried, fmt.Sprint(a.Kind, " ", len(a.Flows), " ", a.Count, " ", a.What))
		return errors.New("viewer: read only")
	})
	f := &fakeCapturer{}
	c := newConsole(t, 120, 24, flowsUpTo(9), WithCapturer(f), refuse)
	for _, keys := range [][]string{{"w"}, {"enter", "w"}, {"esc", "space", "space", "w"}, {"esc", "/", "udp", "enter", "W"}, {"2", "w"}} {
		c.press(keys...)
		c.shows("viewer: read only")
	}
	want := "[capture 1 1  capture 1 1  capture 2 2  capture 0 1 udp capture 0 1 udp]"
	if fmt.Sprint(tried) != want || len(f.begun) != 0 {
		t.Errorf("%q, want %q; begun %q", tried, want, f.begun)
	}
}

// The past has no packets, but a capture of now can be ended there.
func TestCaptureInThePast(t *testing.T) {
	f := &fakeCapturer{}
	c := newConsole(t, 120, 24, flowsUpTo(9), WithCapturer(f), WithPast(new(pastList)))
	c.publish(flowsUpTo(9), time.Second)
	c.publish(flowsUpTo(9), time.Second)
	c.press("[", "w")
	c.shows("the past cannot be changed")
	c.press("end", "w", "[", "w")
	c.shows("captured 7 packets")
	if len(f.begun) != 1 || f.ended != 1 {
		t.Error(f.begun, f.ended)
	}
}

// A capture that ends by itself is told, with the reason, once.
func TestCaptureEndsItself(t *testing.T) {
	f := &fakeCapturer{}
	c := newConsole(t, 160, 24, flowsUpTo(9), WithCapturer(f))
	c.press("w")
	f.state.Running, f.state.Text, f.state.Err = false, "captured 3 packets", errors.New("no space left on device")
	c.pass(time.Second)
	c.shows("the capture ended: no space left on device: captured 3 packets to edge-1:/var")
	c.hides("capturing 0 B")
	c.press("down")
	c.pass(time.Second)
	c.hides("no space left")
	c.press("w")
	if len(f.begun) != 2 {
		t.Error(f.begun)
	}
}
