package nat

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// countFile has the number of tracked connections of the network namespace of whoever
// reads it. It exists while nf_conntrack is loaded.
const countFile = "/proc/sys/net/netfilter/nf_conntrack_count"

// InUse reports whether the kernel tracks connections in this network namespace. The
// answer takes no netlink message, and loads nothing.
func InUse() bool {
	text, err := os.ReadFile(countFile)
	return err == nil && strings.TrimSpace(string(text)) != "0"
}

// Find returns the tuple of a flow on the other side of the translation, nil if there is
// none.
func Find(t flow.Tuple) (*flow.Tuple, error) {
	if !InUse() || !t.Proto.HasPorts() && !t.Proto.HasICMP() {
		return nil, nil
	}
	conn, err := conntrack.Dial(&netlink.Config{})
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for translations: %w", err)
	}
	defer func() { _ = conn.Close() }()
	for _, way := range [...]flow.Tuple{t, answer(t)} {
		found, err := conn.Get(conntrack.Flow{TupleOrig: toKernel(way)})
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask the kernel for the translation of %s: %w", t, err)
		}
		all := translations{}
		all.add(&found)
		if other, ok := all.of(t); ok {
			return &other, nil
		}
		return nil, nil
	}
	return nil, nil
}

// translations are the tuples on the other side of each translation, by the tuple on this
// side.
type translations map[flow.Tuple]flow.Tuple

// readAll returns every translation of this network namespace.
func readAll() (translations, error) {
	all := translations{}
	if !InUse() {
		return all, nil
	}
	conn, err := conntrack.Dial(&netlink.Config{})
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for translations: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// The kernel sends only what is translated. One older than 5.15 sends all.
	for _, status := range [...]conntrack.Status{conntrack.StatusSrcNAT, conntrack.StatusDstNAT} {
		flows, err := conn.DumpFilter(conntrack.NewFilter().Status(status), nil)
		if err != nil {
			return nil, fmt.Errorf("ask the kernel for translations: %w", err)
		}
		for i := range flows {
			all.add(&flows[i])
		}
	}
	return all, nil
}

// of returns the tuple of a flow on the other side of the translation, if there is one.
func (t translations) of(tuple flow.Tuple) (there flow.Tuple, ok bool) {
	here := plain(tuple)
	if there, ok = t[here]; ok {
		return there, true
	}
	// A flow that was picked up midstream may begin with a reply.
	there, ok = t[here.Reverse()]
	return there.Reverse(), ok
}

// add adds a tracked connection, if it is translated. The tuple that its packets have
// before, in its own direction, is that of its first packet. The one that they have after
// is that of its replies, turned round.
func (t translations) add(f *conntrack.Flow) {
	before, after := fromKernel(f.TupleOrig), fromKernel(f.TupleReply).Reverse()
	if before.Proto.HasICMP() { // a reply has another type
		after.ICMPType, after.ICMPCode = before.ICMPType, before.ICMPCode
	}
	if before != after {
		t[before], t[after] = after, before
	}
}

// plain returns what connection tracking knows of a tuple.
func plain(t flow.Tuple) flow.Tuple {
	return flow.Tuple{Proto: t.Proto, Src: t.Src, Dst: t.Dst, ICMPType: t.ICMPType, ICMPCode: t.ICMPCode, ICMPID: t.ICMPID}
}

// answer returns the tuple of an answer. That of an ICMP request has another type.
func answer(t flow.Tuple) flow.Tuple {
	t = t.Reverse()
	switch {
	case t.Proto == flow.ProtocolICMPv6: // of an echo; nothing else has an answer
		t.ICMPType++
	case t.Proto == flow.ProtocolICMP && t.ICMPType == 8: // echo
		t.ICMPType = 0
	case t.Proto == flow.ProtocolICMP: // timestamp, information, mask
		t.ICMPType++
	}
	return t
}

func toKernel(t flow.Tuple) conntrack.Tuple {
	k := conntrack.Tuple{
		IP:    conntrack.IPTuple{SourceAddress: t.Src.Addr(), DestinationAddress: t.Dst.Addr()},
		Proto: conntrack.ProtoTuple{Protocol: uint8(t.Proto), SourcePort: t.Src.Port(), DestinationPort: t.Dst.Port()},
	}
	k.Proto.ICMPv4, k.Proto.ICMPv6 = t.Proto == flow.ProtocolICMP, t.Proto == flow.ProtocolICMPv6
	k.Proto.ICMPType, k.Proto.ICMPCode, k.Proto.ICMPID = t.ICMPType, t.ICMPCode, t.ICMPID
	return k
}

func fromKernel(k conntrack.Tuple) flow.Tuple {
	return flow.Tuple{
		Proto:    flow.Protocol(k.Proto.Protocol),
		Src:      flow.EndFrom(k.IP.SourceAddress, k.Proto.SourcePort),
		Dst:      flow.EndFrom(k.IP.DestinationAddress, k.Proto.DestinationPort),
		ICMPType: k.Proto.ICMPType, ICMPCode: k.Proto.ICMPCode, ICMPID: k.Proto.ICMPID,
	}
}
