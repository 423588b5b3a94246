package tracker

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// here and far are two network namespaces, other is a third.
const here, far, other = 100, 200, 300

// machine has the sockets of two namespaces: our own, and that at the other end of the
// second watched interface.
func machine(sockets ...kernel.Held) *holders {
	h := &holders{sockets: map[connection][]*kernel.Held{}, own: here, ids: map[uint32]int{here: 0, far: 7, other: 8}, peers: []int{-1, 7}}
	for i := range sockets {
		h.add(&sockets[i])
	}
	return h
}

// held is a socket of a process.
func held(pid, netns uint32, proto flow.Protocol, local, remote string) kernel.Held {
	s := kernel.Held{Socket: uint64(pid), Netns: netns, Protocol: uint8(proto), Local: netip.MustParseAddrPort(local)}
	if remote != "" {
		s.Remote = netip.MustParseAddrPort(remote)
	}
	s.Process.Pid, s.Process.StartNs = pid, uint64(pid)*10
	return s
}

const client, server = "10.0.0.1:40000", "10.0.0.2:80"

func clientToServer(proto flow.Protocol, zone uint16) flow.Tuple {
	return flow.Tuple{Proto: proto, Src: flow.MustParseEnd(client), Dst: flow.MustParseEnd(server), Zone: zone}
}

// A flow's owner is the process with the socket of one of its ends: in our namespace rather
// than in that behind the interface, at the end that is known rather than at another, the
// one that is known rather than others, and none of several.
func TestDecide(t *testing.T) {
	atClient := func(pid, netns uint32) kernel.Held { return held(pid, netns, flow.ProtocolTCP, client, server) }
	atServer := func(pid, netns uint32) kernel.Held { return held(pid, netns, flow.ProtocolTCP, server, client) }
	for name, c := range map[string]struct {
		sockets []kernel.Held
		known   uint32
		end     flow.Direction
		zone    uint16
		pid     uint32
		want    flow.Direction
		change  bool
	}{
		"nobody":                      {nil, 0, 0, 2, 0, 0, false},
		"the client":                  {[]kernel.Held{atClient(1, here)}, 0, 0, 1, 1, flow.Origin, true},
		"the server":                  {[]kernel.Held{atServer(1, here)}, 0, 0, 1, 1, flow.Reply, true},
		"the client before the other": {[]kernel.Held{atServer(2, here), atClient(1, here)}, 0, 0, 1, 1, flow.Origin, true},
		"ours before another's":       {[]kernel.Held{atClient(1, far), atServer(2, here)}, 0, 0, 2, 2, flow.Reply, true},
		"behind the interface":        {[]kernel.Held{atClient(1, far)}, 0, 0, 2, 1, flow.Origin, true},
		"not behind this one":         {[]kernel.Held{atClient(1, far)}, 0, 0, 1, 0, 0, false},
		"in a third namespace":        {[]kernel.Held{atClient(1, other)}, 0, 0, 2, 0, 0, false},
		"no interface":                {[]kernel.Held{atClient(1, here)}, 0, 0, 0, 0, 0, false},
		"no such interface":           {[]kernel.Held{atClient(1, here)}, 0, 0, 3, 0, 0, false},
		"another protocol":            {[]kernel.Held{held(1, here, flow.ProtocolUDP, client, server)}, 0, 0, 1, 0, 0, false},
		"known":                       {[]kernel.Held{atClient(1, here)}, 1, flow.Origin, 1, 1, flow.Origin, false},
		"known at the other end":      {[]kernel.Held{atClient(1, here), atServer(2, here)}, 2, flow.Reply, 1, 2, flow.Reply, false},
		"passed on":                   {[]kernel.Held{atClient(2, here)}, 1, flow.Origin, 1, 2, flow.Origin, true},
		"only the other end is there": {[]kernel.Held{atClient(2, here)}, 1, flow.Reply, 1, 0, 0, false},
		"inherited by several":        {[]kernel.Held{atClient(1, here), atClient(2, here)}, 0, 0, 1, 0, 0, false},
		"still had among several":     {[]kernel.Held{atClient(1, here), atClient(2, here)}, 2, flow.Origin, 1, 2, flow.Origin, false},
		"several, and one elsewhere":  {[]kernel.Held{atClient(1, here), atClient(2, here), atServer(3, here)}, 0, 0, 1, 3, flow.Reply, true},
		"in several of its files":     {[]kernel.Held{atClient(1, here), atClient(1, here)}, 0, 0, 1, 1, flow.Origin, true},
	} {
		o := kernel.Owned{Tuple: clientToServer(flow.ProtocolTCP, c.zone), Age: acceptTime, Sure: c.known != 0, End: c.end, PID: c.known, StartNs: uint64(c.known) * 10}
		found, end, change := machine(c.sockets...).decide(&o)
		var pid uint32
		if found != nil {
			pid = found.Process.Pid
		}
		if pid != c.pid || change != c.change || pid != 0 && end != c.want {
			t.Errorf("%s: process %d at the end of the %s, changed %t; want %+v", name, pid, end, change, c)
		}
	}
}

