package e2e

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// One connection at two watched interfaces is two flows, in where its first packet came
// in and out where it went out. Both count the same: a packet of segmentation offload is
// the segments that it becomes.
func TestWatchedTwice(t *testing.T) {
	r := newWatch(t)
	withoutSACK(t, r.Client)
	client, server := r.connect(r.Server.Addr4())
	begun := [2]*unix.TCPInfo{segments(t, client), segments(t, server)}
	const size, answer = 3 << 20, "answer"
	sent := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, size))
		sent <- err
	}()
	for got, buf := 0, make([]byte, 1<<16); got < size; {
		_ = server.SetReadDeadline(time.Now().Add(waitTimeout))
		n, err := server.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	say(t, server, client, answer)
	var flows []flow.Flow
	r.eventually("both flows with the same counts, and nothing on its way", func() bool {
		flows = r.flows("tcp")
		return len(flows) == 2 && flows[0].Origin.Bytes == flows[1].Origin.Bytes && flows[0].Reply.Bytes == flows[1].Reply.Bytes &&
			quiet(t, flows[0], client, server)
	})
	slices.SortFunc(flows, func(a, b flow.Flow) int { return int(a.In) - int(b.In) })
	for i, f := range flows {
		if int(f.In) != i || f.Outgoing != (i == 1) || f.State != flow.StateEstablished || f.Origin.Packets != flows[0].Origin.Packets {
			t.Errorf("flow %d: interface %d, out %t, %s, %d packets", i, f.In, f.Outgoing, f.State, f.Origin.Packets)
		}
	}
	const segment = 1448 // bytes at an MTU of 1500, with timestamps
	if n := flows[0].Origin.Packets; n < size/segment {
		t.Errorf("%d packets for %d bytes", n, size)
	}
	// The kernel counts what it sent and received, too.
	sentSegments, gotSegments := segments(t, client), segments(t, server)
	checkSent(t, flows[0].Origin, size, 0, begun[0], sentSegments)
	checkSent(t, flows[0].Reply, uint64(len(answer)), 0, begun[1], gotSegments)
	// Of a SYN that was sent again the connection at the other end has one.
	if n := uint32(flows[0].Origin.Packets); n != sentSegments.Segs_out || n != gotSegments.Segs_in+begun[0].Total_retrans {
		t.Errorf("%d packets there, the kernel sent %d and received %d", n, sentSegments.Segs_out, gotSegments.Segs_in)
	}
	if n := uint32(flows[0].Reply.Packets); n != sentSegments.Segs_in {
		t.Errorf("%d packets back, the kernel received %d", n, sentSegments.Segs_in)
	}
	checkTotals(t, r)
	// A flow is deleted where it was meant, and only there.
	if done, err := r.tracker.Act(r.ctx, flow.Deletion(flows[1].Ref())); err != nil || done.Done != 1 {
		t.Fatalf("delete: %+v, %v", done, err)
	}
	if left := r.flow("tcp", flow.StateEstablished); left.ID != flows[0].ID {
		t.Errorf("left is %v", left)
	}
}

// withoutSACK has the next connections of a host do without selective acknowledgements: how
// long they are depends on what arrived out of order, or twice, and no kernel tells it.
func withoutSACK(t *testing.T, h *lab.Host) {
	t.Helper()
	err := h.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/tcp_sack", []byte("0"), 0) })
	if err != nil {
		t.Fatal(err)
	}
}

// checkSent compares the bytes of frames that one end of a connection sent with what the
// kernel tells of this end, and told when it began. more is what each frame has besides
// Ethernet, IPv4 and TCP with timestamps, and without selective acknowledgements. What was
// sent again is counted again: a retransmission repeats a segment of any size.
func checkSent(t *testing.T, d flow.Half, payload, more uint64, begun, from *unix.TCPInfo) {
	t.Helper()
	const (
		headers = 66 // Ethernet, IPv4, and TCP with timestamps
		opening = 8  // a SYN's options but for timestamps
	)
	if want := payload + from.Bytes_retrans + d.Packets*(headers+more) + opening*uint64(1+begun.Total_retrans); d.Bytes != want {
		t.Errorf("%d bytes in %d packets, want %d: the kernel sent %+v", d.Bytes, d.Packets, want, from)
	}
}

// segments returns what the kernel knows of a connection.
func segments(t *testing.T, c net.Conn) (info *unix.TCPInfo) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		failed := raw.Control(func(fd uintptr) {
			info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		})
		err = errors.Join(err, failed)
	}
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// checkTotals expects the totals of the interfaces to add up to the tracker's counters,
// and what comes in at one port of the bridge to go out at the other, but for what the
// bridge and the machine say themselves.
func checkTotals(t *testing.T, r *rig) {
	t.Helper()
	var at []flow.Interface
	r.eventually("the totals of the interfaces add up", func() bool {
		s, err := r.tracker.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var all flow.Volume
		for _, i := range s.Interfaces {
			all = all.Plus(i.In).Plus(i.Out)
		}
		at = s.Interfaces
		return all == flow.Volume{Packets: s.Counters.Packets, Bytes: s.Counters.Bytes}
	})
	const others = 2000 // bytes of what only one of the ports has
	for _, way := range [][2]flow.Volume{{at[0].In, at[1].Out}, {at[1].In, at[0].Out}} {
		if in, out := way[0], way[1]; in.Packets == 0 || in.Bytes > out.Bytes+others || out.Bytes > in.Bytes+others {
			t.Errorf("%+v in, %+v out", in, out)
		}
	}
	if at[0].In.Bytes < 3<<20 {
		t.Errorf("totals %+v", at)
	}
}
