package bpf

import (
	"encoding/binary"
	"net/netip"

	"ctop/internal/frame"
)

// keyOf returns the key of a packet between two ends, and whether the packet goes from
// end 1 to end 0. It is independent of the C code.
func keyOf(f frame.Frame, sport, dport uint16) (key ConntrackFlowKey, reversed bool) {
	key = ConntrackFlowKey{Proto: f.Proto, Family: 6}
	if f.Src.Is4() {
		key.Family = 4
	}
	if copy(key.Vlan[:], f.VLANs) < len(f.VLANs) {
		key.VlanThird = f.VLANs[2]
	}
	ends := [2]end{endOf(f.Src, sport), endOf(f.Dst, dport)}
	if ends[1].before(ends[0]) {
		ends[0], ends[1] = ends[1], ends[0]
		reversed = true
	}
	for i, e := range ends {
		key.Addr[i], key.Port[i] = e.addr, e.port
	}
	return key, reversed
}

// icmpKey returns the key of an ICMP flow: its end 0 is the one that asks.
func icmpKey(f frame.Frame, kind uint8, id uint16) ConntrackFlowKey {
	answers := map[uint8]uint8{0: 8, 14: 13, 16: 15, 18: 17, 129: 128}
	request, answer := answers[kind]
	if answer {
		f.Src, f.Dst, kind = f.Dst, f.Src, request
	}
	key, reversed := keyOf(f, id, id)
	if reversed {
		key.Addr[0], key.Addr[1] = key.Addr[1], key.Addr[0]
	}
	key.IcmpType = kind
	return key
}

// end is one end of a flow as the key has it: in network order.
type end struct {
	addr [2]uint64
	port uint16
}

func endOf(addr netip.Addr, port uint16) end {
	b := addr.As16()
	var p [2]byte
	binary.BigEndian.PutUint16(p[:], port)
	return end{
		addr: [2]uint64{binary.NativeEndian.Uint64(b[:]), binary.NativeEndian.Uint64(b[8:])},
		port: binary.NativeEndian.Uint16(p[:]),
	}
}

func (e end) before(o end) bool {
	if e.addr[0] != o.addr[0] {
		return e.addr[0] < o.addr[0]
	}
	if e.addr[1] != o.addr[1] {
		return e.addr[1] < o.addr[1]
	}
	return e.port < o.port
}
