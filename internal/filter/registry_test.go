package filter

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// measured flow: every number is another one.
func numbered() *flow.Flow {
	f := tcp("10.0.0.1:40000", "10.0.0.2:443")
	f.Origin = flow.Half{Packets: 11, Bytes: 1200, BPS: 13_000, PPS: 14, RTT: 15 * time.Millisecond, Retransmits: 16, Reordered: 17, ZeroWindows: 18}
	f.Reply = flow.Half{Packets: 21, Bytes: 2200, BPS: 23_000, PPS: 24, RTT: 25 * time.Millisecond, Retransmits: 26, Reordered: 27, ZeroWindows: 28}
	f.Age, f.Idle, f.Timeout = 31*time.Second, 32*time.Second, 100*time.Second
	f.Invalid, f.Related, f.OneSided, f.OwnTimeout, f.Holding.Inherited = 41, 42, true, true, true
	return f
}

// Numbers of the registry are terms, and compares what it says.
func TestNumbers(t *testing.T) {
	values := map[string]string{
		"ttl": "68s", "out_rate": "13000", "in_rate": "23000", "bytes": "3400", "age": "31s",
		"out_packets": "11", "in_packets": "21", "out_bytes": "1200", "in_bytes": "2200", "rate": "36000", "bps": "36000",
		"idle": "32s", "rtt": "40ms", "retransmits": "42", "reordered": "44", "packets": "32", "pps": "38", "timeout": "100s",
		"zero_windows": "46", "invalid": "41", "related": "42",
	}
	f := numbered()
	for name, value := range values {
		for op, want := range map[string]bool{":": true, "=": true, "!=": false, ">": false, "<": false, ">=": true, "<=": true} {
			parsed, err := Parse(name + op + value)
			if err != nil || parsed.Match(f) != want {
				t.Errorf("%s%s%s: %v, %v", name, op, value, !want, err)
			}
		}
	}
}

// TestOldTerms has spellings of earlier releases, and names in JSON.
func TestOldTerms(t *testing.T) {
	f := numbered()
	f.In = 1
	s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "veth1"}, {Name: "veth2"}}}
	for text, want := range map[string]bool{
		"in:veth2": true, "if:veth2": true, "in:veth1": false, "if veth2": true, "in veth2": true, "if:veth1,veth2": true, "if!=veth2": false,
		"retrans:42": true, "retrans>42": false, "zerowin:46": true, "zerowin 46": true,
		"reply": true, "!reply": false, "answered": true, "!answered": false, "pinned": true, "one_sided": true, "!one_sided": false, "inherited": true, "!inherited": false,
		"rate> 35k": true, "rate> 37k": false, "rate > 37k": false,
		"origin.packets:11": true, "reply.bytes<1": false, "idle_s:32s": true,
	} {
		parsed, err := Parse(text)
		if err != nil || parsed.For(s).Match(f) != want {
			t.Errorf("%s: %v, %v", text, !want, err)
		}
	}
	// What the help and a completion show is the present spelling.
	for _, old := range field.OldTerms() {
		if slices.Contains(FieldNames(), old) || slices.Contains(flagNames(), old) {
			t.Errorf("%s is shown", old)
		}
	}
	if _, ways := Complete("in"); slices.Contains(ways, "in:") || !slices.Contains(ways, "in_rate:") {
		t.Errorf("in is completed to %q", ways)
	}
	if got := Finished("tcp in"); got != "tcp " {
		t.Errorf("%q", got)
	}
}

func TestTermsNotOfFlows(t *testing.T) {
	for text, want := range map[string]string{
		"LEN>100":   "len asks for what a flow does not have: write bytes>=1000",
		"inbound":   "write if:eth0",
		"if:":       "if needs a value, as in if:veth1",
		"if>veth1":  "use : or !=",
		"in:a,":     "if: there is no name after it",
		"vlan_id:1": `no term is called "vlan_id"`,
		// The data have these, filters ask in another way.
		"origin.src:10.0.0.1": "no term is called", "closed_by:reply": "no term is called", "id_:1": "no term is called",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", text, err, want)
		}
	}
}

// The help says in which unit rates are, and shows an example of each term.
func TestTermsOfRegistry(t *testing.T) {
	rows := map[string]string{}
	for _, r := range Terms() {
		rows[r.Form] = r.Means
	}
	for form, means := range map[string]string{
		"rate>1M": "rate both ways, in bits per second", "out_rate>1M": "rate of the origin, in bits per second",
		"idle>30s": "time since the last packet", "out_bytes>1M": "bytes of the origin", "if:veth1": "interface of the first packet",
		"answered": "it was answered; !answered: seen one way only", "pps>1k": "packets per second both ways",
	} {
		if rows[form] != means {
			t.Errorf("%s means %q, want %q", form, rows[form], means)
		}
	}
	if len(rows) != len(fields)+10 {
		t.Errorf("%d terms and 10 flags are %d lines", len(fields), len(rows))
	}
}

func TestCheckNamesInterfaces(t *testing.T) {
	s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "veth1"}, {Name: "veth2"}}}
	parsed, err := Parse("tcp in:veth1,veth3")
	if err != nil {
		t.Fatal(err)
	}
	const want = `if: no flow comes in by "veth3": write if:veth1 or if:veth2 (column 14)`
	if err := parsed.Check(s); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
