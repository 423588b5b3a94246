package kernel

import (
	"encoding/binary"
	"time"
	"unsafe"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// Only this file and decode_event.go name the generated types. They convert the
// data that the BPF programs and user space share.

type (
	kernelKey     = bpf.ConntrackFlowKey
	kernelFlow    = bpf.ConntrackFlow
	kernelEvent   = bpf.ConntrackEvent
	kernelStats   = bpf.ConntrackCpuStats
	kernelConfig  = bpf.ConntrackTrackerConfig
	kernelClock   = bpf.ConntrackClockArgs
	kernelSweep   = bpf.ConntrackSweepArgs
	kernelRequest = bpf.ConntrackRequestArgs
	kernelTrace   = bpf.ConntrackTrace
	kernelFilling = bpf.ConntrackFilling
	kernelWatched = bpf.ConntrackWatched
	kernelAsked   = bpf.ConntrackFlowRequest
	kernelCapture = bpf.ConntrackCapture
	kernelCopied  = bpf.ConntrackCaptured
	kernelCopies  = bpf.ConntrackCaptureCount
)

// What can be asked of the table.
const (
	requestDelete  = bpf.ConntrackFlowRequestREQUEST_DELETE
	requestTimeout = bpf.ConntrackFlowRequestREQUEST_TIMEOUT
	requestMark    = bpf.ConntrackFlowRequestREQUEST_MARK
	requestUnmark  = bpf.ConntrackFlowRequestREQUEST_UNMARK
	requestBegin   = bpf.ConntrackFlowRequestREQUEST_CAPTURE
	requestEnd     = bpf.ConntrackFlowRequestREQUEST_CAPTURED
	requestHello   = bpf.ConntrackFlowRequestREQUEST_HELLO
)

// Clock is one reading of the kernel's two clocks and the time of day. It
// converts the kernel's times to durations and times of day.
type Clock struct {
	// Tick is the length of a jiffy.
	Tick time.Duration
	// Ticks are the kernel's jiffies, Ns the nanoseconds of CLOCK_MONOTONIC,
	// Wall the time of day.
	Ticks uint64
	Ns    uint64
	Wall  time.Time
}

// since returns the time since a tick, never negative.
func (c Clock) since(ticks uint64) time.Duration {
	if ticks >= c.Ticks {
		return 0
	}
	return time.Duration(c.Ticks-ticks) * c.Tick
}

// at returns the time of day of a time in nanoseconds of CLOCK_MONOTONIC.
func (c Clock) at(ns uint64) time.Time {
	return c.Wall.Add(time.Duration(int64(ns) - int64(c.Ns)))
}

// ticksOf converts a duration to ticks, rounded up.
func (c Clock) ticksOf(d time.Duration) uint64 {
	return uint64((d + c.Tick - 1) / c.Tick)
}

// endFromKey returns an end of a key.
func endFromKey(k *kernelKey, end int) flow.End {
	return flow.EndOf(flow.Family(k.Family), *(*[16]byte)(unsafe.Pointer(&k.Addr[end])), networkPort(k.Port[end]))
}

func halvesFromEnd(end flow.End) [2]uint64 {
	b := end.As16()
	return [2]uint64{binary.NativeEndian.Uint64(b[0:]), binary.NativeEndian.Uint64(b[8:])}
}

// networkPort converts a port between host and network byte order.
func networkPort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// tupleFromKey returns the tuple of the flow's origin. With reversed, the
// origin is end 1 of the key.
func tupleFromKey(k *kernelKey, reversed bool) flow.Tuple {
	src, dst := 0, 1
	if reversed {
		src, dst = 1, 0
	}
	t := flow.Tuple{
		Proto:     flow.Protocol(k.Proto),
		Src:       endFromKey(k, src),
		Dst:       endFromKey(k, dst),
		ICMPType:  k.IcmpType,
		ICMPCode:  k.IcmpCode,
		VLAN:      k.Vlan[0] & vlanMask,
		VLANInner: k.Vlan[1] & vlanMask,
		VLANThird: k.VlanThird & vlanMask,
		Session:   k.Session,
		Zone:      zoneOf(k),
	}
	if t.Proto.HasICMP() {
		t.ICMPID = networkPort(k.Port[0])
		t.Src, t.Dst = t.Src.WithPort(0), t.Dst.WithPort(0)
	}
	return t
}

// The zone of a key is in the bits above the three VLAN ids (watch.h), the lowest ones
// in the outer VLAN id.
const (
	vlanBits = 12
	vlanMask = 1<<vlanBits - 1
	zoneBits = 16 - vlanBits
)

func zoneOf(k *kernelKey) uint16 {
	return k.Vlan[0]>>vlanBits | k.Vlan[1]>>vlanBits<<zoneBits | k.VlanThird>>vlanBits<<(2*zoneBits)
}

// addZone puts a zone into a key that has none.
func addZone(k *kernelKey, zone uint16) {
	k.Vlan[0] |= zone << vlanBits
	k.Vlan[1] |= zone >> zoneBits << vlanBits
	k.VlanThird |= zone >> (2 * zoneBits) << vlanBits
}

// keyFromTuple returns the key under which the kernel keeps the tuple's flow.
func keyFromTuple(t flow.Tuple) kernelKey {
	family := uint8(6)
	if t.Src.Addr().Is4() {
		family = 4
	}
	k := kernelKey{
		Addr:     [2][2]uint64{halvesFromEnd(t.Src), halvesFromEnd(t.Dst)},
		Port:     [2]uint16{networkPort(t.Src.Port()), networkPort(t.Dst.Port())},
		Vlan:     [2]uint16{t.VLAN, t.VLANInner},
		Proto:    uint8(t.Proto),
		Family:   family,
		IcmpType: t.ICMPType,
		IcmpCode: t.ICMPCode,

		VlanThird: t.VLANThird,
		Session:   t.Session,
	}
	if t.Proto.HasICMP() {
		k.Port = [2]uint16{networkPort(t.ICMPID), networkPort(t.ICMPID)}
	}
	addZone(&k, t.Zone)
	if keySwapped(&k) {
		k.Addr[0], k.Addr[1] = k.Addr[1], k.Addr[0]
		k.Port[0], k.Port[1] = k.Port[1], k.Port[0]
	}
	return k
}

// keySwapped does the same as key_normalise in tuple.h, for the tuple of a
// flow's origin. End 0 of an ICMP key is the one that sends the request.
func keySwapped(k *kernelKey) bool {
	if k.IcmpType != 0 {
		return false
	}
	if k.Addr[0] != k.Addr[1] {
		if k.Addr[0][0] != k.Addr[1][0] {
			return k.Addr[0][0] > k.Addr[1][0]
		}
		return k.Addr[0][1] > k.Addr[1][1]
	}
	return k.Port[0] > k.Port[1]
}

// stateMask is CONTROL_STATE of flow.h.
const stateMask = 0x3f

func stateFromControl(control uint64) flow.State {
	return flow.State(control & stateMask)
}

func hasFlag(control uint64, flag bpf.ConntrackFlowFlag) bool {
	return control&uint64(flag) != 0
}

// flowFromKernel converts a flow as of the time of the clock, and stores it in
// f.
func flowFromKernel(f *flow.Flow, v *kernelFlow, c Clock, timeouts *flow.Timeouts) {
	*f = flow.Flow{
		ID:      flow.ID(v.ID()),
		Tuple:   tupleFromKey(&v.Key, hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_REVERSED)),
		State:   stateFromControl(v.Control),
		Origin:  halfFromKernel(v, flow.Origin),
		Reply:   halfFromKernel(v, flow.Reply),
		Age:     max(time.Duration(int64(c.Ns)-int64(v.CreatedNs)), 0),
		Idle:    c.since(max(v.Origin.LastSeenTicks, v.Reply.LastSeenTicks)),
		Invalid: v.Origin.Others,
		Related: v.Reply.Others,

		ClosedBy: closerFromFlags(v.Control),
		Holding:  flow.Holding{Inherited: hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_INHERITED)},
	}
	f.OneSided = f.State.Opening() && (hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_ONE_SIDED) ||
		hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_SYN_SENT) && f.State == flow.StateNew)
	f.In, f.Outgoing = sideOf(f.Tuple.Zone, hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_SIDE))
	if hasBothSYNs(v.Control) {
		setWindow(&f.Origin, &v.Dir[flow.Origin], &v.Dir[flow.Reply])
		setWindow(&f.Reply, &v.Dir[flow.Reply], &v.Dir[flow.Origin])
	}
	f.TimeoutName = flow.TimeoutOf(f.Tuple.Proto, f.State)
	if f.TimeoutName == flow.TCPEstablished && (isStalled(v) || hasEndedOutside(v.Control)) {
		f.TimeoutName = flow.TCPUnacknowledged
	}
	f.Timeout = timeouts[f.TimeoutName]
	if v.TimeoutTicks != 0 {
		f.OwnTimeout = true
		f.Timeout = time.Duration(v.TimeoutTicks) * c.Tick
	}
}

