package console

import "time"

const (
	// firstWindow is how much may be on its way before anything is known of the link.
	firstWindow = 4 << 10
	// leastWindow and mostWindow bound what may be on its way, in bytes.
	leastWindow, mostWindow = 256, 48 << 10
	// muteWindow is how much may be on its way to a client that does not answer, about a
	// screen: a key waits for no more than that.
	muteWindow = 8 << 10
	// keyQueue is how long what an operator asked for may wait in the link, and tickQueue
	// how long the rest may, with which a key has to wait.
	keyQueue, tickQueue = 300 * time.Millisecond, 150 * time.Millisecond
	// slowBelow and fastAbove are the rates, in bytes a second, at which a link becomes a
	// slow one and a fast one: the one at which a screen takes a second, and its double.
	slowBelow, fastAbove = 4 << 10, 8 << 10
	// leastSample is the least that tells a rate.
	leastSample = 200
	// leastWait is the least that an answer waited for bytes, where the clock is coarse.
	leastWait = time.Millisecond
)

// pace decides how much may be on its way to a client. It learns the link from how long
// the answers to its questions take: each is sent behind some bytes, and comes when the
// client has read these.
type pace struct {
	// sent and acked count bytes; those between them are on their way.
	sent, acked int
	// base is the time of an answer that waited for nothing.
	base time.Duration
	// bytes took so long, a sum in which older ones count less.
	bytes, took float64
	slow        bool
	// mute is set for a client that does not answer. Then what waits in the kernel is
	// taken for what is on its way.
	mute bool
}

func (p *pace) away() int { return p.sent - p.acked }

// rate returns the bytes that the link takes in a second, or 0 if that is not known.
func (p *pace) rate() float64 {
	if p.took == 0 {
		return 0
	}
	return p.bytes / p.took
}

// room returns how much may be sent now, of what an operator asked for or of the rest.
func (p *pace) room(asked bool) int {
	if p.mute {
		return muteWindow - p.away()
	}
	window := firstWindow
	if rate := p.rate(); rate > 0 {
		wait := tickQueue
		if asked {
			wait = p.base + keyQueue
		}
		window = min(max(int(rate*wait.Seconds()), leastWindow), mostWindow)
	}
	return window - p.away()
}

// answered takes an answer: the client has read all up to a position. behind is how much
// of that was sent at once, on an empty link, before the question, or 0 if the link was
// not empty.
func (p *pace) answered(position, behind int, after time.Duration) {
	p.acked = max(p.acked, position)
	if p.base == 0 || after < p.base {
		p.base = after
	}
	if behind < leastSample {
		p.base += (after - p.base) / 8 // the client may have moved
		return
	}
	p.bytes = 0.7*p.bytes + float64(behind)
	p.took = 0.7*p.took + max(after-p.base, leastWait).Seconds()
	switch rate := p.rate(); {
	case rate < slowBelow:
		p.slow = true
	case rate > fastAbove:
		p.slow = false
	}
}
