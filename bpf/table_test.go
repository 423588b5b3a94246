package bpf

import (
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"

	"ctop/internal/bpftest"
	"ctop/internal/frame"
)

// Packets that find the table full of answered flows pass and are counted. The flows in
// the table stay, and there is room again once one has ended.
func TestTableFull(t *testing.T) {
	const room = 16
	h := newHarness(t, setup{MaxFlows: room})
	for _, by := range hooks {
		h.reset()
		for port := range uint16(room) {
			h.expect(by, udpFrame(client4, server4, port+1, 2, 10).Bytes(), "new")
			h.expect(by, udpFrame(server4, client4, 2, port+1, 10).Bytes(), "established")
		}
		before := h.counters()
		h.enforce(true)
		h.expect(by, udpFrame(client4, server4, 1000, 2, 10).Bytes(), "untracked")
		h.expect(by, synFrame(client4, server4).Bytes(), "untracked")
		h.enforce(false)
		h.expect(by, udpFrame(server4, client4, 2, 1, 10).Bytes(), "established")
		counted := h.since(before)
		if counted.TableFull != 2 || counted.Created != 0 || eventsMade(counted) != 0 {
			t.Errorf("%s: counted %+v", by, counted)
		}
		h.wait(timeouts[ConntrackTimeoutTIMEOUT_UDP_BIDIRECTIONAL] - 1)
		h.expect(by, udpFrame(server4, client4, 2, 1, 10).Bytes(), "established")
		h.wait(1)
		args := h.sweep(ConntrackSweepArgs{})
		if args.Visited != room || args.Expired != room-1 {
			t.Errorf("%s: swept %+v", by, args)
		}
		h.expect(by, synFrame(client4, server4).Bytes(), "new")
		h.expectFlows(2)
	}
}

// In a full table new flows evict those that were not answered, oldest first, each with
// an event. Answered flows stay.
func TestUnansweredMakeRoom(t *testing.T) {
	const answered, flood = 20, 1000
	for i, by := range hooks {
		// Each hook has its own table, so that earlier flows do not interfere.
		room := uint32(64 + i)
		h := newHarness(t, setup{MaxFlows: int(room)})
		h.reset()
		for port := range uint16(answered) {
			h.expect(by, udpFrame(client4, server4, port+1, 2, 10).Bytes(), "new")
			h.expect(by, udpFrame(server4, client4, 2, port+1, 10).Bytes(), "established")
		}
		h.drain()
		before := h.counters()
		for port := range uint16(flood) {
			h.expect(by, udpFrame(server4, client4, port+1000, 9, 10).Bytes(), "new")
		}
		counted := h.since(before)
		evicted := counted.Destroyed[ConntrackReasonREASON_EVICTED]
		if counted.Created != flood || evicted != uint64(flood-(room-answered)) || counted.TableFull != 0 {
			t.Errorf("%s: counted %+v", by, counted)
		}
		expectOldestFirst(t, h.drain(), evicted)
		for port := range uint16(answered) {
			h.expect(by, udpFrame(server4, client4, 2, port+1, 10).Bytes(), "established")
		}
		if c := h.since(before); c.Created != flood {
			t.Errorf("%s: flows worth keeping were not kept: %+v", by, c)
		}
	}
}

func expectOldestFirst(t *testing.T, events []ConntrackEvent, evicted uint64) {
	t.Helper()
	var next, found uint64
	for _, e := range events {
		if ConntrackReason(e.Reason) != ConntrackReasonREASON_EVICTED {
			continue
		}
		if e.CreatedNs < next {
			t.Fatalf("a flow of %d was evicted after one of %d", e.CreatedNs, next)
		}
		next = e.CreatedNs
		found++
	}
	if found != evicted {
		t.Errorf("%d events tell of %d evictions", found, evicted)
	}
}

// A sweep ends the flows whose timeout is over, and no others. Each gets an event with
// its last counters.
func TestSweep(t *testing.T) {
	h := newHarness(t, setup{})
	const old, young = 700, 300
	for port := range uint16(old) {
		h.run(hookXDP, udpFrame(client4, server4, port+1, 2, int(port)%100).Bytes())
	}
	h.wait(200)
	for port := range uint16(young) {
		h.run(hookXDP, udpFrame(client6, server6, port+1, 2, 10).Bytes())
	}
	h.wait(100)
	h.drain()
	args := h.sweep(ConntrackSweepArgs{})
	if args.Visited != old+young || args.Expired != old {
		t.Errorf("swept %+v", args)
	}
	events := h.drain()
	if len(events) != old {
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if ConntrackEventType(e.Type) != ConntrackEventTypeEVENT_DESTROY || ConntrackReason(e.Reason) != ConntrackReasonREASON_EXPIRED ||
			e.Key.Family != 4 || e.Packets != [2]uint64{1, 0} || e.Bytes[0] < 42 {
			t.Fatalf("event %+v", e)
		}
	}
	h.expectFlows(young)
}

