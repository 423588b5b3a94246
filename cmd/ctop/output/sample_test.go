package output_test

import (
	"time"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// sample is the snapshot of the contract's example, which shows one flow of two,
// or one that shows a flow of every kind.
func sample(full bool) output.View {
	s := &flow.Snapshot{
		Time: time.Date(2026, 11, 22, 22, 4, 5, 0, time.FixedZone("", 3600)),
		Host: "edge-1",
		Interfaces: []flow.Interface{
			{Name: "veth1", Index: 3, Mode: flow.ModeNative, Up: true},
			{Name: "veth2", Index: 5, Mode: flow.ModeNative, Up: true},
		},
		Uptime:   12500 * time.Millisecond,
		MaxFlows: 65536,
		Timeouts: flow.DefaultTimeouts(),
		Counters: sampleCounters(),
		Flows:    []flow.Flow{sampleTCP(), sampleUDP()},
	}
	v := output.View{Snapshot: s, Rows: []*flow.Flow{&s.Flows[0]}}
	if full {
		s.Flows = append(s.Flows, samplePing(), sampleGRE())
		v.Rows = []*flow.Flow{&s.Flows[0], &s.Flows[1], &s.Flows[2], &s.Flows[3]}
	}
	return v
}

func sampleCounters() flow.Counters {
	c := flow.Counters{
		Packets: 100, Bytes: 123456,
		New: 2, Established: 97, Invalid: 1, Forwarded: 100,
		FlowsCreated: 2, Events: 6,
	}
	c.InvalidBy[flow.InvalidWindow] = 1
	return c
}

func sampleTCP() flow.Flow {
	return flow.Flow{
		ID: 0x9f3c5a1e2b4d6f80,
		Tuple: flow.Tuple{
			Proto: flow.ProtocolTCP,
			Src:   flow.MustParseEnd("10.0.0.1:40000"),
			Dst:   flow.MustParseEnd("10.0.0.2:5201"),
		},
		State:       flow.StateEstablished,
		Origin:      flow.Half{Packets: 60, Bytes: 90000, PPS: 12, BPS: 144000, Retransmits: 3, Reordered: 2},
		Reply:       flow.Half{Packets: 40, Bytes: 33456, PPS: 8, BPS: 53000, RTT: 1250 * time.Microsecond, ZeroWindows: 1},
		Invalid:     2,
		Related:     1,
		ClosedBy:    flow.CloserReply,
		Age:         4200 * time.Millisecond,
		Idle:        10 * time.Millisecond,
		TimeoutName: flow.TCPEstablished,
		Timeout:     432000 * time.Second,
	}
}

func sampleUDP() flow.Flow {
	return flow.Flow{
		ID: 0xa,
		Tuple: flow.Tuple{
			Proto: flow.ProtocolUDP,
			Src:   flow.MustParseEnd("[fd00::1]:9000"),
			Dst:   flow.MustParseEnd("[fd00::2]:9001"),
			VLAN:  100, VLANInner: 7, VLANThird: 8, Session: 9,
		},
		State:   flow.StateNew,
		In:      1,
		Origin:  flow.Half{Packets: 1 << 40, Bytes: 1 << 60, PPS: 1234567.89, BPS: 1e12},
		Age:     26 * time.Hour,
		Idle:    3 * time.Minute,
		Timeout: 5 * time.Minute,
	}
}

func samplePing() flow.Flow {
	return flow.Flow{
		ID: 0xb,
		Tuple: flow.Tuple{
			Proto:    flow.ProtocolICMP,
			Src:      flow.MustParseEnd("10.0.0.1:0"),
			Dst:      flow.MustParseEnd("10.0.0.2:0"),
			ICMPType: 8, ICMPID: 4711,
		},
		State:   flow.StateEstablished,
		Origin:  flow.Half{Packets: 1, Bytes: 98},
		Reply:   flow.Half{Packets: 1, Bytes: 98},
		Holding: sampleHolding(),
		Server:  &flow.ServerName{Name: "gw.example.org", Source: flow.NameDNS},
		Idle:    time.Microsecond,
		Timeout: 30 * time.Second,
	}
}

func sampleHolding() flow.Holding {
	return flow.Holding{End: flow.Reply, Process: &flow.Process{
		PID: 70812, Name: "ng inx", User: "www-data", Unit: "nginx.service", Container: "0a1b2c3d4e5f",
		Pod: "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
	}}
}

func sampleGRE() flow.Flow {
	return flow.Flow{
		ID: 0xc,
		Tuple: flow.Tuple{
			Proto: 47,
			Src:   flow.MustParseEnd("192.0.2.1:0"),
			Dst:   flow.MustParseEnd("192.0.2.2:0"),
		},
		State:   flow.StateNew,
		Origin:  flow.Half{Packets: 3, Bytes: 300},
		Timeout: 10 * time.Minute,
		Idle:    11 * time.Minute, // over: the ttl is zero, not less
	}
}

func sampleEvents() []flow.Event {
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	tcp, ping := sampleTCP(), samplePing()
	return []flow.Event{
		{Time: at, Type: flow.EventNew, ID: tcp.ID, Tuple: tcp.Tuple, To: flow.StateSynSent},
		{
			Time: at, Type: flow.EventUpdate, ID: tcp.ID, Tuple: tcp.Tuple,
			From: flow.StateSynRecv, To: flow.StateEstablished,
		},
		{
			Time: at, Type: flow.EventDestroy, ID: tcp.ID, Tuple: tcp.Tuple,
			From: flow.StateLastAck, Direction: flow.Reply, Reason: flow.ReasonClosed,
			Origin:  flow.Half{Packets: 6, Bytes: 500, Retransmits: 1, Reordered: 4, ZeroWindows: 2, RTT: 1250 * time.Microsecond},
			Reply:   flow.Half{Packets: 5, Bytes: 70000, RTT: time.Second},
			Invalid: 3, Related: 4, ClosedBy: flow.CloserReply,
			Age: 2500 * time.Millisecond,
		},
		{Type: flow.EventLost, Lost: 123},
		{
			Time: at, Type: flow.EventUpdate, ID: tcp.ID, Tuple: tcp.Tuple,
			From: flow.StateSynRecv, To: flow.StateFinWait2, Recovered: true,
		},
		{Time: at, Type: flow.EventDestroy, ID: tcp.ID, Tuple: tcp.Tuple, From: flow.StateFinWait2, Recovered: true},
		{
			Time: at, Type: flow.EventDestroy, ID: ping.ID, Tuple: ping.Tuple,
			From: flow.StateNew, Reason: flow.ReasonExpired,
			Origin: flow.Half{Packets: 1, Bytes: 98}, Age: 12 * time.Millisecond, Holding: sampleHolding(), Server: ping.Server,
		},
	}
}
