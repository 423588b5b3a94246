package judge

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// capture is the used part of an entry of a folder's manifest.json.
type capture struct {
	File     string          `json:"file"`
	Expected json.RawMessage `json:"expected"`
}

// expected is a connection as Zeek or Arkime counted it.
type expected struct {
	Orig     string `json:"id.orig_h"`
	OrigPort string `json:"id.orig_p"`
	OrigPkts string `json:"orig_pkts"`
	RespPkts string `json:"resp_pkts"`
	Src      string `json:"src"`
	SrcPkts  int    `json:"src_pkts"`
	DstPkts  int    `json:"dst_pkts"`
}

// TestCaptures plays every capture of testdata, and of the folder in
// CTOP_CAPTURES.
func TestCaptures(t *testing.T) {
	c := openCourt(t)
	// Captures taken at the sender lack the checksums that its card computes.
	if err := c.kernel.checksums(false); err != nil {
		t.Fatal(err)
	}
	c.kernel.timeout = 3 * time.Second // the router does not forward every packet
	c.hearCaptures(t, "testdata")
	if folder := os.Getenv("CTOP_CAPTURES"); folder != "" {
		c.kernel.timeout = 300 * time.Millisecond
		c.hearCaptures(t, folder)
	}
}

// hearCaptures plays the captures of a folder's manifest.
func (c *court) hearCaptures(t *testing.T, folder string) {
	manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var captures []capture
	if err := json.Unmarshal(manifest, &captures); err != nil {
		t.Fatal(err)
	}
	y := newTally()
	for _, capture := range captures {
		t.Run(capture.File, func(t *testing.T) {
			frames, err := readCapture(filepath.Join(folder, capture.File))
			if err != nil {
				t.Fatal(err)
			}
			o, counts, err := c.watchCapture(t, frames)
			if err != nil {
				t.Fatal(err)
			}
			y.add(&script.Sequence{Name: capture.File}, o)
			checkCounts(t, capture, counts)
		})
	}
	t.Log(y)
}

// count is the number of packets of a tuple from its first and its second end.
type count [2]int

// watchCapture plays the frames and reports every unexplained difference.
func (c *court) watchCapture(t *testing.T, frames [][]byte) (*outcome, map[tuple]*count, error) {
	c.runs = flushEvery - 1 // so that prepare empties both tables
	s := &scene{court: c, sequence: &script.Sequence{}, witness: map[tuple]*witness{}, over: map[tuple]*witness{}}
	if err := c.prepare(s.sequence); err != nil {
		return nil, nil, err
	}
	o, known, counts, parted := &outcome{}, map[tuple]bool{}, map[tuple]*count{}, map[tuple]bool{}
	parts := assembler{}
	for i, frame := range frames {
		shot := dissect(frame)
		if shot == nil || len(shot.packets[0]) > mtu {
			continue
		}
		if shot.fragment {
			if shot = parts.add(shot); shot == nil {
				continue
			}
		}
		at := shot.tuple(known)
		if counts[at] == nil {
			counts[at] = &count{}
		}
		counts[at][shot.step.Dir()] += len(shot.frames)
		m := &moment{sequence: s.sequence, index: i, step: &shot.step, shot: shot, opaque: shot.opaque}
		s.frames, s.packets = shot.frames, shot.packets
		if parted[at] {
			o.unjudged++
			continue
		}
		if err := s.judge(m, at); err != nil {
			return nil, nil, fmt.Errorf("packet %d: %w", i+1, err)
		}
		o.add(m)
		if m.unexplained() {
			t.Errorf("packet %d: %s", i+1, m)
		}
		parted[at] = m.parted || m.unexplained()
	}
	o.unjudged += parts.held()
	return o, counts, nil
}

// countDifferences are the captures whose origin counts differently, with the
// reason.
var countDifferences = map[string]string{
	"zeek/globus-url-copy.pcap":          "Zeek stopped looking at what is a bulk transfer; the file has 9 packets each way",
	"zeek/wikipedia.pcap":                "Zeek stopped looking after the first packet of a midstream flow; the file has 2 and 1",
	"arkime/dot1ad.pcap":                 "a flow for each pair of VLANs",
	"arkime/single-packets.pcap":         "the origin is who is heard first",
	"zeek/mixed-vlan-mpls.pcap":          "the judge does not look into MPLS",
	"zeek/mpls-in-vlan.pcap":             "the judge does not look into MPLS",
	"zeek/tunnels__gre-aruba-amsdu.pcap": "the flow is the tunnel's, not what is in it",
	"zeek/tunnels__gre-pptp.pcap":        "the flow is the tunnel's, not what is in it",
	"zeek/tunnels__gre-sample.pcap":      "the flow is the tunnel's, not what is in it",
	"zeek/tunnels__gre-within-gre.pcap":  "the flow is the tunnel's, not what is in it",
	"arkime/6-4-gre-ppp-udp-4-dns.pcap":  "the flow is the tunnel's, not what is in it",
	"arkime/igmp.pcap":                   "a flow for each group, not for each member",
	"zeek/ldap__gap-data-missing.pcapng": "a flow for each VLAN",
	"zeek/ntp__misordered-ntp.pcap":      "the origin is who is heard first",
}

