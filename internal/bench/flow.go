package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	reference "ctop/internal/bench/bpf"
)

// fillBatch is the number of hash map entries written at once.
const fillBatch = 1 << 16

// wideWindow lets sequence numbers advance by two thousand million bytes.
const wideWindow = 0x7fff0000

// key returns the key of the conversation with that client.
func (f frame) key(client uint32) bpf.ConntrackFlowKey {
	addrs, family := [2]netip.Addr{client4, server4}, uint8(4)
	if f.six {
		addrs, family = [2]netip.Addr{client6, server6}, 6
	}
	key := bpf.ConntrackFlowKey{Proto: f.proto, Family: family, Vlan: [2]uint16{f.vlan}}
	for i, addr := range addrs {
		b := addr.As16()
		if i == 0 {
			binary.BigEndian.PutUint32(b[12:], binary.BigEndian.Uint32(b[12:])+client)
		}
		key.Addr[i] = [2]uint64{binary.NativeEndian.Uint64(b[:]), binary.NativeEndian.Uint64(b[8:])}
	}
	key.Port = [2]uint16{networkOrder(clientPort), networkOrder(serverPort)}
	if f.proto == protoICMP {
		key.IcmpType, key.Port[1] = 8, key.Port[0]
	}
	return key
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// established returns an answered flow, as its packets find it. Packets of the
// client arrive on the given CPU, and those of the server on the other.
func (f frame) established(id, ticks uint64, cpu int) bpf.ConntrackFlow {
	control := uint64(bpf.ConntrackFlowStateSTATE_ESTABLISHED) | 3*uint64(bpf.ConntrackFlowFlagFLOW_SEEN)
	if f.proto == protoTCP {
		control |= 3 * uint64(bpf.ConntrackFlowFlagFLOW_SYN_SENT|bpf.ConntrackFlowFlagFLOW_SYN_ACKED)
	}
	origin := bpf.ConntrackFlowDir{
		End: clientSeq, Acked: serverSeq, Limit: serverSeq + wideWindow, MaxWindow: 0xffff, SynSeq: clientSeq - 1,
	}
	reply := bpf.ConntrackFlowDir{
		End: serverSeq, Acked: clientSeq, Limit: clientSeq + wideWindow, MaxWindow: 0xffff, SynSeq: serverSeq - 1,
	}
	return bpf.ConntrackFlow{
		Control: control | id<<32, Id: id, Dir: [2]bpf.ConntrackFlowDir{origin, reply},
		Origin: bpf.ConntrackFlowTraffic{Packets: 2, Bytes: 120, LastSeenTicks: ticks, Cpu: uint16(cpu + 1)},
		Reply:  bpf.ConntrackFlowTraffic{Packets: 1, Bytes: 60, LastSeenTicks: ticks, Cpu: uint16(2 - cpu)},
	}
}

// fill inserts n established flows into a tracker's table.
func fill(ctop *ebpf.Program, f frame, n int, ticks uint64, cpu int) error {
	table, err := bpf.TableOf(ctop)
	if err != nil {
		return err
	}
	flows := make([]bpf.ConntrackFlow, n)
	for i := range flows {
		flows[i] = f.established(uint64(i)+1, ticks, cpu)
		flows[i].Key = f.key(uint32(i))
	}
	return errors.Join(table.Fill(flows), table.Close())
}

// fillHash inserts n keys into the kernel hash map that represents other
// trackers.
func fillHash(flows *ebpf.Map, f frame, n int) error {
	keys := make([]bpf.ConntrackFlowKey, 0, fillBatch)
	for i := range n {
		keys = append(keys, f.key(uint32(i)))
		if len(keys) < fillBatch && i < n-1 {
			continue
		}
		if _, err := flows.BatchUpdate(keys, make([]reference.ReferenceEntry, len(keys)), nil); err != nil {
			return fmt.Errorf("fill the hash map: %w", err)
		}
		keys = keys[:0]
	}
	return nil
}

// empty removes every flow of a tracker and returns their number.
func empty(ctop *ebpf.Program) (int, error) {
	table, err := bpf.TableOf(ctop)
	if err != nil {
		return 0, err
	}
	return table.Clear(), table.Close()
}

// emptyHash removes every key of a hash map and returns their number.
func emptyHash(flows *ebpf.Map) (n int, err error) {
	keys := make([]bpf.ConntrackFlowKey, fillBatch)
	values := make([]reference.ReferenceEntry, fillBatch)
	var cursor ebpf.MapBatchCursor
	for {
		some, err := flows.BatchLookupAndDelete(&cursor, keys, values, nil)
		n += some
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("empty the hash map: %w", err)
		}
	}
}