// A sweep goes over a part of the table at a time, so that no CPU is without its scheduler
// for long. Together the parts are the table, each place once.
func TestSweepParts(t *testing.T) {
	const part, flows = 4096, 3*4096 + 100
	h := newHarness(t, setup{MaxFlows: 1 << 14})
	for n := range flows {
		h.run(hookXDP, udpFrame(client4, server4, uint16(n), uint16(2+n>>16), 10).Bytes())
	}
	h.wait(timeouts[ConntrackTimeoutTIMEOUT_UDP_UNIDIRECTIONAL])
	args := ConntrackSweepArgs{Part: 1}
	for n := uint32(1); n <= 4; n++ {
		h.syscall(h.Sweep, &args)
		want := ConntrackSweepArgs{Visited: n * part, Expired: uint64(n * part), Part: n + 1}
		if n == 4 {
			want = ConntrackSweepArgs{Visited: flows, Expired: flows}
		}
		if args != want {
			t.Fatalf("after %d parts: swept %+v, want %+v", n, args, want)
		}
	}
	h.expectFlows(0)
	past := ConntrackSweepArgs{Part: 1 << 31}
	if h.syscall(h.Sweep, &past); past != (ConntrackSweepArgs{}) {
		t.Errorf("swept %+v after the last place", past)
	}
}

// A timeout that an operator changes applies to every flow immediately.
func TestTimeoutForAll(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		key := h.establish(by, client4, server4)
		h.establish(by, client6, server6)
		h.wait(4)
		h.config.TimeoutTicks[ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED] = 5
		h.configure()
		h.sweep(ConntrackSweepArgs{})
		h.expectFlows(2)
		h.wait(1)
		args := h.sweep(ConntrackSweepArgs{})
		if args.Expired != 2 || h.flow(key) != nil {
			t.Errorf("%s: swept %+v", by, args)
		}
		h.reset()
	}
}

// A request for a flow that does not exist, or has another id, does nothing.
func TestRequestsForTheWrongFlow(t *testing.T) {
	h := newHarness(t, setup{})
	key := h.establish(hookXDP, client4, server4)
	flow := *h.flow(key)
	other := key
	other.Port[0]++
	for _, args := range []ConntrackRequestArgs{
		{Key: key, Id: flow.ID() + 1, Request: ConntrackFlowRequestREQUEST_DELETE},
		{Key: key, Id: 0, Request: ConntrackFlowRequestREQUEST_DELETE},
		{Key: other, Id: flow.ID(), Request: ConntrackFlowRequestREQUEST_DELETE},
		{Key: key, Id: flow.ID() + 1, Request: ConntrackFlowRequestREQUEST_TIMEOUT, TimeoutTicks: 9},
		{Key: key, Id: flow.ID(), Request: 7, TimeoutTicks: 9},
	} {
		args.Done = 5
		h.syscall(h.Request, &args)
		if args.Done != 0 {
			t.Errorf("done: %+v", args)
		}
	}
	if after := h.flow(key); after == nil || *after != flow {
		t.Errorf("the flow became %+v", after)
	}
	if events := h.drain(); len(events) != 0 {
		t.Errorf("%d events", len(events))
	}
}

// Every reader gets every event. A slow one loses only its own.
func TestReaders(t *testing.T) {
	h := newHarness(t, setup{})
	second := h.addReader(7)
	small, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 4096})
	ok(t, err)
	t.Cleanup(func() {
		_ = h.Readers.Delete(uint32(3))
		_ = small.Close()
	})
	ok(t, h.Readers.Put(uint32(3), small))
	h.drain()
	before := h.counters()
	const n = 100
	for port := range uint16(n) {
		h.run(hookXDP, udpFrame(client4, server4, port+1, 2, 10).Bytes())
	}
	first, also := h.drain(), drain(t, second)
	if len(first) != n || len(also) != n {
		t.Fatalf("readers got %d and %d events, want %d", len(first), len(also), n)
	}
	for i := range first {
		if first[i] != also[i] {
			t.Fatalf("event %d: %+v and %+v", i, first[i], also[i])
		}
	}
	counted := h.since(before)
	// A record has a header of 8 bytes.
	if lost := uint64(n - 4096/(unsafe.Offsetof(first[0].CreatedNs)+8)); eventsMade(counted) != n || counted.EventsLost < lost || counted.EventsLost > lost+1 {
		t.Errorf("%d events, %d lost, want %d lost", eventsMade(counted), counted.EventsLost, lost)
	}
}

