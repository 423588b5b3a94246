package bpf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// halves are two trackers that tell each other what happens to all of their own flows, as long
// as fifteen sixteenths of the other table have room.
type halves struct {
	both [2]*harness
	over [2]map[uint64]bool
}

func (p *halves) tell(room int) {
	var ends [2][]ConntrackEvent
	var changed [2][]ConntrackFlowKey
	for i, h := range p.both {
		for _, e := range h.drain() {
			switch {
			case e.Flags&ConntrackFlowFlagFLOW_INHERITED != 0:
			case ConntrackEventType(e.Type) == ConntrackEventTypeEVENT_DESTROY:
				p.over[i][e.Id] = true
				ends[i] = append(ends[i], e)
			default:
				changed[i] = append(changed[i], e.Key)
			}
		}
	}
	for i, h := range p.both {
		other := p.both[1-i]
		for _, e := range ends[i] {
			other.end(e.Key, e.Id)
		}
		present := other.count()
		for _, key := range changed[i] {
			f := h.flow(key)
			if f == nil || inherited(f) || p.over[1-i][f.ID()] {
				continue
			}
			if other.flow(key) == nil {
				if present == room-room/16 {
					continue
				}
				present++
			}
			other.enter(h.told(key))
		}
	}
}

// send lets a segment of a client, or of the server that answers it, come by the tracker of
// its direction. It has to pass.
func (p *halves) send(from int, client netip.Addr, port uint16, s frame.Segment) {
	h := p.both[from]
	h.t.Helper()
	h.come(from)
	src, dst := client, server4
	s.Sport, s.Dport = port, 443
	if from == 1 {
		src, dst, s.Sport, s.Dport = server4, client, 443, port
	}
	if !h.run(hookXDP, tcpFrame(src, dst, s)) {
		h.t.Fatalf("%+v of end %d was dropped", s, from)
	}
}

// Connections whose directions go by different trackers talk while SYNs are sent to the
// server, which answers: by either tracker more flows than its table has room for. The flood
// makes room for itself. Of the connections one of 32 does, before all others are kept.
func TestPartedFlood(t *testing.T) {
	const room, live, flood = 4096, 200, 20_000
	p := halves{over: [2]map[uint64]bool{{}, {}}}
	for i := range p.both {
		h := newHarness(t, setup{MaxFlows: room - i, KeptLimit: room - room/16})
		p.both[i] = h
		h.reset()
		h.lives(5)
	}
	both := p.both
	for i := range uint16(live) {
		for n, s := range []frame.Segment{
			{Flags: frame.SYN, Seq: 1000},
			{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001},
			{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10},
			{Flags: frame.ACK, Seq: 5001, Ack: 1011, Payload: 10},
		} {
			p.send(n&1, client4, 10000+i, s)
			p.tell(room)
		}
	}
	ids := map[ConntrackFlowKey]uint64{}
	for _, f := range both[0].entries() {
		ids[f.Key] = f.ID()
	}
	for n := range uint32(flood) {
		var client [4]byte
		binary.BigEndian.PutUint32(client[:], 11<<24+n)
		p.send(0, netip.AddrFrom4(client), 1234, frame.Segment{Flags: frame.SYN, Seq: 77})
		p.send(1, netip.AddrFrom4(client), 1234, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 9000, Ack: 78})
		if n%50 == 49 {
			p.tell(room)
		}
		if n%500 != 499 {
			continue
		}
		for i := range uint16(live) {
			p.send(0, client4, 10000+i, frame.Segment{Flags: frame.ACK, Seq: 1011, Ack: 5011})
			p.send(1, client4, 10000+i, frame.Segment{Flags: frame.ACK, Seq: 5011, Ack: 1011})
		}
		both[0].wait(1)
		both[1].wait(1)
		p.tell(room)
	}
	for i, h := range both {
		same := 0
		for key, id := range ids {
			if f := h.flow(key); f != nil && f.ID() == id {
				same++
			}
		}
		kept := int(h.filling().Kept)
		t.Logf("tracker %d: of %d flows %d are kept, and %d of %d connections the same", i, h.count(), kept, same, len(ids))
		if len(ids) != live || same < live-live/32 || kept > live {
			t.Errorf("tracker %d: of %d flows %d are kept, and %d of %d connections the same", i, h.count(), kept, same, len(ids))
		}
	}
}
