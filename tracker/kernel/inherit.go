package kernel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"

	"ctop/bpf"
	"ctop/tracker/flow"
)

type (
	kernelInherit = bpf.ConntrackInheritArgs
	kernelDir     = bpf.ConntrackFlowDir
)

// The steps of the program inherit.
const (
	inheritRead  = bpf.ConntrackInheritStepINHERIT_READ
	inheritEnter = bpf.ConntrackInheritStepINHERIT_ENTER
	inheritEnd   = bpf.ConntrackInheritStepINHERIT_END
	inheritOwn   = bpf.ConntrackInheritStepINHERIT_OWN
)

// heardLater is by how much a partner must have heard a flow later for it to be the
// partner's.
const heardLater = time.Second

const (
	// toldWithin is in which time a partner tells of a flow that moved to it: later it does
	// not live any more.
	toldWithin = 5 * time.Second
	// partnerLives is PAIRED_LIVES of the programs.
	partnerLives = 1 << 31
)

// errNoPartner means that the programs know no partner.
var errNoPartner = errors.New("this tracker was begun by an older ctop, which knows no partner: end it with ctop down, and begin it again")

// Partner is what a pair does with a table. Its methods are safe for concurrent use.
type Partner struct{ table *Table }

// Partner returns the table as a pair sees it. It fails if an older version made it.
func (t *Table) Partner() (*Partner, error) {
	if t.objects.inherit == nil {
		return nil, errNoPartner
	}
	return &Partner{t}, nil
}

// Pair lets flows go on whose beginning was not seen, although the policy is enforce, and
// the sweep spare flows of the partner.
func (p *Partner) Pair(paired, alive bool) error {
	p.table.spare.Store(alive)
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	if err := p.table.readBack(); err != nil {
		return err
	}
	want := uint32(0)
	if paired {
		want = uint32(Clock{Tick: p.table.tick}.ticksOf(toldWithin))
	}
	if paired && alive {
		want |= partnerLives
	}
	if p.table.config.Paired == want {
		return nil
	}
	p.table.config.Paired = want
	return p.table.writeConfig()
}

// Flow reads the flow of a key. found is false if there is none.
func (p *Partner) Flow(key *flow.ToldKey, told *flow.Told) (found bool, err error) {
	args := kernelInherit{Key: keyTold(key), Step: inheritRead}
	if err := p.run(&args); err != nil || flow.Inherited(args.Result) != flow.InheritedDone {
		return false, err
	}
	*told = flow.Told{
		Glance:  flow.Glance{Key: *key, ID: flow.ID(args.Id), Control: args.Control, Age: time.Duration(args.AgeNs)},
		Timeout: time.Duration(args.TimeoutTicks) * p.table.tick,
	}
	for d := range told.Halves {
		from := &args.Dir[d]
		told.Halves[d] = flow.ToldHalf{
			Packets: from.Packets, Bytes: from.Bytes, Idle: time.Duration(from.IdleTicks) * p.table.tick,
			RTT: time.Duration(from.RttUs) * time.Microsecond, Retransmits: from.Retransmits, Reordered: from.Reordered,
		}
		setNumbers(&told.Halves[d], &from.Numbers)
	}
	return true, nil
}

// Enter enters a flow of the partner, or brings it up to date. It refuses one with a key that
// no packet has: whoever reads the table relies on that.
func (p *Partner) Enter(told *flow.Told) (flow.Inherited, error) {
	if !isOfPackets(told) {
		return flow.InheritedRefused, nil
	}
	c := Clock{Tick: p.table.tick}
	args := kernelInherit{
		Key: keyTold(&told.Key), Id: uint64(told.ID), Step: inheritEnter, Control: told.Control, AgeNs: uint64(max(told.Age, 0)),
		MarginTicks: uint32(c.ticksOf(heardLater)),
	}
	args.TimeoutTicks = p.timeout(args.Key.Proto, c.ticksOf(max(told.Timeout, 0)))
	for d := range told.Halves {
		from, to := &told.Halves[d], &args.Dir[d]
		to.Packets, to.Bytes, to.IdleTicks = from.Packets, from.Bytes, uint64(max(from.Idle, 0)/c.Tick)
		to.RttUs = uint32(min(max(from.RTT, 0)/time.Microsecond, 1<<32-1))
		to.Retransmits, to.Reordered = from.Retransmits, from.Reordered
		to.Numbers = numbersTold(from)
	}
	return p.ask(&args)
}

