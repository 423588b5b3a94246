package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// Programs of another version use the captures' maps of the ones before: a capture goes on.
func TestReloadKeepsCaptures(t *testing.T) {
	lab.Require(t)
	o := Options{MaxFlows: flow.MinMaxFlows}
	k, err := Load(o)
	must(t, err)
	defer k.Close()
	programs, err := k.Reload(o)
	must(t, err)
	defer programs.Close()
	before, after := mapIDs(t, k), mapIDs(t, programs)
	for _, name := range append(captureMaps(), capturingSection) {
		if before[name] == 0 || before[name] != after[name] {
			t.Errorf("%s is map %d, and was %d", name, after[name], before[name])
		}
	}
}

func mapIDs(t *testing.T, k *Objects) map[string]ebpf.MapID {
	t.Helper()
	maps, err := mapsOf(k.packetProgram())
	must(t, err)
	ids := map[string]ebpf.MapID{}
	for name, m := range maps {
		info, err := m.Info()
		must(t, err)
		ids[name], _ = info.ID()
		m.Close()
	}
	return ids
}

// All buffers together take no more memory on a machine with many processors.
func TestRingSize(t *testing.T) {
	for cpus, want := range map[int]int{1: captureRing, 16: captureRing, 17: captureRing / 2, 128: smallRing, 1024: smallRing} {
		if got := ringSize(cpus); got != want {
			t.Errorf("%d processors: %d bytes each, want %d", cpus, got, want)
		}
	}
}

// Rules are in the form of keys: IPv4 networks are mapped ones, a range of no ports is all.
func TestCaptureRules(t *testing.T) {
	k := captureToKernel(CaptureOptions{Snap: 1 << 20, Rate: 1000, Rules: []flow.Rule{{
		Proto: flow.ProtocolTCP, HasProto: true,
		Ends: [2]flow.RuleEnd{{Net: netip.MustParsePrefix("10.0.0.0/8")}, {Low: 80, High: 90}},
	}}})
	if k.Snap != MaxSnap || k.NumRules != 1 || k.CostNs != 1_000_000 {
		t.Errorf("%d bytes, %d rules, %d ns", k.Snap, k.NumRules, k.CostNs)
	}
	for rate, cost := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: time.Second / 2, 1_000_000: time.Microsecond} {
		if k := captureToKernel(CaptureOptions{Rate: rate}); k.CostNs != uint64(cost) || k.BurstNs != uint64(max(100*time.Millisecond, 100*cost)) || k.Snap != 1 {
			t.Errorf("%d packets a second: %+v", rate, k)
		}
	}
	rule := k.Rules[0]
	inside := keyFromTuple(flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.1.2.3:1"), Dst: flow.MustParseEnd("192.0.2.1:85")})
	fit := 0
	for _, end := range inside.Addr {
		if end[0]&rule.Mask[0][0] == rule.Addr[0][0] && end[1]&rule.Mask[0][1] == rule.Addr[0][1] {
			fit++
		}
	}
	if fit != 1 {
		t.Errorf("%d ends are in the network", fit)
	}
	if rule.Low != [2]uint16{0, 80} || rule.High != [2]uint16{0xffff, 90} || rule.Proto != 6 {
		t.Errorf("%+v", rule)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
