package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/perf"

	"ctop/tracker/flow"
)

// Packets returns the packets until ctx is done. Those of a processor are in order, and
// none waits for more than captureWait. nil comes at least that often. A packet is valid
// until the next one is requested.
func (x *Capture) Packets(ctx context.Context) iter.Seq2[*flow.Packet, error] {
	return func(yield func(*flow.Packet, error) bool) {
		r := captureReader{capture: x}
		for {
			p, err := r.next()
			if !yield(p, err) || err != nil {
				return
			}
			if p == nil && ctx.Err() != nil && (r.empty || r.since(ctx)) {
				return
			}
		}
	}
}

// captureReader reads packets.
type captureReader struct {
	capture *Capture
	record  perf.Record
	packet  flow.Packet
	tagged  []byte
	clock   Clock
	// marked is when nil was returned last, ended when ctx was first seen to be done.
	marked, ended time.Time
	// empty is set if all buffers were empty.
	empty bool
}

// since reports whether ctx has been done for a while: packets that come faster than
// they are read do not keep it going.
func (r *captureReader) since(ctx context.Context) bool {
	if r.ended.IsZero() && ctx.Err() != nil {
		r.ended = time.Now()
	}
	return time.Since(r.ended) > drainTime
}

// next returns a packet, or nil from time to time.
func (r *captureReader) next() (*flow.Packet, error) {
	for {
		if now := time.Now(); now.Sub(r.marked) > captureWait {
			r.marked = now
			r.capture.reader.SetDeadline(now.Add(captureWait))
			return nil, r.refresh(now)
		}
		err := r.capture.reader.ReadInto(&r.record)
		r.empty = errors.Is(err, os.ErrDeadlineExceeded)
		if r.empty {
			r.marked = time.Time{}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read packets: %w", err)
		}
		if r.read(r.record.RawSample) {
			return &r.packet, nil
		}
	}
}

func (r *captureReader) refresh(now time.Time) (err error) {
	if r.clock.outdated(now.Sub(r.clock.Wall), now) {
		r.clock, err = r.capture.captures.table.ReadClock()
	}
	return err
}

// read converts a record, and reports whether it is a packet.
func (r *captureReader) read(raw []byte) bool {
	const head = int(unsafe.Sizeof(kernelCopied{}))
	if len(raw) < head {
		return false
	}
	var c kernelCopied
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&c)), head), raw)
	if len(raw)-head < int(c.Taken) {
		return false
	}
	in, outgoing := sideOf(zoneOf(&c.Key), c.Side != 0)
	r.packet = flow.Packet{
		Time:      r.clock.at(c.TimeNs),
		Ref:       flow.Ref{ID: flow.ID(c.Id), Tuple: tupleFromKey(&c.Key, c.Reversed != c.Direction)},
		Place:     c.Place,
		Direction: flow.Direction(c.Direction),
		In:        in, Outgoing: outgoing,
		From: flow.State(c.From), To: flow.State(c.To),
		Verdict: flow.Verdict(c.Verdict), Invalid: flow.Invalid(c.Invalid),
		Dropped: c.Dropped != 0, First: c.First != 0,
		Holding: r.capture.captures.table.holding(&c.Owner),
		Payload: int(c.Payload), Offset: c.Offset,
		Length: int(c.Length), Data: raw[head : head+int(c.Taken)],
	}
	r.tag(&c)
	return true
}

// tag puts a VLAN tag into the packet that the kernel keeps beside it.
func (r *captureReader) tag(c *kernelCopied) {
	const addresses = 12
	p := &r.packet
	if c.VlanProto == 0 || len(p.Data) < addresses {
		return
	}
	r.tagged = append(r.tagged[:0], p.Data[:addresses]...)
	r.tagged = binary.BigEndian.AppendUint16(r.tagged, c.VlanProto)
	r.tagged = binary.BigEndian.AppendUint16(r.tagged, c.VlanTci)
	r.tagged = append(r.tagged, p.Data[addresses:]...)
	p.Length += len(r.tagged) - len(p.Data)
	if p.Payload > 0 {
		p.Payload += len(r.tagged) - len(p.Data)
	}
	p.Data = r.tagged
}

// FlowAt returns the flow at a place of the table, if it is the one with that ID.
func (t *Table) FlowAt(place uint32, id flow.ID, c Clock, timeouts *flow.Timeouts) (f flow.Flow, ok bool) {
	err := t.objects.mapping.use(func(places []kernelFlow) {
		var v kernelFlow
		if int(place) >= len(places) || !copyFlow(&v, &places[place]) || flow.ID(v.ID()) != id {
			return
		}
		ok = true
		flowFromKernel(&f, &v, c, timeouts)
		if locals := t.locals.Load(); locals != nil {
			f.SetLocal(locals.Ends(&f.Tuple))
		}
		t.ownerOf(&f.Holding, int(place), &v)
		t.nameFlow(int(place), &f)
	})
	return f, ok && err == nil
}

// Linkless reports whether packets of the watched interface at a position have no link
// header.
func (t *Table) Linkless(position uint16) bool {
	if t.objects.watched == nil {
		return false
	}
	places, err := t.places()
	return err == nil && places[Watched{Position: int(position)}.toKernel().Zone].NoLink != 0
}
