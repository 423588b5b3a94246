package lab

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// A query and its answer are DNS.
func TestDNSIsDNS(t *testing.T) {
	var p dnsmessage.Parser
	query := queryDNS("host7", "example")
	h, err := p.Start(query)
	if err != nil || h.Response || !h.RecursionDesired {
		t.Fatalf("%+v, %v", h, err)
	}
	q, err := p.AllQuestions()
	if err != nil || len(q) != 1 || q[0].Name.String() != "host7.example." || q[0].Type != dnsmessage.TypeA || q[0].Class != dnsmessage.ClassINET {
		t.Fatalf("%+v, %v", q, err)
	}
	before := bytes.Clone(query)
	answer := answerDNS(query)
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil || !m.Response || m.ID != h.ID || len(m.Questions) != 1 || len(m.Answers) != 1 || !bytes.Equal(query, before) {
		t.Fatalf("%+v, %v", m, err)
	}
	a, ok := m.Answers[0].Body.(*dnsmessage.AResource)
	if r := m.Answers[0].Header; !ok || a.A != [4]byte{192, 0, 2, 80} || r.Name.String() != "host7.example." || r.TTL != 60 || r.Class != dnsmessage.ClassINET {
		t.Errorf("%+v, %+v", r, a)
	}
	if answerDNS(query[:11]) != nil || answerDNS(query[:12]) == nil || silent(query) != nil {
		t.Error("a query has twelve bytes at least, and a stream no answer")
	}
}

// A program runs where it was told to, and its errors say where and why.
func TestCommandErrors(t *testing.T) {
	Require(t)
	for _, c := range []struct{ script, want string }{
		{"echo out; echo err >&2; exit 3", "run sh in the middle: exit status 3: err"},
	} {
		out, err := Command(t.Context(), "sh", "-c", c.script).Output()
		if err == nil || err.Error() != c.want || string(out) != "out\n" {
			t.Errorf("%q, %v", out, err)
		}
	}
	if _, err := Command(t.Context(), "/no/such/program").Output(); err == nil || !strings.Contains(err.Error(), "start /no/such/program in the middle") {
		t.Error(err)
	}
	both, err := Command(t.Context(), "sh", "-c", "echo out; echo err >&2").CombinedOutput()
	if err != nil || string(both) != "out\nerr\n" {
		t.Errorf("%q, %v", both, err)
	}
	for what, set := range map[string]func(*Cmd){
		"Stdout": func(c *Cmd) { c.Stdout = os.Stderr }, "Stderr": func(c *Cmd) { c.Stderr = os.Stderr },
	} {
		c := Command(t.Context(), "true")
		set(c)
		if _, err := c.CombinedOutput(); err == nil {
			t.Errorf("%s is set, and both are collected", what)
		}
		c = Command(t.Context(), "true")
		set(c)
		if _, err := c.Output(); (err != nil) != (what == "Stdout") {
			t.Errorf("%s is set: %v", what, err)
		}
	}
	if (&Cmd{host: &Host{name: "x"}}).place() != "x" {
		t.Error("a program in a host is elsewhere")
	}
}

// Only the reply to the latest request of a ping is its answer.
func TestPingAnswers(t *testing.T) {
	for _, c := range []struct {
		to, other      string
		request, reply byte
	}{{"10.0.0.2", "10.0.0.3", 8, 0}, {"fd00::2", "fd00::3", 128, 129}} {
		p := &pinger{to: netip.MustParseAddr(c.to), id: 7, seq: 3}
		from := func(a string) net.Addr { return &net.IPAddr{IP: net.ParseIP(a)} }
		request := p.request(5)
		if len(request) != 13 || request[0] != c.request || binary.BigEndian.Uint16(request[4:]) != 7 || binary.BigEndian.Uint16(request[6:]) != 3 {
			t.Errorf("%x", request)
		}
		if p.to.Is4() && sum16(request) != 0 {
			t.Errorf("%x has a wrong checksum", request)
		}
		good := slices.Clone(request)
		good[0] = c.reply
		if !p.answered(good, from(c.to)) || !p.answered(good[:8], from(c.to)) {
			t.Errorf("%x is no answer", good)
		}
		change := func(i int) []byte { b := slices.Clone(good); b[i] ^= 1; return b }
		if p.answered(good[:7], from(c.to)) || p.answered(good, from(c.other)) || p.answered(request, from(c.to)) || p.answered(change(5), from(c.to)) ||
			p.answered(change(7), from(c.to)) || p.answered(good, &net.TCPAddr{IP: net.ParseIP(c.to)}) {
			t.Error("anything is an answer")
		}
	}
	if checksum(0, []byte{0xff}) != ^uint16(0xff00) || checksum(1, []byte{0xff, 0xff, 0, 1}) != ^uint16(2) {
		t.Error("the checksum does not carry")
	}
}

// A checksum of zero is written as its other form: zero would say that there is none.
func TestChecksumOfZero(t *testing.T) {
	frame := make([]byte, virtioSize+ethernetSize+12)
	frame[0] = virtioNeedsSum
	binary.NativeEndian.PutUint16(frame[6:], ethernetSize)
	binary.NativeEndian.PutUint16(frame[8:], 6)
	at := virtioSize + ethernetSize
	frame[at], frame[at+1] = 0xff, 0xff
	got := wireFrames(frame)
	if sum := binary.BigEndian.Uint16(got[0][at+6:]); sum != 0xffff {
		t.Errorf("%x", sum)
	}
	frame[0] = 0 // nothing is left to the card
	if got := wireFrames(frame); binary.BigEndian.Uint16(got[0][at+6:]) != 0 {
		t.Errorf("%x", got[0])
	}
	small, _ := largeSegment(false, 100, []byte("less than a segment"))
	if frames := wireFrames(small); len(frames) != 1 || frames[0][len(frames[0])-1] != 't' {
		t.Errorf("%d frames", len(frames))
	}
}
