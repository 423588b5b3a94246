package detail

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/conversation"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
)

// around is what the hosts of a fleet see of the flow's conversation.
type around struct {
	// at is when they were asked, zero before that.
	at time.Time
	// own is the flow itself, nil if its host has it no longer, or did not answer.
	own          *flow.Flow
	snapshot     *flow.Snapshot
	conversation *conversation.Conversation
	// trouble names the hosts that did not answer.
	trouble string
	err     error
}

// askAgain is how often all hosts are asked about the flow.
const askAgain = 5 * time.Second

// lookAround returns the function that asks the hosts, nil if there are none, or it is too
// early.
func (p *Page) lookAround() func() around {
	ask, f, now := p.frame.Everywhere, p.flow, p.frame.Now
	if ask == nil || p.snapshot == nil || now.Sub(p.around.at) < askAgain {
		return nil
	}
	other, translated := p.snapshot.OtherHalf(&f)
	return func() around {
		question := page.Everywhere{Flow: f}
		if translated {
			question.Other = &other
		}
		s, trouble, err := ask(question)
		found := around{at: now, trouble: trouble, err: err}
		if err == nil {
			found.find(s, f.ID)
		}
		return found
	}
}

// find takes the flow and its conversation from what the hosts have answered.
func (a *around) find(s *flow.Snapshot, id flow.ID) {
	a.snapshot = s
	var rows []*flow.Flow
	for i := range s.Flows {
		if one := &s.Flows[i]; one.ID == id {
			a.own = one
			rows = append([]*flow.Flow{one}, rows...)
		} else {
			rows = append(rows, one)
		}
	}
	for _, c := range conversation.Find(s, rows) {
		if a.own != nil && c.Sightings[0].Flow == a.own {
			a.conversation = &c
		}
	}
}

func (p *Page) takeAround(found around) tea.Cmd {
	if p.frame.Paused {
		return nil
	}
	p.around = found
	if p.missed && found.own != nil {
		p.flow, p.snapshot = *found.own, found.snapshot
	}
	return nil
}

// host returns the host that has the flow, empty outside a fleet.
func (p *Page) host() string {
	if p.snapshot == nil || int(p.flow.In) >= len(p.snapshot.Interfaces) {
		return ""
	}
	return p.snapshot.Interfaces[p.flow.In].Host
}

// away says in a fleet that what is shown is old, empty if it is not: because the host is
// gone, or has the flow no longer.
func (p *Page) away() string {
	host := p.host()
	if host == "" {
		return ""
	}
	if p.frame.Away != nil {
		if why := p.frame.Away(host); why != "" {
			return why + ": the last that it said is shown"
		}
	}
	if p.missed && p.around.err == nil && p.around.trouble == "" && !p.around.at.IsZero() && p.around.own == nil {
		return host + " has this flow no longer: the last that it said is shown"
	}
	return ""
}

// aroundLines returns what each host sees of the conversation, and where they differ.
func (p *Page) aroundLines() (lines []string) {
	a := &p.around
	switch {
	case p.frame.Everywhere == nil:
		return nil
	case a.at.IsZero():
		return append(p.labelled("hosts", "asking which of them see it"), "")
	case a.err != nil:
		return append(p.labelled("hosts", "not known: "+format.Clean(a.err.Error())), "")
	}
	text := "no other host sees it"
	if a.conversation != nil {
		lines = p.sightings(a.conversation)
		text = a.conversation.Text()
		if len(a.conversation.Gaps()) > 0 {
			text = p.frame.Theme.Warning.Render("!") + " " + text
		}
	}
	if a.trouble != "" {
		text += " " + a.trouble + "."
	}
	label := ""
	if lines == nil {
		label = "hosts"
	}
	return append(append(lines, p.labelled(label, text)...), "")
}

// sightings returns a line for each host.
func (p *Page) sightings(c *conversation.Conversation) (lines []string) {
	wide := 4
	for _, s := range c.Sightings {
		wide = max(wide, format.Width(format.Clean(s.Host+" "+s.Interface)))
	}
	line := func(name, origin, bytes, reply, back string) string {
		return format.Left(name, min(wide, 32)) + format.Right(origin, 13) + format.Right(bytes, 11) + format.Right(reply, 13) + format.Right(back, 11)
	}
	lines = []string{line("", "ORIGIN PKTS", "BYTES", "REPLY PKTS", "BYTES")}
	for i := range c.Sightings {
		s := &c.Sightings[i]
		origin, reply := s.Half(flow.Origin), s.Half(flow.Reply)
		lines = append(lines, strings.TrimRight(line(format.Clean(s.Host+" "+s.Interface),
			format.Count(int(origin.Packets)), format.TotalBytes(origin.Bytes),
			format.Count(int(reply.Packets)), format.TotalBytes(reply.Bytes)), " "))
	}
	for i, text := range lines {
		label := ""
		if i == 0 {
			label = "hosts"
		}
		lines[i] = " " + p.frame.Theme.Dim.Render(format.Left(label, 9)) + format.Cut(text, max(p.width-11, 0))
	}
	return lines
}