// sideOf returns the interface of a packet, and whether it left by it: a packet is on
// one of two sides, which are the interfaces of a wire and the directions of a watched
// interface.
func sideOf(zone uint16, second bool) (in uint16, outgoing bool) {
	switch {
	case zone != 0:
		return zone - 1, second
	case second:
		return 1, false
	}
	return 0, false
}

func halfFromKernel(v *kernelFlow, direction flow.Direction) flow.Half {
	t := v.Traffic(int(direction))
	return flow.Half{
		Packets:     t.Packets,
		Bytes:       t.Bytes,
		RTT:         time.Duration(t.RttUs) * time.Microsecond,
		Retransmits: t.Retransmits,
		Reordered:   t.Reordered,
		ZeroWindows: v.Dir[direction].ZeroWindows,
	}
}

func volumeFromKernel(v *kernelFlow, direction flow.Direction) volume {
	t := v.Traffic(int(direction))
	return volume{t.Packets, t.Bytes}
}

// hasBothSYNs reports whether the tracker saw the SYNs of both directions.
func hasBothSYNs(control uint64) bool {
	const sent = uint64(bpf.ConntrackFlowFlagFLOW_SYN_SENT)
	return control&(sent|sent<<1) == sent|sent<<1
}

// setWindow sets a direction's receive window and bytes in flight. The window
// ends at the largest acknowledgement plus window. The programs store a closed
// window as one byte, for a window probe (tcp_update in tcp_window.h).
func setWindow(h *flow.Half, d, other *bpf.ConntrackFlowDir) {
	h.WindowKnown = true
	if window := d.Limit - d.Acked; int32(window) > 1 {
		h.Window = window
	}
	h.InFlight = uint32(max(int32(d.End-other.Acked), 0))
}

