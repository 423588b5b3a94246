package collect

import (
	"fmt"
	"time"

	"ctop/tracker/flow"
)

const (
	// A path is stalled if its source receives at least stallPackets packets
	// while its destination sends none for stallAfter.
	stallAfter   = 3 * time.Second
	stallPackets = 10
)

// watchdog detects that packets do not pass: one interface receives and the
// other sends nothing. It uses the interfaces' own counters, not those of the
// BPF programs. Packets dropped by policy do not count as received.
type watchdog struct {
	paths []path
}

// path is a direction from one interface to another.
type path struct {
	index [2]int
	// since is the time when the destination last sent a packet. The counters
	// after it are from that time.
	since                         time.Time
	received, sent, seen, dropped uint64
	// counts is set if the destination is known to count sent packets. Not
	// every driver does with XDP.
	counts  bool
	stalled bool
	// warning is the warning while the path is stalled.
	warning flow.Warning
}

// watch checks all paths and returns a warning for each stalled one.
func (w *watchdog) watch(source Source, s *flow.Snapshot) (warnings flow.Warnings) {
	if len(w.paths) != len(s.Interfaces) {
		w.paths = make([]path, len(s.Interfaces))
	}
	for i := range w.paths {
		onward, ok := s.Onward(i)
		if !ok {
			continue
		}
		from, to := &s.Interfaces[i], &s.Interfaces[onward]
		p := &w.paths[i]
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

// look compares the counters with those from when the destination last sent a
// packet.
func (p *path) look(from, to *flow.Interface, s *flow.Snapshot) {
	index := [2]int{from.Index, to.Index}
	if p.index != index || p.sent != to.Sent {
		*p = path{
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

// causeOf returns the most likely reason for a stalled path.
func causeOf(source Source, p *path, s *flow.Snapshot, from, to int) string {
	if s.Interfaces[to].Up && s.Counters.Packets == p.seen {
		return fmt.Sprintf("packets do not reach ctop: another program takes them on %s", s.Interfaces[from].Name)
	}
	return source.WhyNotSent(to)
}
