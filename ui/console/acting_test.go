package console

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui"
)

// actorFunc is an actor that is a function.
type actorFunc func(flow.Act) (flow.Outcome, error)

func (f actorFunc) Act(_ context.Context, act flow.Act) (flow.Outcome, error) { return f(act) }

// page is an audit log in memory.
type page struct {
	entries []Entry
	broken  error
}

func (p *page) Check() error { return nil }

func (p *page) Write(e Entry) error {
	p.entries = append(p.entries, e)
	return p.broken
}

var (
	actingAt = time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC)
	ann      = flow.Requester{Role: "operator", Fingerprint: "SHA256:x", Name: "ann@desk", Address: "192.0.2.1"}
)

func actingClock() time.Time { return actingAt }

// An act that fails in the middle is in the audit log with what it did, and the
// actor behind the log knows who asked.
func TestAuditedHasWhatWasDone(t *testing.T) {
	log, others := &page{}, []string(nil)
	failed := errors.New("no more")
	var by flow.Requester
	a := audited{
		by: ann, log: log, clock: actingClock, notify: func(text string) { others = append(others, text) },
		actor: actorFunc(func(act flow.Act) (flow.Outcome, error) {
			by = act.By
			return flow.Outcome{Done: 1}, failed
		}),
	}
	outcome, err := a.Act(t.Context(), flow.Deletion(make([]flow.Ref, 3)...))
	if !errors.Is(err, failed) || outcome.Done != 1 || by != ann || len(others) != 0 {
		t.Errorf("%+v, %v, by %+v, told %q", outcome, err, by, others)
	}
	if e := log.entries[0]; e.Count != 3 || e.Done != 1 || e.Error != "no more" || !e.Time.Equal(actingAt) ||
		e.Role != ann.Role || e.Fingerprint != ann.Fingerprint || e.Comment != ann.Name || e.Address != ann.Address {
		t.Errorf("%+v", e)
	}
}

// A line that is lost after the act is an error of the act, and others are told of
// the act all the same: it was done.
func TestAuditedReportsALostLine(t *testing.T) {
	log, others := &page{broken: errors.New("disk full")}, []string(nil)
	a := audited{
		by: ann, log: log, clock: actingClock, notify: func(text string) { others = append(others, text) },
		actor: actorFunc(func(flow.Act) (flow.Outcome, error) { return flow.Outcome{Done: 1}, nil }),
	}
	outcome, err := a.Act(t.Context(), flow.TimeoutChange(flow.ICMP, time.Minute))
	if !errors.Is(err, log.broken) || outcome.Done != 1 || !slices.Equal(others, []string{"set icmp=1m"}) {
		t.Errorf("%+v, %v, told %q", outcome, err, others)
	}
}

// What the audit log and other operators read of each kind of act.
func TestActsInWords(t *testing.T) {
	ref := flow.Ref{Tuple: flow.Tuple{Proto: flow.ProtocolTCP}}
	tuple := ref.Tuple.String()
	for _, tt := range []struct {
		act    flow.Act
		kind   string
		what   []string
		count  int
		notice string
	}{
		{flow.Deletion(ref), "delete", []string{tuple}, 1, "deleted " + tuple},
		{flow.Deletion(ref, ref), "delete", []string{tuple, tuple}, 2, "deleted 2 flows"},
		{flow.Deletion(), "delete", []string{}, 0, "deleted 0 flows"},
		{flow.Reset(ref), "reset", []string{tuple}, 1, "reset " + tuple},
		{flow.Reset(ref, ref), "reset", []string{tuple, tuple}, 2, "reset 2 flows"},
		{flow.TimeoutChange(flow.ICMP, time.Hour), "timeout", []string{"icmp=1h"}, 1, "set icmp=1h"},
		{flow.OwnTimeoutChange(ref, time.Hour), "flow_timeout", []string{tuple + "=1h"}, 1, "gave " + tuple + " a timeout of 1h"},
		{flow.OwnTimeoutChange(ref, 0), "flow_timeout", []string{tuple + "=0s"}, 1, "gave " + tuple + " the default timeout again"},
	} {
		e := entryOf(tt.act, value(tt.act))
		if e.Act != tt.kind || !slices.Equal(e.What, tt.what) || e.What == nil || e.Count != tt.count {
			t.Errorf("%+v, want %+v", e, tt)
		}
		if got := noticeOf(tt.act); got != tt.notice {
			t.Errorf("%q, want %q", got, tt.notice)
		}
	}
	many := entryOf(flow.Deletion(make([]flow.Ref, mostNamed+50)...), "")
	if len(many.What) != mostNamed || many.Count != mostNamed+50 {
		t.Errorf("%d named of %s", len(many.What), format.Count(many.Count))
	}
}

// What is refused is written down with its value, if one was chosen.
func TestRefusedIsWrittenDown(t *testing.T) {
	log := &page{}
	r := refusing{by: ann, log: log, lines: &thinned{}, clock: actingClock}
	if outcome, err := r.Act(t.Context(), flow.TimeoutChange(flow.ICMP, time.Hour)); !errors.Is(err, errViewer) || outcome != (flow.Outcome{}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	if err := r.attempt(ui.Attempt{Act: flow.TimeoutChange(flow.ICMP, 0), Count: 1}); !errors.Is(err, errViewer) {
		t.Error(err)
	}
	if err := r.attempt(ui.Attempt{Act: flow.Deletion(flow.Ref{}), Count: 7}); !errors.Is(err, errViewer) {
		t.Error(err)
	}
	for i, want := range []struct {
		what  string
		count int
	}{{"icmp=1h", 1}, {"icmp", 1}, {flow.Tuple{}.String(), 7}} {
		e := log.entries[i]
		if len(e.What) != 1 || e.What[0] != want.what || e.Count != want.count || e.Done != 0 ||
			e.Error != errViewer.Error() || e.Comment != ann.Name || !e.Time.Equal(actingAt) {
			t.Errorf("%+v, want %+v", e, want)
		}
	}
}
