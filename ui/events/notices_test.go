package events_test

import (
	"slices"
	"strings"
	"testing"

	"ctop/tracker/flow"
	"ctop/ui/events"
	"ctop/ui/page"
)

// TestActsAlone keeps what operators did, however many events come after it.
func TestActsAlone(t *testing.T) {
	f, p := newLog(100)
	p.SetSize(100, 10)
	f.Press("a")
	if got := strings.Join(p.Lines(), "\n"); !strings.Contains(got, "nobody has done anything here yet") {
		t.Errorf("%s", got)
	}
	f.Press("a")
	f.Send(page.NoticesTaken{{Time: f.Now, Text: "ada deleted 3 flows"}})
	for range 5 {
		var flood []flow.Event
		for i := range events.Limit {
			flood = append(flood, begun(i%9))
		}
		f.Send(taken(flood...))
	}
	if shown, kept := p.Counts(); shown < events.Limit || kept != shown {
		t.Errorf("%d of %d", shown, kept)
	}
	f.Press("a")
	if got := cursor(t, p); !strings.Contains(got, "ada deleted 3 flows") || !slices.Equal(p.Facts(), []string{"acts and sessions", "1/1"}) {
		t.Errorf("%q, %q", got, p.Facts())
	}
	// What comes meanwhile is in its list; the keys of flows mean nothing here.
	f.Send(taken(begun(1)))
	f.Send(page.NoticesTaken{{Time: f.Now, Text: "bob opened a console"}})
	if got := cursor(t, p); !strings.Contains(got, "bob opened a console") || len(p.Lines()) != 3 {
		t.Errorf("%q of %q", got, p.Lines())
	}
	f.Press("enter")
	if f.Flow != nil {
		t.Error("a notice has a flow")
	}
	f.Press("esc")
	if got := cursor(t, p); !strings.Contains(got, "bob opened a console") || len(p.Lines()) != 10 {
		t.Errorf("%q of %d lines", got, len(p.Lines()))
	}
	var many page.NoticesTaken
	for range 2500 {
		many = append(many, page.Notice{Time: f.Now, Text: "again"})
	}
	f.Send(many)
	f.Press("a")
	if shown, _ := p.Counts(); shown != 2000 {
		t.Errorf("%d are kept", shown)
	}
}
