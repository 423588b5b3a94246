package e2e

import (
	"testing"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// published has what comes for port 8080 from outside handed to a program behind the
// client's veth, as a container engine publishes a port.
const published = `
table inet ctop {
	chain pre { type nat hook prerouting priority dstnat; iifname "veth2" tcp dport 8080 dnat ip to 10.0.0.1:80; }
}
`

// A port that is translated to a container's program, while one of the machine listens
// there, too: the flow outside never has the listener's name, the one inside has the
// container's, and both are told to be halves of one conversation. A connection from the
// machine itself to the same port is the listener's.
func TestNATBesideListener(t *testing.T) {
	r := newRouter(t, published)
	n := &watcher{rig: r, stage: newStage(r.ctx, t), here: "10.0.0.254"}
	tr, err := tracker.Open(r.ctx, tracker.Options{Watch: true, Interfaces: []string{r.Client.Port(), r.Server.Port()}, Cgroup: n.cgroup})
	if err != nil {
		t.Fatal(err)
	}
	n.begin(tr)
	bystander := n.actor(nil, "bystander", "listen", "0.0.0.0:8080")
	bystander.hears()
	inner := n.actor(r.Client, "container", "listen", "10.0.0.1:80")
	inner.hears()
	far := n.actor(r.Server, "visitor", "connect", "tcp", "192.0.2.254:8080")
	from := portOf(t, far.hears())
	inner.do("accept")
	far.do("say")
	inner.do("hear")
	inner.do("say")
	far.do("hear")
	var halves [2]flow.Flow
	r.eventually("two halves, of the container and the visitor", func() bool {
		n.never("tcp", 8080, "bystander")
		told := r.translated("tcp")
		if len(told) != 2 {
			t.Fatalf("%d flows", len(told))
		}
		for _, h := range told {
			halves[h.In] = h.Flow
		}
		inside, outside := halves[0].Holding.Owner(), halves[1].Holding.Owner()
		return inside != nil && inside.Name == "container" && outside != nil && outside.Name == "visitor"
	})
	if outside := halves[1]; outside.Tuple.Dst.Port() != 8080 || portOf(t, outside.Tuple.Src.String()) != from {
		t.Errorf("outside it is %s", outside.Tuple)
	}
	if inside := halves[0]; inside.Tuple.Dst.String() != "10.0.0.1:80" {
		t.Errorf("inside it is %s", inside.Tuple)
	}
	closer, err := n.tracker.Inspect(r.ctx, halves[1].Ref())
	if err != nil || closer.NAT == nil || closer.NAT.Dst != halves[0].Tuple.Dst {
		t.Errorf("a closer look at %s finds %+v, %v", halves[1].Tuple, closer, err)
	}
	if closer.Holders != nil {
		for _, p := range closer.Holders[flow.Reply] {
			t.Errorf("%s is held by %s", halves[1].Tuple, p.Name)
		}
	}
	// What is not translated goes to the listener.
	direct := n.actor(r.Client, "neighbour", "connect", "tcp", place(n.here, 8080))
	port := portOf(t, direct.hears())
	bystander.do("accept")
	direct.do("say")
	bystander.do("hear")
	n.owned("tcp", port, "neighbour", flow.Origin)
}
