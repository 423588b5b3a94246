package hello

import (
	"crypto/tls"
	"encoding/binary"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"ctop/tracker/flow"
)

// FuzzRecords compares the name with the one that Go's server reads: where both read a
// hello, they read the same, and a name that is not complete is none.
func FuzzRecords(f *testing.F) {
	f.Add(clientRecords(f, small))
	f.Add(clientRecords(f, &tls.Config{ServerName: "quantum.example.org"}))
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, status := Records(b)
		if status != Done {
			if h != (Hello{}) {
				t.Fatalf("%+v though it is not complete", h)
			}
			return
		}
		checkName(t, h.Name)
		name, encrypted, read := judge(b)
		if read && (hostName([]byte(name)) != h.Name || encrypted != h.Encrypted) {
			t.Fatalf("%+v, Go reads %q, encrypted %t", h, name, encrypted)
		}
	})
}

func checkName(t *testing.T, name string) {
	if name != "" && hostName([]byte(name)) != name {
		t.Fatalf("%q is no name", name)
	}
}

// FuzzQUIC reads datagrams of any content, some of which are well encrypted.
func FuzzQUIC(f *testing.F) {
	message := clientMessage(f, &tls.Config{ServerName: "quic.example.org", NextProtos: []string{"h3"}})
	f.Add([]byte{}, initial(1, []byte("12345678"), 0, cryptoFrame(message, 0, len(message))))
	f.Add(cryptoFrame(message, 0, len(message)), []byte("\xc0\x00\x00\x00\x01"))
	f.Add(append([]byte{frameACK, 1, 2, 1, 1, 1, 1}, cryptoFrame(message, 100, 200)...), []byte{})
	f.Fuzz(func(t *testing.T, frames, datagram []byte) {
		var q QUIC
		if len(frames) > 0 && len(frames) < 4000 {
			h, _ := q.Datagram(initial(0x6b3343cf, []byte("12345678"), 0, frames))
			checkName(t, h.Name)
		}
		h, status := q.Datagram(datagram)
		checkName(t, h.Name)
		if status != Done && h != (Hello{}) {
			t.Fatalf("%+v though it is not complete", h)
		}
	})
}

// FuzzStream compares a stream with one that is put together byte by byte.
func FuzzStream(f *testing.F) {
	f.Add([]byte("\x00\x00\x04\x00\x08\x04\x00\x04\x04"))
	f.Add([]byte("\x0f\xff\x09\x00\x00\xff\x00\x80\xff"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		var s Stream
		model := map[int]byte{}
		for n := byte(1); len(steps) >= 3 && n < mostParts; n++ {
			at, length := int(binary.BigEndian.Uint16(steps)), int(steps[2])
			steps = steps[3:]
			part := make([]byte, length)
			for i := range part {
				part[i] = n
				if _, known := model[at+i]; !known && at+i < mostBytes {
					model[at+i] = n
				}
			}
			s.Add(at, part)
		}
		got := s.Prefix()
		for i, c := range got {
			if model[i] != c {
				t.Fatalf("byte %d is %d, not %d", i, c, model[i])
			}
		}
		if _, more := model[len(got)]; more {
			t.Fatalf("it ends after %d bytes", len(got))
		}
	})
}

// FuzzDNS reads messages of any content.
func FuzzDNS(f *testing.F) {
	f.Add(question(f, 7, "www.example.org."))
	f.Add(reply(f, 7, "www.example.org.", "cdn.example.net.", "192.0.2.7", "2001:db8::7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, isAnswer, ok := ReadDNS(b)
		if ok {
			checkName(t, a.Name)
		}
		if len(a.Addresses) > 0 && !isAnswer {
			t.Fatal("a question has addresses")
		}
		var m dnsmessage.Message
		if isAnswer && ok && m.Unpack(b) == nil && len(a.Addresses) > len(m.Answers) {
			t.Fatalf("%d addresses of %d records", len(a.Addresses), len(m.Answers))
		}
	})
}

// FuzzReader gives a reader packets of any content, of a few flows.
func FuzzReader(f *testing.F) {
	f.Add(uint8(0), uint16(0), clientRecords(f, small), []byte("\x16\x03\x01"))
	f.Add(uint8(7), uint16(9), reply(f, 7, "www.example.org.", "", "192.0.2.7"), question(f, 7, "www.example.org."))
	tuples := [...]flow.Tuple{
		{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:999"), Dst: flow.MustParseEnd("10.0.0.2:443")},
		{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:999"), Dst: flow.MustParseEnd("10.0.0.2:443")},
		{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:999"), Dst: flow.MustParseEnd("10.0.0.2:53")},
	}
	f.Fuzz(func(t *testing.T, kind uint8, offset uint16, first, second []byte) {
		var r Reader
		for i, b := range [][]byte{first, second, first} {
			p := &flow.Packet{
				Ref:  flow.Ref{ID: flow.ID(kind>>2&1 + 1), Tuple: tuples[kind%3]},
				Data: append([]byte{0}, b...), Payload: 1, Offset: uint32(offset) * uint32(i),
			}
			if kind>>3&1 != 0 && i == 1 {
				p.Direction = flow.Reply
			}
			if name, ok := r.Packet(p); ok {
				checkName(t, name.Name)
				if name.Name == "" {
					t.Fatal("an empty name")
				}
			}
		}
	})
}
