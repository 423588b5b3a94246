package order

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/filter"
	"ctop/internal/sick"
	"ctop/tracker/flow"
)

// number sets each number in a value to one of its own.
func number(v reflect.Value, next *int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			number(v.Field(i), next)
		}
	case reflect.Array:
		for i := range v.Len() {
			number(v.Index(i), next)
		}
	case reflect.Int, reflect.Int64:
		*next++
		v.SetInt(int64(*next))
	case reflect.Uint64:
		*next++
		v.SetUint(uint64(*next))
	case reflect.Float64:
		*next++
		v.SetFloat(float64(*next))
	}
}

// twice reports where a number is not twice another.
func twice(t *testing.T, path string, sum, one reflect.Value) {
	t.Helper()
	switch sum.Kind() {
	case reflect.Struct:
		for i := range sum.NumField() {
			twice(t, path+"."+sum.Type().Field(i).Name, sum.Field(i), one.Field(i))
		}
	case reflect.Array:
		for i := range sum.Len() {
			twice(t, path+"[]", sum.Index(i), one.Index(i))
		}
	case reflect.Int, reflect.Int64:
		if sum.Int() != 2*one.Int() {
			t.Errorf("%s is %d of %d", path, sum.Int(), one.Int())
		}
	case reflect.Uint64:
		if sum.Uint() != 2*one.Uint() {
			t.Errorf("%s is %d of %d", path, sum.Uint(), one.Uint())
		}
	case reflect.Float64:
		if sum.Float() != 2*one.Float() {
			t.Errorf("%s is %v of %v", path, sum.Float(), one.Float())
		}
	}
}

// The sum of two hosts has every number of both but the times.
func TestSummariesAdd(t *testing.T) {
	var one Summary
	next := 0
	number(reflect.ValueOf(&one).Elem(), &next)
	one.Uptime, one.Timeouts, one.Policy = 0, flow.Timeouts{}, 0
	sum := one.Plus(&one)
	if next < 50 {
		t.Fatalf("a summary has only %d numbers", next)
	}
	twice(t, "summary", reflect.ValueOf(sum), reflect.ValueOf(one))
	want := 0
	for _, n := range one.Sick[1:] {
		want += n
	}
	if got := one.AllSick(); got != want || want == 0 {
		t.Errorf("%d are sick, want %d", got, want)
	}
}

// A summary has what a snapshot has, and says what is wrong with its worst flow.
func TestSummarize(t *testing.T) {
	s := &flow.Snapshot{
		MaxFlows: 10, Uptime: time.Hour, Policy: flow.PolicyEnforce, PPS: 3, BPS: 4, Timeouts: flow.DefaultTimeouts(),
		Counters: flow.Counters{Packets: 7}, Alerts: []flow.Alert{{Name: "one"}, {Name: "two"}},
		Warnings: flow.Warnings{{Kind: flow.WarningUsed, Interfaces: []string{"eth0"}, Detail: "has an address"}},
		Flows:    flows(4),
	}
	s.Flows[0].OwnTimeout = true
	got := Summarize(s)
	if got.Flows != 4 || got.MaxFlows != 10 || got.Uptime != time.Hour || got.Policy != flow.PolicyEnforce || got.PPS != 3 || got.BPS != 4 ||
		got.Counters.Packets != 7 || got.Timeouts != s.Timeouts || got.Pinned != 1 || got.ByTimeout != CountTimeouts(s) {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Alerts, []string{"one", "two"}) || !slices.Equal(got.Warnings, s.Warnings.Sentences()) {
		t.Errorf("alerts %q, warnings %q", got.Alerts, got.Warnings)
	}
	c := NewCount(s)
	if got.ByState != c.ByState || got.HalfOpen != c.HalfOpen || got.OneSided != c.OneSided || got.TCP != c.TCP || got.Sick != c.Sick {
		t.Errorf("%+v, want %+v", got, c)
	}
	s.Flows = s.Flows[:1]
	s.Flows[0] = flow.Flow{ID: 1, State: flow.StateEstablished, Tuple: s.Flows[0].Tuple, Origin: flow.Half{Packets: 9}, Reply: flow.Half{Packets: 9}}
	if got := Summarize(s); got.Worst != "" || got.AllSick() != 0 {
		t.Errorf("a well flow: %q", got.Worst)
	}
	s.Flows[0].Origin.Packets, s.Flows[0].Origin.Retransmits = 100, 90
	got = Summarize(s)
	if found := sick.Of(&s.Flows[0]); found.Kind == sick.Well || got.AllSick() != 1 || got.Worst != s.Flows[0].Tuple.String()+": "+sick.Sentence(&s.Flows[0]) {
		t.Errorf("%q", got.Worst)
	}
}

// A flow is found by its id, and an iteration over flows may stop at any.
func TestFind(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(5)}
	for i := range s.Flows {
		if got := Find(s, s.Flows[i].ID); got != &s.Flows[i] {
			t.Errorf("flow %s: %v", s.Flows[i].ID, got)
		}
	}
	if got := Find(s, 1<<60); got != nil {
		t.Errorf("%v", got)
	}
	n := 0
	for range All(s) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d flows", n)
	}
}