// timeout returns a timeout of the partner's flow, 0 if it has none. The partner may end a
// flow that it alone has, but that one may come by here later: one of TCP is not forgotten
// sooner than the partner can bring about by a state. The programs let it shorten the timeout
// of no flow that came by here.
func (p *Partner) timeout(proto uint8, ticks uint64) uint32 {
	if ticks != 0 && flow.Protocol(proto) == flow.ProtocolTCP {
		ticks = max(ticks, p.shortest())
	}
	return uint32(min(ticks, math.MaxUint32))
}

// shortest returns the shortest timeout of a state of TCP.
func (p *Partner) shortest() uint64 {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	ticks := uint64(math.MaxUint64)
	for s := flow.StateNew; s <= flow.StateTimeWait; s++ {
		ticks = min(ticks, p.table.config.TimeoutTicks[flow.TimeoutOf(flow.ProtocolTCP, s)])
	}
	return ticks
}

// End ends a flow that has ended at the partner.
func (p *Partner) End(key *flow.ToldKey, id flow.ID, reason flow.Reason) (flow.Inherited, error) {
	return p.ask(&kernelInherit{Key: keyTold(key), Id: uint64(id), Step: inheritEnd, Reason: bpf.ConntrackReason(reason)})
}

// Own makes a flow of the partner this tracker's own.
func (p *Partner) Own(key *flow.ToldKey, id flow.ID) (flow.Inherited, error) {
	return p.ask(&kernelInherit{Key: keyTold(key), Id: uint64(id), Step: inheritOwn})
}

// Part calls visit with the flows at n places of the table from one on: all, or own ones
// that had a packet within a time, if that is not negative. It reports whether there are
// places after these that were ever used. What visit gets is valid until it returns.
func (p *Partner) Part(from, n int, within time.Duration, visit func(*flow.Told)) (more bool, err error) {
	var told flow.Told
	return p.places(from, n, func(places []kernelFlow, c Clock) {
		var whole kernelFlow
		since := c.Ticks - min(c.Ticks, c.ticksOf(max(within, 0)))
		for i := range places {
			if (within < 0 || heardSince(&places[i], since)) && copyFlow(&whole, &places[i]) {
				toldFromKernel(&told, &whole, c)
				visit(&told)
			}
		}
	})
}

// Glance does the same with what is known of all flows at a glance.
func (p *Partner) Glance(from, n int, visit func(*flow.Glance)) (more bool, err error) {
	var g flow.Glance
	return p.places(from, n, func(places []kernelFlow, c Clock) {
		for i := range places {
			v := &places[i]
			// As in copyFlow. One that changes meanwhile is none this time. Where loads may
			// change places it is another one: what is done about it asks for its ID.
			before := atomic.LoadUint64(&v.Control)
			if stateFromControl(before) == flow.StateNone {
				continue
			}
			glance(&g, v, c)
			if atomic.LoadUint64(&v.Control)>>32 == before>>32 {
				visit(&g)
			}
		}
	})
}

// places calls visit with n places of the table from one on.
func (p *Partner) places(from, n int, visit func([]kernelFlow, Clock)) (more bool, err error) {
	c, err := p.table.ReadClock()
	if err != nil {
		return false, err
	}
	err = p.table.objects.mapping.use(func(places []kernelFlow) {
		end := min(from+n, len(places))
		more = end < len(places)
		if from < end {
			visit(places[from:end], c)
		}
	})
	return more, err
}

// heardSince reports whether an entry may be an own flow that had a packet since a tick. Most of
// a large table is in no cache, so nothing of an entry is waited for twice: both times are loaded
// before either is looked at.
func heardSince(v *kernelFlow, tick uint64) bool {
	control := atomic.LoadUint64(&v.Control)
	if stateFromControl(control) == flow.StateNone || hasFlag(control, bpf.ConntrackFlowFlagFLOW_INHERITED) {
		return false
	}
	return max(atomic.LoadUint64(&v.Origin.LastSeenTicks), atomic.LoadUint64(&v.Reply.LastSeenTicks)) >= tick
}

// Present returns how many flows there are, about.
func (p *Partner) Present() (int, error) {
	counters, err := p.table.Counters()
	return Present(&counters), err
}

func (p *Partner) ask(args *kernelInherit) (flow.Inherited, error) {
	err := p.run(args)
	return flow.Inherited(args.Result), err
}