// Sequence numbers count the events of each CPU and lane without a gap.
func TestSequenceNumbers(t *testing.T) {
	h := newHarness(t, setup{})
	h.hop = true
	type count struct {
		cpu  uint32
		lane ConntrackEventLane
	}
	next := map[count]uint64{}
	for port := range uint16(50) {
		h.run(hookTC, udpFrame(client4, server4, port+1, 2, 10).Bytes())
		h.wait(3600)
		h.sweep(ConntrackSweepArgs{})
		for _, e := range h.drain() {
			if byPacket := ConntrackEventLane(e.Lane) == ConntrackEventLaneLANE_PACKET; byPacket != (ConntrackEventType(e.Type) == ConntrackEventTypeEVENT_NEW) {
				t.Fatalf("event %d in lane %d", e.Type, e.Lane)
			}
			of := count{e.Cpu, ConntrackEventLane(e.Lane)}
			if want, known := next[of]; known && e.Sequence != want {
				t.Fatalf("%+v: number %d, want %d", of, e.Sequence, want)
			}
			next[of] = e.Sequence + 1
		}
	}
	if lanes := len(next); lanes < int(ConntrackEventLaneNUM_LANES) {
		t.Errorf("%d counts", lanes)
	}
}

// Every flow has a new id, on any CPU.
func TestIDs(t *testing.T) {
	h := newHarness(t, setup{})
	h.hop = true
	seen := map[uint64]bool{0: true}
	for port := range uint16(500) {
		h.run(hookXDP, udpFrame(client4, server4, port+1, 2, 10).Bytes())
	}
	for _, flow := range h.table() {
		if seen[flow.ID()] {
			t.Fatalf("id %x came twice, or is zero", flow.ID())
		}
		seen[flow.ID()] = true
	}
}

// Without an output interface packets are dropped, and counted once.
func TestNoOutput(t *testing.T) {
	h := newHarness(t, setup{NoOutputs: true})
	before := h.counters()
	for _, enforce := range []bool{false, true} {
		h.enforce(enforce)
		forwarded := h.run(hookXDP, udpFrame(client4, server4, 1, 2, 10).Bytes())
		broken := h.run(hookXDP, udpFrame(client4, server4, 1, 2, 10).Bytes()[:40])
		if forwarded || broken {
			t.Error("forwarded to nowhere")
		}
	}
	if counted := h.since(before); counted.Dropped != 4 {
		t.Errorf("%d of 4 dropped", counted.Dropped)
	}
}

// A packet that came in by one interface goes out by the other.
func TestOutputs(t *testing.T) {
	h := newHarness(t, setup{NoOutputs: true})
	for side := range 2 {
		ok(t, h.Outputs.Put(uint32(side), uint32(bpftest.Loopback)))
		for by := range 2 {
			h.come(by)
			if forwarded := h.run(hookXDP, udpFrame(client4, server4, 1, 2, 10).Bytes()); forwarded != (by == side) {
				t.Errorf("output %d, in by %d: forwarded %t", side, by, forwarded)
			}
		}
		ok(t, h.Outputs.Delete(uint32(side)))
	}
}

// A segmentation-offload packet counts as its segments will on the wire.
func TestSegmentationOffload(t *testing.T) {
	h := newHarness(t, setup{})
	const headers, gso, segments = frame.HeaderSize + 20 + 20, 700, 4
	for name, flags := range map[string]uint8{"data": frame.ACK, "data and FIN": frame.ACK | frame.FIN} {
		h.reset()
		key := h.establish(hookTC, client4, server4)
		before, flow := h.counters(), h.flow(key)
		f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}
		f.L4 = frame.Segment{Flags: flags, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 2500}.Bytes()
		if forwarded, _ := h.runOut(hookTC, f.Bytes(), &skbContext{GSOSize: gso, GSOSegs: segments}); !forwarded {
			t.Fatalf("%s: dropped", name)
		}
		counted, after := h.since(before), h.flow(key)
		if bytes := uint64(2500 + segments*headers); counted.Bytes != bytes || counted.Verdict[ConntrackVerdictVERDICT_ESTABLISHED] != segments {
			t.Errorf("%s: counted %d bytes, want %d, and verdicts %d", name, counted.Bytes, bytes, counted.Verdict)
		}
		if n := after.Origin.Packets - flow.Origin.Packets; n != segments {
			t.Errorf("%s: %d packets", name, n)
		}
	}
	udp := udpFrame(client6, server6, 1, 2, 2500)
	before := h.counters()
	h.runOut(hookTC, udp.Bytes(), &skbContext{GSOSize: gso, GSOSegs: segments})
	if counted := h.since(before); counted.Bytes != 2500+segments*(frame.HeaderSize+40+8) {
		t.Errorf("UDP: counted %d bytes", counted.Bytes)
	}
}
