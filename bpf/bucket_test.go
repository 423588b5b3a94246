package bpf

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"testing"
	"unsafe"

	"ctop/internal/frame"
)

// The slot that a key leads to is the one where the programs put its flow.
func TestHashIsThePrograms(t *testing.T) {
	h := newHarness(t, setup{MaxFlows: 1000})
	h.reset()
	for port := range uint16(500) {
		h.run(hooks[port%2], udpFrame(client6, server6, port+1, 2, 10).Bytes())
		h.run(hooks[port%2], tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Sport: port + 1, Dport: 443}))
	}
	hashing := h.memory.Hashing
	all := make([]ConntrackBucket, hashing.Buckets)
	for _, f := range h.entries() { // in the order in which they began
		hash := hashing.hash(&f.Key)
		bucket, slot, _ := hashing.place(all, hash)
		if uint32(f.Slot) != uint32(hash)|slotTag || f.Place != bucket*uint32(bucketSlots)+uint32(slot) {
			t.Fatalf("the flow is in slot %d as %#x, its hash %#x leads to slot %d of bucket %d", f.Place, f.Slot, hash, slot, bucket)
		}
		all[bucket].Slots[slot] = f.Slot
	}
	h.expectFlows(1000)
}

// collide returns factors with which two keys have one hash. They may differ in one half
// of each word.
func collide(t *testing.T, hashing ConntrackHashing, one, two *ConntrackFlowKey) ConntrackHashing {
	t.Helper()
	others := two.words()
	for i, word := range one.words() {
		if uint32(word) == uint32(others[i]) {
			hashing.Factors[2*i] = -uint64(uint32(word))
		} else {
			hashing.Factors[2*i+1] = -(word >> 32)
		}
	}
	if hashing.hash(one) != hashing.hash(two) {
		t.Fatalf("%x and %x have two hashes", *one.words(), *others)
	}
	return hashing
}

// Keys that have one hash are told apart by each of their words.
func TestKeysOfOneHash(t *testing.T) {
	h := newHarness(t, setup{MaxFlows: 64})
	keyed := h.memory.Hashing
	defer func() { ok(t, h.Hashing.Set(keyed)) }()

	mapped := func(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
	// other returns an address of which one byte differs.
	other := func(a netip.Addr, i int) netip.Addr {
		b := a.AsSlice()
		b[i] ^= 1
		a, _ = netip.AddrFromSlice(b)
		return a
	}
	// Long enough for the fast path.
	udp := func(src, dst netip.Addr, sport uint16) frame.Frame { return udpFrame(src, dst, sport, 2, 20) }
	four, six, four6 := udp(client4, server4, 1), udp(client6, server6, 1), udp(mapped(client4), mapped(server4), 1)
	tcp := four
	tcp.Proto, tcp.L4 = frame.ProtoTCP, frame.Segment{Flags: frame.ACK, Sport: 1, Dport: 2}.Bytes()
	for _, c := range []struct {
		name        string
		flow, other frame.Frame
		sport       uint16 // of the other
	}{
		{"IPv4, one address", four, udp(other(client4, 0), server4, 1), 1},
		{"IPv4, the other address", four, udp(client4, other(server4, 0), 1), 1},
		{"IPv4, a port", four, udp(client4, server4, 3), 3},
		{"IPv4, the protocol", four, tcp, 1},
		{"IPv6, upper half of one address", six, udp(other(client6, 0), server6, 1), 1},
		{"IPv6, lower half of one address", six, udp(other(client6, 15), server6, 1), 1},
		{"IPv6, upper half of the other address", six, udp(client6, other(server6, 0), 1), 1},
		{"IPv6, lower half of the other address", six, udp(client6, other(server6, 15), 1), 1},
		{"IPv6, a port", six, udp(client6, server6, 3), 3},
		{"the family", four, four6, 1},
		{"the family, the other way", four6, four, 1},
	} {
		key, _ := keyOf(c.flow, 1, 2)
		like, _ := keyOf(c.other, c.sport, 2)
		ok(t, h.Hashing.Set(collide(t, keyed, &key, &like)))
		for _, by := range hooks {
			h.reset()
			h.expect(by, c.flow.Bytes(), "new")
			h.expect(by, udpFrame(c.flow.Dst, c.flow.Src, 2, 1, 20).Bytes(), "established")
			h.expect(by, c.flow.Bytes(), "established")
			h.drain()
			h.run(by, c.other.Bytes())
			if events := h.drain(); len(events) != 1 || events[0].Key != like {
				t.Errorf("%s, %s: %+v instead of the event of a new flow", c.name, by, events)
			}
			h.expectFlows(2)
		}
	}
}

// sharing returns ports of UDP flows whose keys lead to one pair of buckets, more than
// there are slots in it.
func sharing(t *testing.T, hashing *ConntrackHashing) (ports []uint16) {
	t.Helper()
	pairs := map[[2]uint32][]uint16{}
	for port := range uint16(60000) {
		key, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP}, port+1, 2)
		first, second := hashing.buckets(hashing.hash(&key))
		pair := [2]uint32{min(first, second), max(first, second)}
		pairs[pair] = append(pairs[pair], port+1)
		if first != second && len(pairs[pair]) > 2*bucketSlots {
			return pairs[pair]
		}
	}
	t.Fatal("no such keys")
	return nil
}

