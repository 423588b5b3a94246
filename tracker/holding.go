package tracker

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// A closer look at a flow lists every process that has its sockets, at both ends. That
// means to look at all open files of the machine, so one look serves everybody who asks,
// it may take a twentieth of a core, and what it found last is returned in the meantime.

const (
	// holdingEvery is the least time between two looks, holdingShare the largest share
	// of a core for them.
	holdingEvery = time.Second
	holdingShare = 0.05
	// holdingWait is how long a question waits for the look that it caused.
	holdingWait = 200 * time.Millisecond
	// askedFor is how long a flow is looked for after the last question, maxAsked bounds
	// the flows.
	askedFor = 10 * time.Second
	maxAsked = 64
)

// holding is the processes that have the sockets of flows somebody asked for.
type holding struct {
	mu    sync.Mutex
	files *kernel.Who
	asked map[flow.ID]*question
	// looking is closed when the look that goes on is over. next is when the next may
	// begin. Without looking, nobody looks.
	looking chan struct{}
	next    time.Time
	// failed is set once a look failed, which is logged.
	failed, closed bool
}

// question is a flow that somebody asked for.
type question struct {
	ref   flow.Ref
	last  time.Time
	found *flow.Holders
}

// holders returns the processes that have the sockets of a flow, nil if there are none or
// they are not known yet.
func (t *Tracker) holders(ref flow.Ref) *flow.Holders {
	if !t.objects.NamesProcesses() || !ref.Tuple.Proto.HasPorts() {
		return nil
	}
	h := &t.holding
	looking := h.ask(t, ref)
	if looking != nil {
		select {
		case <-looking:
		case <-time.After(holdingWait):
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if q := h.asked[ref.ID]; q != nil {
		return q.found
	}
	return nil
}

// ask notes that a flow is asked for, and begins to look if it is time to. The result is
// closed when that is over, nil if nobody looks.
func (h *holding) ask(t *Tracker, ref flow.Ref) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for id, q := range h.asked {
		if now.Sub(q.last) > askedFor {
			delete(h.asked, id)
		}
	}
	q := h.asked[ref.ID]
	if q == nil && len(h.asked) < maxAsked {
		q = &question{ref: ref}
		if h.asked == nil {
			h.asked = map[flow.ID]*question{}
		}
		h.asked[ref.ID] = q
	}
	if q != nil {
		q.last = now
	}
	if h.looking == nil && !now.Before(h.next) && !h.closed {
		h.looking = make(chan struct{})
		go h.look(t)
	}
	return h.looking
}

// look looks for the sockets of all flows that were asked for.
func (h *holding) look(t *Tracker) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := kernel.ThreadTime()
	h.mu.Lock()
	var refs []flow.Ref
	for _, q := range h.asked {
		refs = append(refs, q.ref)
	}
	h.mu.Unlock()
	found, err := h.find(t, refs)
	took := kernel.ThreadTime() - before
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, ref := range refs {
		if q := h.asked[ref.ID]; q != nil && err == nil {
			q.found = found[i]
		}
	}
	if err != nil && !h.failed {
		h.failed = true
		t.log.Warn("who has a flow's sockets is not shown", "error", err)
	}
	h.next = time.Now().Add(max(holdingEvery, time.Duration(float64(took)/holdingShare)))
	close(h.looking)
	h.looking = nil
}

// find returns the processes that have the sockets of flows.
func (h *holding) find(t *Tracker, refs []flow.Ref) ([]*flow.Holders, error) {
	if h.files == nil {
		files, err := t.objects.ListFiles()
		if err != nil {
			return nil, err
		}
		h.files = files
	}
	have, err := newHolders(netdev.PeerNamespaces(t.hold.Points()))
	if err != nil {
		return nil, err
	}
	w := newWantedSockets(refs)
	if err := h.files.Files(context.Background(), func(s *kernel.Held) { w.add(have, s) }); err != nil {
		return nil, err
	}
	found := make([]*flow.Holders, len(refs))
	for i, ref := range refs {
		found[i] = w.holdersOf(have, t.table, ref.Tuple)
	}
	return found, nil
}

// close ends it. A look that goes on is waited for.
func (h *holding) close() {
	h.mu.Lock()
	h.closed = true
	looking := h.looking
	h.mu.Unlock()
	if looking != nil {
		<-looking
	}
	h.files.Close()
}

// wantedSockets are the connections whose sockets are looked for.
type wantedSockets struct {
	connections map[connection]bool
	// byPort are those of UDP by their local port: a socket need not be connected.
	byPort map[uint16][]connection
	// loose are the sockets that were taken for a connection without being connected.
	// Of several it is not known which one has it.
	loose map[connection]uint64
	doubt map[connection]bool
}

func newWantedSockets(refs []flow.Ref) *wantedSockets {
	w := &wantedSockets{
		connections: map[connection]bool{}, byPort: map[uint16][]connection{}, loose: map[connection]uint64{}, doubt: map[connection]bool{},
	}
	for i := range refs {
		for _, c := range endsOf(&refs[i].Tuple) {
			if !w.connections[c] && c.proto == flow.ProtocolUDP {
				w.byPort[c.local.Port()] = append(w.byPort[c.local.Port()], c)
			}
			w.connections[c] = true
		}
	}
	return w
}

// endsOf returns a flow's ends as sockets see them, by the direction that they send.
func endsOf(t *flow.Tuple) [2]connection {
	return [...]connection{flow.Origin: {t.Proto, t.Src, t.Dst}, flow.Reply: {t.Proto, t.Dst, t.Src}}
}

// add adds a socket to those that the machine has, if it is wanted.
func (w *wantedSockets) add(have *holders, s *kernel.Held) {
	if s.Remote.Port() != 0 {
		if c := connectionOf(s); w.connections[c] {
			have.add(s)
		}
		return
	}
	if flow.Protocol(s.Protocol) != flow.ProtocolUDP {
		return
	}
	for _, c := range w.byPort[s.Local.Port()] {
		if addr := s.Local.Addr(); addr != c.local.Addr() && !addr.IsUnspecified() {
			continue
		}
		if other, known := w.loose[c]; known && other != s.Socket {
			w.doubt[c] = true
		}
		w.loose[c] = s.Socket
		have.addAs(c, s)
	}
}

// holdersOf returns the processes at both ends of a flow, nil if there are none.
func (w *wantedSockets) holdersOf(have *holders, table *kernel.Table, t flow.Tuple) *flow.Holders {
	zone := int(t.Zone) - 1
	if zone < 0 || zone >= len(have.peers) {
		return nil
	}
	var found flow.Holders
	for d, c := range endsOf(&t) {
		if w.doubt[c] {
			continue
		}
		for _, s := range append(have.at(c, zone, true), have.at(c, zone, false)...) {
			if p := table.Process(s); !slices.Contains(found[d], p) {
				found[d] = append(found[d], p)
			}
		}
	}
	if len(found[flow.Origin])+len(found[flow.Reply]) == 0 {
		return nil
	}
	return &found
}
