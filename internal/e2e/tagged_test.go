package e2e

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The bytes of a frame are those on the wire, with its tags, in every mode: also where the
// kernel keeps the outer tag beside the packet.
func TestTaggedBytes(t *testing.T) {
	for name, tags := range map[string][]tag{"a tag": {{unix.ETH_P_8021Q, 42}}, "two tags": {{unix.ETH_P_8021Q, 42}, {unix.ETH_P_8021AD, 7}}} {
		for _, o := range []tracker.Options{{Mode: flow.ModeNative}, {Mode: flow.ModeTC}, {Mode: flow.ModeGeneric}, {Watch: true}} {
			t.Run(fmt.Sprint(name, " ", o.Mode, o.Watch), func(t *testing.T) {
				l, ctx := newLabWith(t, lab.Options{Bridge: o.Watch})
				tagHost(t, l.Client, tags)
				tagHost(t, l.Server, tags)
				withoutSACK(t, l.Client)
				r := &rig{Lab: l, t: t, ctx: ctx}
				r.open(o)
				r.countsDatagrams(len(tags))
				// XDP takes a frame with two tags for too long if it has the size of the
				// MTU, and generic XDP is slow on virtual links with offloads on.
				if o.Watch || o.Mode == flow.ModeTC || len(tags) == 1 && o.Mode == flow.ModeNative {
					r.countsSegments(len(tags))
				}
			})
		}
	}
}

const tagBytes = 4

// countsDatagrams sends some.
func (r *rig) countsDatagrams(tags int) {
	r.t.Helper()
	const n, payload, headers = 3, 100, 42
	conn, err := r.Client.Dial(r.ctx, "udp", netip.AddrPortFrom(r.Server.Addr4(), 9).String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	for range n {
		_, _ = conn.Write(make([]byte, payload)) // fails after an answer that nobody takes it
	}
	r.eventually("datagrams with their tags", func() bool {
		flows := r.flows("udp")
		for _, f := range flows {
			if f.Origin.Packets == 0 || f.Origin.Bytes != f.Origin.Packets*uint64(payload+headers+tagBytes*tags) {
				return false // one may be being counted
			}
		}
		return len(flows) > 0
	})
}

// countsSegments sends what segmentation offload makes large packets of, where it is on.
func (r *rig) countsSegments(tags int) {
	t := r.t
	t.Helper()
	client, server := r.connect(r.Server.Addr4())
	begun := segments(t, client)
	sendMuch(t, client, server, 1<<20)
	var f flow.Flow
	r.eventually("all segments", func() bool {
		f = r.between(client, server)
		return quiet(t, f, client, server)
	})
	checkSent(t, f.Origin, 1<<20, uint64(tagBytes*tags), begun, segments(t, client))
}

// sendMuch sends much one way.
func sendMuch(t *testing.T, from, to net.Conn, size int) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, size))
		sent <- err
	}()
	_ = to.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, err := io.ReadFull(to, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}
