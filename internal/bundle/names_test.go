package bundle

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"ctop/tracker/flow"
)

// named returns a snapshot and events of machines whose names look like replacements.
func named() (*flow.Snapshot, []flow.Event) {
	tuple := flow.Tuple{
		Proto: flow.ProtocolTCP,
		Src:   flow.EndFrom(netip.MustParseAddr("192.0.2.1"), 40000), Dst: flow.EndFrom(netip.MustParseAddr("240.0.0.1"), 443),
	}
	shell := flow.Holding{Process: &flow.Process{PID: 7, UID: 33, Name: "process2", User: "user2", Command: "shell --secret"}}
	s := &flow.Snapshot{
		Time: start, Host: "host5", Pair: flow.Pair{Partner: "host1"},
		Interfaces:   []flow.Interface{{Name: "if2", Host: "host2"}, {Name: "if1", Host: "host2"}},
		Alerts:       []flow.Alert{{Name: "alert2", Filter: "port 22"}, {Name: "alert1", Filter: "port 23"}},
		Flows:        []flow.Flow{{ID: 1, Tuple: tuple, Holding: shell, Server: &flow.ServerName{Name: "server1"}}},
		Translations: []flow.Tuple{tuple.Reverse()},
	}
	events := []flow.Event{{
		Time: start, Type: flow.EventNew, Interface: "if3", Host: "host3", Server: &flow.ServerName{Name: "server2"},
		Holding: flow.Holding{Process: &flow.Process{PID: 8, UID: 34, Name: "process1", User: "user1"}},
	}}
	return s, events
}

// No replacement is a name that is anybody's, and each name has one of its own.
func TestNamesLikeReplacements(t *testing.T) {
	s, events := named()
	c := Contents{Made: start, Snapshots: slices.Values([]*flow.Snapshot{s}), Events: events, Anonymise: true}
	snapshots, replaced, err := c.prepare()
	if err != nil {
		t.Fatal(err)
	}
	to := slices.Collect(snapshots)[0]
	e := replaced[0]
	words := []string{to.Host, to.Pair.Partner, to.Interfaces[0].Host, e.Host}
	if want := []string{"host4", "host6", "host7", "host8"}; !slices.Equal(slices.Sorted(slices.Values(words)), want) {
		t.Errorf("the hosts are %s, want %s in any order", words, want)
	}
	if to.Interfaces[0].Host != to.Interfaces[1].Host {
		t.Errorf("one host is %s and %s", to.Interfaces[0].Host, to.Interfaces[1].Host)
	}
	for _, pair := range [][2]string{
		{to.Interfaces[0].Name, to.Interfaces[1].Name},
		{to.Alerts[0].Name, to.Alerts[1].Name},
		{to.Flows[0].Server.Name, e.Server.Name},
		{to.Flows[0].Holding.Process.Name, e.Holding.Process.Name},
		{to.Flows[0].Holding.Process.User, e.Holding.Process.User},
	} {
		for i, name := range pair {
			if name == "" || name == pair[1-i] || slices.Contains([]string{"if1", "if2", "if3", "alert1", "alert2", "server1", "server2", "process1", "process2", "user1", "user2"}, name) {
				t.Errorf("one of %s is no new name", pair)
			}
		}
	}
}

// A process stays one process with its number, and its users keep being different.
func TestProcessesStayApart(t *testing.T) {
	s, events := named()
	a := NewAnonymiser()
	a.Learn(s)
	a.LearnEvents(events)
	p, again, other := a.Snapshot(s).Flows[0].Holding.Process, a.Snapshot(s).Flows[0].Holding.Process, a.Event(&events[0]).Holding.Process
	if p == nil || p != again || p.PID != 7 || p.Command != "" {
		t.Fatalf("the process is %+v, then %+v", p, again)
	}
	if p.UID != 1000 || other.UID != 1001 || a.user(33) != 1000 || a.user(0) != 0 {
		t.Errorf("the users are %d and %d", p.UID, other.UID)
	}
}

