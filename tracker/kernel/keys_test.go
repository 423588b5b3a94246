package kernel

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/bpf"
	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// frameOf returns a frame that begins a flow with the tuple as its origin.
func frameOf(t *testing.T, tuple flow.Tuple) []byte {
	t.Helper()
	src, dst := net.IP(tuple.Src.Addr().AsSlice()), net.IP(tuple.Dst.Addr().AsSlice())
	ethernet := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
	stack := []gopacket.SerializableLayer{ethernet}
	ethertype := &ethernet.EthernetType
	for _, id := range tuple.VLANs() {
		if id != 0 {
			tag := &layers.Dot1Q{VLANIdentifier: id}
			*ethertype = layers.EthernetTypeDot1Q
			stack, ethertype = append(stack, tag), &tag.Type
		}
	}
	if tuple.Session != 0 {
		*ethertype = layers.EthernetTypePPPoESession
		ppp := &layers.PPP{PPPType: layers.PPPTypeIPv4}
		if tuple.Src.Addr().Is6() {
			ppp.PPPType = layers.PPPTypeIPv6
		}
		stack = append(stack, &layers.PPPoE{Version: 1, Type: 1, SessionId: tuple.Session}, ppp)
		ethertype = new(layers.EthernetType)
	}
	proto := layers.IPProtocol(tuple.Proto)
	var network gopacket.NetworkLayer
	if tuple.Src.Addr().Is4() {
		*ethertype = layers.EthernetTypeIPv4
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: src, DstIP: dst}
		stack, network = append(stack, ip), ip
	} else {
		*ethertype = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: src, DstIP: dst}
		stack, network = append(stack, ip), ip
	}
	stack = append(stack, transportOf(t, tuple, network)...)
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...)
	if err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func transportOf(t *testing.T, tuple flow.Tuple, network gopacket.NetworkLayer) []gopacket.SerializableLayer {
	t.Helper()
	var err error
	body := gopacket.Payload("sixteen bytes of")
	var header gopacket.SerializableLayer
	switch tuple.Proto {
	case flow.ProtocolTCP:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(tuple.Src.Port()), DstPort: layers.TCPPort(tuple.Dst.Port()), SYN: true, Seq: 1, Window: 1000}
		err, header = tcp.SetNetworkLayerForChecksum(network), tcp
	case flow.ProtocolUDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(tuple.Src.Port()), DstPort: layers.UDPPort(tuple.Dst.Port())}
		err, header = udp.SetNetworkLayerForChecksum(network), udp
	case flow.ProtocolICMP:
		header = &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(tuple.ICMPType, tuple.ICMPCode), Id: tuple.ICMPID}
	case flow.ProtocolICMPv6:
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(tuple.ICMPType, tuple.ICMPCode)}
		if err = icmp.SetNetworkLayerForChecksum(network); err != nil {
			t.Fatal(err)
		}
		echo := &layers.ICMPv6Echo{Identifier: tuple.ICMPID}
		return []gopacket.SerializableLayer{icmp, echo, body}
	case flow.ProtocolSCTP, flow.ProtocolDCCP, flow.ProtocolUDPLite:
		ports := binary.BigEndian.AppendUint16(nil, tuple.Src.Port())
		ports = binary.BigEndian.AppendUint16(ports, tuple.Dst.Port())
		return []gopacket.SerializableLayer{gopacket.Payload(append(ports, make([]byte, 12)...))}
	default:
		return []gopacket.SerializableLayer{body}
	}
	if err != nil {
		t.Fatal(err)
	}
	return []gopacket.SerializableLayer{header, body}
}

// The key that is worked out for a tuple is the one that the kernel made from
// the packet, and the tuple that is read from the table is the packet's.
func TestKeysAreTheKernels(t *testing.T) {
	lab.Require(t)
	k, err := Load(Options{MaxFlows: 64, InjectedClock: true})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	timeouts := flow.DefaultTimeouts()
	for _, tuple := range tuples {
		if _, _, err := k.xdp.Test(frameOf(t, tuple)); err != nil {
			t.Fatal(err)
		}
		var (
			keys []kernelKey
			f    flow.Flow
		)
		err := k.mapping.each(func(_ int, value *kernelFlow) {
			keys = append(keys, value.Key)
			flowFromKernel(&f, value, Clock{Tick: 1}, &timeouts)
		})
		if err != nil || len(keys) != 1 {
			t.Fatalf("%s: %d flows, %v", tuple, len(keys), err)
		}
		if key := keyFromTuple(tuple); key != keys[0] {
			t.Errorf("%s: key %+v, the kernel's is %+v", tuple, key, keys[0])
		}
		if f.Tuple != tuple || f.Origin.Packets != 1 || f.Reply.Seen() {
			t.Errorf("%s came back as %s", tuple, f.Tuple)
		}
		if n := tableOf(t, k).Clear(); n != 1 {
			t.Fatalf("%d flows", n)
		}
	}
}

// tableOf is the kernel's table, to be filled and emptied.
func tableOf(tb testing.TB, k *Objects) *bpf.Table {
	tb.Helper()
	table, err := bpf.TableOf(k.xdp)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = table.Close() })
	return table
}
