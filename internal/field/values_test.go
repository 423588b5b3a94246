package field

import (
	"math"
	"testing"
	"time"

	"ctop/internal/format"
	hosts "ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/internal/names/geo/geotest"
	"ctop/tracker/flow"
)

// sample has another value for everything.
func sample() *flow.Flow {
	return &flow.Flow{
		ID: 0xabc, State: flow.StateEstablished, In: 1,
		Tuple: flow.Tuple{
			Proto: flow.ProtocolTCP, VLAN: 5, VLANThird: 7, Session: 9,
			Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("[2001:db8::2]:443"),
		},
		Origin: flow.Half{Packets: 1001, Bytes: 200_002, PPS: 11.5, BPS: 8800, RTT: 1500 * time.Microsecond, Retransmits: 3, Reordered: 65535, ZeroWindows: 1},
		Reply:  flow.Half{Packets: 12, Bytes: 3_000_000, PPS: 2, BPS: 1_600_000, RTT: 2 * time.Second, Retransmits: 4, Reordered: 0, ZeroWindows: 2},
		Age:    61 * time.Second, Idle: 1230 * time.Millisecond, Timeout: 100 * time.Second,
		Invalid: 65535, Related: 6, ClosedBy: flow.CloserReply, OneSided: true, OwnTimeout: true,
		NAT: 1, Server: &flow.ServerName{Name: "www.example.org", Source: flow.NameSNIOuter},
		Holding: flow.Holding{End: flow.Reply, First: true, Inherited: true, Process: &flow.Process{
			PID: 70812, Name: "ng\x1binx", User: "www-data", Unit: "nginx.service", Container: "0a1b2c3d4e5f", Pod: "uid",
		}},
	}
}

var sampleView = View{Names: &Names{
	Interfaces: []string{"veth1", "ve\x1bth2"},
	Hosts:      []string{"edge", "edge\x1b1"},
	Translations: []flow.Tuple{{
		Proto: flow.ProtocolTCP, ICMPID: 8, Src: flow.MustParseEnd("192.0.2.1:1024"), Dst: flow.MustParseEnd("192.0.2.2:8080"),
	}},
}, Since: time.Second}

