package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/console"
)

// server is a tracker as commands over SSH see it, or as one that is joined.
type server struct {
	flows []flow.Flow
	// batches are the events that come one after the other, after an older one.
	// Each counts as at least so many as more says.
	batches [][]flow.Event
	more    uint64
	// over is called once all have come.
	over func()
	// fails is what becomes of acts.
	fails error

	position uint64
	acts     []flow.Act
}

func (s *server) Snapshot() *flow.Snapshot {
	return &flow.Snapshot{
		Time: time.Unix(1e9, 0), MaxFlows: 100, Flows: s.flows, Timeouts: flow.DefaultTimeouts(),
		Interfaces: []flow.Interface{{Name: "veth1", Up: true}, {Name: "veth2", Up: true}},
	}
}

func (s *server) Events(after uint64) ([]flow.Event, uint64) {
	if after == math.MaxUint64 {
		s.position = 7
		return nil, s.position
	}
	if len(s.batches) == 0 {
		s.over()
		return nil, s.position
	}
	batch := s.batches[0]
	s.batches = s.batches[1:]
	s.position += max(uint64(len(batch)), s.more)
	return batch, s.position
}

func (s *server) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	s.acts = append(s.acts, act)
	if s.fails != nil {
		return flow.Outcome{}, s.fails
	}
	return flow.Outcome{Done: max(len(act.Flows), 1)}, nil
}

// over runs a command over SSH. typed is what is typed on the client's terminal,
// nothing if it has none.
func (s *server) overSSH(t *testing.T, role console.Role, typed, command string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.over = cancel
	var out, errs bytes.Buffer
	c := console.Command{
		Args: strings.Fields(command), Role: role, Reader: s, Actor: s, Stdout: &out, Stderr: &errs, End: func(error) { cancel() },
	}
	if typed != "" {
		c.Stdin = strings.NewReader(typed)
	}
	status = newDumps().command(ctx, c)
	return out.String(), errs.String(), status
}

func aFlow(id flow.ID, proto flow.Protocol) flow.Flow {
	return flow.Flow{ID: id, State: flow.StateEstablished, Tuple: flow.Tuple{
		Proto: proto, Src: flow.EndFrom(netip.MustParseAddr("192.0.2.1"), uint16(id)),
		Dst: flow.MustParseEnd("192.0.2.2:443"),
	}}
}

func anEnd(id flow.ID, r flow.Reason) flow.Event {
	return flow.Event{
		Time: time.Unix(int64(id), 0), Type: flow.EventDestroy, ID: id, Reason: r, From: flow.StateEstablished,
		Tuple: aFlow(id, flow.ProtocolTCP).Tuple,
	}
}

// Events over SSH are those from now on, in order, as far as the filter lets them
// through: it knows the reasons of ends.
func TestEventsOverSSH(t *testing.T) {
	all := func() [][]flow.Event {
		return [][]flow.Event{{anEnd(1, flow.ReasonRST), anEnd(2, flow.ReasonExpired)}, nil, {anEnd(3, flow.ReasonRST)}}
	}
	for command, want := range map[string][]string{
		"events -o jsonl":                        {`"rst"`, `"expired"`, `"rst"`},
		"events -o json --filter reason:rst":     {`"rst"`, `"rst"`},
		"events -o jsonl --filter reason:closed": nil,
		"ctop events --filter port:2":            {"expired"},
		"events -o csv --filter port:3":          {"id", "rst"},
	} {
		s := &server{batches: all()}
		out, errs, status := s.overSSH(t, console.Viewer, "", command)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if out == "" {
			lines = nil
		}
		if status != exitDone || errs != "" || len(lines) != len(want) {
			t.Errorf("%s: status %d, %q, %q", command, status, out, errs)
			continue
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("%s: line %d is %q, want %s", command, i, lines[i], want[i])
			}
		}
	}
}