// Where both buckets of a key are full, the oldest unanswered flow in them makes room.
// Where all were answered the packet passes untracked and is counted, apart from those
// that find the table full, and nobody is evicted for it.
func TestBucketsFull(t *testing.T) {
	h := newHarness(t, setup{MaxFlows: 64})
	hashing := h.memory.Hashing
	ports := sharing(t, &hashing)
	last := ports[2*bucketSlots]
	for _, by := range hooks {
		h.reset()
		for _, port := range ports[:2*bucketSlots] {
			h.wait(1)
			h.expect(by, udpFrame(client4, server4, port, 2, 10).Bytes(), "new")
		}
		h.wait(1)
		before := h.counters()
		h.drain()
		h.expect(by, udpFrame(client4, server4, last, 2, 10).Bytes(), "new")
		events := h.drain()
		if len(events) != 2 || ConntrackReason(events[0].Reason) != ConntrackReasonREASON_EVICTED || portOf(&events[0].Key) != ports[0] {
			t.Errorf("%s: %+v", by, events)
		}
		for _, port := range append(ports[1:2*bucketSlots:2*bucketSlots], last) {
			h.expect(by, udpFrame(server4, client4, 2, port, 10).Bytes(), "established")
		}
		h.expect(by, udpFrame(client4, server4, ports[0], 2, 10).Bytes(), "untracked")
		if counted := h.since(before); counted.TableBusy != 1 || counted.TableFull != 0 || counted.Created != 1 {
			t.Errorf("%s: %+v", by, counted)
		}
		h.expectFlows(2 * bucketSlots)
		h.sumsHold(ConntrackCpuStats{Created: before.Created - uint64(2*bucketSlots), Destroyed: before.Destroyed})
	}
}

// In a small table, too, answered flows leave slots to all other keys.
func TestSmallTableHasSlots(t *testing.T) {
	for _, room := range []int{16, 40, 200} {
		for range 2000 {
			hashing, err := newHashing(room)
			if err != nil {
				t.Fatal(err)
			}
			all := make([]ConntrackBucket, hashing.Buckets)
			place := func() (*uint64, bool) {
				bucket, slot, found := hashing.place(all, rand.Uint64())
				return &all[bucket].Slots[slot%bucketSlots], found
			}
			for range room - max(room/spareRoom, 1) {
				if slot, found := place(); found {
					*slot = slotTag
				}
			}
			for range 4 * room {
				if _, found := place(); !found {
					t.Fatalf("a table of %d flows has no slot for one of them", room)
				}
			}
		}
	}
}

// Flows that found their first bucket full are found in their second one, also once all
// flows of the first are gone.
func TestSpilledFlowsStay(t *testing.T) {
	h := newHarness(t, setup{MaxFlows: 64})
	hashing := h.memory.Hashing
	// Of so many that share two buckets, more than one holds have the same first one.
	firsts := map[uint32][]uint16{}
	var ports []uint16
	for _, port := range sharing(t, &hashing) {
		key, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP}, port, 2)
		first, _ := hashing.buckets(hashing.hash(&key))
		if firsts[first] = append(firsts[first], port); len(firsts[first]) > bucketSlots {
			ports = firsts[first]
		}
	}
	for _, by := range hooks {
		h.reset()
		for _, port := range ports {
			h.expect(by, udpFrame(client4, server4, port, 2, 10).Bytes(), "new")
		}
		var stay []uint16
		for _, f := range h.entries() {
			first, _ := hashing.buckets(hashing.hash(&f.Key))
			if first != f.Place/uint32(bucketSlots) {
				stay = append(stay, portOf(&f.Key))
				continue
			}
			h.syscall(h.Request, &ConntrackRequestArgs{Key: f.Key, Id: f.Id, Request: ConntrackFlowRequestREQUEST_DELETE})
		}
		if len(stay) == 0 {
			t.Fatal("all flows are in their first bucket")
		}
		before := h.counters()
		for _, port := range stay {
			h.expect(by, udpFrame(server4, client4, 2, port, 10).Bytes(), "established")
			h.expect(by, udpFrame(client4, server4, port, 2, 10).Bytes(), "established")
		}
		if counted := h.since(before); counted.Created != 0 {
			t.Errorf("%s: %d of %d flows were begun twice", by, counted.Created, len(stay))
		}
		h.checkTable()
	}
}

