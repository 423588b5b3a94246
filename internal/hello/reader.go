package hello

import (
	"time"

	"ctop/tracker/flow"
)

// The ports of QUIC and of DNS that are read.
const (
	PortQUIC = 443
	PortDNS  = 53
)

// mostWaiting is how many flows of a kind may wait for more bytes, or for an answer.
const mostWaiting = 4096

// Reader reads the first packets of flows. The zero value is ready.
type Reader struct {
	// Answers are the names of addresses.
	Answers Answers

	streams waiting[flow.ID, Stream]
	initial waiting[flow.ID, QUIC]
	asked   waiting[asked, Question]
	count   Counts
}

// asked is a question of a flow.
type asked struct {
	flow flow.ID
	id   uint16
}

// Counts are what a reader has read.
type Counts struct {
	// Hellos are complete ones, Named those of them with a name.
	Hellos, Named uint64
	// Answers are those of DNS with addresses of a name.
	Answers uint64
	// Dropped are flows that others soon took the place of, before they were complete.
	Dropped uint64
}

// Counts returns what the reader has read.
func (r *Reader) Counts() Counts {
	c := r.count
	c.Dropped = r.streams.dropped + r.initial.dropped + r.asked.dropped
	return c
}

// Packet reads a packet. ok is true if it completes the name of its flow's server.
func (r *Reader) Packet(p *flow.Packet) (name flow.ServerName, ok bool) {
	if p.Payload <= 0 || p.Payload >= len(p.Data) || p.Verdict == flow.VerdictInvalid || p.Dropped {
		return name, false
	}
	payload := p.Data[p.Payload:]
	t := &p.Ref.Tuple
	switch {
	case t.Proto == flow.ProtocolUDP && t.Dst.Port() == PortDNS:
		r.dns(p, payload)
		return name, false
	case p.Direction != flow.Origin:
		return name, false
	case t.Proto == flow.ProtocolTCP:
		return r.finish(r.segment(p, payload))
	case t.Proto == flow.ProtocolUDP && t.Dst.Port() == PortQUIC:
		return r.finish(r.datagram(p, payload))
	}
	return name, false
}

// finish returns the name in a hello, if that is complete and has one.
func (r *Reader) finish(h Hello, status Status) (name flow.ServerName, ok bool) {
	if status != Done {
		return name, false
	}
	r.count.Hellos++
	if h.Name == "" {
		return name, false
	}
	r.count.Named++
	name = flow.ServerName{Name: h.Name, Source: flow.NameSNI}
	if h.Encrypted {
		name.Source = flow.NameSNIOuter
	}
	return name, true
}

// segment reads a part of a TCP stream. Most hellos are in one part.
func (r *Reader) segment(p *flow.Packet, payload []byte) (Hello, Status) {
	if p.Offset >= mostBytes {
		return Hello{}, Not
	}
	s := r.streams.at(p.Ref.ID)
	if s == nil && p.Offset == 0 {
		h, status := Records(payload)
		if status != More {
			return h, status
		}
	}
	if s == nil {
		s = r.streams.add(p.Ref.ID, p.Time)
	}
	s.Add(int(p.Offset), payload)
	h, status := Records(s.Prefix())
	if status != More || s.Full() {
		r.streams.remove(p.Ref.ID)
	}
	return h, status
}

func (r *Reader) datagram(p *flow.Packet, payload []byte) (Hello, Status) {
	q := r.initial.at(p.Ref.ID)
	if q != nil {
		h, status := q.Datagram(payload)
		if status != More {
			r.initial.remove(p.Ref.ID)
		}
		return h, status
	}
	var first QUIC
	h, status := first.Datagram(payload)
	if status == More {
		*r.initial.add(p.Ref.ID, p.Time) = first
	}
	return h, status
}

// dns reads a question, or an answer to one that was seen: others anybody could send, so
// nothing of them is read but the question.
func (r *Reader) dns(p *flow.Packet, payload []byte) {
	m, ok := readMessage(payload)
	if !ok || m.Name == "" {
		return
	}
	key := asked{p.Ref.ID, m.ID}
	if p.Direction == flow.Origin {
		if !m.response {
			*r.asked.add(key, p.Time) = m.Question
		}
		return
	}
	if q := r.asked.at(key); !m.response || q == nil || *q != m.Question {
		return
	}
	r.asked.remove(key)
	if m.failed {
		return
	}
	if a, ok := m.answer(); ok && len(a.Addresses) > 0 {
		r.count.Answers++
		r.Answers.Add(p.Ref.Tuple.Src.Addr(), &a, p.Time)
	}
}

// mostWait is how long more may take to come. What gives way after that waits in vain, as a
// question that nobody answers.
const mostWait = 10 * time.Second

// waiting is what waits for more, the oldest in the first place.
type waiting[K comparable, T any] struct {
	of map[K]*T
	// order are the keys in the order in which they came, and when, some of which are gone;
	// next is the oldest.
	order [mostWaiting]struct {
		key  K
		came time.Time
	}
	next    int
	dropped uint64
}

func (w *waiting[K, T]) at(key K) *T { return w.of[key] }

func (w *waiting[K, T]) add(key K, now time.Time) *T {
	if w.of == nil {
		w.of = make(map[K]*T)
	}
	if known := w.of[key]; known != nil {
		return known
	}
	at := &w.order[w.next]
	if old := w.of[at.key]; old != nil {
		delete(w.of, at.key)
		if now.Sub(at.came) < mostWait && hasBegun(old) {
			w.dropped++
		}
	}
	at.key, at.came, w.next = key, now, (w.next+1)%mostWaiting
	to := new(T)
	w.of[key] = to
	return to
}

// hasBegun reports whether something waits for its rest. A stream without its beginning may
// be what a client says behind its hello.
func hasBegun(of any) bool {
	s, ok := of.(*Stream)
	return !ok || s.Prefix() != nil
}

func (w *waiting[K, T]) remove(key K) { delete(w.of, key) }
