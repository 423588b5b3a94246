package e2e

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// udpEnd opens a UDP socket on the host's first IPv4 address.
func udpEnd(t *testing.T, r *rig, h *lab.Host, port uint16) net.PacketConn {
	t.Helper()
	conn, err := h.ListenPacket(r.ctx, "udp4", netip.AddrPortFrom(h.Addr4(), port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func sendTo(t *testing.T, from, to net.PacketConn) {
	t.Helper()
	if _, err := from.WriteTo([]byte("one way"), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

// socketState returns ss's state of a connection's end in the host.
func socketState(t *testing.T, r *rig, h *lab.Host, conn net.Conn) string {
	t.Helper()
	out, err := h.Command(r.ctx, "ss", "-tanH").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) >= 5 && fields[3] == conn.LocalAddr().String() && fields[4] == conn.RemoteAddr().String() {
			return fields[0]
		}
	}
	return ""
}

// The table shows the states of the endpoints' own sockets.
func TestStatesAreThoseOfTheSockets(t *testing.T) {
	for _, mode := range modes {
		for _, byClient := range []bool{true, false} {
			name := mode.String() + "/server closes"
			if byClient {
				name = mode.String() + "/client closes"
			}
			t.Run(name, func(t *testing.T) {
				r := newRig(t, tracker.Options{Mode: mode})
				checkStates(t, r, byClient)
			})
		}
	}
}

func checkStates(t *testing.T, r *rig, byClient bool) {
	client, server := r.connect(r.Server.Addr4())
	f := r.flow("tcp", flow.StateEstablished)
	if f.Tuple.Src.String() != client.LocalAddr().String() || f.Tuple.Dst.String() != client.RemoteAddr().String() {
		t.Errorf("origin is %v, the client is %v", f.Tuple, client.LocalAddr())
	}
	first, second, firstHost := client, server, r.Client
	if !byClient {
		first, second, firstHost = server, client, r.Server
	}
	say(t, first, second, "hello")
	expectSocket(t, r, firstHost, first, "ESTAB")
	if err := first.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r.flow("tcp", flow.StateFinWait2)
	expectSocket(t, r, firstHost, first, "FIN-WAIT-2")
	// In a half-closed connection the other side may send as long as it likes.
	say(t, second, first, "still here")
	r.flow("tcp", flow.StateFinWait2)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	f = r.flow("tcp", flow.StateTimeWait)
	expectSocket(t, r, firstHost, first, "TIME-WAIT")
	if f.TTL(0) > flow.DefaultTimeouts()[flow.TCPTimeWait] {
		t.Errorf("ttl is %v", f.TTL(0))
	}
	checkSums(t, r)
}

func expectSocket(t *testing.T, r *rig, h *lab.Host, conn net.Conn, want string) {
	t.Helper()
	r.eventually("socket in "+want, func() bool {
		got := socketState(t, r, h, conn)
		// The kernel hides a TIME-WAIT socket whose owner closed it first.
		return got == want || (want == "TIME-WAIT" && got == "")
	})
}

// A connection that both sides close at once leaves nothing. If the server
// closes later, it acknowledges the first FIN before it sends its own, and the
// flow waits in TIME_WAIT, which is short here.
func TestOrderlyCloseLeavesNothing(t *testing.T) {
	r := newRig(t, tracker.Options{Timeouts: flow.Timeouts{flow.TCPTimeWait: 2 * time.Second}})
	client, server := r.connect(r.Server.Addr4())
	id := r.flow("tcp", flow.StateEstablished).ID
	// The three-packet close: if the peer closes on reading the first FIN, its
	// own FIN carries the acknowledgement.
	go func() {
		_, _ = server.Read(make([]byte, 1))
		server.Close()
	}()
	client.Close()
	e := r.ended(id)
	if e.Reason != flow.ReasonClosed && e.Reason != flow.ReasonExpired {
		t.Errorf("it ended by %v", e.Reason)
	}
	if e.ClosedBy != flow.CloserOrigin || e.Reply.RTT == 0 {
		t.Errorf("it was closed by %q, and the reply took %s to answer", e.ClosedBy, e.Reply.RTT)
	}
	r.none("tcp")
}

// A reset removes its flow at once, and is itself counted.
func TestResetRemovesAtOnce(t *testing.T) {
	r := newRig(t, tracker.Options{})
	client, server := r.connect(r.Server.Addr6())
	say(t, client, server, "hello")
	id := r.flow("tcp", flow.StateEstablished).ID
	if err := client.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if e := r.ended(id); e.Reason != flow.ReasonRST || e.From != flow.StateEstablished || e.Direction != flow.Origin {
		t.Errorf("it ended by %v of %v in %v", e.Reason, e.Direction, e.From)
	}
	r.none("tcp")
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Error("the reset did not reach the server")
	}
}

// A refused connection leaves nothing.
func TestRefusedLeavesNothing(t *testing.T) {
	r := newRig(t, tracker.Options{})
	target := netip.AddrPortFrom(r.Server.Addr4(), 81).String()
	if conn, err := r.Client.Dial(r.ctx, "tcp", target); err == nil {
		conn.Close()
		t.Fatal("somebody listens on port 81")
	}
	r.eventually("its end", func() bool {
		for _, e := range r.log() {
			if e.Reason == flow.ReasonRST && e.From == flow.StateSynSent && e.Direction == flow.Reply {
				return true
			}
		}
		return false
	})
	r.none("tcp")
}

// A one-way flow expires on time, with its event.
func TestOneWayFlowExpires(t *testing.T) {
	const timeout = 2 * time.Second
	r := newRig(t, tracker.Options{Timeouts: flow.Timeouts{flow.UDPUnidirectional: timeout}})
	late := lateness(t)
	sendTo(t, udpEnd(t, r, r.Client, 9000), udpEnd(t, r, r.Server, 9000))
	// It may have ended before anybody looks at the table.
	var began flow.Event
	r.eventually("the flow's beginning", func() bool {
		for _, e := range r.log() {
			if e.Type == flow.EventNew && e.Tuple.Proto == flow.ProtocolUDP {
				began = e
			}
		}
		return began.ID != 0
	})
	if began.To != flow.StateNew {
		t.Errorf("it began in %v", began.To)
	}
	e := r.ended(began.ID)
	if e.Reason != flow.ReasonExpired || e.Origin.Packets != 1 || e.Reply.Seen() {
		t.Errorf("it ended by %v after %d and %d packets", e.Reason, e.Origin.Packets, e.Reply.Packets)
	}
	if l := late(); e.Age < timeout || e.Age > timeout+3*time.Second+l {
		t.Errorf("it lived for %v with a timeout of %v, and the machine is %v late", e.Age, timeout, l)
	}
}

// lateness measures how much later than they ask for programs go on, from now on. A busy
// machine lets them wait for seconds.
func lateness(t *testing.T) func() time.Duration {
	t.Helper()
	const nap = 10 * time.Millisecond
	var late atomic.Int64
	done := make(chan struct{})
	var napping sync.WaitGroup
	napping.Go(func() {
		for {
			began := time.Now()
			select {
			case <-done:
				return
			case <-time.After(nap):
			}
			late.Add(int64(time.Since(began) - nap))
		}
	})
	t.Cleanup(func() { close(done); napping.Wait() })
	return func() time.Duration { return time.Duration(late.Load()) }
}

// A changed timeout applies to existing connections.
func TestChangedTimeoutExpiresIdleConnections(t *testing.T) {
	const timeout = 5 * time.Second
	r := newRig(t, tracker.Options{})
	client, server := r.connect(r.Server.Addr4())
	first := time.Now() // the last packet comes after it
	say(t, client, server, "hello")
	id := r.flow("tcp", flow.StateEstablished).ID
	if _, err := r.tracker.Act(r.ctx, flow.TimeoutChange(flow.TCPEstablished, timeout)); err != nil {
		t.Fatal(err)
	}
	last, late := time.Now(), lateness(t)
	e := r.ended(id)
	if l := late(); e.Reason != flow.ReasonExpired || e.Time.Sub(first) < timeout-time.Second || e.Time.Sub(last) > timeout+3*time.Second+l {
		t.Errorf("it ended by %v, %v after its first word and %v after the timeout was set; the machine is %v late", e.Reason, e.Time.Sub(first), e.Time.Sub(last), l)
	}
}