func (p *Partner) run(args *kernelInherit) error {
	if err := runOn(p.table.objects.inherit, unsafe.Pointer(args), unsafe.Sizeof(*args)); err != nil {
		return fmt.Errorf("change the flows of the partner: %w", err)
	}
	return nil
}

func glance(to *flow.Glance, v *kernelFlow, c Clock) {
	*to = flow.Glance{
		Key: toldKey(&v.Key), ID: flow.ID(v.ID()), Control: uint32(v.Control),
		Age: max(time.Duration(int64(c.Ns)-int64(v.CreatedNs)), 0),
	}
}

func toldFromKernel(to *flow.Told, v *kernelFlow, c Clock) {
	*to = flow.Told{Timeout: time.Duration(v.TimeoutTicks) * c.Tick}
	glance(&to.Glance, v, c)
	for d := range to.Halves {
		t := v.Traffic(d)
		to.Halves[d] = flow.ToldHalf{
			Packets: t.Packets, Bytes: t.Bytes, Idle: c.since(t.LastSeenTicks),
			RTT: time.Duration(t.RttUs) * time.Microsecond, Retransmits: t.Retransmits, Reordered: t.Reordered,
		}
		setNumbers(&to.Halves[d], &v.Dir[d])
	}
}

func setNumbers(h *flow.ToldHalf, from *kernelDir) {
	h.End, h.Acked, h.Limit, h.MaxWindow, h.SYN, h.FIN = from.End, from.Acked, from.Limit, from.MaxWindow, from.SynSeq, from.FinEnd
	h.ZeroWindows, h.WindowScale = from.ZeroWindows, from.Wscale
}

func numbersTold(h *flow.ToldHalf) kernelDir {
	return kernelDir{
		End: h.End, Acked: h.Acked, Limit: h.Limit, MaxWindow: h.MaxWindow, SynSeq: h.SYN, FinEnd: h.FIN,
		ZeroWindows: h.ZeroWindows, Wscale: h.WindowScale,
	}
}

// A key has the same bytes on all machines: its addresses and ports are in network order
// in memory. Its VLAN ids and session are not, but the programs are for little-endian
// processors only.
func toldKey(k *kernelKey) flow.ToldKey { return *(*flow.ToldKey)(unsafe.Pointer(k)) }

// isOfPackets reports whether packets may have a flow's key: it is the one of its tuple.
func isOfPackets(told *flow.Told) bool {
	key := keyTold(&told.Key)
	tuple := tupleFromKey(&key, hasFlag(uint64(told.Control), bpf.ConntrackFlowFlagFLOW_REVERSED))
	if key.Family == uint8(flow.IPv4) && (!isMapped(tuple.Src) || !isMapped(tuple.Dst)) {
		return false
	}
	return keyFromTuple(tuple) == key
}

// isMapped reports whether an end has the bytes of an IPv4 address.
func isMapped(e flow.End) bool { return netip.AddrFrom16(e.As16()).Is4In6() }

func keyTold(k *flow.ToldKey) (key kernelKey) {
	*(*flow.ToldKey)(unsafe.Pointer(&key)) = *k
	return key
}

// Change is something that happened to an own flow, or a mark.
type Change struct {
	// Mark means that this is no change, and that no other one waits.
	Mark bool
	Key  flow.ToldKey
	ID   flow.ID
	// Ended is set if it has ended, for Reason.
	Ended  bool
	Reason flow.Reason
	// Moved is set if it was the partner's, and its packets come by here now.
	Moved bool
}

// Changes calls visit with what happens to own flows until ctx is done, and with a mark after
// all that happened in a ringbuf.FlushInterval. listens is called when nothing is missed from
// then on.
func (r *Readers) Changes(ctx context.Context, listens func(), visit func(Change)) error {
	l, err := r.Listen()
	if err != nil {
		return err
	}
	defer l.Close()
	listens()
	waits := false
	for record, err := range l.ring.Records(ctx) {
		if err != nil {
			return err
		}
		if e := &record.Value; !record.Mark && !eventInherited(e) {
			visit(changeOf(e))
			waits = true
		}
		if waits && record.Last {
			visit(Change{Mark: true})
			waits = false
		}
	}
	return nil
}

func changeOf(e *kernelEvent) Change {
	kind := flow.EventType(e.Type)
	return Change{
		Key: toldKey(&e.Key), ID: flow.ID(e.Id),
		Ended: kind == flow.EventDestroy, Reason: flow.Reason(e.Reason), Moved: movedHere(kind, flow.State(e.From), flow.State(e.To)),
	}
}
