// Package fake makes flows, snapshots and frames for the tests of the console and its
// pages.
package fake

import (
	"fmt"
	"net/netip"
	"time"

	"ctop/tracker/flow"
)

// Start is when every test begins.
var Start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

// Snapshot returns a snapshot of a tracker between veth1 and veth2.
func Snapshot(at time.Time, flows []flow.Flow) *flow.Snapshot {
	return &flow.Snapshot{
		Time: at,
		Interfaces: []flow.Interface{
			{Name: "veth1", Index: 3, Mode: flow.ModeNative, Up: true},
			{Name: "veth2", Index: 5, Mode: flow.ModeNative, Up: true},
		},
		MaxFlows: 65536, Timeouts: flow.DefaultTimeouts(),
		PPS: 48100, BPS: 412e6, Flows: flows,
	}
}

// Flow returns a flow of which everything follows from its number: the state,
// the addresses, and the rates, which fall as the number rises.
func Flow(i int) flow.Flow {
	kinds := [...]struct {
		proto   flow.Protocol
		state   flow.State
		timeout flow.TimeoutName
	}{
		{flow.ProtocolTCP, flow.StateEstablished, flow.TCPEstablished},
		{flow.ProtocolTCP, flow.StateSynSent, flow.TCPSynSent},
		{flow.ProtocolUDP, flow.StateNew, flow.UDPUnidirectional},
		{flow.ProtocolTCP, flow.StateFinWait2, flow.TCPFinWait},
		{flow.ProtocolICMP, flow.StateEstablished, flow.ICMP},
	}
	kind := kinds[i%len(kinds)]
	f := flow.Flow{
		ID: flow.ID(i + 1), State: kind.state, TimeoutName: kind.timeout,
		Timeout: flow.DefaultTimeouts()[kind.timeout],
		Age:     time.Duration(i) * 7 * time.Second, Idle: time.Duration(i%29) * time.Second,
		Origin: flow.Half{Packets: uint64(i + 1), Bytes: uint64(i+1) * 80, PPS: 1e4 / float64(i+1), BPS: 6.4e6 / float64(i+1)},
	}
	f.Tuple = flow.Tuple{
		Proto: kind.proto,
		Src:   flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(40000+i%20000)),
		Dst:   flow.MustParseEnd("192.168.1.10:443"),
	}
	if kind.proto == flow.ProtocolICMP {
		f.Tuple.Src = flow.EndFrom(f.Tuple.Src.Addr(), 0)
		f.Tuple.Dst = flow.EndFrom(f.Tuple.Dst.Addr(), 0)
		f.Tuple.ICMPType, f.Tuple.ICMPID = 8, uint16(i)
	}
	f.In = uint16(i % 2)
	if kind.proto == flow.ProtocolTCP && !kind.state.Opening() {
		f.Origin.RTT, f.Origin.Retransmits, f.Origin.Reordered = time.Duration(i)*time.Microsecond, uint16(i%7), uint16(i%5)
	}
	if !kind.state.Opening() {
		f.Reply = flow.Half{Packets: uint64(i + 1), Bytes: uint64(i+1) * 1400, PPS: 1e4 / float64(i+1), BPS: 112e6 / float64(i+1)}
	}
	if kind.proto == flow.ProtocolTCP && !kind.state.Opening() {
		f.Origin.WindowKnown, f.Origin.Window = true, 64240
		f.Reply.WindowKnown, f.Reply.Window, f.Reply.InFlight = true, 501760, uint32(i+1)*1448
	}
	return f
}

// Flows returns the first n flows.
func Flows(n int) []flow.Flow {
	flows := make([]flow.Flow, n)
	for i := range flows {
		flows[i] = Flow(i)
	}
	return flows
}

// IPv6Flows returns flows whose IPv6 addresses differ in nothing that a short line could leave out without care.
func IPv6Flows() []flow.Flow {
	flows := Flows(20)
	for i := range flows {
		if f := &flows[i]; f.Tuple.Proto == flow.ProtocolTCP {
			source := fmt.Sprintf("[2001:db8:85a3:%x::8a2e:370:7334]:51514", i%7)
			f.Tuple.Src = flow.MustParseEnd(source)
			f.Tuple.Dst = flow.MustParseEnd("[2001:db8:1234:5678:9abc:def0:1234:5678]:443")
		}
	}
	return flows
}
