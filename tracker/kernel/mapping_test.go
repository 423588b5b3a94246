package kernel

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// A table that is closed is not read any more, and no reading ends with a fault.
func TestTableClosed(t *testing.T) {
	lab.Require(t)
	objects, err := Load(Options{MaxFlows: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	var stop atomic.Bool
	done := make(chan error)
	go func() {
		for !stop.Load() {
			if err := objects.mapping.each(func(int, *kernelFlow) {}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	if err := objects.mapping.close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("a closed table was read")
	}
	stop.Store(true)
}

// What a reader may see of an entry while it is written.
func TestCopyFlow(t *testing.T) {
	const established = uint64(bpf.ConntrackFlowStateSTATE_ESTABLISHED)
	for name, c := range map[string]struct {
		control uint64
		whole   bool
	}{
		"never used": {0, false}, "ended": {7<<32 | 1<<22, false}, "on no stack": {0xffffff00, false},
		"a flow": {7<<32 | established, true}, "a flow of tag zero": {established, true},
	} {
		entry, to := kernelFlow{Control: c.control, Id: 7}, kernelFlow{}
		if got := copyFlow(&to, &entry); got != c.whole || got && to != entry {
			t.Errorf("%s: %t, %+v", name, got, to)
		}
	}
}

// Whatever the order of loads, they copy all of an entry.
func TestLoadWords(t *testing.T) {
	var entry, to kernelFlow
	b := unsafe.Slice((*byte)(unsafe.Pointer(&entry)), unsafe.Sizeof(entry))
	for i := range b {
		b[i] = byte(i + 1)
	}
	if loadWords(&to, &entry); to != entry {
		t.Errorf("%+v, want %+v", to, entry)
	}
}

// Readers meet flows that come and go on the same places while they read, and see
// none that is not whole: its port is the one that goes with its address, its tag that
// of its number, and no number has two keys.
func TestReadersMeetWriters(t *testing.T) {
	lab.Require(t)
	k, err := Load(Options{MaxFlows: flow.MinMaxFlows})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var stop atomic.Bool
	done := make(chan error)
	go func() { done <- writeFlows(t, k, &stop) }()
	var torn []kernelFlow
	read, keys := 0, map[uint64]kernelKey{}
	for len(keys) < 100_000 {
		err := k.mapping.each(func(_ int, f *kernelFlow) {
			key := &f.Key
			read++
			client := 0
			if key.Port[0] == networkPort(443) {
				client = 1
			}
			known, seen := keys[f.Id]
			if uint32(f.Id) != uint32(f.Control>>32) || uint16(key.Addr[client][1]>>48) != key.Port[client] || seen && known != *key {
				torn = append(torn, *f)
			}
			keys[f.Id] = *key
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("read %d times, %d flows", read, len(keys))
	if len(torn) > 0 {
		t.Errorf("%d of %d flows that were read are not whole, the first one is %+v", len(torn), read, torn[0])
	}
}

// writeFlows begins flows until it is to stop. Each one that the table has no room for
// takes the place of another.
func writeFlows(t *testing.T, k *Objects, stop *atomic.Bool) error {
	for n := uint32(0); !stop.Load(); n++ {
		low := uint16(n)
		from := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(low >> 8), byte(low)})
		frame := frameOf(t, flow.Tuple{
			Proto: flow.ProtocolUDP,
			Src:   flow.EndFrom(from, low),
			Dst:   flow.EndFrom(netip.AddrFrom4([4]byte{192, 168, 0, 1}), 443),
		})
		if _, err := k.xdp.Run(&ebpf.RunOptions{Data: frame}); err != nil {
			return err
		}
	}
	return nil
}
