package bpf

import (
	"fmt"
	"strings"
)

var stateNames = map[ConntrackFlowState]string{
	ConntrackFlowStateSTATE_NONE:        "-",
	ConntrackFlowStateSTATE_NEW:         "NEW",
	ConntrackFlowStateSTATE_SYN_SENT:    "SYN_SENT",
	ConntrackFlowStateSTATE_SYN_RECV:    "SYN_RECV",
	ConntrackFlowStateSTATE_ESTABLISHED: "ESTABLISHED",
	ConntrackFlowStateSTATE_FIN_WAIT_1:  "FIN_WAIT_1",
	ConntrackFlowStateSTATE_FIN_WAIT_2:  "FIN_WAIT_2",
	ConntrackFlowStateSTATE_LAST_ACK:    "LAST_ACK",
	ConntrackFlowStateSTATE_TIME_WAIT:   "TIME_WAIT",
}

var verdictNames = [...]string{
	ConntrackVerdictVERDICT_NEW:         "new",
	ConntrackVerdictVERDICT_ESTABLISHED: "established",
	ConntrackVerdictVERDICT_RELATED:     "related",
	ConntrackVerdictVERDICT_INVALID:     "invalid",
	ConntrackVerdictVERDICT_UNTRACKED:   "untracked",
}

var invalidNames = [...]string{
	ConntrackInvalidINVALID_MALFORMED: "malformed",
	ConntrackInvalidINVALID_FLAGS:     "flags",
	ConntrackInvalidINVALID_NO_FLOW:   "no_flow",
	ConntrackInvalidINVALID_STATE:     "state",
	ConntrackInvalidINVALID_WINDOW:    "window",
	ConntrackInvalidINVALID_RESET:     "reset",
	ConntrackInvalidINVALID_ICMP:      "icmp",
}

var reasonNames = [...]string{
	ConntrackReasonREASON_NONE:    "",
	ConntrackReasonREASON_RST:     "rst",
	ConntrackReasonREASON_CLOSED:  "closed",
	ConntrackReasonREASON_EXPIRED: "expired",
	ConntrackReasonREASON_DELETED: "deleted",
	ConntrackReasonREASON_EVICTED: "evicted",
	ConntrackReasonREASON_REUSED:  "reused",
	ConntrackReasonREASON_RESET:   "reset",
}

// verdictOf returns the name of the one verdict that was counted, with its reason.
func verdictOf(counted ConntrackCpuStats) string {
	var found []string
	for i, n := range counted.Verdict {
		for range n {
			found = append(found, verdictNames[i])
		}
	}
	for i, n := range counted.Invalid {
		for range n {
			found = append(found, invalidNames[i])
		}
	}
	return strings.Join(found, "/")
}

func (p *player) describe(before ConntrackCpuStats) string {
	return verdictOf(p.h.since(before)) + ", " + stateNames[state(p.h.flow(p.key))]
}

// checkCounters checks what one packet added to the counters.
func (p *player) checkCounters(before ConntrackCpuStats, verdict, reason string, forwarded bool, size int) {
	p.Helper()
	counted := p.h.since(before)
	want := verdict
	if reason != "" {
		want += "/" + reason
	}
	if got := verdictOf(counted); got != want {
		p.errorf("verdict %s, want %s (%s)", got, want, stateNames[state(p.h.flow(p.key))])
	}
	dropped := uint64(1)
	if forwarded {
		dropped = 0
	}
	if counted.Dropped != dropped {
		p.errorf("dropped %d, want %d", counted.Dropped, dropped)
	}
	if counted.Bytes != uint64(size) {
		p.errorf("%d bytes counted, want %d", counted.Bytes, size)
	}
	if counted.Races != 0 || counted.EventsLost != 0 || counted.Checksums != 0 {
		p.errorf("counted what did not happen: %+v", counted)
	}
}

// checkEvents checks the events of a step, and their counters: one event for an end, one
// for a beginning or a change.
func (p *player) checkEvents(from int, before ConntrackCpuStats, events []ConntrackEvent) {
	p.Helper()
	w := p.want
	var told []string
	if w.Ended != "" {
		told = append(told, "destroy "+w.Ended)
		if w.State == "-" {
			p.checkEnd(from, events)
		}
		p.flow.state = "-"
	}
	if w.State != p.flow.state {
		kind := "update"
		if p.flow.state == "-" {
			kind = "new"
		}
		told = append(told, kind+" "+p.flow.state+" "+w.State)
	}
	p.compareEvents(told, events)
	if w.State != "-" && len(events) > 0 {
		p.checkLast(from, events[len(events)-1])
	}
	p.flow.state = w.State
	counted := p.h.since(before)
	if eventsMade(counted) != uint64(len(events)) {
		p.errorf("%d events counted, %d told", eventsMade(counted), len(events))
	}
	for i, n := range counted.Destroyed {
		if want := i != 0 && reasonNames[i] == w.Ended; n > 1 || (n == 1) != want {
			p.errorf("%d destroyed with reason %q", n, reasonNames[i])
		}
	}
}

