package bpf

import (
	"bytes"
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// hellos is a capture of the first bytes of flows.
func (h *harness) hellos() capturer {
	h.t.Helper()
	c := ConntrackCapture{NumRules: 3}
	for i, port := range []uint16{0, 443, 53} {
		r := &c.Rules[i]
		r.Proto, r.High = 17, [2]uint16{0xffff, 0xffff}
		if r.Low[0] = port; port != 0 {
			r.High[0] = port
		}
	}
	c.Rules[0].Proto = 6
	x := h.capture(2, c)
	x.ask(ConntrackFlowRequestREQUEST_HELLO, nil)
	return x
}

// firstBytes is the payload that a packet has, and where that lies in the stream.
type firstBytes struct {
	text   string
	offset uint32
}

func (x capturer) pieces(want ...firstBytes) {
	x.t.Helper()
	got := x.got()
	if len(got) != len(want) {
		x.t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	for i, c := range got {
		if text := c.data[c.Payload:]; string(text) != want[i].text || c.Offset != want[i].offset {
			x.t.Errorf("packet %d has %q at %d, want %q at %d", i, text, c.Offset, want[i].text, want[i].offset)
		}
	}
}

// tcpEnd sends what one end of a connection sends.
type tcpEnd struct {
	*harness
	by       hook
	src, dst netip.Addr
	from, to uint16
}

func tcpEnds(h *harness, by hook, sport, dport uint16) (client, server tcpEnd) {
	return tcpEnd{h, by, client4, server4, sport, dport}, tcpEnd{h, by, server4, client4, dport, sport}
}

func (e tcpEnd) send(flags uint8, seq, ack uint32, text string) {
	e.t.Helper()
	l4 := frame.Segment{Flags: flags, Seq: seq, Ack: ack, Window: 10000, Sport: e.from, Dport: e.to, Payload: len(text)}.Bytes()
	copy(l4[len(l4)-len(text):], text)
	e.run(e.by, frame.Frame{Src: e.src, Dst: e.dst, Proto: frame.ProtoTCP, L4: l4}.Bytes())
}

func (e tcpEnd) syn(seq uint32)         { e.send(frame.SYN, seq, 0, "") }
func (e tcpEnd) synAck(seq, ack uint32) { e.send(frame.SYN|frame.ACK, seq, ack, "") }
func (e tcpEnd) ack(seq, ack uint32)    { e.send(frame.ACK, seq, ack, "") }

func (e tcpEnd) data(seq, ack uint32, text string) {
	e.t.Helper()
	e.send(frame.ACK|frame.PSH, seq, ack, text)
}

func (h *harness) marks() (n int) {
	for _, f := range h.entries() {
		n += int(f.Control >> 7 & 1)
	}
	return n
}

// What a client sends first in TLS is copied, with where it lies in the stream, and what
// comes again, too. The first bytes of the server end that; then the flow has no mark.
func TestHelloStream(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.hellos()
		const isn, iss = 5000, 9000
		client, server := tcpEnds(h, by, 40000, 443)
		client.syn(isn)
		server.synAck(iss, isn+1)
		client.ack(isn+1, iss+1)
		if h.marks() != 1 {
			t.Fatalf("%d flows are marked", h.marks())
		}
		x.pieces()
		client.data(isn+1, iss+1, "\x16first")
		client.data(isn+7, iss+1, "second")
		client.data(isn+7, iss+1, "second")
		x.pieces(firstBytes{"\x16first", 0}, firstBytes{"second", 6}, firstBytes{"second", 6})
		server.ack(iss+1, isn+13)
		if h.marks() != 1 {
			t.Error("an ACK of the server ended it")
		}
		server.data(iss+1, isn+13, "\x16hello")
		client.data(isn+13, iss+7, "secret")
		x.pieces()
		if h.marks() != 0 {
			t.Error("the flow is still marked")
		}
	})
}

// A stream that does not begin as TLS is not copied, and loses its mark with its first
// bytes; so does one of which the server speaks first, and one that was there before.
func TestHelloNot(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.hellos()
		client, server := tcpEnds(h, by, 40000, 80)
		client.syn(1)
		server.synAck(1, 2)
		client.ack(2, 2)
		client.data(2, 2, "GET / HTTP/1.1")
		if h.marks() != 0 {
			t.Error("HTTP is marked")
		}
		client, server = tcpEnds(h, by, 40001, 22)
		client.syn(1)
		server.synAck(1, 2)
		client.ack(2, 2)
		server.data(2, 2, "SSH-2.0")
		if h.marks() != 0 {
			t.Error("SSH is marked")
		}
		client, _ = tcpEnds(h, by, 40002, 443)
		client.data(2, 2, "\x16half")
		if h.marks() != 0 {
			t.Error("a flow without its beginning is marked")
		}
		x.pieces()
	})
}

// Of a stream so much is looked at, and no more.
func TestHelloEnds(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.hellos()
		client, server := tcpEnds(h, by, 40000, 443)
		client.syn(0)
		server.synAck(0, 1)
		client.ack(1, 1)
		part := "\x16" + string(bytes.Repeat([]byte("x"), 1365))
		for i := range uint32(4) {
			client.data(1+i*1366, 1, part)
		}
		x.pieces(firstBytes{part, 0}, firstBytes{part, 1366}, firstBytes{part, 2732})
		if h.marks() != 0 {
			t.Error("the flow is still marked")
		}
	})
}

// Three datagrams of a client to port 443 are copied, none of the server; and DNS in both
// directions, as long as it goes on.
func TestHelloDatagrams(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.hellos()
		send := func(port uint16, text string, answer bool) {
			d := frame.Datagram(40000, port, len(text))
			copy(d[8:], text)
			f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP, L4: d}
			if answer {
				d = frame.Datagram(port, 40000, len(text))
				copy(d[8:], text)
				f = f.Reply(d)
			}
			h.run(by, f.Bytes())
		}
		for _, text := range []string{"one", "two", "three", "four"} {
			send(443, text, false)
			send(443, "server", true)
		}
		x.pieces(firstBytes{"one", 0}, firstBytes{"two", 0}, firstBytes{"three", 0})
		if h.marks() != 0 {
			t.Error("the flow is still marked")
		}
		for range 10 {
			send(53, "question", false)
			send(53, "answer", true)
		}
		if got := x.got(); len(got) != 20 {
			t.Errorf("%d messages of DNS", len(got))
		}
		send(54, "other", false)
		x.pieces()
	})
}
