package field

import (
	"slices"
	"strings"
	"testing"

	"ctop/internal/format"
)

// Every row has what its kind and its uses need, and no name stands twice.
func TestRegistry(t *testing.T) {
	seen := map[string]string{}
	once := func(what, name, of string) {
		if name == "" {
			return
		}
		if before, ok := seen[what+name]; ok {
			t.Errorf("%s %q stands at %s and %s", what, name, before, of)
		}
		seen[what+name] = of
	}
	for i := range registry {
		f := &registry[i]
		once("name", f.Name, f.Name)
		once("member", f.JSON, f.Name)
		once("letter", f.Letter, f.Name)
		once("title", f.Title, f.Name)
		once("wide title", f.Wide, f.Name)
		if (f.Number != nil) != (f.Kind >= Count) || (f.Text != nil) != (f.Kind == Text) || (f.Append != nil) != (f.Kind == Word) {
			t.Errorf("%s: the value is not of its kind", f.Name)
		}
		if f.Kind == Flag && f.Holds == nil {
			t.Errorf("%s: nothing says whether it holds", f.Name)
		}
		if f.Title != "" && !f.Sortable() || f.Letter != "" && f.Title == "" {
			t.Errorf("%s: a column that flows cannot be sorted by", f.Name)
		}
		if f.Title != "" && f.Name != Origin && f.Name != Reply && f.Width < max(format.Width(f.Title), format.Width(f.Heading(format.Packets))) {
			t.Errorf("%s: the title is wider than the column", f.Name)
		}
		if (f.Event != NoEvent || f.Always) && f.JSON == "" {
			t.Errorf("%s: it is not in the data", f.Name)
		}
		// The console lists columns in a box.
		if width := format.Width(f.Means); f.Title != "" && (width > 31 || len(f.Name) > 11) {
			t.Errorf("%s: %q does not fit in the list of columns", f.Name, f.Means)
		}
	}
	for _, name := range []string{Age, InRate, Origin, OutRate, Protocol, Reply, State, TotalRate, TTL} {
		if f, ok := Named(name); !ok || f.Title == "" {
			t.Errorf("the column %s is not there", name)
		}
	}
}

// TestOldSpellings has what scripts and settings of earlier releases say. "in" was
// the rate of the reply as a sort key, and the interface in a filter.
func TestOldSpellings(t *testing.T) {
	keys := map[string]string{
		"out": "out_rate", "in": "in_rate", "total": "bytes", "interface": "if", "iface": "if",
		"packets out": "out_packets", "pkt-out": "out_packets", "out_packets": "out_packets", "origin.packets": "out_packets",
		"packets in": "in_packets", "pkt-in": "in_packets", "reply.packets": "in_packets",
		"bytes out": "out_bytes", "byte-out": "out_bytes", "bytes in": "in_bytes", "byte-in": "in_bytes",
		"retrans": "retransmits", "reorder": "reordered", "age_s": "age", "origin.bps": "out_rate",
		"reply": "reply", "bytes": "bytes", "id": "id",
	}
	for old, want := range keys {
		if f, ok := Key(old); !ok || f.Name != want {
			t.Errorf("the key %q is %v", old, f)
		}
	}
	terms := map[string]string{
		"in": "if", "retrans": "retransmits", "zerowin": "zero_windows", "reply": "answered",
		"if": "if", "reply.bytes": "in_bytes", "idle_s": "idle", "idle": "idle",
	}
	for old, want := range terms {
		if f, ok := Term(old); !ok || f.Name != want {
			t.Errorf("the term %q is %v", old, f)
		}
	}
	for _, name := range []string{"", "size", "origin.", "Age"} {
		if f, ok := Key(name); ok {
			t.Errorf("%q is %s", name, f.Name)
		}
		if f, ok := Term(name); ok {
			t.Errorf("%q is %s", name, f.Name)
		}
	}
	if old := OldTerms(); len(old) != 4 || !slices.Contains(old, "zerowin") {
		t.Error(old)
	}
	for old, now := range oldKeys {
		if _, ok := Named(now); !ok {
			t.Errorf("%s is now %s, which is not there", old, now)
		}
		if _, ok := Named(old); ok {
			t.Errorf("%s is an old spelling and a name", old)
		}
	}
}