// TestTexts has each field in the console, in a wide table and as a filter compares
// it.
func TestTexts(t *testing.T) {
	f := sample()
	table, err := hosts.ParseTable("f", []byte("10.0.0.1 web\n2001:db8::/32 lab"))
	if err != nil {
		t.Fatal(err)
	}
	hosts.Use(table)
	atlas := &geo.Atlas{}
	if err := atlas.Add("f", geotest.Systems(map[string]geotest.System{"2001:db8::/32": {Number: 64500, Owner: "Example"}, "10.0.0.0/8": {Number: 64501}})); err != nil {
		t.Fatal(err)
	}
	if err := atlas.Add("g", geotest.Countries(map[string]string{"2001:db8::/32": "DE", "10.0.0.0/8": "FR"})); err != nil {
		t.Fatal(err)
	}
	geo.Use(atlas)
	t.Cleanup(func() { geo.Use(nil) })
	t.Cleanup(func() { hosts.Use(nil) })
	texts := map[string]struct {
		shown, exact string
		value        float64
	}{
		"proto":               {"tcp.5.7/9", "tcp", 0},
		"origin":              {"10.0.0.1:40000", "10.0.0.1:40000", 0},
		"reply":               {"[2001:db8::2]:443", "[2001:db8::2]:443", 0},
		"state":               {"ESTABLISHED", "ESTABLISHED", 0},
		"ttl":                 {"1:37", "1:38", 98.77},
		"out_rate":            {"8.8 k", "8800.0", 8800},
		"in_rate":             {"1.6 M", "1600000.0", 1_600_000},
		"bytes":               {"3.2 M", "3200002", 3_200_002},
		"age":                 {"1m02s", "1m01s", 61},
		"out_packets":         {"1.0 k", "1001", 1001},
		"in_packets":          {"12", "12", 12},
		"out_bytes":           {"200.0 k", "200002", 200_002},
		"in_bytes":            {"3.0 M", "3000000", 3_000_000},
		"rate":                {"1.6 M", "1608800.0", 1_608_800},
		"idle":                {"2s", "1.23s", 1.23},
		"rtt":                 {"2.0 s", "2.0015", 2.0015},
		"retransmits":         {"7", "7", 7},
		"reordered":           {"65.5 k", "65535", 65535},
		"if":                  {"ve·th2", "ve·th2", 0},
		"dir":                 {"–", "-", 0},
		"local":               {"–", "-", 0},
		"remote":              {"–", "-", 0},
		"id":                  {"0000000000000abc", "0000000000000abc", 0},
		"packets":             {"1.0 k", "1013", 1013},
		"pps":                 {"14", "13.5", 13.5},
		"timeout":             {"1m40s", "100", 100},
		"zero_windows":        {"3", "3", 3},
		"invalid":             {"65.5 k", "65535+", 65535},
		"related":             {"6", "6", 6},
		"on":                  {"edge·1", "edge·1", 0},
		"process":             {"ng·inx", "ng·inx", 0},
		"pid":                 {"70812", "70812", 70812},
		"user":                {"www-data", "www-data", 0},
		"unit":                {"nginx.service", "nginx.service", 0},
		"container":           {"0a1b2c3d4e5f", "0a1b2c3d4e5f", 0},
		"pod":                 {"uid", "uid", 0},
		"process.end":         {"reply", "reply", 0},
		"closed_by":           {"reply", "reply", 0},
		"one_sided":           {"yes", "yes", 0},
		"inherited":           {"yes", "yes", 0},
		"pinned":              {"yes", "yes", 0},
		"sick":                {"", "", 0}, // nothing is, of the partner's flows
		"answered":            {"yes", "yes", 0},
		"nat":                 {"yes", "yes", 0},
		"first-seen":          {"yes", "yes", 0},
		"came":                {"", "", 0},
		"went":                {"", "", 0},
		"changed":             {"", "", 0},
		"name":                {"lab", "lab", 0},
		"server":              {"www.example.org? sni?", "www.example.org", 0},
		"server.source":       {"sni?", "sni?", 0},
		"country":             {"DE", "DE", 0},
		"as":                  {"64500 Example", "64500 Example", 0},
		"geo.src_country":     {"FR", "FR", 0},
		"geo.dst_as":          {"64500", "64500", 0},
		"names.src":           {"web", "web", 0},
		"names.dst":           {"lab", "lab", 0},
		"nat.src":             {"192.0.2.1", "192.0.2.1", 0},
		"nat.sport":           {"1024", "1024", 0},
		"nat.dst":             {"192.0.2.2", "192.0.2.2", 0},
		"nat.dport":           {"8080", "8080", 0},
		"nat.icmp_id":         {"8", "8", 0},
		"vlan":                {"5", "5.7", 5},
		"vlan_third":          {"7", "7", 7},
		"pppoe":               {"9", "9", 9},
		"origin.sport":        {"40.0 k", "40000", 40000},
		"origin.dport":        {"443", "443", 443},
		"reply.sport":         {"443", "443", 443},
		"reply.dport":         {"40.0 k", "40000", 40000},
		"origin.src":          {"10.0.0.1", "10.0.0.1", 0},
		"origin.dst":          {"2001:db8::2", "2001:db8::2", 0},
		"reply.src":           {"2001:db8::2", "2001:db8::2", 0},
		"reply.dst":           {"10.0.0.1", "10.0.0.1", 0},
		"origin.pps":          {"12", "11.5", 11.5},
		"reply.pps":           {"2", "2.0", 2},
		"origin.retransmits":  {"3", "3", 3},
		"reply.retransmits":   {"4", "4", 4},
		"origin.reordered":    {"65.5 k", "65535+", 65535},
		"reply.reordered":     {"0", "0", 0},
		"origin.zero_windows": {"1", "1", 1},
		"reply.zero_windows":  {"2", "2", 2},
		"origin.rtt":          {"1.50 ms", "1.5ms", 0.0015},
		"reply.rtt":           {"2.0 s", "2000ms", 2},
	}
	for _, row := range All() {
		if _, ok := texts[row.Name]; !ok && row.Means != "" {
			t.Errorf("nothing says how %s is shown", row.Name)
		}
	}
	for name, want := range texts {

		field, ok := Named(name)
		if !ok {
			t.Errorf("no field %s", name)
			continue
		}
		if got := field.Display(f, sampleView); got != want.shown {
			t.Errorf("%s is shown as %q, want %q", name, got, want.shown)
		}
		if got := string(field.AppendExact([]byte("x"), f, sampleView.Names)); got != "x"+want.exact {
			t.Errorf("%s is %q in a wide table, want %q", name, got, want.exact)
		}
		if field.Number == nil {
			continue
		}
		if n, known := field.Number(f); !known || math.Abs(field.Kind.Value(n)-want.value) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, field.Kind.Value(n), want.value)
		}
	}
}

