package talkers

import (
	"net/netip"
	"strings"
	"testing"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// TestLongNamesGetRoom comes to a long address by moving down: the column grows with it.
func TestLongNamesGetRoom(t *testing.T) {
	const long = "2001:db8:1234:5678:9abc:def0:1234:5678"
	list := fake.Flows(40)
	last := &list[39]
	last.Tuple.Src = flow.EndFrom(netip.MustParseAddr(long), 1)
	f, p := newPage(list...)
	for _, line := range p.Lines() {
		if strings.Contains(line, "2001") {
			t.Fatalf("it is there from the start: %q", line)
		}
	}
	f.Press("G")
	if text := strings.Join(p.Lines(), "\n"); !strings.Contains(text, " "+long+" ") {
		t.Errorf("the address is cut:\n%s", text)
	}
}