// The ID of a namespace is looked up by a process in it, once.
func TestIDsOfNamespaces(t *testing.T) {
	h, err := newHolders([]int{3})
	if err != nil || len(h.peers) != 1 || h.own == 0 {
		t.Fatalf("%+v, %v", h, err)
	}
	cmd := exec.Command("sleep", "1000")
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := uint32(cmd.Process.Pid)
	netns, err := namespaceInode(fmt.Sprintf("/proc/%d/ns/net", pid))
	must(t, err)
	in := func(pid, netns uint32) *kernel.Held {
		s := held(pid, netns, flow.ProtocolTCP, client, server)
		return &s
	}
	for _, s := range []*kernel.Held{in(pid, netns+1), in(1<<30, netns)} {
		if id := h.id(s); id != -1 || len(h.ids) != 0 {
			t.Errorf("of a process that is not there: ID %d, %d known", id, len(h.ids))
		}
	}
	if id := h.id(in(pid, netns)); id >= 0 { // nobody gave it one
		t.Errorf("the namespace has the ID %d", id)
	}
	if _, kept := h.ids[netns]; !kept {
		t.Error("the ID is looked up every time")
	}
	h.ids[netns] = 5
	if id := h.id(in(1<<30, netns)); id != 5 {
		t.Errorf("the known ID is %d", id)
	}
}

// pids returns the processes' PIDs, by the end.
func pids(found *flow.Holders) (all [2][]uint32) {
	if found != nil {
		for end, list := range found {
			for _, p := range list {
				all[end] = append(all[end], p.PID)
			}
		}
	}
	return all
}

// sharing makes a socket one of several processes.
func sharing(s kernel.Held) kernel.Held {
	s.Socket = 99
	return s
}