// TestNotKnown has what a flow does not have, and a direction that was never seen.
func TestNotKnown(t *testing.T) {
	ping := &flow.Flow{Tuple: flow.Tuple{
		Proto: flow.ProtocolICMP, ICMPType: 8, ICMPCode: 1, ICMPID: 77,
		Src: flow.MustParseEnd("10.0.0.1:0"), Dst: flow.MustParseEnd("10.0.0.2:0"),
	}, Origin: flow.Half{Packets: 1}}
	for name, want := range map[string]struct{ shown, exact string }{
		"in_packets": {"·", "·"}, "in_bytes": {"·", "·"}, "in_rate": {"·", "·"}, "reply.pps": {"·", "·"},
		"out_packets": {"1", "1"}, "out_rate": {"0", "0.0"},
		"rtt": {"–", "-"}, "retransmits": {"–", "0"}, "reordered": {"–", "0"},
		"origin.retransmits": {"·", "-"}, "origin.rtt": {"·", "-"}, "origin.sport": {"·", "-"}, "vlan": {"·", "-"},
		"timeout": {"·", "-"}, "closed_by": {"", ""}, "pinned": {"", ""}, "if": {"?", "?"},
		"origin.type": {"8", "8"}, "reply.type": {"0", "0"}, "origin.code": {"1", "1"}, "reply.icmp_id": {"77", "77"},
	} {
		field, _ := Named(name)
		if got := field.Display(ping, View{}); got != want.shown {
			t.Errorf("%s is shown as %q, want %q", name, got, want.shown)
		}
		if got := string(field.AppendExact(nil, ping, nil)); got != want.exact {
			t.Errorf("%s is %q in a wide table, want %q", name, got, want.exact)
		}
	}
	// What a table says of TCP only where the direction was seen.
	tcp := &flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolTCP}, Reply: flow.Half{RTT: time.Second}}
	for _, name := range []string{"reply.retransmits", "reply.rtt"} {
		field, _ := Named(name)
		if got := string(field.AppendExact(nil, tcp, nil)); got != "-" {
			t.Errorf("%s is %q", name, got)
		}
		if _, known := field.Number(tcp); !known {
			t.Errorf("%s is not in the data", name)
		}
	}
}

func TestAnswerTypes(t *testing.T) {
	field, _ := Named("reply.type")
	for _, c := range []struct {
		p             flow.Protocol
		request, want uint8
	}{
		{flow.ProtocolICMP, 8, 0},
		{flow.ProtocolICMP, 13, 14},
		{flow.ProtocolICMP, 15, 16},
		{flow.ProtocolICMP, 17, 18},
		{flow.ProtocolICMP, 128, 128},
		{flow.ProtocolICMPv6, 128, 129},
		{flow.ProtocolICMPv6, 8, 8},
	} {
		if n, known := field.Number(&flow.Flow{Tuple: flow.Tuple{Proto: c.p, ICMPType: c.request}}); !known || n != Number(c.want) {
			t.Errorf("%s %d is answered by %d, want %d", c.p, c.request, n, c.want)
		}
	}
	if _, known := field.Number(&flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolTCP}}); known {
		t.Error("TCP has a type")
	}
}