// TestRecords has the columns of CSV at the time of writing: new ones come after them.
func TestRecords(t *testing.T) {
	const want = "id proto state " +
		"origin.src origin.sport origin.dst origin.dport origin.type origin.code origin.icmp_id origin.packets origin.bytes origin.pps origin.bps " +
		"reply.src reply.sport reply.dst reply.dport reply.type reply.code reply.icmp_id reply.packets reply.bytes reply.pps reply.bps " +
		"vlan vlan_inner in age_s idle_s ttl_s " +
		"origin.retransmits origin.zero_windows origin.rtt_s reply.retransmits reply.zero_windows reply.rtt_s invalid related closed_by " +
		"origin.reordered reply.reordered vlan_third pppoe_session one_sided"
	if got := names(Records(), func(f *Field) string { return f.JSON }); !strings.HasPrefix(got, want) {
		t.Errorf("the columns are\n%s\nand were\n%s", got, want)
	}
}

func TestPublishedOrders(t *testing.T) {
	for order, got := range map[string]string{
		jsonOrder: names(Members(), func(f *Field) string { return f.JSON }),
		wideOrder: names(Wide(), func(f *Field) string { return f.Wide }),
	} {
		want := strings.Fields(order)
		added := func(name string) bool { return !slices.Contains(want, name) }
		if now := slices.DeleteFunc(strings.Fields(got), added); !slices.Equal(now, want) {
			t.Errorf("the order is\n%s\nand was\n%s", now, want)
		}
	}
}

// A member that is in no published order comes last in its object, and a column of
// CSV last of all.
func TestNewMembers(t *testing.T) {
	before := registry
	t.Cleanup(func() { registry = before })
	registry = append([]Field{
		{Name: "process.pid", JSON: "process.pid", Kind: Count, Number: age, Added: 1000},
		{Name: "origin.x", JSON: "origin.x", Kind: Count, Number: age, Added: 1001},
		{Name: "process.name", JSON: "process.name", Kind: Text, Text: interfaceName, Added: 1000},
	}, registry...)
	got := names(Members(), func(f *Field) string { return f.JSON })
	for _, want := range []string{"origin.rtt_s origin.x reply.src", " process.pid process.name"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if got := names(Records(), func(f *Field) string { return f.JSON }); !strings.HasSuffix(got, " process.pid process.name origin.x") {
		t.Error(got)
	}
}

func names(fields []*Field, name func(*Field) string) string {
	var list []string
	for _, f := range fields {
		list = append(list, name(f))
	}
	return strings.Join(list, " ")
}

func TestLargestFirst(t *testing.T) {
	for name, want := range map[string]bool{"age": true, "ttl": false, "pid": false, "proto": false, "if": false, "id": false, "in_rate": true, "rtt": true, "bytes": true} {
		if f, _ := Named(name); f.LargestFirst() != want || !f.Sortable() {
			t.Errorf("%s: largest first %v", name, f.LargestFirst())
		}
	}
	for _, name := range []string{"answered", "closed_by", "origin.pps", "vlan"} {
		if f, _ := Named(name); f.Sortable() {
			t.Errorf("flows can be sorted by %s", name)
		}
	}
}

// TestWidths has the room that the longest usual values of a column need.
func TestWidths(t *testing.T) {
	for name, want := range map[string]int{
		"proto": 5, "state": 11, "ttl": 5, "out_rate": 7, "in_rate": 7, "bytes": 8, "age": 6, "out_packets": 9, "in_packets": 9,
		"out_bytes": 9, "in_bytes": 9, "rate": 7, "idle": 6, "rtt": 8, "retransmits": 6, "reordered": 6, "if": 8, "id": 16,
	} {
		if f, _ := Named(name); f.Width != want {
			t.Errorf("%s is %d wide, want %d", name, f.Width, want)
		}
	}
}
