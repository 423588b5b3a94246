package hello

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"ctop/tracker/flow"
)

// TestForeignHellos reads the captures in the folder that CTOP_CAPTURES names, and compares
// the names of servers with those that tshark reads.
func TestForeignHellos(t *testing.T) {
	folder := os.Getenv("CTOP_CAPTURES")
	if folder == "" {
		t.Log("CTOP_CAPTURES names no folder of captures")
		return
	}
	var s score
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".pcap" || ext == ".pcapng") {
			s.compare(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d flows with a name by tshark: %d have the same, %d none, %d another; %d only here", s.total, s.same, s.none, s.other, s.only)
	if s.other > 0 || s.same*100 < s.total*99 {
		t.Error("less than 99 % have the same name, or some have another")
	}
}

type score struct{ total, same, none, other, only int }

func (s *score) compare(t *testing.T, path string) {
	ours, begun := readCapture(path)
	theirs := tshark(path)
	for key, names := range theirs {
		if !begun[key] {
			continue // it was there before, does not begin with TLS, or is at a port that is not read
		}
		s.total++
		switch got := ours[key]; {
		case names[got]:
			s.same++
		case got == "":
			s.none++
			t.Logf("%s: %s: no name, tshark has %v", path, key, names)
		default:
			s.other++
			t.Errorf("%s: %s: %q, tshark has %v", path, key, got, names)
		}
	}
	for key, name := range ours {
		if theirs[key] == nil {
			s.only++
			t.Logf("%s: %s: %q, tshark has nothing", path, key, name)
		}
	}
}

// tshark returns the names in hellos by flow.
func tshark(path string) map[string]map[string]bool {
	out, _ := exec.Command("tshark", "-r", path, "-Y", "tls.handshake.extensions_server_name", "-T", "fields", "-E", "occurrence=a",
		"-e", "ip.src", "-e", "ipv6.src", "-e", "ip.dst", "-e", "ipv6.dst", "-e", "tcp.srcport", "-e", "udp.srcport", "-e", "tcp.dstport", "-e", "udp.dstport",
		"-e", "tls.handshake.extensions_server_name").Output()
	all := map[string]map[string]bool{}
	for line := range strings.Lines(string(out)) {
		c := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(c) != 9 || strings.Contains(c[0]+c[1], ",") {
			continue // a tunnel
		}
		proto := "tcp"
		if c[5] != "" {
			proto = "udp"
		}
		key := fmt.Sprintf("%s %s%s:%s%s %s%s:%s%s", proto, c[0], c[1], c[4], c[5], c[2], c[3], c[6], c[7])
		for _, name := range strings.Split(c[8], ",") {
			if name = hostName([]byte(name)); name != "" {
				if all[key] == nil {
					all[key] = map[string]bool{}
				}
				all[key][name] = true
			}
		}
	}
	return all
}

// readCapture gives a reader the packets of a capture as the kernel would.
func readCapture(path string) (names map[string]string, begun map[string]bool) {
	names, begun = map[string]string{}, map[string]bool{}
	file, err := os.Open(path)
	if err != nil {
		return names, begun
	}
	defer file.Close() //nolint:errcheck // it was only read
	var source interface {
		gopacket.PacketDataSource
		LinkType() layers.LinkType
	}
	if source, err = pcapgo.NewReader(file); err != nil {
		_, _ = file.Seek(0, 0)
		if source, err = pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions); err != nil {
			return names, begun
		}
	}
	var r Reader
	flows := map[string]*seen{}
	for p := range gopacket.NewPacketSource(source, source.LinkType()).Packets() {
		if p.NetworkLayer() == nil || p.TransportLayer() == nil {
			continue
		}
		key, packet := asCopied(p, flows)
		if packet == nil {
			continue
		}
		if payload := packet.Data[1:]; packet.Ref.Tuple.Proto == flow.ProtocolTCP {
			begun[key] = begun[key] || packet.Offset == 0 && len(payload) > 0 && payload[0] == typeHandshake
		} else if first, _, ok := initialPacket(payload); ok && first.of != nil {
			begun[key] = true
		}
		if n, ok := r.Packet(packet); ok && names[key] == "" {
			names[key] = n.Name
		}
	}
	return names, begun
}

// seen is a flow: of TCP, where its stream begins.
type seen struct {
	id        flow.ID
	first     uint32
	datagrams int
}

// asCopied returns what the kernel would copy of a packet, nil for nothing.
func asCopied(p gopacket.Packet, flows map[string]*seen) (key string, _ *flow.Packet) {
	n := p.NetworkLayer().NetworkFlow()
	to := &flow.Packet{Payload: 1, Data: append([]byte{0}, p.TransportLayer().LayerPayload()...)}
	switch l := p.TransportLayer().(type) {
	case *layers.TCP:
		key = fmt.Sprintf("tcp %s:%d %s:%d", n.Src(), l.SrcPort, n.Dst(), l.DstPort)
		if l.SYN && !l.ACK {
			flows[key] = &seen{id: flow.ID(len(flows) + 1), first: l.Seq + 1}
		}
		f := flows[key]
		if f == nil {
			return key, nil
		}
		to.Ref.ID, to.Offset = f.id, l.Seq-f.first
		to.Ref.Tuple = flow.Tuple{Proto: flow.ProtocolTCP, Dst: flow.MustParseEnd("192.0.2.1:443")}
	case *layers.UDP:
		key = fmt.Sprintf("udp %s:%d %s:%d", n.Src(), l.SrcPort, n.Dst(), l.DstPort)
		if l.DstPort != PortQUIC {
			return key, nil
		}
		if flows[key] == nil {
			flows[key] = &seen{id: flow.ID(len(flows) + 1)}
		}
		f := flows[key]
		if f.datagrams++; f.datagrams > 3 {
			return key, nil
		}
		to.Ref.ID = f.id
		to.Ref.Tuple = flow.Tuple{Proto: flow.ProtocolUDP, Dst: flow.MustParseEnd("192.0.2.1:443")}
	default:
		return key, nil
	}
	return key, to
}