// Rates are shown in the unit that was chosen, and sorted by it.
func TestUnits(t *testing.T) {
	f := sample()
	for name, want := range map[string][3]string{
		"out_rate": {"8.8 k", "1.1 k", "12"}, "in_rate": {"1.6 M", "200 k", "2"}, "rate": {"1.6 M", "201 k", "14"}, "pps": {"14", "14", "14"},
	} {
		field, _ := Named(name)
		for unit := range format.RateUnit(3) {
			if got := field.Display(f, View{Rates: unit}); got != want[unit] {
				t.Errorf("%s in %s is %q, want %q", name, unit, got, want[unit])
			}
		}
	}
}

func TestAppendShort(t *testing.T) {
	f := sample()
	for name, want := range map[string]string{"proto": "tcp", "bytes": "3.2M", "out_rate": "8.8k", "ttl": "1:38", "age": "1m01s", "state": "ESTABLISHED"} {
		field, _ := Named(name)
		if got := string(field.AppendShort(nil, f, nil)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestRanking has values in their order.
func TestRanking(t *testing.T) {
	half := func(pps, bps float64) flow.Half { return flow.Half{Packets: 1, PPS: pps, BPS: bps} }
	for name, flows := range map[string][]flow.Flow{
		"in_rate":     {{}, {Reply: half(9, 0)}, {Reply: half(5, 1)}, {Reply: half(1, 1e9)}},
		"idle":        {{Idle: -1}, {Idle: 1, Timeout: 1}, {Idle: time.Hour, Timeout: 1}},
		"out_packets": {{}, {Origin: flow.Half{Packets: 1}}, {Origin: flow.Half{Packets: math.MaxUint64}}},
		"origin": {
			{Tuple: flow.Tuple{Src: flow.MustParseEnd("10.0.0.1:80")}},
			{Tuple: flow.Tuple{Src: flow.MustParseEnd("10.0.0.1:80"), ICMPID: 1}},
			{Tuple: flow.Tuple{Src: flow.MustParseEnd("10.0.0.2:0")}},
			{Tuple: flow.Tuple{Src: flow.MustParseEnd("[2001:db8::]:0")}},
		},
		"if": {{In: 0}, {In: 1}}, "proto": {{Tuple: flow.Tuple{Proto: 1}}, {Tuple: flow.Tuple{Proto: 6}}},
		"state": {{State: 1}, {State: 2}}, "id": {{ID: 1}, {ID: 1 << 40}},
		"reply": {{Tuple: flow.Tuple{Dst: flow.MustParseEnd("10.0.0.1:80"), ICMPID: 9}}, {Tuple: flow.Tuple{Dst: flow.MustParseEnd("10.0.0.1:81")}}},
	} {
		field, _ := Named(name)
		rank := field.Ranking(false)
		for i := range flows[1:] {
			if a, b := rank(&flows[i]), rank(&flows[i+1]); !a.less(b) || b.less(a) {
				t.Errorf("%s: %v is not before %v", name, a, b)
			}
		}
	}
	field, _ := Named("in_rate")
	rank := field.Ranking(true)
	slow, fast := &flow.Flow{Reply: half(1, 1e9)}, &flow.Flow{Reply: half(9, 0)}
	if !rank(slow).less(rank(fast)) {
		t.Error("packets are not counted")
	}
}

func (r Rank) less(other Rank) bool {
	if r.Hi != other.Hi {
		return r.Hi < other.Hi
	}
	if r.Lo != other.Lo {
		return r.Lo < other.Lo
	}
	return r.Sub < other.Sub
}

func TestNamesOf(t *testing.T) {
	s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "a"}, {Name: "b"}}}
	names := NamesOf(s)
	for in, want := range map[uint16]string{0: "a", 1: "b", 2: ""} {
		if got := interfaceName(&flow.Flow{In: in}, names); got != want {
			t.Errorf("interface %d is %q", in, got)
		}
	}
}

