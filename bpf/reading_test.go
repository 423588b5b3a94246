package bpf

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"
)

// flow returns the entry of a key, nil where there is none.
func (h *harness) flow(key ConntrackFlowKey) *ConntrackFlow {
	return h.memory.Find(&key)
}

// change writes a flow over the one of the same key.
func (h *harness) change(flow *ConntrackFlow) {
	h.memory.Each(func(f *ConntrackFlow) {
		if f.Key == flow.Key {
			*f = *flow
		}
	})
}

// count returns how many flows there are.
func (h *harness) count() (n int) {
	h.memory.Each(func(*ConntrackFlow) { n++ })
	return n
}

// entries are copies of all flows.
func (h *harness) entries() (all []ConntrackFlow) {
	h.memory.Each(func(f *ConntrackFlow) { all = append(all, *f) })
	return all
}

// drain returns the events that were made since the last call.
func (h *harness) drain() []ConntrackEvent {
	h.t.Helper()
	return drain(h.t, h.events)
}

func drain(t testing.TB, reader *ringbuf.Reader) (events []ConntrackEvent) {
	t.Helper()
	var record ringbuf.Record
	reader.SetDeadline(time.Unix(1, 0))
	for {
		err := reader.ReadInto(&record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return events
		}
		ok(t, err)
		events = append(events, decoded(t, record.RawSample))
	}
}

// decoded returns the event of a sample, which ends where it has nothing more.
func decoded(t testing.TB, sample []byte) (event ConntrackEvent) {
	t.Helper()
	whole := make([]byte, unsafe.Sizeof(event))
	copy(whole, sample)
	_, err := binary.Decode(whole, binary.NativeEndian, &event)
	ok(t, err)
	want := int(unsafe.Offsetof(event.Owner))
	if ConntrackEventType(event.Type) == ConntrackEventTypeEVENT_NEW && ConntrackEventLane(event.Lane) == ConntrackEventLaneLANE_PACKET {
		want = int(unsafe.Offsetof(event.CreatedNs))
	}
	if len(sample) != want {
		t.Errorf("an event of type %d has %d bytes, want %d", event.Type, len(sample), want)
	}
	return event
}

// counters returns the sum of what the CPUs counted.
func (h *harness) counters() (total ConntrackCpuStats) {
	h.t.Helper()
	var perCPU []ConntrackCpuStats
	ok(h.t, h.Stats.Lookup(uint32(0), &perCPU))
	for _, s := range perCPU {
		total = combine(total, s, func(a, b uint64) uint64 { return a + b })
	}
	return total
}

// since returns what was counted after before.
func (h *harness) since(before ConntrackCpuStats) ConntrackCpuStats {
	h.t.Helper()
	return combine(h.counters(), before, func(a, b uint64) uint64 { return a - b })
}

// combine applies an operation to all counters, which are all of one size.
func combine(a, b ConntrackCpuStats, op func(a, b uint64) uint64) ConntrackCpuStats {
	type words [unsafe.Sizeof(a) / 8]uint64
	x, y := (*words)(unsafe.Pointer(&a)), (*words)(unsafe.Pointer(&b))
	for i := range x {
		x[i] = op(x[i], y[i])
	}
	return a
}

func eventsMade(counted ConntrackCpuStats) (n uint64) {
	for _, events := range counted.Events {
		n += events
	}
	return n
}

// verdicts returns how many packets have a verdict.
func verdicts(counted *ConntrackCpuStats) (n uint64) {
	for _, packets := range counted.Verdict {
		n += packets
	}
	return n
}

// state and flags of a flow.
func state(f *ConntrackFlow) ConntrackFlowState {
	if f == nil {
		return ConntrackFlowStateSTATE_NONE
	}
	return ConntrackFlowState(f.Control & 0x3f)
}

func hasFlag(f *ConntrackFlow, flag ConntrackFlowFlag) bool {
	return f.Control&uint64(flag) != 0
}
