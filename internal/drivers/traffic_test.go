//go:build drivers

package drivers

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/internal/lab"
)

// tag is the VLAN id of tagged frames.
const tag = 7

// Ports of the tagged conversation.
const clientPort, serverPort = 4000, 4001

// snapshot is the part of a dump that these tests use.
type snapshot struct {
	Counters struct{ Invalid, Dropped uint64 }
	Flows    []struct {
		Proto, State string
		VLAN         int
		Origin       struct{ Sport int }
	}
}

// dump returns ctop's current snapshot.
func (b *bench) dump() (s snapshot) {
	b.t.Helper()
	text := b.run("ctop --dump -o json 2>/dev/null")
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		b.t.Fatalf("%v: %s", err, text)
	}
	return s
}

// tagged sends frames with a VLAN tag both ways. They must arrive with the tag,
// and their flow must have it.
func (b *bench) tagged() {
	b.t.Helper()
	b.sendTagged(b.Client, b.Server, clientPort, serverPort)
	b.sendTagged(b.Server, b.Client, serverPort, clientPort)
	for _, f := range b.dump().Flows {
		if f.Origin.Sport == clientPort && f.VLAN == tag && f.State == "ESTABLISHED" {
			return
		}
	}
	b.t.Errorf("no flow of VLAN %d that was answered: %+v", tag, b.dump().Flows)
}

func (b *bench) sendTagged(from, to *lab.Host, sport, dport layers.UDPPort) {
	b.t.Helper()
	frame, err := taggedFrame(from, to, sport, dport)
	if err != nil {
		b.t.Fatal(err)
	}
	capture, err := to.Capture()
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = capture.Close() }()
	if err := from.Inject(frame); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	for {
		got, err := capture.Next(ctx)
		if err != nil {
			b.t.Errorf("the tagged frame from %s did not arrive: %v", from.Name(), err)
			return
		}
		if slices.Equal(got.Data, frame) {
			return
		}
		if isUDP(got.Data, dport) {
			b.t.Errorf("the frame from %s arrived as %x, sent was %x", from.Name(), got.Data, frame)
			return
		}
	}
}

// isUDP reports whether a frame is UDP to a port, with any tags.
func isUDP(frame []byte, port layers.UDPPort) bool {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
	udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	return ok && udp.DstPort == port
}

func taggedFrame(from, to *lab.Host, sport, dport layers.UDPPort) ([]byte, error) {
	source, err := from.MAC()
	if err != nil {
		return nil, err
	}
	destination, err := to.MAC()
	if err != nil {
		return nil, err
	}
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP,
		SrcIP: net.IP(from.Addr4().AsSlice()), DstIP: net.IP(to.Addr4().AsSlice()),
	}
	udp := &layers.UDP{SrcPort: sport, DstPort: dport}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	buffer := gopacket.NewSerializeBuffer()
	err = gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: source, DstMAC: destination, EthernetType: layers.EthernetTypeDot1Q},
		&layers.Dot1Q{VLANIdentifier: tag, Type: layers.EthernetTypeIPv4},
		ip, udp, gopacket.Payload("a datagram with a tag, longer than the shortest frame"))
	return buffer.Bytes(), err
}

// parallel opens connections until the directions of one arrive in different
// receive queues, if the emulation supports that in this mode. No packet may be
// invalid.
func (b *bench) parallel() {
	b.t.Helper()
	const tries, size = 12, 256 << 10
	for range tries {
		before := [2][]uint64{b.received(0), b.received(1)}
		ctx, cancel := context.WithTimeout(b.ctx, waitTimeout)
		err := lab.Transfer(ctx, b.Client, b.Server, b.Server.Addr4(), size)
		cancel()
		if err != nil {
			b.t.Error(err)
			return
		}
		if busiest(before[0], b.received(0)) != busiest(before[1], b.received(1)) {
			*b.apart++
			break
		}
	}
	b.checkCounters()
}

// busiest returns the queue that received most between two readings.
func busiest(before, after []uint64) (queue int) {
	var most uint64
	for i := range min(len(before), len(after)) {
		if n := after[i] - before[i]; n > most {
			queue, most = i, n
		}
	}
	return queue
}

// checkCounters checks that no packet was invalid or dropped.
func (b *bench) checkCounters() {
	b.t.Helper()
	if c := b.dump().Counters; c.Invalid != 0 || c.Dropped != 0 {
		b.t.Errorf("%d packets are invalid, and %d dropped", c.Invalid, c.Dropped)
	}
}
