package nat

import (
	"testing"

	"ctop/tracker/flow"
)

// What is asked of connection tracking is the tuple, which tells ICMP by its version.
func TestToKernelAndBack(t *testing.T) {
	for _, proto := range []flow.Protocol{flow.ProtocolTCP, flow.ProtocolICMP, flow.ProtocolICMPv6} {
		want := tuple(proto, "10.0.0.1:0", "10.0.0.2:0")
		if proto == flow.ProtocolTCP {
			want = tuple(proto, "10.0.0.1:40000", "10.0.0.2:443")
		} else {
			want.ICMPType, want.ICMPCode, want.ICMPID = 8, 1, 7
		}
		k := toKernel(want)
		if got := fromKernel(k); got != want {
			t.Errorf("%v comes back as %v", want, got)
		}
		if k.Proto.ICMPv4 != (proto == flow.ProtocolICMP) || k.Proto.ICMPv6 != (proto == flow.ProtocolICMPv6) {
			t.Errorf("%v: ICMP %t, ICMPv6 %t", proto, k.Proto.ICMPv4, k.Proto.ICMPv6)
		}
	}
}

// An answer has the type that answers the one of the request.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		proto           flow.Protocol
		request, answer uint8
	}{
		{flow.ProtocolICMP, 8, 0},
		{flow.ProtocolICMP, 13, 14},
		{flow.ProtocolICMP, 15, 16},
		{flow.ProtocolICMP, 17, 18},
		{flow.ProtocolICMPv6, 128, 129},
		{flow.ProtocolTCP, 0, 0},
	} {
		asked := tuple(test.proto, "10.0.0.1:1", "10.0.0.2:2")
		asked.ICMPType = test.request
		if got := answer(asked); got.ICMPType != test.answer || got.Src != asked.Dst || got.Dst != asked.Src {
			t.Errorf("the answer to %v is %v", asked, got)
		}
	}
}
