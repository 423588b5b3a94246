package nat

import (
	"os"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// A flow is looked up as the kernel tracks it, from either side and either end. Without a
// tracked connection the kernel is not asked.
func TestFind(t *testing.T) {
	lab.Require(t)
	inside, outside := tuple(flow.ProtocolTCP, "10.0.0.1:40000", "192.0.2.2:443"), tuple(flow.ProtocolTCP, "192.0.2.254:1024", "192.0.2.2:443")
	ping, pinged := tuple(flow.ProtocolICMP, "10.0.0.1:0", "192.0.2.2:0"), tuple(flow.ProtocolICMP, "192.0.2.254:0", "192.0.2.2:0")
	ping.ICMPType, ping.ICMPID, pinged.ICMPType, pinged.ICMPID = 8, 7, 8, 9
	plain := tuple(flow.ProtocolTCP, "10.0.0.1:50000", "192.0.2.2:443")
	gre := tuple(47, "10.0.0.1:0", "192.0.2.2:0")
	if found, err := Find(inside); InUse() || found != nil || err != nil {
		t.Fatalf("before: in use %t, %v, %v", InUse(), found, err)
	}
	conn, err := conntrack.Dial(&netlink.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, ends := range [][2]flow.Tuple{{inside, answer(outside)}, {ping, answer(pinged)}, {plain, answer(plain)}} {
		f := conntrack.Flow{TupleOrig: toKernel(ends[0]), TupleReply: toKernel(ends[1]), Timeout: 600}
		if ends[0].Proto == flow.ProtocolTCP {
			f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: 3}
		}
		if err := conn.Create(f); err != nil {
			t.Fatal(err)
		}
	}
	if !InUse() {
		t.Error("no connection is tracked")
	}
	for here, there := range map[flow.Tuple]flow.Tuple{
		inside: outside, outside: inside, inside.Reverse(): outside.Reverse(), outside.Reverse(): inside.Reverse(), ping: pinged, pinged: ping,
	} {
		if found, err := Find(here); err != nil || found == nil || *found != there {
			t.Errorf("%v is translated to %v, not %v: %v", here, found, there, err)
		}
	}
	for _, other := range []flow.Tuple{plain, plain.Reverse(), gre, tuple(flow.ProtocolTCP, "10.0.0.1:40001", "192.0.2.2:443"), tuple(flow.ProtocolUDP, "10.0.0.1:40000", "192.0.2.2:443")} {
		if found, err := Find(other); found != nil || err != nil {
			t.Errorf("%v is translated to %v, %v", other, found, err)
		}
	}
	// The kernel translated none of them, and says so; one older than 5.15 sends them.
	if all, err := readAll(); err != nil || len(all) > 4 {
		t.Errorf("%v, %v", all, err)
	}
}
