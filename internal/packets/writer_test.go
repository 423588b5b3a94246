package packets

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ctop/internal/filter"
	"ctop/internal/pcapng"
	"ctop/tracker/flow"
)

// A capture writes the packets of the flows that match, marks these and takes the mark from
// the others, whether the flows are there before or come with a packet.
func TestCaptureOfFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		web, ofWeb := conversation(1, 443)
		mail, ofMail := conversation(2, 25)
		late, ofLate := conversation(3, 443)
		other, ofOther := conversation(4, 53)
		gone, ofGone := conversation(5, 443)
		_ = gone
		m.flows = []flow.Flow{web, mail}
		m.send = func(yield func(*flow.Packet, error) bool) {
			m.flows = append(m.flows, late, other)
			ofLate.In, ofLate.Data[0] = 1, 0x45 // an interface without link headers
			for _, p := range []flow.Packet{ofWeb, ofMail, ofLate, ofOther, ofOther, ofGone, ofWeb} {
				if !yield(&p, nil) {
					return
				}
			}
		}
		r, file, err := captureOf(t, m, "port:443", Options{Application: "ctop test", OS: "Linux"})
		if err != nil || ids(file) != "01 03 05 01" {
			t.Errorf("flows %s, error %v", ids(file), err)
		}
		if want := (Result{Written: 4}); r != want {
			t.Errorf("%+v", r)
		}
		if want := []string{"1 true", "2 false", "4 false"}; !slices.Equal(m.marks, want) {
			t.Errorf("marks %q, want %q", m.marks, want)
		}
		for _, want := range []string{"ctop test", "Linux", "east", "west", "port:443"} {
			if !strings.Contains(file, want) {
				t.Errorf("the file does not name %s", want)
			}
		}
		if strings.Contains(file, "beyond the rate") {
			t.Error("the file says that packets are missing")
		}
	})
}

// Packets are written once older ones have come, and the table is read and the tracker
// looked for from time to time.
func TestCaptureOverTime(t *testing.T) {
	for _, c := range []struct {
		filter string
		how    string
		at     []time.Duration
	}{
		// A filter whose matches stay reads rarely: marks may have been lost.
		{"port:443", "plain", []time.Duration{0, 10500 * time.Millisecond}},
		{"state:established", "plain", []time.Duration{0, 1500 * time.Millisecond, 3 * time.Second}},
		{"rate>=0", "rates", []time.Duration{0, 1500 * time.Millisecond, 3 * time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine()
			m.send = func(yield func(*flow.Packet, error) bool) {
				for time.Since(m.begun) < 11*time.Second {
					time.Sleep(500 * time.Millisecond)
					if !yield(nil, nil) {
						return
					}
				}
			}
			looked := 0
			o := Options{There: func() error { looked++; return nil }}
			if _, _, err := captureOf(t, m, c.filter, o); err != nil {
				t.Fatal(err)
			}
			if len(m.at) < len(c.at) || !slices.Equal(m.at[:len(c.at)], c.at) || m.read[0] != c.how {
				t.Errorf("%s: %s read at %v, want %v", c.filter, m.read, m.at, c.at)
			}
			if looked < 7 || looked != m.renewed {
				t.Errorf("%s: looked %d times, renewed %d times", c.filter, looked, m.renewed)
			}
		})
	}
}

// A packet waits for older ones of other processors, not longer than it has to.
func TestCaptureOrdersPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		web, first := conversation(1, 443)
		m.flows = []flow.Flow{web}
		early, late := first, first
		late.Time = late.Time.Add(time.Millisecond)
		var file bytes.Buffer
		w, err := newWriter(m, sampler{m}, pcapng.Stream{Writer: &file}, Options{Snap: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		w.capture = m
		m.send = func(yield func(*flow.Packet, error) bool) {
			for _, step := range []struct {
				p    *flow.Packet
				wait time.Duration
				want int
			}{{&late, lag, 0}, {nil, time.Millisecond, 0}, {&early, 0, 0}, {nil, time.Millisecond, 2}, {&late, 2 * lag, 2}, {nil, 0, 3}} {
				time.Sleep(step.wait)
				yield(step.p, nil)
				if got := strings.Count(file.String(), "flow="); got != step.want && step.p == nil {
					t.Errorf("%d packets written, want %d", got, step.want)
				}
			}
		}
		if _, err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := frames(t, file.String())
		if len(all) != 3 || !all[0].Time.Equal(early.Time) || !all[1].Time.Equal(late.Time) {
			t.Errorf("%+v", all)
		}
	})
}