// portOf is the port of the client, which is not 2.
func portOf(key *ConntrackFlowKey) uint16 {
	for _, port := range key.Port {
		var b [2]byte
		binary.NativeEndian.PutUint16(b[:], port)
		if p := binary.BigEndian.Uint16(b[:]); p != 2 {
			return p
		}
	}
	return 0
}

// Whatever keys come, the table is nearly full before the first one finds no slot. Who
// chooses them knows how they are hashed, but not by which factors: keys with a pattern,
// which differ in one part or in several at once.
func TestTableFills(t *testing.T) {
	const room, least = 4 << 20, 0.95
	for name, key := range map[string]func(i uint32) [6]uint64{
		"random":             func(uint32) [6]uint64 { return [6]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()} },
		"addresses in a row": func(i uint32) [6]uint64 { return [6]uint64{1: ipv4Word(10<<24 + i), 3: ipv4Word(1), 4: 443} },
		"ports in a row":     func(i uint32) [6]uint64 { return [6]uint64{1: ipv4Word(10<<24 + i>>16), 4: portsWord(uint16(i), 443)} },
		"both ports": func(i uint32) [6]uint64 {
			return [6]uint64{1: ipv4Word(i >> 22), 4: portsWord(uint16(i), uint16(i>>11))}
		},
		"a net scans a net":  func(i uint32) [6]uint64 { return [6]uint64{1: ipv4Word(10<<24 + i&0x7ff), 3: ipv4Word(11<<24 + i>>11)} },
		"IPv6 prefixes":      func(i uint32) [6]uint64 { return [6]uint64{0: uint64(i) << 32, 2: 1} },
		"IPv6 interface ids": func(i uint32) [6]uint64 { return [6]uint64{1: bits.ReverseBytes64(uint64(i)), 3: 1} },
		"IPv6, both ends":    func(i uint32) [6]uint64 { return [6]uint64{1: uint64(i&0x7ff) << 53, 3: uint64(i>>11) << 53} },
		"one bucket without factors": func(i uint32) [6]uint64 {
			return [6]uint64{0: uint64(i), 1: uint64(rand.Uint32()), 2: uint64(rand.Uint32()), 3: uint64(rand.Uint32())}
		},
		"few buckets by other factors": fewBuckets(t, room),
		"IPv6, halves differ":          func(i uint32) [6]uint64 { return [6]uint64{0: uint64(i), 1: -uint64(i), 2: uint64(i) << 32} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hashing, err := newHashing(room)
			ok(t, err)
			all := make([]ConntrackBucket, hashing.Buckets)
			for i := range uint32(room) {
				words := key(i)
				bucket, slot, found := hashing.place(all, hashing.hash((*ConntrackFlowKey)(unsafe.Pointer(&words))))
				if !found {
					t.Logf("no slot after %.3f of the room", float64(i)/room)
					if float64(i) < least*room {
						t.Errorf("no slot for flow %d of %d", i, room)
					}
					return
				}
				all[bucket].Slots[slot] = slotTag
			}
		})
	}
}

// fewBuckets returns keys that lead to a sixteenth of the buckets for a table of the same
// size that somebody made for himself.
func fewBuckets(t *testing.T, room int) func(uint32) [6]uint64 {
	t.Helper()
	own, err := newHashing(room)
	ok(t, err)
	next := uint32(0)
	return func(uint32) [6]uint64 {
		for {
			next++
			words := [6]uint64{1: ipv4Word(next), 3: ipv4Word(rand.Uint32()), 4: portsWord(443, uint16(next))}
			if first, _ := own.buckets(own.hash((*ConntrackFlowKey)(unsafe.Pointer(&words)))); first < own.Buckets/16 {
				return words
			}
		}
	}
}

// ipv4Word is the word of a key that has an IPv4 address, which lies in it from the
// fifth byte on.
func ipv4Word(addr uint32) uint64 {
	return uint64(bits.ReverseBytes32(addr))<<32 | 0xffff0000
}

// portsWord is the word of a key with two ports.
func portsWord(a, b uint16) uint64 {
	return uint64(bits.ReverseBytes16(a)) | uint64(bits.ReverseBytes16(b))<<16
}
