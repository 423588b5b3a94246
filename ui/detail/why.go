package detail

import (
	"fmt"
	"strings"
	"time"

	"ctop/internal/format"
	"ctop/internal/sick"
	"ctop/tracker/flow"
)

// why returns the reason why the flow is alive and when it expires, or why it
// ended.
func (p *Page) why() string {
	if e := p.end(); e != nil {
		return endings[e.Reason] + " It lived " + lifetime(e.Age) + "."
	}
	f := &p.flow
	if f.Timeout == 0 {
		return "It is not in the last snapshot: it came and went between two of them."
	}
	text := fmt.Sprintf("%s It expires %s after its last packet (%s); %s Last one %s ago.",
		standing(f), format.Words(f.Timeout), p.timeoutSource(), refreshedBy(f), ago(f.Idle+p.frame.Since()))
	return text
}

// lifetime returns how long a flow lived, to the second unless that is none.
func lifetime(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return format.Words(d.Truncate(time.Second))
}

// sickness says what is wrong with the flow.
func (p *Page) sickness() string {
	if e := p.end(); e != nil {
		return sick.Ended(e)
	}
	text := sick.Sentence(&p.flow)
	for _, socket := range [...]*flow.Socket{p.closer.Origin, p.closer.Reply} {
		if text == "" && socket != nil {
			text = sick.SlowerSocket(&p.flow, socket.SRTT)
		}
	}
	return text
}

func (p *Page) timeoutSource() string {
	if p.flow.OwnTimeout {
		return "its own timeout, in place of " + p.flow.TimeoutName.String()
	}
	return p.flow.TimeoutName.String()
}

func standing(f *flow.Flow) string {
	if f.OneSided {
		return "Only origin has been seen where it should be: reply takes another way, or both are on one side."
	}
	switch f.TimeoutName {
	case flow.TCPSynSent:
		return "Origin has asked to open, reply has not answered."
	case flow.TCPSynRecv:
		return "Reply has answered, the last step of the handshake is missing."
	case flow.TCPEstablished:
		return "The flow is open."
	case flow.TCPFinWait:
		return "One side has closed, the other may still send."
	case flow.TCPLastAck:
		return "Both sides have closed, the final ACK is missing."
	case flow.TCPTimeWait:
		return "Both sides have closed; stragglers may still come."
	case flow.TCPUnacknowledged:
		return unacknowledged(f)
	case flow.UDPUnidirectional:
		return "Only origin has sent."
	}
	if f.Reply.Seen() {
		return "Both directions have been seen."
	}
	return "Only origin has been seen."
}

// unacknowledged describes what a flow with the timeout tcp_unacknowledged
// waits for: an answer, an acknowledgement, an open window, or nothing any more.
func unacknowledged(f *flow.Flow) string {
	if f.State == flow.StateNew {
		return "It was picked up midstream and reply has not been seen."
	}
	if !f.Origin.WindowKnown {
		return "The flow is open, but one side has not acknowledged what the other sent, or has closed its window, or its end was missed here."
	}
	var parts []string
	for _, side := range [...]struct {
		name, other string
		half, to    *flow.Half
	}{{"origin", "reply", &f.Origin, &f.Reply}, {"reply", "origin", &f.Reply, &f.Origin}} {
		switch {
		case side.half.InFlight > 0:
			parts = append(parts, fmt.Sprintf("%s has not acknowledged %s of %s's data", side.other, format.TotalBytes(uint64(side.half.InFlight)), side.name))
		case side.to.Window == 0:
			parts = append(parts, fmt.Sprintf("%s has closed its window", side.other))
		}
	}
	if parts == nil {
		return "Its end was missed here: both sides have closed it outside the window, or the other host of a pair has heard the end."
	}
	return "The flow is open, but " + strings.Join(parts, " and ") + "."
}

// refreshedBy says which packets restart the timeout. Every valid packet does,
// but a SYN without an answer only does a few times.
func refreshedBy(f *flow.Flow) string {
	switch {
	case f.State == flow.StateSynSent:
		return "the SYN, sent again, puts that off a few times."
	case f.Tuple.Proto == flow.ProtocolTCP:
		return "any valid packet of either direction puts that off."
	}
	return "any packet of either direction puts that off."
}

func ago(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	}
	return format.Words(d.Truncate(time.Second))
}

var endings = [256]string{
	flow.ReasonNone:    "It has ended.",
	flow.ReasonRST:     "One of the endpoints has reset it.",
	flow.ReasonClosed:  "Both sides have closed it in order.",
	flow.ReasonExpired: "It has been silent for longer than its timeout.",
	flow.ReasonDeleted: "An operator has deleted it.",
	flow.ReasonEvicted: "It had to make room in a full table.",
	flow.ReasonReused:  "The same tuple was opened again.",
	flow.ReasonReset:   "An operator has reset it at both ends.",
}

// cause returns the cause of an event in words.
func cause(e *flow.Event) string {
	if e.Recovered {
		return "recovered: told by the table"
	}
	if e.Type == flow.EventDestroy {
		return e.Reason.String()
	}
	if e.Type == flow.EventNew {
		return beginning(e)
	}
	switch e.To {
	case flow.StateSynRecv:
		return e.Direction.String() + " answered"
	case flow.StateEstablished:
		return establishedBy(e)
	case flow.StateFinWait1, flow.StateFinWait2, flow.StateLastAck, flow.StateTimeWait:
		return e.Direction.String() + " " + closingStep[e.To]
	}
	return "by " + e.Direction.String()
}

func beginning(e *flow.Event) string {
	switch {
	case e.To == flow.StateSynSent:
		return e.Direction.String() + " opened"
	case e.Tuple.Proto == flow.ProtocolTCP:
		return "picked up midstream"
	}
	return "first packet"
}

var closingStep = map[flow.State]string{
	flow.StateFinWait1: "closed",
	flow.StateFinWait2: "acknowledged the close",
	flow.StateLastAck:  "closed, too",
	flow.StateTimeWait: "acknowledged the last",
}

func establishedBy(e *flow.Event) string {
	if e.From == flow.StateSynRecv {
		return "handshake complete"
	}
	return e.Direction.String() + " answered"
}
