package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"ctop/internal/lab"
)

var update = flag.Bool("update", false, "write the golden files anew")

// trace writes a capture.
type trace struct {
	t    *testing.T
	file bytes.Buffer
	to   *pcapgo.Writer
}

func newTrace(t *testing.T) *trace {
	t.Helper()
	tr := &trace{t: t}
	tr.to = pcapgo.NewWriterNanos(&tr.file)
	if err := tr.to.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	return tr
}

// add writes a packet of layers between 10.0.0.1 and 10.0.0.2.
func (tr *trace) add(after time.Duration, back bool, proto layers.IPProtocol, rest ...gopacket.SerializableLayer) {
	tr.t.Helper()
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
	if back {
		eth.SrcMAC, eth.DstMAC, ip.SrcIP, ip.DstIP = eth.DstMAC, eth.SrcMAC, ip.DstIP, ip.SrcIP
	}
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, append([]gopacket.SerializableLayer{eth, ip}, rest...)...)
	if err != nil {
		tr.t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC).Add(after)
	info := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(buffer.Bytes()), Length: len(buffer.Bytes())}
	if err := tr.to.WritePacket(info, buffer.Bytes()); err != nil {
		tr.t.Fatal(err)
	}
}

// tcp writes a segment of the connection from port 40000 to 80.
func (tr *trace) tcp(after time.Duration, back bool, flags string, seq, ack uint32, payload int) {
	tr.t.Helper()
	s := &layers.TCP{
		SrcPort: 40000, DstPort: 80, Seq: seq, Ack: ack, Window: 1000,
		SYN: strings.Contains(flags, "S"), ACK: strings.Contains(flags, "A"), FIN: strings.Contains(flags, "F"),
	}
	if back {
		s.SrcPort, s.DstPort = s.DstPort, s.SrcPort
	}
	tr.add(after, back, layers.IPProtocolTCP, s, gopacket.Payload(make([]byte, payload)))
}

// conversation is a TCP connection with a repeated segment and half of its
// close, a question that nobody answers, and a ping.
func conversation(t *testing.T) string {
	t.Helper()
	tr := newTrace(t)
	ms := time.Millisecond
	tr.add(0, false, layers.IPProtocolUDP, &layers.UDP{SrcPort: 5353, DstPort: 53}, gopacket.Payload(make([]byte, 100)))
	tr.tcp(10*ms, false, "S", 100, 0, 0)
	tr.tcp(30*ms, true, "SA", 500, 101, 0)
	tr.tcp(31*ms, false, "A", 101, 501, 0)
	tr.tcp(100*ms, false, "A", 101, 501, 300)
	tr.tcp(400*ms, false, "A", 101, 501, 300)
	tr.tcp(420*ms, true, "A", 501, 401, 700)
	tr.tcp(421*ms, false, "A", 401, 1201, 0)
	tr.tcp(2*time.Second, true, "FA", 1201, 401, 0)
	tr.tcp(2001*ms, false, "A", 401, 1202, 0)
	echo := func(kind uint8) *layers.ICMPv4 {
		return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0), Id: 7, Seq: 1}
	}
	tr.add(6*time.Minute, false, layers.IPProtocolICMPv4, echo(8))
	tr.add(6*time.Minute+5*ms, true, layers.IPProtocolICMPv4, echo(0))
	path := filepath.Join(t.TempDir(), "trace.pcap")
	if err := os.WriteFile(path, tr.file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// headless runs a command line in an environment of nothing.
func headless(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, notes bytes.Buffer
	dir := t.TempDir()
	err = run(context.Background(), env{
		args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &notes,
		getenv: func(name string) string {
			return map[string]string{"XDG_CONFIG_HOME": dir, "XDG_STATE_HOME": dir}[name]
		},
	})
	return out.String(), notes.String(), err
}

// ids differ from one replay to the next.
var ids = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// TestReplay compares what is made of a capture with what it was before.
func TestReplay(t *testing.T) {
	lab.Require(t)
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.UTC
	path := conversation(t)
	for _, tt := range []struct{ name, args string }{
		{"end.json", "--dump -o json"},
		{"end.table", ""},
		{"second.wide", "--dump -o wide --for 1s --sort total --limit 1"},
		{"rfc.table", "--dump --profile rfc --timeout icmp=1h"},
		{"events.table", "--events"},
		{"events.jsonl", "--events -o jsonl --filter proto:tcp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, err := headless(t, append(append([]string{"replay"}, strings.Fields(tt.args)...), path)...)
			if err != nil {
				t.Fatal(err)
			}
			got := ids.ReplaceAllString(stdout, "0123456789abcdef") + "-- stderr --\n" + stderr
			golden := filepath.Join("testdata", "replay", tt.name)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (go test -run TestReplay -update accepts it):\n%s", golden, got)
			}
		})
	}
}

