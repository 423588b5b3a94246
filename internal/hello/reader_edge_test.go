package hello

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ctop/tracker/flow"
)

// messages of DNS that are not of one question in the internet's class, or end early, are
// not read.
func TestDamagedDNS(t *testing.T) {
	name := dnsmessage.MustNewName("a.example.")
	q := dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	good := func() dnsmessage.Message {
		return dnsmessage.Message{
			Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{q},
			Answers: []dnsmessage.Resource{{Header: header(name, 60), Body: address("192.0.2.1")}},
		}
	}
	for what, c := range map[string]struct {
		change func(*dnsmessage.Message)
		ok     bool
		found  int
	}{
		"good":              {func(*dnsmessage.Message) {}, true, 1},
		"an update":         {func(m *dnsmessage.Message) { m.OpCode = 5 }, false, 0},
		"no question":       {func(m *dnsmessage.Message) { m.Questions = nil }, false, 0},
		"two questions":     {func(m *dnsmessage.Message) { m.Questions = append(m.Questions, q) }, false, 0},
		"of another class":  {func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }, false, 0},
		"a chaotic address": {func(m *dnsmessage.Message) { m.Answers[0].Header.Class = dnsmessage.ClassCHAOS }, true, 0},
		"a text and an address": {func(m *dnsmessage.Message) {
			m.Answers = append([]dnsmessage.Resource{{Header: header(name, 9), Body: &dnsmessage.TXTResource{TXT: []string{"x"}}}}, m.Answers...)
		}, true, 1},
		"an address and another name": {func(m *dnsmessage.Message) {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header(name, 9), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("b.")}},
				dnsmessage.Resource{Header: header(dnsmessage.MustNewName("b."), 9), Body: address("192.0.2.2")})
		}, true, 1},
	} {
		m := good()
		c.change(&m)
		a, _, ok := ReadDNS(pack(t, m))
		if ok != c.ok || len(a.Addresses) != c.found {
			t.Errorf("%s: %+v, %t", what, a, ok)
		}
	}
	whole := pack(t, good())
	for i := range whole {
		if a, _, ok := ReadDNS(whole[:i]); ok || len(a.Addresses) > 0 {
			t.Errorf("cut at %d: %+v, %t", i, a, ok)
		}
	}
	// The lowest of all times counts, that of an alias and that of an address.
	for _, ttl := range [][2]uint32{{30, 300}, {300, 30}} {
		m := good()
		to := dnsmessage.MustNewName("b.example.")
		m.Answers = []dnsmessage.Resource{{Header: header(name, ttl[0]), Body: &dnsmessage.CNAMEResource{CNAME: to}}, {Header: header(to, ttl[1]), Body: address("192.0.2.1")}}
		if a, _, _ := ReadDNS(pack(t, m)); a.TTL != 30*time.Second {
			t.Errorf("times of %d and %d: %s", ttl[0], ttl[1], a.TTL)
		}
	}
}

// The oldest addresses give way, in the order in which they came.
func TestOldestAnswersGiveWay(t *testing.T) {
	var all Answers
	now, client := time.Now(), netip.MustParseAddr("10.0.0.1")
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}) }
	const more = 5
	for i := range mostAnswers + more {
		all.Add(client, &Answer{Question: Question{Name: "x"}, Addresses: []netip.Addr{address(i)}}, now)
		if i == 0 { // it is not younger for being said twice
			all.Add(client, &Answer{Question: Question{Name: "x"}, Addresses: []netip.Addr{address(i)}}, now)
		}
	}
	for i := range 2 * more {
		if known := all.Name(client, address(i), now) != ""; known != (i >= more) {
			t.Errorf("address %d is known: %t", i, known)
		}
	}
	// Those that came instead give way in turn.
	for i := range mostAnswers {
		all.Add(client, &Answer{Question: Question{Name: "y"}, Addresses: []netip.Addr{address(1<<20 + i)}}, now)
	}
	if all.Len() != mostAnswers || all.Name(client, address(mostAnswers+more-1), now) != "" {
		t.Errorf("%d addresses", all.Len())
	}
}