func (p *player) compareEvents(want []string, events []ConntrackEvent) {
	p.Helper()
	var got []string
	for _, e := range events {
		from, to := stateNames[ConntrackFlowState(e.From)], stateNames[ConntrackFlowState(e.To)]
		switch ConntrackEventType(e.Type) {
		case ConntrackEventTypeEVENT_NEW:
			got = append(got, "new "+from+" "+to)
		case ConntrackEventTypeEVENT_UPDATE:
			got = append(got, "update "+from+" "+to)
		case ConntrackEventTypeEVENT_DESTROY:
			got = append(got, "destroy "+reasonNames[e.Reason])
		}
		if ConntrackEventType(e.Type) != ConntrackEventTypeEVENT_DESTROY && e.Reason != 0 {
			p.errorf("an event of type %d has a reason", e.Type)
		}
		if e.TimeNs != p.h.config.InjectedNs {
			p.errorf("event at %d, want %d", e.TimeNs, p.h.config.InjectedNs)
		}
	}
	if g, w := strings.Join(got, ", "), strings.Join(want, ", "); g != w {
		p.errorf("events %q, want %q", g, w)
	}
}

// checkEnd checks the event of the flow's end.
func (p *player) checkEnd(from int, events []ConntrackEvent) {
	p.Helper()
	if len(events) == 0 {
		p.errorf("no event tells of the end (%s)", stateNames[state(p.h.flow(p.key))])
	}
	p.checkEvent(events[0])
	want := ConntrackDirection(from ^ p.flow.origin)
	switch ConntrackReason(events[0].Reason) {
	case ConntrackReasonREASON_EXPIRED, ConntrackReasonREASON_DELETED:
		// These ends are not caused by a packet.
		want = ConntrackDirectionORIGIN
	}
	if ConntrackDirection(events[0].Direction) != want {
		p.errorf("ended by direction %d, want %d", events[0].Direction, want)
	}
}

// checkLast checks the event of a beginning or a change.
func (p *player) checkLast(from int, e ConntrackEvent) {
	p.Helper()
	if ConntrackEventType(e.Type) == ConntrackEventTypeEVENT_NEW {
		p.flow.id = e.Id
		// The event of a new flow has its origin, even if the flow begins
		// with the answer to a SYN of the old flow.
		from = p.flow.origin
	}
	p.checkEvent(e)
	if want := ConntrackDirection(from ^ p.flow.origin); ConntrackDirection(e.Direction) != want {
		p.errorf("direction %d, want %d", e.Direction, want)
	}
}

func (p *player) checkEvent(e ConntrackEvent) {
	p.Helper()
	if e.Id != p.flow.id || e.Key != p.key {
		p.errorf("event of flow %x %+v, want %x %+v", e.Id, e.Key, p.flow.id, p.key)
	}
	if e.Packets != p.flow.packets || e.Bytes != p.flow.bytes {
		p.errorf("event has packets %d bytes %d, want %d %d", e.Packets, e.Bytes, p.flow.packets, p.flow.bytes)
	}
	if reversed := e.Flags&ConntrackFlowFlagFLOW_REVERSED != 0; reversed != p.reversed() {
		p.errorf("event has reversed %t", reversed)
	}
}

// reversed reports whether the flow's origin should be the key's end 1. In an ICMP flow
// end 0 sends the requests.
func (p *player) reversed() bool {
	return p.key.IcmpType == 0 && p.v.swapped != (p.flow.origin == 1)
}

// checkFlow compares the entry with the model.
func (p *player) checkFlow() {
	p.Helper()
	f := p.h.flow(p.key)
	if got := stateNames[state(f)]; got != p.flow.state {
		p.errorf("state %s, want %s", got, p.flow.state)
	}
	if f == nil {
		if n := p.h.count(); n != 0 {
			p.errorf("%d flows of another key", n)
		}
		return
	}
	if f.ID() != p.flow.id {
		p.errorf("id %x, want %x", f.ID(), p.flow.id)
	}
	for d := range f.Dir {
		got := fmt.Sprintf("%d packets %d bytes", f.Traffic(d).Packets, f.Traffic(d).Bytes)
		if want := fmt.Sprintf("%d packets %d bytes", p.flow.packets[d], p.flow.bytes[d]); got != want {
			p.errorf("direction %d has %s, want %s", d, got, want)
		}
	}
	if f.Origin.Others != p.flow.invalid {
		p.errorf("%d invalid packets, want %d", f.Origin.Others, p.flow.invalid)
	}
	if hasFlag(f, ConntrackFlowFlagFLOW_REVERSED) != p.reversed() {
		p.errorf("reversed is %t", !p.reversed())
	}
	if want := p.v.side^p.flow.origin == 1 != p.flow.crossed; hasFlag(f, ConntrackFlowFlagFLOW_SIDE) != want {
		p.errorf("side is %t", !want)
	}
	for name, want := range p.want.Fields {
		if got := fieldOf(f, name); got != want {
			p.errorf("%s is %s, want %s", name, got, want)
		}
	}
}