// A line says how many events came too fast, whatever the filter.
func TestLostEventsOverSSH(t *testing.T) {
	s := &server{batches: [][]flow.Event{{anEnd(1, flow.ReasonRST)}, nil}, more: 8}
	out, _, status := s.overSSH(t, console.Viewer, "", "events -o jsonl --filter udp")
	lines := strings.Split(out, "\n")
	if status != exitDone || len(lines) != 3 || !strings.Contains(lines[0], `"event":"lost"`) ||
		!strings.Contains(lines[0], `"count":7`) || !strings.Contains(lines[1], `"count":8`) {
		t.Errorf("status %d, %q", status, out)
	}
	e := anEnd(1, flow.ReasonRST)
	if list := withLost([]flow.Event{e}, 3); len(list) != 2 || list[0].Lost != 2 || !list[0].Time.Equal(e.Time) {
		t.Errorf("%+v", list)
	}
	if list := withLost([]flow.Event{e}, 1); len(list) != 1 {
		t.Errorf("%+v, and none is lost", list)
	}
}

// The end of --for is no failure.
func TestEventsOverSSHForAWhile(t *testing.T) {
	s := &server{batches: make([][]flow.Event, 10_000)}
	if out, errs, status := s.overSSH(t, console.Viewer, "", "events --for 1s"); status != exitDone || out != "" || errs != "" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// delete asks whoever sits at a terminal, over SSH as here, and nobody else.
func TestDeleteAsks(t *testing.T) {
	flows := []flow.Flow{aFlow(1, flow.ProtocolTCP), aFlow(2, flow.ProtocolUDP), aFlow(3, flow.ProtocolTCP)}
	for _, tt := range []struct {
		typed, command string
		status         int
		// deleted is how many flows are to be deleted; -1: nothing is done.
		deleted int
		asked   bool
		stderr  string
	}{
		{"", "delete tcp", exitDone, 2, false, ""},
		{"yes\n", "delete tcp", exitDone, 2, true, ""},
		{"y\n", "delete udp", exitDone, 1, true, ""},
		{"n\n", "delete tcp", exitFailed, -1, true, "not confirmed"},
		{"\n", "delete --all", exitFailed, -1, true, "not confirmed"},
		{"n\n", "delete --yes tcp", exitDone, 2, false, ""},
		{"n\n", "delete -y --all", exitDone, 3, false, ""},
		{"n\n", "delete icmp", exitDone, 0, false, ""},
		{"y\n", "delete --dry-run tcp", exitDone, -1, false, "would delete 2 flows"},
		{"y\n", "delete --max 1 tcp", exitFailed, -1, false, "2 flows match"},
		{"", "delete --max 2 tcp", exitDone, 2, false, ""},
		{"y\n", "delete in:eth9", exitUsage, -1, false, "no flow comes in by"},
		{"y\n", "delete", exitUsage, -1, false, "name the flows"},
		{"y\n", "delete --all tcp", exitUsage, -1, false, "exclude each other"},
	} {
		s := &server{flows: flows}
		out, errs, status := s.overSSH(t, console.Operator, tt.typed, tt.command)
		name := fmt.Sprintf("%q after %q", tt.command, tt.typed)
		if status != tt.status || strings.Contains(errs, "[y/N]") != tt.asked || !strings.Contains(errs, tt.stderr) {
			t.Errorf("%s: status %d, %q", name, status, errs)
		}
		if tt.deleted < 0 {
			if len(s.acts) != 0 {
				t.Errorf("%s: %+v was done", name, s.acts)
			}
			continue
		}
		if len(s.acts) != 1 || s.acts[0].Kind != flow.ActDelete || len(s.acts[0].Flows) != tt.deleted || !strings.Contains(out, "deleted ") {
			t.Errorf("%s: %+v, %q", name, s.acts, out)
		}
	}
}

// The question shows the flows and says how many more there are.
func TestDeleteShowsWhatItAsksAbout(t *testing.T) {
	s := &server{}
	for id := range flow.ID(shownFlows + 5) {
		s.flows = append(s.flows, aFlow(id+1, flow.ProtocolTCP))
	}
	_, errs, _ := s.overSSH(t, console.Operator, "n\n", "delete --all")
	if got := strings.Count(errs, "192.0.2.1:"); got != shownFlows || !strings.Contains(errs, "and 5 more") || !strings.Contains(errs, "delete 25 flows (observe: ") {
		t.Errorf("%d flows are shown: %s", got, errs)
	}
}

// timeouts lists, or changes all that were named and prints what they are then.
func TestTimeoutsOverSSH(t *testing.T) {
	for _, tt := range []struct {
		command string
		status  int
		acts    []flow.Act
		stdout  []string
	}{
		{"timeouts", exitDone, nil, []string{"icmp", "30s", "tcp_established"}},
		{"timeouts icmp=9s", exitDone, []flow.Act{flow.TimeoutChange(flow.ICMP, 9*time.Second)}, []string{"30s → 9s"}},
		{
			"timeouts icmp=9s other=1h -o json", exitDone,
			[]flow.Act{flow.TimeoutChange(flow.ICMP, 9*time.Second), flow.TimeoutChange(flow.Other, time.Hour)},
			[]string{`"icmp": 9`, `"other": 3600`},
		},
		{"timeouts icmp=9s other=never", exitUsage, nil, nil},
	} {
		s := &server{}
		out, errs, status := s.overSSH(t, console.Operator, "", tt.command)
		if status != tt.status || fmt.Sprint(s.acts) != fmt.Sprint(tt.acts) {
			t.Errorf("%s: status %d, %+v, %q", tt.command, status, s.acts, errs)
		}
		for _, text := range tt.stdout {
			if !strings.Contains(out, text) {
				t.Errorf("%s: %q has no %q", tt.command, out, text)
			}
		}
	}
}

// A viewer with a terminal is refused at once, and not asked first.
func TestViewerIsNotAsked(t *testing.T) {
	s := &server{flows: []flow.Flow{aFlow(1, flow.ProtocolTCP)}, fails: errors.New("no")}
	out, errs, status := s.overSSH(t, console.Viewer, "n\n", "delete --all")
	if status != exitFailed || out != "" || !strings.HasPrefix(errs, "ctop: no") || len(s.acts) != 1 {
		t.Errorf("status %d, %q, %q, %d acts", status, out, errs, len(s.acts))
	}
}

// A viewer is told what the key lacks, an operator only what failed.
func TestRefusedOverSSH(t *testing.T) {
	for role, advice := range map[console.Role]bool{console.Viewer: true, console.Operator: false} {
		for _, command := range []string{"delete --all", "reset --all", "timeouts icmp=9s"} {
			s := &server{flows: []flow.Flow{aFlow(1, flow.ProtocolTCP)}, fails: errors.New("no")}
			out, errs, status := s.overSSH(t, role, "", command)
			if status != exitFailed || out != "" || !strings.HasPrefix(errs, "ctop: no") || strings.Contains(errs, `role="operator"`) != advice {
				t.Errorf("%s %s: status %d, %q, %q", role, command, status, out, errs)
			}
		}
	}
}

// late is a server that has no snapshot yet.
type late struct {
	server
	after int
}

func (s *late) Snapshot() *flow.Snapshot {
	if s.after--; s.after >= 0 {
		return nil
	}
	return s.server.Snapshot()
}

// A command over SSH waits for the first snapshot, unless it is interrupted.
func TestFirstSnapshotIsWaitedFor(t *testing.T) {
	for _, after := range []int{0, 2} {
		r := remote{reader: &late{after: after}}
		if s, err := r.snapshot(t.Context(), false); s == nil || err != nil {
			t.Errorf("after %d: %v, %v", after, s, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := remote{reader: &late{after: 1000}}
	if s, err := r.snapshot(ctx, false); s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v, %v", s, err)
	}
}

// Missing events are counted before the others.
func TestWithLost(t *testing.T) {
	list := []flow.Event{anEnd(1, flow.ReasonRST), anEnd(2, flow.ReasonRST)}
	for all, want := range map[uint64]uint64{2: 0, 3: 1, 9: 7} {
		got := withLost(list, all)
		if want == 0 && len(got) == 2 {
			continue
		}
		if len(got) != 3 || got[0].Type != flow.EventLost || got[0].Lost != want || !got[0].Time.Equal(list[0].Time) || got[1].ID != 1 {
			t.Errorf("of %d: %+v", all, got)
		}
	}
	if got := withLost(nil, 5); len(got) != 1 || got[0].Lost != 5 {
		t.Errorf("of none: %+v", got)
	}
	if got := withLost(nil, 0); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}