// Every packet is read by its protocol, port and direction, and nothing of others is.
func TestReaderReads(t *testing.T) {
	p := plainParts(prefixed(2, hostEntry(0, "a.example")))
	message := p.message()
	records := append([]byte{typeHandshake, 3, 1}, prefixed(2, message)...)
	p.extensions = append(p.extensions, extension(0xffce, nil)) // of drafts
	older := append([]byte{typeHandshake, 3, 1}, prefixed(2, p.message())...)
	p.extensions[len(p.extensions)-1] = extension(0xfe0d, nil) // RFC 9849
	outer := append([]byte{typeHandshake, 3, 1}, prefixed(2, p.message())...)
	nameless := append([]byte{typeHandshake, 3, 1}, prefixed(2, plainParts().message())...)
	datagram := initial(1, []byte("12345678"), 0, cryptoFrame(message, 0, len(message)))
	packetOf := func(proto flow.Protocol, port uint16, payload []byte) *flow.Packet {
		end := flow.MustParseEnd(fmt.Sprintf("10.0.0.2:%d", port))
		return &flow.Packet{
			Data: append(make([]byte, 9), payload...), Payload: 9, Time: time.Now(),
			Ref: flow.Ref{ID: 1, Tuple: flow.Tuple{Proto: proto, Src: flow.MustParseEnd("10.0.0.1:4000"), Dst: end}},
		}
	}
	tcp := func(payload []byte, change func(*flow.Packet)) *flow.Packet {
		p := packetOf(flow.ProtocolTCP, 8443, payload)
		change(p)
		return p
	}
	for what, c := range map[string]struct {
		p             *flow.Packet
		name          string
		source        flow.NameSource
		hellos, named uint64
	}{
		"TCP at any port":     {packetOf(flow.ProtocolTCP, 8443, records), "a.example", flow.NameSNI, 1, 1},
		"an encrypted hello":  {packetOf(flow.ProtocolTCP, 443, outer), "a.example", flow.NameSNIOuter, 1, 1},
		"one as of drafts":    {packetOf(flow.ProtocolTCP, 443, older), "a.example", flow.NameSNIOuter, 1, 1},
		"a hello of no name":  {packetOf(flow.ProtocolTCP, 443, nameless), "", 0, 1, 0},
		"QUIC":                {packetOf(flow.ProtocolUDP, 443, datagram), "a.example", flow.NameSNI, 1, 1},
		"QUIC at any port":    {packetOf(flow.ProtocolUDP, 8443, datagram), "", 0, 0, 0},
		"TCP in UDP":          {packetOf(flow.ProtocolUDP, 443, records), "", 0, 0, 0},
		"SCTP":                {packetOf(132, 443, records), "", 0, 0, 0},
		"the server's":        {tcp(records, func(p *flow.Packet) { p.Direction = flow.Reply }), "", 0, 0, 0},
		"an invalid packet":   {tcp(records, func(p *flow.Packet) { p.Verdict = flow.VerdictInvalid }), "", 0, 0, 0},
		"a dropped packet":    {tcp(records, func(p *flow.Packet) { p.Dropped = true }), "", 0, 0, 0},
		"without a payload":   {tcp(nil, func(*flow.Packet) {}), "", 0, 0, 0},
		"of unknown payload":  {tcp(records, func(p *flow.Packet) { p.Data, p.Payload = records, 0 }), "", 0, 0, 0},
		"later in the stream": {tcp(records, func(p *flow.Packet) { p.Offset = mostBytes }), "", 0, 0, 0},
	} {
		var r Reader
		name, ok := r.Packet(c.p)
		if got := r.Counts(); ok != (c.name != "") || name.Name != c.name || name.Source != c.source || got.Hellos != c.hellos || got.Named != c.named {
			t.Errorf("%s: %+v, %t, %+v", what, name, ok, got)
		}
		if n := len(r.streams.of) + len(r.initial.of); n != 0 {
			t.Errorf("%s: it waits for more of %d", what, n)
		}
	}
	half := len(records) / 2
	late := func(from int) func(*flow.Packet) { return func(p *flow.Packet) { p.Offset = uint32(from) } }
	checkReader(t, "segments", tcp(records[:half], late(0)), tcp(records[half:], late(half)))
	checkReader(t, "segments in another order", tcp(records[half:], late(half)), tcp(records[:half], late(0)))
	part := len(message) / 2
	checkReader(t, "datagrams", packetOf(flow.ProtocolUDP, 443, initial(1, []byte("12345678"), 0, cryptoFrame(message, 0, part))),
		packetOf(flow.ProtocolUDP, 443, initial(1, []byte("12345678"), 1, cryptoFrame(message, part, len(message)))))
}