// TestDirection has what a flow at a watched interface says of its first packet.
func TestDirection(t *testing.T) {
	field, _ := Named("dir")
	for _, c := range []struct {
		f    flow.Flow
		want string
	}{
		{flow.Flow{Outgoing: true}, ""},
		{flow.Flow{Tuple: flow.Tuple{Zone: 1}}, "in"},
		{flow.Flow{Tuple: flow.Tuple{Zone: 1}, Outgoing: true}, "out"},
	} {
		if got := field.Text(&c.f, nil); got != c.want {
			t.Errorf("%+v is %q, want %q", c.f.Tuple, got, c.want)
		}
	}
}

// TestSides has the ends and the direction of flows of a watched interface.
func TestSides(t *testing.T) {
	f := &flow.Flow{Tuple: flow.Tuple{
		Proto: flow.ProtocolTCP, Zone: 1,
		Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("10.0.0.2:443"),
	}}
	for _, c := range []struct {
		local                    flow.Ends
		outgoing                 bool
		dir, member, here, there string
	}{
		{0, false, "in", "", "–", "–"},
		{flow.EndOrigin, true, "out", "origin", "10.0.0.1:40000", "10.0.0.2:443"},
		{flow.EndReply, false, "in", "reply", "10.0.0.2:443", "10.0.0.1:40000"},
		{flow.EndOrigin | flow.EndReply, false, "in", "both", "10.0.0.1:40000", "10.0.0.2:443"},
	} {
		f.Outgoing = c.outgoing
		f.SetLocal(c.local)
		for name, want := range map[string]string{"dir": c.dir, "local.end": c.member, "local": c.here, "remote": c.there} {
			field, _ := Named(name)
			if got := field.Display(f, sampleView); got != want {
				t.Errorf("%s, local %q: %q, want %q", name, c.local, got, want)
			}
		}
	}
}

// The flow of an event has no timeout: it is not known how long it was silent, nor what
// is left. Any timeout is known.
func TestTimesOfEvents(t *testing.T) {
	for _, name := range []string{"idle", "ttl", "timeout"} {
		field, _ := Named(name)
		for timeout, want := range map[time.Duration]bool{0: false, 1: true, time.Hour: true} {
			f := &flow.Flow{Timeout: timeout}
			if _, known := field.Number(f); known != want {
				t.Errorf("%s with a timeout of %s is known: %t", name, timeout, known)
			}
		}
	}
	rtt, _ := Named("rtt")
	for d, want := range map[time.Duration]bool{0: false, 1: true} {
		if _, known := rtt.Number(&flow.Flow{Origin: flow.Half{RTT: d}}); known != want {
			t.Errorf("a round trip of %s is known: %t", d, known)
		}
	}
}

// Numbers rank by size, down to the smallest difference, and negative ones like zero.
func TestRanksOfNumbers(t *testing.T) {
	for _, kind := range []Kind{Count, Span, Rate} {
		number := func(v int) Number {
			if kind == Rate {
				return perSecond(float64(v))
			}
			return Number(v)
		}
		zero, one, two := kind.rank(number(0)), kind.rank(number(1)), kind.rank(number(2))
		if zero.Hi >= one.Hi || one.Hi >= two.Hi || zero == (Rank{}) {
			t.Errorf("kind %d: %v, %v, %v", kind, zero, one, two)
		}
		if kind != Count && kind.rank(number(-1)) != zero {
			t.Errorf("kind %d: -1 is %v", kind, kind.rank(number(-1)))
		}
	}
}
