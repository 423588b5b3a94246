package acting

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/work"
)

const (
	// soughtFor is the time after a deletion in which its flows are searched.
	soughtFor = 10 * time.Second
	// mostSought is the maximum number of flows to search.
	mostSought = 100000
)

// deletion is the last deletion. Its flows may come back: in observe mode the next
// packet picks a flow up again.
type deletion struct {
	flows map[flow.Tuple]flow.ID
	text  string
	at    time.Time
	back  int
	// said is the message on the screen about it.
	said string
	// seen is the snapshot that was searched last.
	seen *flow.Snapshot
}

// expectReturn starts the search for deleted flows.
func (a *Acts) expectReturn(refs []flow.Ref, text string) {
	flows := make(map[flow.Tuple]flow.ID, min(len(refs), mostSought))
	for _, ref := range refs[:min(len(refs), mostSought)] {
		flows[ref.Tuple] = ref.ID
	}
	a.deleted = deletion{flows: flows, text: text, said: text, at: a.frame.Now, seen: a.frame.Latest}
}

// lookForReturned searches a new snapshot for deleted flows.
func (a *Acts) lookForReturned() tea.Cmd {
	d, s := &a.deleted, a.frame.Latest
	if d.flows == nil || s == nil || s == d.seen || !s.Time.After(d.at) {
		return nil
	}
	if a.frame.Now.Sub(d.at) > soughtFor {
		a.deleted = deletion{}
		return nil
	}
	d.seen = s
	flows := d.flows
	return work.Do(func() int { return order.CountBack(s, flows) }, a.tellReturned)
}

// tellReturned shows how many deleted flows came back, if the number has grown.
func (a *Acts) tellReturned(flows int) tea.Cmd {
	d := &a.deleted
	if d.flows == nil || flows <= d.back {
		return nil
	}
	d.back = flows
	text := d.text + ", " + format.Count(d.back) + " came back since"
	if said := a.frame.Said(); said == "" || said == d.said {
		d.said = text
		a.frame.Tell(text)
	}
	a.frame.Note(text)
	return nil
}
