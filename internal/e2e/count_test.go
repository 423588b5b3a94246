package e2e

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
)

// tally is what a capture counts of one TCP connection, each way.
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

// The flow's counters are those of a capture at the client's interface.
func TestCountersAreThoseOfACapture(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			counted := make(chan tally, 1)
			ctx, cancel := context.WithCancel(r.ctx)
			defer cancel()
			capture, err := r.Client.Capture()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = capture.Close() }()
			client, server := r.connect(r.Server.Addr4())
			go func() { counted <- captureConnection(ctx, capture, client) }()
			for range 200 {
				say(t, client, server, "question")
				say(t, server, client, "answer to it")
			}
			if err := client.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			r.flow("tcp", tracker.StateFinWait2)
			server.Close()
			f := r.flow("tcp", tracker.StateTimeWait)
			time.Sleep(200 * time.Millisecond)
			cancel()
			c := <-counted
			got := tally{
				packets: [2]uint64{f.Origin.Packets, f.Reply.Packets},
				bytes:   [2]uint64{f.Origin.Bytes, f.Reply.Bytes},
			}
			if got != c {
				t.Errorf("ctop counted %+v, the capture %+v", got, c)
			}
		})
	}
}

func captureConnection(ctx context.Context, capture *lab.Capture, client net.Conn) (c tally) {
	local := uint16(client.LocalAddr().(*net.TCPAddr).Port)
	remote := uint16(client.RemoteAddr().(*net.TCPAddr).Port)
	for {
		frame, err := capture.Next(ctx)
		if err != nil {
			return c
		}
		c.count(frame.Data, local, remote)
	}
}