// A flow is decided about again when its state changes, when its process is known, and when
// the table is read. Its mark comes back even if the packet that shows that it is wanted was
// copied before the mark went.
func TestCaptureDecidesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		f, p := conversation(1, 443)
		f.State = flow.StateSynRecv
		p.From, p.To = flow.StateSynSent, flow.StateSynRecv
		m.flows = []flow.Flow{f}
		step := func(yield func(*flow.Packet, error) bool, to flow.State, process *flow.Process) {
			p.From, p.To, p.Holding.Process = p.To, to, process
			m.flows[0].State = to
			copied := p
			yield(&copied, nil)
		}
		m.send = func(yield func(*flow.Packet, error) bool) {
			step(yield, flow.StateSynRecv, nil)                                  // not wanted
			step(yield, flow.StateEstablished, nil)                              // wanted
			step(yield, flow.StateEstablished, &flow.Process{PID: 7, Name: "a"}) // named
			step(yield, flow.StateEstablished, nil)                              // as it was
			step(yield, flow.StateFinWait1, nil)                                 // not wanted
		}
		_, file, err := captureOf(t, m, "state:established", Options{})
		if err != nil || ids(file) != "01 01 01" || strings.Count(file, "process=a pid=7") != 2 {
			t.Errorf("flows %s, error %v, processes %d", ids(file), err, strings.Count(file, "process=a pid=7"))
		}
		if want := []string{"1 false", "1 true", "1 false"}; !slices.Equal(m.marks, want) {
			t.Errorf("marks %q, want %q", m.marks, want)
		}
	})
}

// A mark that could not be taken is taken by the next scan, and flows that are gone are
// forgotten.
func TestScanMarksAgainAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		f, p := conversation(1, 25)
		w, err := newWriter(m, sampler{m}, pcapng.Stream{Writer: io.Discard}, Options{Filter: must(filter.Parse("port:443")), Snap: 1})
		if err != nil {
			t.Fatal(err)
		}
		w.capture = m
		check := func(err error, marks int, known int) {
			t.Helper()
			if err != nil || len(m.marks) != marks || len(w.known) != known {
				t.Errorf("error %v, marks %q, %d known", err, m.marks, len(w.known))
			}
		}
		check(w.scan(), 0, 0)
		m.deaf, m.flows = errors.New("busy"), []flow.Flow{f}
		check(w.take(&p), 1, 1)
		m.deaf = nil
		check(w.scan(), 2, 1)
		check(w.scan(), 2, 1)
		m.flows = nil
		time.Sleep(forgetAfter)
		check(w.scan(), 2, 1)
		time.Sleep(time.Nanosecond)
		check(w.scan(), 2, 0)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A capture ends with the packet of its count, and the file says how many were missed.
func TestCaptureEndsAtItsCount(t *testing.T) {
	for count, want := range map[uint64]uint64{0: 4, 1: 1, 3: 3, 4: 4, 9: 4} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine()
			m.counts = flow.PacketCounts{Copied: 9, OverBudget: 2, NoRoom: 3}
			m.send = func(yield func(*flow.Packet, error) bool) {
				_, p := conversation(1, 443)
				for range 4 {
					p.Time = time.Now()
					if !yield(&p, nil) {
						return
					}
					time.Sleep(time.Second)
					if !yield(nil, nil) {
						return
					}
				}
			}
			r, file, err := captureOf(t, m, "", Options{Count: count})
			if count == 4 && m.renewed < 4 {
				t.Errorf("looked %d times", m.renewed)
			}
			if err != nil || r.Written != want || len(frames(t, file)) != int(want) || r.Lost != m.counts {
				t.Errorf("count %d: %+v, error %v", count, r, err)
			}
			if !strings.Contains(file, "of all interfaces; 2 beyond the rate, 3 came too fast to be written") {
				t.Errorf("count %d: the file does not say what is missing", count)
			}
		})
	}
}