// The console goes on with the snapshot that was anonymised.
func TestOriginalStays(t *testing.T) {
	s, _ := named()
	before, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	translation := s.Translations[0]
	a := NewAnonymiser()
	a.Learn(s)
	a.Snapshot(s)
	after, err := json.Marshal(s)
	if err != nil || string(after) != string(before) || s.Translations[0] != translation {
		t.Errorf("error %v, it was\n%s\nand is\n%s", err, before, after)
	}
}

// Networks of IPv6 stay apart and whole, and no replacement is an original.
func TestNetworksOfIPv6(t *testing.T) {
	a := newAddresses()
	networks := map[netip.Prefix]netip.Prefix{}
	seen := map[netip.Addr]bool{}
	a.learn(netip.MustParseAddr("3fff::1"))
	for _, text := range []string{"2001:db8::1", "2001:db8::8000:0:0:1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1", "3fff::1"} {
		from := netip.MustParseAddr(text)
		to := a.replace(from)
		own, _ := from.Prefix(64)
		base, _ := to.Prefix(64)
		if before, ok := networks[own]; ok && before != base {
			t.Errorf("%s is in %s, and others of its network are in %s", from, base, before)
		}
		networks[own] = base
		if seen[to] || to == netip.MustParseAddr("3fff::1") {
			t.Errorf("%s is %s, like another one", from, to)
		}
		seen[to] = true
	}
	bases := map[netip.Prefix]bool{}
	for _, base := range networks {
		bases[base] = true
	}
	if len(bases) != 4 {
		t.Errorf("four networks are %v", bases)
	}
}

// No address of a snapshot, a translation or an event is a replacement.
func TestAddressesLikeReplacements(t *testing.T) {
	tuple := func(n int) flow.Tuple {
		end := func(host int) flow.End { return flow.MustParseEnd(fmt.Sprintf("10.0.0.%d:80", host)) }
		return flow.Tuple{Proto: flow.ProtocolTCP, Src: end(2*n + 1), Dst: end(2*n + 2)}
	}
	s := &flow.Snapshot{Flows: []flow.Flow{{Tuple: tuple(0)}}, Translations: []flow.Tuple{tuple(1)}}
	events := []flow.Event{{Tuple: tuple(2), Interface: "if1", Host: "host1"}}
	a := NewAnonymiser()
	a.Learn(s)
	a.LearnEvents(events)
	to, e := a.Snapshot(s), a.Event(&events[0])
	var ends []netip.Addr
	for _, t := range []flow.Tuple{to.Flows[0].Tuple, to.Translations[0], e.Tuple} {
		ends = append(ends, t.Src.Addr(), t.Dst.Addr())
	}
	for _, end := range ends {
		if end.Compare(netip.MustParseAddr("10.0.0.6")) <= 0 {
			t.Errorf("the originals are replaced by %s", ends)
		}
	}
	if e.Interface != "if2" || e.Host != "host2" {
		t.Errorf("the interface is %s, and the host %s", e.Interface, e.Host)
	}
}

// What is no text stays none, and a server is the same everywhere.
func TestNothingStaysNothing(t *testing.T) {
	a := NewAnonymiser()
	s := &flow.Snapshot{
		Interfaces: []flow.Interface{{Name: "a"}, {Name: "b", Use: "secret", Behind: "secret"}},
		Warnings:   flow.Warnings{{Detail: "secret", Interfaces: []string{"a"}}, {}},
	}
	a.Learn(s)
	to := a.Snapshot(s)
	if i := to.Interfaces; i[0].Use+i[0].Behind != "" || i[1].Use != removed || i[1].Behind != removed {
		t.Errorf("%+v", i)
	}
	if w := to.Warnings; w[0].Detail != removed || w[1].Detail != "" || w[0].Interfaces[0] != to.Interfaces[0].Name {
		t.Errorf("%+v", w)
	}
	if w := s.Warnings[0]; w.Detail != "secret" || w.Interfaces[0] != "a" {
		t.Errorf("the original is %+v", w)
	}
	name := flow.ServerName{Name: "secret"}
	if one, again := a.server(&name), a.server(&name); one != again || one.Name != "server1" || a.server(nil) != nil {
		t.Errorf("%+v, then %+v", one, again)
	}
}
