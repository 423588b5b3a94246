package kernel

import (
	"testing"

	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// A connection is stalled while either side has sent what the other has not acknowledged,
// or may send no more than what probes a window that is closed. Numbers go round.
func TestIsStalled(t *testing.T) {
	for name, test := range map[string]struct {
		origin, reply bpf.ConntrackFlowDir
		want          bool
	}{
		"all acknowledged":        {bpf.ConntrackFlowDir{End: 100, Acked: 500, Limit: 600}, bpf.ConntrackFlowDir{End: 500, Acked: 100, Limit: 600}, false},
		"acknowledged too much":   {bpf.ConntrackFlowDir{End: 100, Acked: 501, Limit: 600}, bpf.ConntrackFlowDir{End: 500, Acked: 101, Limit: 600}, false},
		"a byte of the origin's":  {bpf.ConntrackFlowDir{End: 101, Acked: 500, Limit: 600}, bpf.ConntrackFlowDir{End: 500, Acked: 100, Limit: 600}, true},
		"a byte of the reply's":   {bpf.ConntrackFlowDir{End: 100, Acked: 500, Limit: 600}, bpf.ConntrackFlowDir{End: 501, Acked: 100, Limit: 600}, true},
		"two bytes may come":      {bpf.ConntrackFlowDir{End: 100, Acked: 500, Limit: 502}, bpf.ConntrackFlowDir{End: 500, Acked: 100, Limit: 102}, false},
		"the origin's window":     {bpf.ConntrackFlowDir{End: 100, Acked: 500, Limit: 501}, bpf.ConntrackFlowDir{End: 500, Acked: 100, Limit: 600}, true},
		"the reply's window":      {bpf.ConntrackFlowDir{End: 100, Acked: 500, Limit: 600}, bpf.ConntrackFlowDir{End: 500, Acked: 100, Limit: 101}, true},
		"round, a byte":           {bpf.ConntrackFlowDir{End: 1, Acked: 500, Limit: 600}, bpf.ConntrackFlowDir{End: 500, Acked: 1<<32 - 1, Limit: 600}, true},
		"round, all acknowledged": {bpf.ConntrackFlowDir{End: 1<<32 - 1, Acked: 500, Limit: 600}, bpf.ConntrackFlowDir{End: 500, Acked: 1, Limit: 600}, false},
	} {
		var v kernelFlow
		v.Dir[flow.Origin], v.Dir[flow.Reply] = test.origin, test.reply
		if got := isStalled(&v); got != test.want {
			t.Errorf("%s: stalled is %t", name, got)
		}
	}
}

// Each lane of each CPU has a series of events of its own.
func TestEventSeries(t *testing.T) {
	seen := map[uint32]bool{}
	lanes := uint32(len(kernelStats{}.Events))
	for cpu := range uint32(4) {
		for lane := range lanes {
			seen[eventSeries(cpu, lane)] = true
		}
	}
	if len(seen) != 4*int(lanes) {
		t.Errorf("%d series of 4 CPUs with %d lanes", len(seen), lanes)
	}
}

// Frames say by their type what follows: a tag, a session, or the version of IP.
func TestFrameType(t *testing.T) {
	for want, k := range map[uint16]kernelKey{
		unix.ETH_P_IP: {Family: 4}, unix.ETH_P_IPV6: {Family: 6},
		unix.ETH_P_PPP_SES: {Family: 6, Session: 1}, unix.ETH_P_8021Q: {Family: 4, Session: 1, Vlan: [2]uint16{5}},
	} {
		if got := frameType(&k); got != want {
			t.Errorf("%+v: %#x, not %#x", k, got, want)
		}
	}
}
