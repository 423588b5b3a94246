package filter

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/tracker/flow"
)

// TestAgainstTcpdump has tcpdump pick packets by the same expressions. Each is
// the first packet of one flow, and its time says of which.
func TestAgainstTcpdump(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	r := rand.New(rand.NewPCG(5, 6))
	flows := population(r, 300)
	file := filepath.Join(t.TempDir(), "flows.pcap")
	if err := os.WriteFile(file, capture(t, flows), 0o600); err != nil {
		t.Fatal(err)
	}
	some := 0
	for range 150 {
		text, _ := expressionOf(r, 2)
		if n := compareWithTcpdump(t, tcpdump, file, text, flows); n > 0 && n < len(flows) {
			some++
		}
	}
	if some < 75 {
		t.Errorf("only %d expressions pick some of the flows", some)
	}
	for _, row := range Equivalents() {
		if !strings.HasPrefix(row.Form, "vlan") {
			compareWithTcpdump(t, tcpdump, file, row.Form, flows)
		}
	}
}

func compareWithTcpdump(t *testing.T, tcpdump, file, text string, flows []flow.Flow) (picks int) {
	t.Helper()
	var complaint strings.Builder
	cmd := exec.Command(tcpdump, "-n", "-r", file, "-w", "-", text)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		// Some that no packet can match are an error there.
		if strings.Contains(complaint.String(), "rejects all packets") {
			out = nil
		} else {
			t.Fatalf("tcpdump %q: %v: %s", text, err, complaint.String())
		}
	}
	picked := map[int]bool{}
	for rest := out[min(24, len(out)):]; len(rest) >= 16; {
		picked[int(binary.LittleEndian.Uint32(rest))] = true
		rest = rest[16+binary.LittleEndian.Uint32(rest[8:]):]
	}
	f, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for i := range flows {
		if got := f.Match(&flows[i]); got != picked[i] {
			t.Fatalf("%s matches %s: %v; tcpdump: %v", text, flows[i].Tuple, got, picked[i])
		}
	}
	return len(picked)
}

// capture has the first packet of each flow, at as many seconds as its number.
func capture(t *testing.T, flows []flow.Flow) []byte {
	t.Helper()
	var b bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	write([]uint32{0xa1b2c3d4, 4<<16 | 2, 0, 0, 65535, 1})
	for i := range flows {
		packet := firstPacket(t, flows[i].Tuple)
		write([]uint32{uint32(i), 0, uint32(len(packet)), uint32(len(packet))})
		if _, err := io.Copy(&b, bytes.NewReader(packet)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func firstPacket(t *testing.T, f flow.Tuple) []byte {
	t.Helper()
	ethernet := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: []byte{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{ethernet}
	var network gopacket.NetworkLayer
	if f.Src.Addr().Is4() {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocol(f.Proto), SrcIP: f.Src.Addr().AsSlice(), DstIP: f.Dst.Addr().AsSlice()}
		stack, network = append(stack, ip), ip
	} else {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocol(f.Proto), SrcIP: f.Src.Addr().AsSlice(), DstIP: f.Dst.Addr().AsSlice()}
		stack, network = append(stack, ip), ip
	}
	switch f.Proto {
	case flow.ProtocolTCP:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(f.Src.Port()), DstPort: layers.TCPPort(f.Dst.Port()), SYN: true}
		_ = tcp.SetNetworkLayerForChecksum(network)
		stack = append(stack, tcp)
	case flow.ProtocolUDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(f.Src.Port()), DstPort: layers.UDPPort(f.Dst.Port())}
		_ = udp.SetNetworkLayerForChecksum(network)
		stack = append(stack, udp)
	case flow.ProtocolICMP:
		stack = append(stack, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: f.ICMPID})
	case flow.ProtocolICMPv6:
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}
		_ = icmp.SetNetworkLayerForChecksum(network)
		stack = append(stack, icmp, gopacket.Payload([]byte{byte(f.ICMPID >> 8), byte(f.ICMPID), 0, 1}))
	default:
		stack = append(stack, gopacket.Payload(make([]byte, 8)))
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
