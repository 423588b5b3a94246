package firstseen

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// Forged senders that are answered, in a wire, take no room from an end that was there
// while it was learned what is usual: what is new there is marked, and then known.
func TestForgedSenders(t *testing.T) {
	w := newWatcher(t, Options{Learn: time.Second})
	usual := opened(1, "10.0.0.9:40000", "192.0.2.7:443")
	w.look(usual)
	w.look(usual)
	forged := make([]flow.Flow, 30_000)
	for round := range 4 {
		for i := range forged {
			forged[i] = opened(round*100_000+i+10, fmt.Sprintf("10.%d.%d.%d:40000", round+1, i>>8, i&255), "192.0.2.7:443")
		}
		w.look(forged...)
	}
	if s := w.Status(); !s.Full || s.Known > mostNew+2*int(numKinds) {
		t.Errorf("%+v", s)
	}
	w.marks("[00000000000f423f]", opened(999_999, "10.0.0.9:40000", "192.0.2.7:22"))
	w.marks(none, opened(1_000_000, "10.0.0.9:40000", "192.0.2.7:22"))
	w.marks(none, opened(1_000_001, "10.99.0.9:40000", "192.0.2.7:22")) // there is no room
}

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.200": "192.0.2.0/24", "::ffff:192.0.2.200": "192.0.2.0/24", "2001:db8::8000:0:0:1": "2001:db8::/64",
	} {
		if got := networkOf(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s lies in %s, want %s", address, got, want)
		}
	}
}

// The shortest file and the longest can be read.
func TestSizesOfFiles(t *testing.T) {
	b := newBook([16]byte{1})
	if _, learned, err := decode(b.encode(time.Minute)); err != nil || learned != time.Minute {
		t.Errorf("without a fact: %s, error %v", learned, err)
	}
	text := append(b.encode(0), make([]byte, MostFacts*factSize)...)
	binary.BigEndian.PutUint32(text[len(text)-4:], crc32.ChecksumIEEE(text[:len(text)-4]))
	if _, _, err := decode(text); err != nil {
		t.Errorf("with all facts: %v", err)
	}
	text = append(text, make([]byte, factSize)...)
	binary.BigEndian.PutUint32(text[len(text)-4:], crc32.ChecksumIEEE(text[:len(text)-4]))
	if _, _, err := decode(text); err == nil {
		t.Error("a longer file is read")
	}
}

// A book takes so many facts of one, of those that come late, and of all; it is read again
// with all of them.
func TestFullBook(t *testing.T) {
	for _, c := range []struct {
		each    int
		learned bool
		most    int
	}{{MostFacts + 1, false, mostOfOne}, {mostOfOne, false, MostFacts}, {mostOfOne, true, mostNew}} {
		b := newBook([16]byte{1})
		b.learned = c.learned
		n := 0
		for b.learn(fact{uint64(n), uint32(n / c.each)}) {
			n++
		}
		if n != c.most || !b.learn(fact{0, 0}) {
			t.Errorf("it has %d facts, want %d, and the first is known: %t", n, c.most, b.knows(fact{0, 0}))
		}
		if again, _, err := decode(b.encode(0)); err != nil || len(again.facts) != n {
			t.Errorf("it is not read as it is: %v", err)
		}
	}
}
