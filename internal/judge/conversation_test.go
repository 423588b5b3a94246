package judge

import (
	"math/rand/v2"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// conversation generates a dialogue of two honest ends, as seen by an observer
// in between who misses nothing.
type conversation struct {
	*rand.Rand
	steps []script.Step
	ends  [2]talker
}

// talker is one end.
type talker struct {
	// next is the next number that it sends, and got the next one that it
	// expects.
	next, got uint32
	// acked is its last acknowledgement.
	acked  uint32
	window uint16
	scale  int16
	// may is the first number beyond the other end's window.
	may    uint32
	sackOK bool
}

// converse returns the steps of one conversation, from opening to close or to
// some point before. Some are picked up midstream.
func converse(r *rand.Rand) []script.Step {
	c := &conversation{Rand: r}
	sack := r.IntN(2) == 0
	scaling := r.IntN(3) > 0
	for d := range c.ends {
		e := &c.ends[d]
		e.next, e.sackOK, e.scale = r.Uint32(), sack, script.NoScale
		e.window = c.pick16(64240, 65535, 29200, 4096, 1000, 512, 0)
		if scaling {
			e.scale = int16(r.IntN(10))
		}
	}
	c.ends[0].got, c.ends[1].got = c.ends[1].next, c.ends[0].next
	c.open()
	for range r.IntN(8) {
		c.exchange()
	}
	c.close()
	return c.steps
}

func (c *conversation) pick16(from ...uint16) uint16 { return from[c.IntN(len(from))] }

// one returns true with probability 1/n.
func (c *conversation) one(n int) bool { return c.IntN(n) == 0 }

// say sends a segment as an honest end would, and delivers it to the other end.
func (c *conversation) say(d int, flags uint8, length uint16) *script.Step {
	me, other := &c.ends[d], &c.ends[1-d]
	s := script.Step{
		Reply: d == 1, Flags: flags, Seq: me.next, Window: me.window, Scale: script.NoScale, Len: length,
	}
	if flags&frame.ACK != 0 {
		s.Ack = me.got
		me.acked = me.got
	}
	if flags&frame.SYN != 0 {
		s.Scale, s.SackOK = me.scale, me.sackOK
	}
	me.next = s.End()
	other.got = me.next
	if flags&frame.ACK != 0 {
		other.may = s.Ack + c.windowOf(d, flags)
	}
	c.steps = append(c.steps, s)
	return &c.steps[len(c.steps)-1]
}

// windowOf returns the window in bytes that the end advertises.
func (c *conversation) windowOf(d int, flags uint8) uint32 {
	e := &c.ends[d]
	window := uint32(e.window)
	if flags&frame.SYN == 0 && e.scale != script.NoScale && c.ends[1-d].scale != script.NoScale {
		window <<= e.scale
	}
	return window
}

func (c *conversation) open() {
	switch c.IntN(12) {
	case 0: // midstream
		for d := range c.ends {
			c.ends[d].may = c.ends[d].next + c.windowOf(1-d, frame.ACK)
		}
	case 1:
		c.openBoth()
	case 2: // Fast Open: data in the SYN, RFC 7413
		c.say(0, frame.SYN, uint16(c.IntN(200)))
		c.say(1, frame.SYN|frame.ACK, uint16(c.IntN(2)*50))
		c.say(0, frame.ACK, 0)
	case 3: // never answered, or refused
		c.say(0, frame.SYN, 0)
		if c.one(2) {
			c.refuse()
		}
	case 4: // the challenge of an older connection, and its reset
		c.openChallenged()
	default:
		c.say(0, frame.SYN|c.pickFlags(0, 0, frame.ECE|frame.CWR), 0)
		c.say(1, frame.SYN|frame.ACK, 0)
		c.say(0, frame.ACK, 0)
	}
}

func (c *conversation) pickFlags(from ...uint8) uint8 { return from[c.IntN(len(from))] }

// openBoth is a simultaneous open, RFC 9293 figure 7.
func (c *conversation) openBoth() {
	isn := [2]uint32{c.ends[0].next, c.ends[1].next}
	c.say(0, frame.SYN, 0)
	c.say(1, frame.SYN, 0)
	for d := range 2 {
		s := c.say(d, frame.SYN|frame.ACK, 0)
		s.Seq = isn[d]
		c.ends[d].next = s.End()
		c.ends[1-d].got = s.End()
	}
}

func (c *conversation) refuse() {
	s := c.say(1, frame.RST|frame.ACK, 0)
	s.Seq = 0
	s.Window = 0
}

// openChallenged is a SYN that meets the end of an old connection (RFC 5961
// section 4): a challenge ACK, the reset that it provokes, and the SYN again.
func (c *conversation) openChallenged() {
	syn := *c.say(0, frame.SYN, 0)
	challenge := *c.say(1, frame.ACK, 0)
	challenge.Seq, challenge.Ack = c.Uint32(), c.Uint32()
	c.steps[len(c.steps)-1] = challenge
	reset := script.Step{Flags: frame.RST, Seq: challenge.Ack, Scale: script.NoScale}
	c.steps = append(c.steps, reset, syn)
	c.say(1, frame.SYN|frame.ACK, 0)
	c.say(0, frame.ACK, 0)
}

// exchange is some data and its acknowledgement, or a rarer event of an open
// connection.
func (c *conversation) exchange() {
	d := c.IntN(2)
	switch c.IntN(10) {
	case 0:
		c.keepalive(d)
	case 1:
		c.zeroWindow(d)
	case 2:
		c.retransmit(d)
	case 3:
		c.gap(d)
	default:
		for range 1 + c.IntN(4) {
			c.data(d)
		}
		c.say(1-d, frame.ACK, 0)
	}
}

// data sends one segment that fits the window.
func (c *conversation) data(d int) *script.Step {
	room := int32(c.ends[d].may - c.ends[d].next)
	if room <= 0 {
		return nil
	}
	length := min(room, int32(1+c.IntN(1400)))
	return c.say(d, frame.ACK|c.pickFlags(0, frame.PSH, frame.PSH, frame.URG), uint16(length))
}

// keepalive is one old byte, or none (RFC 9293 3.8.4), and the answer.
func (c *conversation) keepalive(d int) {
	was := c.ends[d].next
	s := c.say(d, frame.ACK, 0)
	s.Seq--
	s.Len = uint16(c.IntN(2))
	c.ends[d].next, c.ends[1-d].got = was, was
	c.say(1-d, frame.ACK, 0)
}

// zeroWindow closes the window, probes it, and opens it again.
func (c *conversation) zeroWindow(d int) {
	window := c.ends[d].window
	c.data(1 - d)
	c.ends[d].window = 0
	c.say(d, frame.ACK, 0)
	for range c.IntN(3) { // probes, of one byte that is not taken
		probe := *c.say(1-d, frame.ACK, 0)
		probe.Len = uint16(c.IntN(2))
		c.steps[len(c.steps)-1] = probe
		c.say(d, frame.ACK, 0)
	}
	c.ends[d].window = max(window, 1)
	c.say(d, frame.ACK, 0)
}

// retransmit sends a segment again, whole or in part, and its acknowledgement.
func (c *conversation) retransmit(d int) {
	s := c.data(d)
	if s == nil {
		return
	}
	again := *s
	if c.one(3) {
		again.Len = uint16(1 + c.IntN(int(again.Len)))
	}
	if c.one(2) {
		c.say(1-d, frame.ACK, 0)
	}
	for range 1 + c.IntN(4) {
		c.steps = append(c.steps, again)
	}
	c.say(1-d, frame.ACK, 0)
}

// gap is a segment that arrives before its predecessor: duplicate ACKs, with
// SACK if negotiated, until the gap is filled.
func (c *conversation) gap(d int) {
	got := c.ends[1-d].got
	first := c.data(d)
	if first == nil {
		return
	}
	late := *first
	c.steps = c.steps[:len(c.steps)-1]
	for range 1 + c.IntN(3) {
		s := c.data(d)
		if s == nil {
			break
		}
		block := [2]uint32{late.End(), s.End()}
		ack := c.say(1-d, frame.ACK, 0)
		ack.Ack = got
		c.ends[d].may = got + c.windowOf(1-d, frame.ACK)
		if c.ends[0].sackOK && c.ends[1].sackOK {
			ack.Sack = block
		}
	}
	c.steps = append(c.steps, late)
	c.say(1-d, frame.ACK, 0)
}

func (c *conversation) close() {
	d := c.IntN(2)
	switch c.IntN(10) {
	case 0: // stays open
	case 1, 2:
		c.say(d, frame.FIN|frame.ACK, 0)
		c.say(1-d, frame.ACK, 0)
		c.say(1-d, frame.FIN|frame.ACK, 0)
		c.say(d, frame.ACK, 0)
	case 3:
		c.say(d, frame.FIN|frame.ACK, uint16(c.IntN(2)*10))
		c.say(1-d, frame.FIN|frame.ACK, 0)
		c.say(d, frame.ACK, 0)
	case 4:
		c.closeBoth(d)
	case 5:
		c.halfClose(d)
	case 6, 7:
		c.reset(d)
	case 8: // reset by one who has closed
		c.say(d, frame.FIN|frame.ACK, 0)
		c.data(1 - d)
		c.reset(d)
	case 9: // repeated FIN, repeated last ACK
		c.say(d, frame.FIN|frame.ACK, 0)
		fin := *c.say(1-d, frame.FIN|frame.ACK, 0)
		last := *c.say(d, frame.ACK, 0)
		c.steps = append(c.steps, fin, last)
	}
}

// closeBoth is a simultaneous close, RFC 9293 figure 13.
func (c *conversation) closeBoth(d int) {
	was := c.ends[1-d].got
	c.say(d, frame.FIN|frame.ACK, 0)
	s := c.say(1-d, frame.FIN|frame.ACK, 0)
	s.Ack = was
	c.say(d, frame.ACK, 0)
	c.say(1-d, frame.ACK, 0)
}

// halfClose lets one end continue sending after the other's FIN.
func (c *conversation) halfClose(d int) {
	c.say(d, frame.FIN|frame.ACK, 0)
	c.say(1-d, frame.ACK, 0)
	for range 1 + c.IntN(4) {
		c.data(1 - d)
		c.say(d, frame.ACK, 0)
	}
	c.say(1-d, frame.FIN|frame.ACK, 0)
	c.say(d, frame.ACK, 0)
}

func (c *conversation) reset(d int) {
	s := c.say(d, frame.RST|c.pickFlags(0, frame.ACK), 0)
	if s.Flags&frame.ACK == 0 {
		s.Window = 0
	}
}