// isStalled does the same as tcp_is_stalled in timeout.h.
func isStalled(v *kernelFlow) bool {
	origin, reply := &v.Dir[flow.Origin], &v.Dir[flow.Reply]
	return int32(reply.Acked-origin.End) < 0 || int32(origin.Acked-reply.End) < 0 ||
		origin.Limit-origin.Acked <= 1 || reply.Limit-reply.Acked <= 1
}

// hasEndedOutside does the same as tcp_ended_outside in timeout.h.
func hasEndedOutside(control uint64) bool {
	const outside = uint64(bpf.ConntrackFlowFlagFLOW_ENDED_OUTSIDE)
	return control&(outside|outside<<1) == outside|outside<<1
}

// closerFromFlags returns the direction of the first FIN.
func closerFromFlags(control uint64) flow.Closer {
	const sent = uint64(bpf.ConntrackFlowFlagFLOW_FIN_SENT)
	switch {
	case control&(sent|sent<<1) == 0:
		return flow.CloserNone
	case hasFlag(control, bpf.ConntrackFlowFlagFLOW_FIN_REPLY_FIRST):
		return flow.CloserReply
	}
	return flow.CloserOrigin
}

// countersFromKernel returns the sums of the per-CPU counters.
func countersFromKernel(perCPU []kernelStats) flow.Counters {
	var c flow.Counters
	for i := range perCPU {
		s := &perCPU[i]
		c.Bytes += s.Bytes
		c.New += s.Verdict[bpf.ConntrackVerdictVERDICT_NEW]
		c.Established += s.Verdict[bpf.ConntrackVerdictVERDICT_ESTABLISHED]
		c.Related += s.Verdict[bpf.ConntrackVerdictVERDICT_RELATED]
		c.Invalid += s.Verdict[bpf.ConntrackVerdictVERDICT_INVALID]
		c.Untracked += s.Verdict[bpf.ConntrackVerdictVERDICT_UNTRACKED]
		c.BadChecksums += s.BadChecksums
		addDrops(&c, s)
		c.FlowsCreated += s.Created
		c.TableFull += s.TableFull
		c.TableBusy += s.TableBusy
		for _, n := range s.Events {
			c.Events += n
		}
		c.EventsLost += s.EventsLost
		for r, n := range s.Destroyed {
			c.Destroyed[r] += n
			c.FlowsDestroyed += n
		}
		for r, n := range s.Invalid {
			c.InvalidBy[r] += n
		}
		for r, n := range s.Untracked {
			c.UntrackedBy[r] += n
		}
	}
	c.Packets = c.New + c.Established + c.Related + c.Invalid + c.Untracked
	c.Forwarded = c.Packets - c.Dropped
	return c
}

func kernelPolicy(p flow.Policy) uint32 {
	if p == flow.PolicyEnforce {
		return uint32(bpf.ConntrackPolicyPOLICY_ENFORCE)
	}
	return uint32(bpf.ConntrackPolicyPOLICY_OBSERVE)
}

func policyFromKernel(p uint32) flow.Policy {
	if p == uint32(bpf.ConntrackPolicyPOLICY_ENFORCE) {
		return flow.PolicyEnforce
	}
	return flow.PolicyObserve
}