// TestReplayOfMany has more packets than are read between two checks for an interrupt.
func TestReplayOfMany(t *testing.T) {
	lab.Require(t)
	tr := newTrace(t)
	const many = 2*interruptEvery + 10
	for i := range many {
		tr.add(time.Duration(i)*time.Millisecond, i%2 == 1, layers.IPProtocolUDP, &layers.UDP{SrcPort: 53, DstPort: 53})
	}
	path := filepath.Join(t.TempDir(), "many.pcap")
	if err := os.WriteFile(path, tr.file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := replayed(t, path); s.Counters.Packets != many {
		t.Errorf("%d packets of %d", s.Counters.Packets, many)
	}
}

// TestReplayRefused has one line for every file that is no capture.
func TestReplayRefused(t *testing.T) {
	lab.Require(t)
	path := conversation(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := append([]byte(nil), whole...)
	other[20] = 105 // IEEE 802.11
	usb := append([]byte(nil), whole...)
	usb[20] = 220
	for name, text := range map[string]string{"empty": "", "text": "hello, this is no capture at all", "wifi": string(other), "usb": string(usb), "none": string(whole[:24]), "cut": string(whole[:len(whole)-3])} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ file, want string }{
		{"empty", "it is not a pcap or pcapng file: it is empty: name a capture"},
		{"text", "it is not a pcap or pcapng file: name a capture"},
		{"wifi", "no packet was read: it has 12 packets without IP in the clear"},
		{"usb", "no packet was read: it has 12 packets of link type 220"},
		{"none", "no packet was read: it has none"},
		{"nosuch", "no such file or directory"},
		{".", "is a directory"},
	} {
		_, _, err := headless(t, "replay", "--dump", filepath.Join(filepath.Dir(path), tt.file))
		var line bytes.Buffer
		if status := report(&line, err); status == exitDone || !strings.Contains(line.String(), tt.want) || strings.Count(line.String(), "\n") != 1 {
			t.Errorf("%s: %d %q", tt.file, status, line.String())
		}
	}
	stdout, stderr, err := headless(t, "replay", "--dump", filepath.Join(filepath.Dir(path), "cut"))
	if err != nil || !strings.Contains(stderr, "ends early: after packet 11: the file is damaged or truncated") || !strings.Contains(stdout, "icmp") {
		t.Errorf("%q %q %v", stdout, stderr, err)
	}
}

// TestReplayCaptures shows every capture of the judge's, and of the folder that
// CTOP_CAPTURES names. What is told of one has to add up, and those of the
// judge's are as they were.
func TestReplayCaptures(t *testing.T) {
	lab.Require(t)
	ours := filepath.Join("..", "..", "internal", "judge", "testdata")
	for _, folder := range []string{ours, os.Getenv("CTOP_CAPTURES")} {
		if folder == "" {
			continue
		}
		manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var captures []struct{ File string }
		if err := json.Unmarshal(manifest, &captures); err != nil {
			t.Fatal(err)
		}
		for _, c := range captures {
			t.Run(c.File, func(t *testing.T) {
				s := replayed(t, filepath.Join(folder, c.File))
				if folder == ours {
					s.golden(t, "capture."+strings.TrimSuffix(filepath.Base(c.File), ".pcap"))
				}
			})
		}
	}
}

// replayedCapture is what --dump -o json tells of a capture.
type replayedCapture struct {
	Counters struct {
		Packets, New, Established, Related, Invalid, Untracked, Forwarded, Dropped uint64

		Created   uint64 `json:"flows_created"`
		Destroyed uint64 `json:"flows_destroyed"`
		Lost      uint64 `json:"events_lost"`
	}
	Flows []struct {
		Proto, State  string
		Origin, Reply struct{ Packets, Bytes uint64 }
	}
}

// replayed replays a capture, or ends the test where it is of no link type that
// can be.
func replayed(t *testing.T, path string) *replayedCapture {
	t.Helper()
	stdout, stderr, err := headless(t, "replay", "--dump", "-o", "json", path)
	if err != nil {
		t.Fatal(err)
	}
	s := new(replayedCapture)
	if err := json.Unmarshal([]byte(stdout), s); err != nil {
		t.Fatal(err)
	}
	c := &s.Counters
	if c.New+c.Established+c.Related+c.Invalid+c.Untracked != c.Packets || c.Forwarded+c.Dropped != c.Packets ||
		c.Created-c.Destroyed != uint64(len(s.Flows)) || c.Lost != 0 {
		t.Errorf("it does not add up: %+v and %d flows", *c, len(s.Flows))
	}
	var told uint64
	if _, err := fmt.Sscanf(strings.ReplaceAll(stderr[strings.Index(stderr, "replayed "):], ",", ""), "replayed %d packet", &told); err != nil || told != c.Packets {
		t.Errorf("%d packets, told %q", c.Packets, stderr)
	}
	return s
}

// golden compares the counters, and the flows in the order of their beginning.
func (s *replayedCapture) golden(t *testing.T, name string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%+v\n", s.Counters)
	for _, f := range s.Flows {
		fmt.Fprintf(&b, "%+v\n", f)
	}
	path := filepath.Join("testdata", "replay", name)
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s differs (go test -run TestReplayCaptures -update accepts it):\n%s", path, b.String())
	}
}
