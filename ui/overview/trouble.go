package overview

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// trouble is a problem and advice.
type trouble struct{ what, todo string }

// Thresholds in percent for reporting a share, and the fewest flows for which a
// share is meaningful.
const (
	nearlyFull  = 90
	manyHalf    = 30
	manyOneSide = 50
	enough      = 100
	oldScan     = 5 * time.Second
)

// troubles draws the problems with advice, the most severe first.
func (p *Page) troubles() []string {
	var lines []string
	for _, t := range p.wrong() {
		lines = append(lines, " "+p.frame.Theme.Alert.Render(" "+format.Cut(format.Clean(t.what), p.Width-4)+" "))
		for line := range strings.SplitSeq(ansi.Wordwrap(t.todo, max(p.Width-5, 10), ""), "\n") {
			lines = append(lines, "   "+line)
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

func (p *Page) wrong() (list []trouble) {
	s := p.count.Snapshot
	for _, side := range s.Interfaces {
		if !side.Up && !s.Warnings.Down(side.Name) {
			list = append(list, trouble{side.Name + " is down", setUp(side.Name)})
		}
	}
	for _, w := range s.Warnings {
		list = append(list, trouble{w.String(), adviceFor(w)})
	}
	list = append(list, unsent(&s.Counters)...)
	list = append(list, p.fullness(s)...)
	if n := s.Counters.EventsLost; n > 0 {
		list = append(list, trouble{
			"lost " + format.Plural(int(n), "event"),
			"The kernel had more to tell than was read. The table and its counters are right all the same, and what the log missed is made up for by them: it is marked ~ there, several changes told as one.",
		})
	}
	if p.frame.Since() > oldScan {
		list = append(list, trouble{
			"scan " + format.Age(p.frame.Since()) + " old",
			"The tracker does not keep up or has stopped. What is shown was true then.",
		})
	}
	return append(list, p.shape()...)
}

// adviceFor returns the advice for a warning of the tracker.
func adviceFor(w flow.Warning) string {
	switch w.Kind {
	case flow.WarningStalled:
		return "Mend what is named. To take ctop out of the way: ctop down with both interfaces."
	case flow.WarningDown:
		return setUp(strings.Join(w.Interfaces, " "))
	case flow.WarningGone:
		return "Nothing passes until it is there again. The tracker attaches to it by itself."
	case flow.WarningUsed:
		return "The tracker in the wire takes every packet that comes in there. Take the address or the port away, or take ctop out of the way: ctop down with both interfaces."
	case flow.WarningMTU:
		return "Give both interfaces, and what is at their other ends, the same MTU: ip link set NAME mtu BYTES."
	case flow.WarningRetried:
		return "What is shown was true when it was last read. Nothing needs to be done if this goes away by itself; packets pass meanwhile."
	case flow.WarningTable:
		return "Shorten timeouts (5), delete what is not needed (/ then D), or start again with a larger --max-flows."
	case flow.WarningBehind:
		return "That program came to stand before the tracker, and what it takes, ends or lets pass on its own is not shown. To be first again, begin watching anew after it: ctop down, then ctop."
	case flow.WarningPair:
		return "Until both are in sync, what moves to the other machine may not be known there. It mends itself once both run and reach the hub; the log of ctop serve says why it does not."
	case flow.WarningInterfaces:
		return "Mend what is named. The tracker tries again every second, and until then packets may not pass there."
	}
	return "See ctop help for what it means, and the events (2) for when it began."
}

// setUp returns the advice for an interface that is down.
func setUp(name string) string {
	return "Nothing passes until it is up again: ip link set " + name + " up."
}

// unsent returns the problems of packets that could not be forwarded.
func unsent(c *flow.Counters) (list []trouble) {
	if n := c.DroppedBy[flow.DropTooLong]; n > 0 {
		list = append(list, trouble{
			format.Plural(int(n), "packet") + " too long for the way out",
			"They were longer than its MTU and were dropped. Both interfaces, and what is at their other ends, need the same MTU.",
		})
	}
	if n := c.DroppedBy[flow.DropOutput]; n > 0 {
		list = append(list, trouble{
			format.Plural(int(n), "packet") + " not taken by the way out",
			"It was down or gone, its queue was full, or the packets were too long for its other end: ip -s link show has what it counts.",
		})
	}
	return list
}

func (p *Page) fullness(s *flow.Snapshot) (list []trouble) {
	if !s.Warnings.Has(flow.WarningTable) && 100*p.count.Flows >= nearlyFull*s.MaxFlows {
		text := "table " + format.Percent(p.count.Flows, s.MaxFlows) + " full"
		list = append(list, trouble{text, adviceFor(flow.Warning{Kind: flow.WarningTable})})
	}
	if n := s.Counters.TableFull; n > 0 {
		list = append(list, trouble{
			"no room for " + format.Plural(int(n), "flow"),
			untracked(s.Policy) + " A larger --max-flows would have held them.",
		})
	}
	return list
}

// untracked explains what happens to flows that do not fit into the table. A
// SYN+ACK without a tracked SYN belongs to no flow, and the policy "enforce"
// drops it.
func untracked(p flow.Policy) string {
	if p == flow.PolicyEnforce {
		return "They were not tracked: what began them was forwarded, but the answers of TCP were dropped, so no such connection came about."
	}
	return "They were forwarded and not tracked."
}

// shape returns the problems that the flows' states indicate.
func (p *Page) shape() (list []trouble) {
	c := p.count
	if c.TCP >= enough && 100*c.HalfOpen >= manyHalf*c.TCP {
		list = append(list, trouble{
			fmt.Sprintf("%s of the TCP flows are half open", format.Percent(c.HalfOpen, c.TCP)),
			"A SYN flood, a scan or a dead server: filter state:syn, and see in Talkers (3) who sends and who does not answer." + p.openers(),
		})
	}
	if c.Flows >= enough && 100*c.OneSided >= manyOneSide*c.Flows {
		list = append(list, trouble{
			format.Percent(c.OneSided, c.Flows) + " of the flows are seen one way only",
			"Answers take another way (asymmetric routing) or do not come: filter !answered to see which flows.",
		})
	}
	return list
}