// The key of a group that another host names has what its grouping has, and nothing else.
func TestKeysOfGroupings(t *testing.T) {
	net, address := netip.MustParsePrefix, netip.MustParseAddr
	host, peer, site6 := net("10.0.0.1/32"), address("10.0.0.2"), net("2001:db8::/64")
	for g := BySource; g < numGroupings; g++ {
		for what, c := range map[string]struct {
			k  GroupKey
			of []Grouping
		}{
			"nothing":          {GroupKey{}, []Grouping{ByPort, ByState, ByProto, ByProcess, ByUnit, ByContainer, ByName, ByCountry, BySystem}},
			"a text":           {GroupKey{Text: "x"}, []Grouping{ByInterface, ByProcess, ByUnit, ByContainer, ByName, ByCountry, BySystem}},
			"an address":       {GroupKey{Net: host}, []Grouping{BySource, ByDestination, ByHost, BySourceNet, ByDestinationNet}},
			"two addresses":    {GroupKey{Net: host, Peer: peer}, []Grouping{ByPair}},
			"only the second":  {GroupKey{Peer: peer}, nil},
			"a network":        {GroupKey{Net: site6}, []Grouping{BySourceNet, ByDestinationNet}},
			"half a network":   {GroupKey{Net: net("10.0.0.1/8")}, nil},
			"a far scope":      {GroupKey{Net: host, Peer: address("fe80::1%eth0")}, nil},
			"both":             {GroupKey{Net: host, Text: "x"}, nil},
			"an odd address":   {GroupKey{Net: host, Number: 1}, nil},
			"number 8":         {GroupKey{Number: uint32(flow.StateTimeWait)}, []Grouping{ByPort, ByState, ByProto}},
			"number 9":         {GroupKey{Number: uint32(flow.StateTimeWait) + 1}, []Grouping{ByPort, ByProto}},
			"number 255":       {GroupKey{Number: 255}, []Grouping{ByPort, ByProto}},
			"number 256":       {GroupKey{Number: 256}, []Grouping{ByPort}},
			"no port":          {GroupKey{Number: noPort}, []Grouping{ByPort}},
			"beyond all ports": {GroupKey{Number: noPort + 1}, nil},
			"a named number":   {GroupKey{Number: 1, Text: "x"}, nil},
		} {
			if got := g.Names(c.k); got != slices.Contains(c.of, g) {
				t.Errorf("by %s, %s: %t", g, what, got)
			}
		}
		if back, ok := ParseGrouping(g.String()); !ok || back != g || g.Next(1).Next(-1) != g || g.Next(int(numGroupings)) != g {
			t.Errorf("%s is read as %s, %t", g, back, ok)
		}
	}
	if _, ok := ParseGrouping("color"); ok {
		t.Error("a grouping by color")
	}
	for _, n := range netSteps {
		if !n.Known() {
			t.Errorf("%s is unknown", n)
		}
	}
	if (Nets{24, 65}).Known() || (Nets{}).Known() {
		t.Error("any width is known")
	}
}

// A flow counts at both of its names, turned at the second one, and once if it has one.
func TestGroupsOfNames(t *testing.T) {
	for _, c := range []struct{ src, dst, want string }{
		{"a", "b", "a b<"}, {"a", "a", "a"}, {"a", "", "a"}, {"", "b", "b<"}, {"", "", ""},
	} {
		keys, turned, n := byNames(c.src, c.dst)
		var list []string
		for i := range n {
			text := keys[i].Text
			if turned[i] {
				text += "<"
			}
			list = append(list, text)
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.src, c.dst, got, c.want)
		}
	}
	f := &flow.Flow{Server: &flow.ServerName{Name: "traffic"}}
	for own, want := range map[string]string{"": "traffic", "mine": "mine"} {
		if got := serverName(f, own); got != want || serverName(new(flow.Flow), own) != own {
			t.Errorf("%q is %q, want %q", own, got, want)
		}
	}
	for k, want := range map[string]string{"": "!as:*", "64500": "as:64500", "64500 Example Net": "as:64500"} {
		if got := BySystem.Term(GroupKey{Text: k}, nil); got != want {
			t.Errorf("%q: %s, want %s", k, got, want)
		}
	}
}

// Groups are of the flows that match, and know their snapshot.
func TestGroupsOfSomeFlows(t *testing.T) {
	s := &flow.Snapshot{Flows: flows(9), MaxFlows: 77}
	for i := range s.Flows {
		s.Flows[i].Tuple.Proto = []flow.Protocol{flow.ProtocolTCP, flow.ProtocolUDP, flow.ProtocolUDP}[i%3]
	}
	f, err := filter.Parse("udp")
	if err != nil {
		t.Fatal(err)
	}
	r := GroupRequest{Snapshot: s, Filter: f, Grouping: ByProto, Nets: DefaultNets}
	got := Talk(r)
	if len(got.Top) != 1 || got.Top[0].Flows != 6 || got.Sum.Flows != 6 || got.Snapshot.MaxFlows != 77 || got.Snapshot.Flows != nil {
		t.Errorf("%+v", got)
	}
	together := Together(r, []Part{FirstGroups(r, 5, nil), FirstGroups(r, 5, nil)}, nil)
	if len(together.Top) != 1 || together.Top[0].Flows != 12 || together.Snapshot.MaxFlows != 77 || together.Snapshot.Flows != nil {
		t.Errorf("%+v", together)
	}
	r.Snapshot = nil
	if got := Together(r, nil, nil); got.Snapshot != nil || len(got.Top) != 0 {
		t.Errorf("%+v", got)
	}
}