// checkCounts compares the packets of each connection with the counts of the
// capture's origin, if it names the connection and has counts. It adds up a
// connection that the origin divided.
func checkCounts(t *testing.T, capture capture, counts map[tuple]*count) {
	t.Helper()
	var all []expected
	if json.Unmarshal(capture.Expected, &all) != nil {
		return // words
	}
	sums := map[[2]string]count{}
	for _, e := range all {
		from, n := e.origin()
		sum := sums[from]
		sums[from] = count{sum[0] + n[0], sum[1] + n[1]}
	}
	for from, n := range sums {
		if from[0] == "" || n == (count{}) || counted(counts, from, n) {
			continue
		}
		if why, listed := countDifferences[capture.File]; listed {
			t.Logf("not as the origin counts: %s", why)
			continue
		}
		t.Errorf("no flow from %s port %s with %d packets; there are %s", from[0], from[1], n, listCounts(counts))
	}
}

// origin returns the connection's first end and its packets.
func (e *expected) origin() (from [2]string, n count) {
	if e.Orig != "" {
		n[0], _ = strconv.Atoi(e.OrigPkts) // not counted: zero
		n[1], _ = strconv.Atoi(e.RespPkts)
		return [2]string{e.Orig, e.OrigPort}, n
	}
	if i := strings.LastIndexByte(e.Src, ':'); i > 0 {
		return [2]string{e.Src[:i], e.Src[i+1:]}, count{e.SrcPkts, e.DstPkts}
	}
	return from, n
}

// counted reports whether all flows that the end began have that many packets
// in total. Packets without ports count for any ports of the origin.
func counted(counts map[tuple]*count, from [2]string, want count) bool {
	var exact, portless count
	for at, n := range counts {
		for d := range 2 {
			if at.addr[d].String() != from[0] {
				continue
			}
			if at.port == [2]uint16{} {
				portless = count{portless[0] + n[d], portless[1] + n[1-d]}
			} else if strconv.Itoa(int(at.port[d])) == from[1] {
				exact = count{exact[0] + n[d], exact[1] + n[1-d]}
			}
		}
	}
	return exact == want || exact == count{} && portless == want
}

func listCounts(counts map[tuple]*count) string {
	var b strings.Builder
	for at, n := range counts {
		fmt.Fprintf(&b, " %s:%d>%s:%d %d/%d", at.addr[0], at.port[0], at.addr[1], at.port[1], n[0], n[1])
	}
	return b.String()
}

// captureDifferences occur only with real packets.
var captureDifferences = []difference{
	{
		name: "seen by neither",
		is: func(m *moment) bool {
			return m.shot != nil && m.kernel.Verdict == None && m.ctop.State == m.before.ctop && m.ctop.Verdict == Invalid
		},
		after:  stand,
		reason: "the kernel's IP layer drops the packet before conntrack sees it, and ctop ignores its numbers",
		source: "RFC 1122 3.2.1.2 and 3.2.1.3",
	},
	{
		name: "not seen by the kernel",
		is: func(m *moment) bool {
			return m.shot != nil && m.kernel.Verdict == None
		},
		after:  part,
		reason: "the kernel's IP layer drops the packet before conntrack sees it; ctop tracks it",
		source: "RFC 1122 3.2.1.2 and 3.2.1.3",
	},
	{
		name: "header in two fragments",
		is: func(m *moment) bool {
			return m.shot != nil && m.shot.cut && m.ctop.Verdict != m.kernel.Verdict
		},
		after:  part,
		reason: "a first fragment without the whole TCP header is malformed: no sender makes one, and it hides flags from filters; the kernel reassembles first",
		source: "RFC 3128; RFC 1858 section 3",
	},
	{
		name: "VLANs apart",
		is: func(m *moment) bool {
			return m.shot != nil && m.shot.vlan != [2]uint16{}
		},
		after:  part,
		reason: "the VLAN is part of the tuple; the kernel is shown the packets without their tags",
		source: "decision 5a: the VLAN id is part of the key",
	},
	{
		name: "the link's own ICMP",
		is: func(m *moment) bool {
			return m.shot != nil && m.opaque && m.ctop.Verdict == Untracked && m.kernel.Verdict == Invalid &&
				(m.shot.proto == frame.ProtoICMP || m.shot.proto == frame.ProtoICMPv6)
		},
		reason: "hosts and routers on a link use it to find each other; the kernel cannot track IPv4 router discovery, IPv6 redirects and later additions, and calls them invalid",
		source: "decision 5a: neighbour discovery passes; RFC 1256; RFC 4861; RFC 3122; RFC 3971; RFC 4286",
	},
	{
		name: "no next header",
		is: func(m *moment) bool {
			return m.shot != nil && m.opaque && m.shot.proto == 59 && m.kernel.Verdict == Invalid
		},
		reason: "ctop tracks it by its address pair, like any other protocol; the kernel cannot track it",
		source: "RFC 8200 4.7: what follows is ignored, and forwarded",
	},
}
