package packets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/capture"
	"ctop/internal/filter"
	"ctop/internal/pcapng"
	"ctop/tracker/flow"
)

// machine stands for a tracker and its capture: it has a table, and sends packets while
// time passes in a bubble.
type machine struct {
	names   []string
	flows   []flow.Flow
	read    []string // how the table was read
	at      []time.Duration
	begun   time.Time
	send    func(yield func(*flow.Packet, error) bool)
	marks   []string
	counts  flow.PacketCounts
	renewed int
	closed  bool
	fault   error // of reads of the table
	deaf    error // of marks
}

func newMachine() *machine {
	return &machine{names: []string{"east", "west"}, begun: time.Now()}
}

func (m *machine) Interfaces() []string    { return m.names }
func (m *machine) Linkless(in uint16) bool { return in == 1 }

func (m *machine) Snapshot() (*flow.Snapshot, error) { return m.reads("plain") }

func (m *machine) reads(how string) (*flow.Snapshot, error) {
	m.read, m.at = append(m.read, how), append(m.at, time.Since(m.begun))
	return &flow.Snapshot{Time: time.Now(), Flows: slices.Clone(m.flows), Interfaces: []flow.Interface{{Name: "east"}, {Name: "west"}}}, m.fault
}

func (m *machine) FlowOf(p *flow.Packet, _ *flow.Snapshot) (flow.Flow, bool) {
	for _, f := range m.flows {
		if f.ID == p.Ref.ID {
			return f, true
		}
	}
	return flow.Flow{}, false
}

func (m *machine) Packets(ctx context.Context) iter.Seq2[*flow.Packet, error] {
	return func(yield func(*flow.Packet, error) bool) {
		m.send(func(p *flow.Packet, err error) bool { return ctx.Err() == nil && yield(p, err) })
	}
}

func (m *machine) Mark(ref flow.Ref, wanted bool) (bool, error) {
	m.marks = append(m.marks, fmt.Sprint(uint64(ref.ID), " ", wanted))
	return true, m.deaf
}

func (m *machine) Counts() (flow.PacketCounts, error) { return m.counts, nil }
func (m *machine) Renew() error                       { m.renewed++; return nil }
func (m *machine) Close()                             { m.closed = true }

// sampler reads the table with rates.
type sampler struct{ *machine }

func (s sampler) Snapshot() (*flow.Snapshot, error) { return s.reads("rates") }

// conversation is a flow of TCP with a port, as the table and a packet show it.
func conversation(id flow.ID, port uint16) (flow.Flow, flow.Packet) {
	tuple := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:4000"), Dst: flow.MustParseEnd(fmt.Sprintf("10.0.0.2:%d", port))}
	f := flow.Flow{ID: id, Tuple: tuple, State: flow.StateEstablished}
	p := flow.Packet{
		Time: time.Now(), Ref: f.Ref(), From: f.State, To: f.State, Verdict: flow.VerdictEstablished,
		Length: 64, Data: bytes.Repeat([]byte{byte(port)}, 64),
	}
	return f, p
}

// captureOf runs a capture of a machine, and returns the file.
func captureOf(t *testing.T, m *machine, text string, o Options) (Result, string, error) {
	t.Helper()
	var err error
	if o.Filter, err = filter.Parse(text); err != nil {
		t.Fatal(err)
	}
	if o.Snap == 0 {
		o.Snap = 1 << 16
	}
	var file bytes.Buffer
	w, err := newWriter(m, sampler{m}, pcapng.Stream{Writer: &file}, o)
	if err != nil {
		t.Fatal(err)
	}
	w.capture = m
	var last Result
	w.Progress(func(r Result, size int64) {
		if last = r; size < 100 || r.Lost != m.counts {
			t.Errorf("progress %+v, %d bytes", r, size)
		}
	})
	r, err := w.Run(t.Context())
	if m.renewed > 3 && last.Written == 0 && r.Written > 0 {
		t.Errorf("no progress was told, and %+v in the end", r)
	}
	if !m.closed {
		t.Error("the capture was not closed")
	}
	return r, file.String(), err
}

// ids returns the flows of the packets in a file, in the order of the packets.
func ids(file string) string {
	var list []string
	for _, after := range strings.Split(file, "flow=00000000000000")[1:] {
		list = append(list, after[:2])
	}
	return strings.Join(list, " ")
}

// flows returns the packets that a reader finds, by the interface.
func frames(t *testing.T, file string) (all []capture.Frame) {
	t.Helper()
	r, err := capture.NewReader(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Data = slices.Clone(f.Data)
		all = append(all, f)
	}
}