// checkReader gives a reader two packets, of which the second has the name, and nothing is
// kept of them.
func checkReader(t *testing.T, what string, first, second *flow.Packet) {
	t.Helper()
	var r Reader
	if _, ok := r.Packet(first); ok || len(r.streams.of)+len(r.initial.of) != 1 {
		t.Errorf("%s: the first has a name", what)
	}
	if name, ok := r.Packet(second); !ok || name.Name != "a.example" || len(r.streams.of)+len(r.initial.of) != 0 {
		t.Errorf("%s: %+v, %t, %d wait", what, name, ok, len(r.streams.of)+len(r.initial.of))
	}
}

// An answer to a question counts if it has addresses, once.
func TestReaderCountsAnswers(t *testing.T) {
	client, server := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1")
	for what, c := range map[string]struct {
		packets []*flow.Packet
		want    uint64
	}{
		"an answer":         {[]*flow.Packet{packetOf(question(t, 7, "a.example."), flow.Origin), packetOf(reply(t, 7, "a.example.", "", "192.0.2.1"), flow.Reply)}, 1},
		"twice":             {[]*flow.Packet{packetOf(question(t, 7, "a.example."), flow.Origin), packetOf(reply(t, 7, "a.example.", "", "192.0.2.1"), flow.Reply), packetOf(reply(t, 7, "a.example.", "", "192.0.2.1"), flow.Reply)}, 1},
		"without addresses": {[]*flow.Packet{packetOf(question(t, 7, "a.example."), flow.Origin), packetOf(reply(t, 7, "a.example.", ""), flow.Reply)}, 0},
		"of another name":   {[]*flow.Packet{packetOf(question(t, 7, "a.example."), flow.Origin), packetOf(reply(t, 7, "b.example.", "", "192.0.2.1"), flow.Reply)}, 0},
		"of another number": {[]*flow.Packet{packetOf(question(t, 7, "a.example."), flow.Origin), packetOf(reply(t, 8, "a.example.", "", "192.0.2.1"), flow.Reply)}, 0},
		"of nobody's":       {[]*flow.Packet{packetOf(reply(t, 7, "a.example.", "", "192.0.2.1"), flow.Reply)}, 0},
		"from the client":   {[]*flow.Packet{packetOf(reply(t, 7, "a.example.", "", "192.0.2.1"), flow.Origin), packetOf(reply(t, 7, "a.example.", "", "192.0.2.1"), flow.Reply)}, 0},
		"of no host's name": {[]*flow.Packet{packetOf(question(t, 7, "a b."), flow.Origin), packetOf(reply(t, 7, "a b.", "", "192.0.2.1"), flow.Reply)}, 0},
	} {
		var r Reader
		for _, p := range c.packets {
			r.Packet(p)
		}
		known := r.Answers.Name(client, server, time.Now()) == "a.example"
		if got := r.Counts().Answers; got != c.want || known != (c.want > 0) {
			t.Errorf("%s: %d answers, the name is known: %t", what, got, known)
		}
	}
}

// What others took the place of is counted for every kind, and what has not begun is not.
func TestDroppedCounts(t *testing.T) {
	var r Reader
	r.streams.dropped, r.initial.dropped, r.asked.dropped = 1, 20, 300
	if got := r.Counts().Dropped; got != 321 {
		t.Errorf("%d dropped", got)
	}
	if hasBegun(new(Stream)) || !hasBegun(new(QUIC)) {
		t.Error("an empty stream has begun, or a datagram has not")
	}
}