// Whatever fails ends the capture, is returned, and leaves a file that ends as it should.
func TestCaptureFails(t *testing.T) {
	fault := errors.New("it is gone")
	for name, fail := range map[string]func(*machine, *Options){
		"the table":   func(m *machine, _ *Options) { m.fault = fault },
		"the marks":   func(m *machine, _ *Options) { f, _ := conversation(1, 443); m.flows, m.deaf = []flow.Flow{f}, fault },
		"the tracker": func(_ *machine, o *Options) { o.There = func() error { return fault } },
		"the packets": func(m *machine, _ *Options) {
			m.send = func(yield func(*flow.Packet, error) bool) { yield(nil, fault) }
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine()
			m.send = func(func(*flow.Packet, error) bool) { t.Errorf("%s: it goes on", name) }
			var o Options
			fail(m, &o)
			if _, file, err := captureOf(t, m, "", o); !errors.Is(err, fault) || len(frames(t, file)) != 0 {
				t.Errorf("%s: error %v", name, err)
			}
		})
	}
}

// narrow is a file that fails after some bytes.
type narrow struct {
	bytes.Buffer
	room int
}

func (n *narrow) Write(b []byte) (int, error) {
	if n.Len()+len(b) > n.room {
		return 0, pcapng.ErrSpare
	}
	return n.Buffer.Write(b)
}

func (n *narrow) Cut(k int) error { n.Truncate(n.Len() - k); return nil }

// On a full disk the file says how many packets found no room, and the capture ends.
func TestCaptureOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		file := &narrow{room: 1 << 10}
		w, err := newWriter(m, sampler{m}, file, Options{Snap: 1 << 10})
		if err != nil {
			t.Fatal(err)
		}
		w.capture = m
		m.send = func(yield func(*flow.Packet, error) bool) {
			_, p := conversation(1, 443)
			p.Data = make([]byte, 1<<10)
			if yield(&p, nil) {
				time.Sleep(time.Second)
				if yield(nil, nil) {
					t.Error("it goes on")
				}
			}
			file.room += 1 << 10
		}
		r, err := w.Run(t.Context())
		if !errors.Is(err, pcapng.ErrSpare) || r.Written != 0 || !strings.Contains(file.String(), ", 1 found no room on the disk") {
			t.Errorf("%+v, error %v", r, err)
		}
	})
}

// An interface that comes later is described before its first packet, and one that has no
// name yet has a number.
func TestInterfacesOfACapture(t *testing.T) {
	m := newMachine()
	var file bytes.Buffer
	if _, err := newWriter(m, sampler{m}, pcapng.Stream{Writer: &file}, Options{Snap: 96, Limit: 100}); err == nil {
		t.Error("a file of 100 bytes has room for interfaces")
	}
	w, err := newWriter(m, sampler{m}, pcapng.Stream{Writer: &file}, Options{Snap: 1 << 20, Limit: 1 << 15})
	if err != nil || w.options.Snap != 1<<14 {
		t.Fatal(w.options.Snap, err)
	}
	m.names = append(m.names, "north")
	for _, step := range []struct{ in, want int }{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {2, 2}, {0, 0}, {3, 3}} {
		if n, err := w.interfaceOf(uint16(step.in)); err != nil || n != step.want {
			t.Errorf("interface %d is %d, error %v", step.in, n, err)
		}
	}
	if err := w.file.Flush(); err != nil {
		t.Fatal(err)
	}
	// The link type stands before the snap length, which the limit bounds.
	if n := strings.Count(file.String(), "\x65\x00\x00\x00\x00\x40\x00\x00"); n != 1 {
		t.Errorf("%d interfaces without link headers", n)
	}
	for name, times := range map[string]int{"east": 1, "west": 1, "north": 1, "interface 3": 1, "interface 2": 0} {
		if n := strings.Count(file.String(), name); n != times {
			t.Errorf("the file names %s %d times", name, n)
		}
	}
}
