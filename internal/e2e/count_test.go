package e2e

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// tally counts the packets and bytes of one captured TCP connection in both
// directions.
type tally struct {
	packets, bytes [2]uint64
}

// count adds an IPv4 TCP frame of the given ports.
func (c *tally) count(frame []byte, originPort, replyPort uint16) {
	if len(frame) < 54 || binary.BigEndian.Uint16(frame[12:]) != 0x0800 || frame[23] != 6 {
		return
	}
	src, dst := binary.BigEndian.Uint16(frame[34:]), binary.BigEndian.Uint16(frame[36:])
	var d int
	switch {
	case src == originPort && dst == replyPort:
		d = 0
	case src == replyPort && dst == originPort:
		d = 1
	default:
		return
	}
	c.packets[d]++
	c.bytes[d] += uint64(len(frame))
}

// The flow's counters equal those of a capture at the client's interface.
func TestCountersAreThoseOfACapture(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			capture, err := r.Client.Capture()
			if err != nil {
				t.Fatal(err)
			}
			client, server := r.connect(r.Server.Addr4())
			counted := countConnection(r.ctx, t, capture, client)
			for range 200 {
				say(t, client, server, "question")
				say(t, server, client, "answer to it")
			}
			if err := client.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			r.flow("tcp", flow.StateFinWait2)
			server.Close()
			// The last ACK comes after the state change by the FIN, and the
			// capture is read later than the packets.
			var got, want tally
			for deadline := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
				f := r.flow("tcp", flow.StateTimeWait)
				got = tally{
					packets: [2]uint64{f.Origin.Packets, f.Reply.Packets},
					bytes:   [2]uint64{f.Origin.Bytes, f.Reply.Bytes},
				}
				if want = counted(); got == want {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("ctop counted %+v, the capture %+v", got, want)
				}
			}
			if want.packets[0] < 200 || want.packets[1] < 200 {
				t.Errorf("the capture counted %+v only", want)
			}
		})
	}
}

// countConnection counts the captured packets of a connection until the test
// ends.
func countConnection(ctx context.Context, t *testing.T, capture *lab.Capture, client net.Conn) (counted func() tally) {
	t.Helper()
	local := uint16(client.LocalAddr().(*net.TCPAddr).Port)
	remote := uint16(client.RemoteAddr().(*net.TCPAddr).Port)
	var mu sync.Mutex
	var c tally
	done := make(chan struct{})
	t.Cleanup(func() { _ = capture.Close(); <-done })
	go func() {
		defer close(done)
		for {
			frame, err := capture.Next(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			c.count(frame.Data, local, remote)
			mu.Unlock()
		}
	}()
	return func() tally {
		mu.Lock()
		defer mu.Unlock()
		return c
	}
}
