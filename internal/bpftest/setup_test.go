package bpftest_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/internal/bpftest"
	"ctop/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

func read(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := bpf.LoadConntrack()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func load(t *testing.T, s bpftest.Setup) (*ebpf.CollectionSpec, *ebpf.Collection) {
	t.Helper()
	lab.Require(t)
	spec := read(t)
	coll, err := s.Load(spec, bpf.SizeTable, bpf.SetConstants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(coll.Close)
	return spec, coll
}

func constant(t *testing.T, spec *ebpf.CollectionSpec, name string) uint64 {
	t.Helper()
	b := make([]byte, 8)
	v := spec.Variables[name]
	if err := v.Get(b[:v.Size()]); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return binary.NativeEndian.Uint64(b)
}

func TestZeroSetup(t *testing.T) {
	spec, coll := load(t, bpftest.Setup{})
	for name, want := range map[string]uint64{
		"clock_injected": 0, "complete_checksums": 0, "multi_buffer": 1, "id_seed": 7, "tracing": 0, "verify_checksums": 0,
	} {
		if got := constant(t, spec, name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if got := coll.Maps["flows"].MaxEntries(); got != 4096 {
		t.Errorf("room for %d flows", got)
	}
	for side := range uint32(2) {
		var ifindex [8]byte
		if err := coll.Maps["outputs"].Lookup(side, ifindex[:coll.Maps["outputs"].ValueSize()]); err != nil || ifindex[0] != bpftest.Loopback {
			t.Errorf("side %d leaves by %v, error %v", side, ifindex, err)
		}
	}
}

func TestSetup(t *testing.T) {
	spec, coll := load(t, bpftest.Setup{
		MaxFlows: 64, KeptLimit: 5, Clock: true, CompleteChecksums: true,
		SingleBuffer: true, Tracing: true, VerifyChecksums: true, ExactOctets: true, NoOutputs: true,
	})
	for name, want := range map[string]uint64{
		"clock_injected": 1, "complete_checksums": 1, "multi_buffer": 0, "tracing": 1, "verify_checksums": 1, "exact_octets": 1,
		"kept_limit": 5,
	} {
		if got := constant(t, spec, name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if got := coll.Maps["flows"].MaxEntries(); got != 64 {
		t.Errorf("room for %d flows, want 64", got)
	}
	var ifindex [8]byte
	if err := coll.Maps["outputs"].Lookup(uint32(0), ifindex[:coll.Maps["outputs"].ValueSize()]); err == nil && ifindex[0] != 0 {
		t.Errorf("side 0 leaves by %v", ifindex)
	}
}

func TestInto(t *testing.T) {
	lab.Require(t)
	var objects bpf.ConntrackObjects
	if err := (bpftest.Setup{}).LoadInto(read(t), bpf.SizeTable, bpf.SetConstants, &objects); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = objects.Close() }()
	// A frame that is not IP is forwarded.
	action, err := objects.CtopXdp.Run(&ebpf.RunOptions{Data: make([]byte, 14)})
	if err != nil || action != bpftest.XDPRedirect {
		t.Errorf("action %d, error %v", action, err)
	}
}

func TestMissingConstant(t *testing.T) {
	lab.Require(t)
	spec := read(t)
	delete(spec.Variables, "tracing")
	if _, err := (bpftest.Setup{}).Load(spec, bpf.SizeTable, bpf.SetConstants); err == nil || !strings.Contains(err.Error(), "set tracing: the BPF programs have no such variable") {
		t.Errorf("error %v", err)
	}
}

func TestSizeFails(t *testing.T) {
	lab.Require(t)
	failed := errors.New("too small")
	if _, err := (bpftest.Setup{}).Load(read(t), func(*ebpf.CollectionSpec, int) error { return failed }, bpf.SetConstants); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
}

func TestNoMapOfOutputs(t *testing.T) {
	if err := bpftest.SetOutputs(&ebpf.Collection{}, 1); err == nil {
		t.Error("no map is no error")
	}
}
