package collect

import (
	"fmt"
	"time"

	"ctop/tracker/flow"
)

const (
	// stallAfter is how long an interface may receive without the other one
	// sending anything, and stallPackets how many packets that takes at least.
	stallAfter   = 3 * time.Second
	stallPackets = 10
)

// watchdog tells when ctop stands in the way: one interface receives, and the
// other sends nothing. It goes by what the interfaces count, not by what ctop
// believes to have forwarded. What a policy drops is not counted as received.
type watchdog struct {
	ways []way
}

// way is from one interface to the other.
type way struct {
	index [2]int
	// since is when the other one last sent something, and what follows was
	// counted then.
	since                         time.Time
	received, sent, seen, dropped uint64
	// counts: the other one was seen to count what it sends, which not every
	// driver does with XDP.
	counts  bool
	stalled bool
	// warning is the one about it while it lasts.
	warning flow.Warning
}

// watch looks at both ways and returns a warning for each on which nothing passes.
func (w *watchdog) watch(source Source, s *flow.Snapshot) (warnings flow.Warnings) {
	if len(w.ways) != len(s.Interfaces) {
		w.ways = make([]way, len(s.Interfaces))
	}
	for i := range w.ways {
		onward, ok := s.Onward(i)
		if !ok {
			continue
		}
		from, to := &s.Interfaces[i], &s.Interfaces[onward]
		p := &w.ways[i]
		was := p.stalled
		p.look(from, to, s)
		s.Stalled[i] = p.stalled
		switch {
		case p.stalled && !was:
			p.warning = flow.Warning{
				Kind: flow.WarningStalled, Interfaces: []string{from.Name, to.Name}, Detail: causeOf(source, p, s, i, onward),
			}
			source.Log().Error(p.warning.String())
		case was && !p.stalled:
			source.Log().Info(fmt.Sprintf("packets pass from %s to %s again", from.Name, to.Name))
		}
		if p.stalled {
			warnings = append(warnings, p.warning)
		}
	}
	return warnings
}

// look compares the counters with those of when the other one last sent.
func (p *way) look(from, to *flow.Interface, s *flow.Snapshot) {
	index := [2]int{from.Index, to.Index}
	if p.index != index || p.sent != to.Sent {
		*p = way{
			index: index, since: s.Time, received: from.Received, sent: to.Sent,
			seen: s.Counters.Packets, dropped: s.Counters.DroppedBy[flow.DropPolicy], counts: p.index == index,
		}
		return
	}
	received := from.Received - p.received
	if s.Policy == flow.PolicyEnforce {
		received -= min(received, s.Counters.DroppedBy[flow.DropPolicy]-p.dropped)
	}
	counts := p.counts || to.Virtual || !to.Up
	if counts && received >= stallPackets && s.Time.Sub(p.since) >= stallAfter {
		p.stalled = true
	}
}

// causeOf returns why nothing is sent on, as far as can be found out.
func causeOf(source Source, p *way, s *flow.Snapshot, from, to int) string {
	if s.Interfaces[to].Up && s.Counters.Packets == p.seen {
		return fmt.Sprintf("packets do not reach ctop: another program takes them on %s", s.Interfaces[from].Name)
	}
	return source.WhyNotSent(to)
}
