// Package naming keeps the names of servers that are read from traffic: names in hellos of
// TLS and QUIC by flow, and those in answers of DNS by client and address.
package naming

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"ctop/internal/hello"
	"ctop/tracker/flow"
)

const (
	// Snap is the most bytes of a packet with first bytes, its headers included.
	Snap = 4096 + 256
	// Rate is the number of such packets that are read in a second on each processor:
	// 20,000 hellos have 40,000, unevenly.
	Rate = 100_000
)

const (
	// mostRecent is how many of the latest flows events have names of.
	mostRecent = 1 << 16
	// settled is the age at which a flow without a name is not looked for again: what was
	// answered before it began has been read.
	settled = 5 * time.Second
	// renewEvery is how often the programs are told that the reading goes on.
	renewEvery = time.Second
)

// Source is where packets with first bytes come from.
type Source interface {
	// Packets returns packets until ctx is done, and nil from time to time.
	Packets(ctx context.Context) iter.Seq2[*flow.Packet, error]
	// Counts returns how many there were.
	Counts() (flow.PacketCounts, error)
	// Renew says that they are still wanted.
	Renew() error
}

// Rules are those of the flows that may have first bytes.
func Rules() []flow.Rule {
	port := func(p uint16) [2]flow.RuleEnd { return [2]flow.RuleEnd{1: {Low: p, High: p}} }
	return []flow.Rule{
		{Proto: flow.ProtocolTCP, HasProto: true},
		{Proto: flow.ProtocolUDP, HasProto: true, Ends: port(hello.PortQUIC)},
		{Proto: flow.ProtocolUDP, HasProto: true, Ends: port(hello.PortDNS)},
	}
}

// Book has the names of flows. It is safe for concurrent use.
type Book struct {
	// places are the names of flows by their places in the table.
	places []atomic.Pointer[entry]
	reader hello.Reader

	mu sync.RWMutex
	// recent are the names in hellos of the latest flows; order are their IDs, of which
	// next is the oldest.
	recent map[flow.ID]*flow.ServerName
	order  []flow.ID
	next   int
	status flow.Naming
}

// entry is what is known of the flow at a place. name is nil if it has none.
type entry struct {
	id   flow.ID
	name *flow.ServerName
}

// NewBook returns an empty book for a table with so many places.
func NewBook(places int) *Book {
	return &Book{places: make([]atomic.Pointer[entry], places), recent: map[flow.ID]*flow.ServerName{}}
}

// Flow returns the name of a flow's server, nil if it is not known. The flow lies at a
// place of the table. A name in a hello goes before one by which the address was found.
func (b *Book) Flow(place int, f *flow.Flow) *flow.ServerName {
	if place >= len(b.places) {
		return nil
	}
	at := &b.places[place]
	e := at.Load()
	if e != nil && e.id == f.ID {
		return e.name
	}
	found := b.found(&f.Tuple)
	if found != nil || f.Age > settled {
		at.CompareAndSwap(e, &entry{f.ID, found})
	}
	return found
}

// Event returns the name of the server of an event's flow, nil if it is not known.
func (b *Book) Event(e *flow.Event) *flow.ServerName {
	b.mu.RLock()
	name := b.recent[e.ID]
	b.mu.RUnlock()
	if name == nil {
		name = b.found(&e.Tuple)
	}
	return name
}

// found returns the name by which the client found the server.
func (b *Book) found(t *flow.Tuple) *flow.ServerName {
	name := b.reader.Answers.Name(t.Src.Addr(), t.Dst.Addr(), time.Now())
	if name == "" {
		return nil
	}
	return &flow.ServerName{Name: name, Source: flow.NameDNS}
}

// Run reads packets until ctx is done.
func (b *Book) Run(ctx context.Context, from Source) error {
	renewed := time.Now()
	for p, err := range from.Packets(ctx) {
		if err != nil {
			return err
		}
		if p != nil {
			if name, ok := b.reader.Packet(p); ok {
				b.set(p, &name)
			}
			continue
		}
		if now := time.Now(); now.Sub(renewed) >= renewEvery {
			renewed = now
			if err := b.look(from); err != nil {
				return err
			}
		}
	}
	return b.count(from)
}

func (b *Book) look(from Source) error {
	if err := b.count(from); err != nil {
		return err
	}
	return from.Renew()
}

// set notes the name in a hello.
func (b *Book) set(p *flow.Packet, name *flow.ServerName) {
	if int(p.Place) < len(b.places) {
		b.places[p.Place].Store(&entry{p.Ref.ID, name})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.recent[p.Ref.ID]; !known {
		if len(b.order) < mostRecent {
			b.order = append(b.order, p.Ref.ID)
		} else {
			delete(b.recent, b.order[b.next])
			b.order[b.next] = p.Ref.ID
			b.next = (b.next + 1) % mostRecent
		}
	}
	b.recent[p.Ref.ID] = name
}

// count reads how much was read and lost.
func (b *Book) count(from Source) error {
	lost, err := from.Counts()
	if err != nil {
		return err
	}
	c := b.reader.Counts()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = flow.Naming{
		Hellos: c.Hellos, Named: c.Named, Answers: c.Answers, Addresses: b.reader.Answers.Len(),
		OverBudget: lost.OverBudget, NoRoom: lost.NoRoom, Dropped: c.Dropped,
	}
	return nil
}

// Status returns what was read so far, at most a second old.
func (b *Book) Status() flow.Naming {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.status
}