// A closer look lists the processes at both ends: those with connected sockets, and those
// with a socket of UDP that receives there, unless there are several.
func TestWantedSockets(t *testing.T) {
	udp := func(pid uint32, local, remote string) kernel.Held {
		return held(pid, here, flow.ProtocolUDP, local, remote)
	}
	tcp := func(pid, netns uint32, local, remote string) kernel.Held {
		return held(pid, netns, flow.ProtocolTCP, local, remote)
	}
	for name, c := range map[string]struct {
		proto   flow.Protocol
		zone    uint16
		sockets []kernel.Held
		want    [2][]uint32
	}{
		"none":                       {flow.ProtocolTCP, 1, nil, [2][]uint32{}},
		"both ends":                  {flow.ProtocolTCP, 1, []kernel.Held{tcp(1, here, client, server), tcp(2, here, server, client)}, [2][]uint32{{1}, {2}}},
		"of another namespace":       {flow.ProtocolTCP, 2, []kernel.Held{tcp(1, far, client, server), tcp(2, here, server, client)}, [2][]uint32{{1}, {2}}},
		"inherited":                  {flow.ProtocolTCP, 1, []kernel.Held{tcp(1, here, client, server), tcp(3, here, client, server)}, [2][]uint32{{1, 3}, nil}},
		"one in two files":           {flow.ProtocolTCP, 1, []kernel.Held{tcp(1, here, client, server), tcp(1, here, client, server)}, [2][]uint32{{1}, nil}},
		"no interface":               {flow.ProtocolTCP, 0, []kernel.Held{tcp(1, here, client, server)}, [2][]uint32{}},
		"no such interface":          {flow.ProtocolTCP, 3, []kernel.Held{tcp(1, here, client, server)}, [2][]uint32{}},
		"another connection":         {flow.ProtocolTCP, 1, []kernel.Held{tcp(1, here, client, "10.0.0.2:81")}, [2][]uint32{}},
		"a listener of TCP":          {flow.ProtocolTCP, 1, []kernel.Held{tcp(1, here, server, "")}, [2][]uint32{}},
		"connected, of UDP":          {flow.ProtocolUDP, 1, []kernel.Held{udp(1, client, server)}, [2][]uint32{{1}, nil}},
		"unconnected":                {flow.ProtocolUDP, 1, []kernel.Held{udp(1, server, "")}, [2][]uint32{nil, {1}}},
		"at all addresses":           {flow.ProtocolUDP, 1, []kernel.Held{udp(1, "0.0.0.0:80", "")}, [2][]uint32{nil, {1}}},
		"at another address":         {flow.ProtocolUDP, 1, []kernel.Held{udp(1, "10.0.0.3:80", "")}, [2][]uint32{}},
		"at another port":            {flow.ProtocolUDP, 1, []kernel.Held{udp(1, "0.0.0.0:81", "")}, [2][]uint32{}},
		"a socket in two processes":  {flow.ProtocolUDP, 1, []kernel.Held{sharing(udp(1, server, "")), sharing(udp(2, server, ""))}, [2][]uint32{nil, {1, 2}}},
		"several sockets at a port":  {flow.ProtocolUDP, 1, []kernel.Held{udp(1, server, ""), udp(2, server, "")}, [2][]uint32{}},
		"one known among unlike TCP": {flow.ProtocolTCP, 1, []kernel.Held{udp(1, server, ""), tcp(2, here, client, server)}, [2][]uint32{{2}, nil}},
	} {
		table := kernel.NewReplayTable(nil, time.Millisecond)
		ref := flow.Ref{ID: 1, Tuple: clientToServer(c.proto, c.zone)}
		have, w := machine(), newWantedSockets([]flow.Ref{ref, ref})
		for i := range c.sockets {
			w.add(have, &c.sockets[i])
		}
		found := w.holdersOf(have, table, ref.Tuple)
		if got := pids(found); !slices.Equal(got[0], c.want[0]) || !slices.Equal(got[1], c.want[1]) || (found == nil) != (len(c.want[0])+len(c.want[1]) == 0) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A connection from behind the interface that one of ours has yet to accept is not said to
// be of the process behind the interface, which it would stay.
func TestDecideWhileAccepting(t *testing.T) {
	visitor := held(1, far, flow.ProtocolTCP, client, server)
	accepted := held(2, here, flow.ProtocolTCP, server, client)
	for name, c := range map[string]struct {
		owned   kernel.Owned
		sockets []kernel.Held
		pid     uint32
		want    flow.Direction
	}{
		"just begun":                  {kernel.Owned{}, []kernel.Held{visitor}, 0, 0},
		"accepted at once":            {kernel.Owned{}, []kernel.Held{visitor, accepted}, 2, flow.Reply},
		"accepted by nobody for long": {kernel.Owned{Age: acceptTime}, []kernel.Held{visitor}, 1, flow.Origin},
		"ours listens":                {kernel.Owned{Age: time.Hour, Listens: true, End: flow.Reply}, []kernel.Held{visitor}, 0, 0},
		"ours listens, and accepted":  {kernel.Owned{Age: time.Hour, Listens: true, End: flow.Reply}, []kernel.Held{visitor, accepted}, 2, flow.Reply},
		"another listens there":       {kernel.Owned{Age: time.Hour, Listens: true, End: flow.Origin}, []kernel.Held{visitor}, 1, flow.Origin},
		"known to have it":            {kernel.Owned{Sure: true, PID: 1, StartNs: 10}, []kernel.Held{visitor}, 1, flow.Origin},
	} {
		c.owned.Tuple = clientToServer(flow.ProtocolTCP, 2)
		found, end, _ := machine(c.sockets...).decide(&c.owned)
		var pid uint32
		if found != nil {
			pid = found.Process.Pid
		}
		if pid != c.pid || end != c.want {
			t.Errorf("%s: process %d at the end of the %s, want %d, %s", name, pid, end, c.pid, c.want)
		}
	}
}
