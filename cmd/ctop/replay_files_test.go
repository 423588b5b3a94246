package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"ctop/internal/capture"
	"ctop/internal/lab"
	"ctop/internal/pcapng"
)

// fileSnapshot is what TestReplayFiles looks at.
type fileSnapshot struct {
	Time  time.Time
	Flows []struct {
		Proto, State  string
		Origin, Reply struct {
			Packets int
			RTT     float64 `json:"rtt_s"`
		}
	}
}

// TestReplayFiles reads captures that other programs write: times and round trips
// are those that tshark shows.
func TestReplayFiles(t *testing.T) {
	lab.Require(t)
	for _, tt := range []struct {
		file    string
		at      string
		packets [2]int
		rtt     float64
		said    string
	}{
		{"ng-usec-rtt.pcapng", "2023-11-14T22:13:21.3Z", [2]int{2, 1}, 0.3, "replayed 3 packets"},
		{"ng-bin32-rtt.pcapng", "2023-11-14T22:13:21.299999952Z", [2]int{2, 1}, 0.3, "replayed 3 packets"},
		{"ng-tsresol0.pcapng", "2023-11-14T22:13:20Z", [2]int{4, 3}, 0, "replayed 7 packets"},
		{"caplen-gt-len.pcap", "2023-11-14T22:13:20.069999Z", [2]int{4, 3}, 0.01, "replayed 7 packets"},
		{"ng-mixed-usb.pcapng", "2023-11-14T22:13:20.07Z", [2]int{4, 3}, 0.01, "passed over 1 packet of link type 220"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			stdout, stderr, err := headless(t, "replay", "--dump", "-o", "json", filepath.Join("testdata", "captures", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			var s fileSnapshot
			if err := json.Unmarshal([]byte(stdout), &s); err != nil {
				t.Fatal(err)
			}
			want, err := time.Parse(time.RFC3339Nano, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if off := s.Time.Sub(want).Abs(); off != 0 {
				t.Errorf("it ends at %s, want %s", s.Time, want)
			}
			if len(s.Flows) != 1 || [2]int{s.Flows[0].Origin.Packets, s.Flows[0].Reply.Packets} != tt.packets {
				t.Fatalf("flows %+v, want one of %v packets", s.Flows, tt.packets)
			}
			if rtt := s.Flows[0].Origin.RTT; rtt-tt.rtt > 1e-4 || tt.rtt-rtt > 1e-4 {
				t.Errorf("round trip %v s, want %v", rtt, tt.rtt)
			}
			if !strings.Contains(stderr, tt.said) {
				t.Errorf("it says %q, want %q", stderr, tt.said)
			}
		})
	}
}

// TestReplayAges has packets that are centuries apart.
func TestReplayAges(t *testing.T) {
	lab.Require(t)
	stdout, stderr, err := headless(t, "replay", "--dump", filepath.Join("testdata", "captures", "hang_us.pcapng"))
	if err != nil || !strings.Contains(stdout, "10.0.0.1:1") {
		t.Errorf("%q, %q, %v", stdout, stderr, err)
	}
}

// TestReplayInterrupted interrupts a replay that waits for more packets. It ends
// with those that it has.
func TestReplayInterrupted(t *testing.T) {
	lab.Require(t)
	whole, err := os.ReadFile(conversation(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		bytes int
		want  string
	}{
		{"after all packets", len(whole), "udp"},
		{"within a packet", len(whole) - 3, "udp"},
		{"before the first", 20, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, feed := io.Pipe()
			ctx, interrupt := context.WithCancel(t.Context())
			go func() {
				// What comes after it is read once it was taken in.
				_, _ = feed.Write(whole[:tt.bytes])
				_, _ = feed.Write([]byte{0})
				interrupt()
			}()
			var out, notes bytes.Buffer
			err := run(ctx, env{
				args: []string{"replay", "--dump", "-"}, stdin: in, stdout: &out, stderr: &notes,
				getenv: func(string) string { return "" },
			})
			_ = feed.Close() // the reader ends
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), "no packet was read") {
					t.Errorf("%v, %q", err, out.String())
				}
				return
			}
			if err != nil || !strings.Contains(out.String(), tt.want) || !strings.Contains(notes.String(), "replayed ") {
				t.Errorf("%v, %q, %q", err, out.String(), notes.String())
			}
		})
	}
}

// TestProgress has a replay that takes long, on a terminal. What it says goes away
// at the end.
func TestProgress(t *testing.T) {
	in := newInterruptibleReader(t.Context(), bytes.NewReader(make([]byte, 1000)))
	if _, err := io.ReadFull(in, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := &progress{to: &out, name: "trace.pcap", in: in, size: 2000}
	p.update(255)
	if out.Len() > 0 {
		t.Errorf("it asks the time for every packet, and says %q", out.String())
	}
	p.update(256)
	if want := "\r\x1b[Kctop: replaying trace.pcap: 256 packets, 50 % of the file"; out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
	p.update(512) // too soon for more
	out.Reset()
	p.end()
	if out.String() != "\r\x1b[K" {
		t.Errorf("it ends with %q", out.String())
	}
	var none *progress
	none.update(256)
	none.end()
	if (env{stderr: &out}).newProgress("trace.pcap", nil, in) != nil {
		t.Error("it shows progress where stderr is no terminal")
	}

	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = screen.Close(), tty.Close() }()
	p = (env{stderr: cleaned{tty}}).newProgress("a\x1bb.pcap", nil, in) // as a command has it
	if p == nil {
		t.Fatal("it shows no progress on a terminal")
	}
	p.next = time.Time{}
	p.update(256)
	const want = "\r\x1b[Kctop: replaying a·b.pcap: 256 packets"
	got := make([]byte, len(want))
	if n, err := io.ReadFull(screen, got); string(got) != want {
		t.Errorf("it says %q, want %q, error %v", got[:n], want, err)
	}
}

// TestOpeningIsInterrupted interrupts commands that wait for a pipe which nobody writes to.
func TestOpeningIsInterrupted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"replay", "--dump", pipe}, {"diff", pipe, pipe}, {"diff", pipe}} {
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, interrupt)
		err := run(ctx, env{args: args, stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }})
		if err == nil || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(err.Error(), pipe) {
			t.Errorf("%s: %v", args, err)
		}
	}
	// What waits to open it goes on, and ends. Perhaps nothing waits yet.
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
}

// TestSideNames has captures of two interfaces, of which none, one or both have a name.
func TestSideNames(t *testing.T) {
	for given, want := range map[[2]string][]string{
		{"eth0", "eth1"}: {"eth0", "eth1"},
		{"eth0", ""}:     {"left", "right"},
		{"", "eth1"}:     {"left", "right"},
		{"", ""}:         {"left", "right"},
	} {
		var file bytes.Buffer
		w, err := pcapng.NewWriter(pcapng.Stream{Writer: &file}, pcapng.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range given {
			if _, err := w.AddInterface(pcapng.Interface{Name: name, Link: 1, Snap: 64}); err != nil {
				t.Fatal(err)
			}
			if err := w.Packet(&pcapng.Packet{Time: time.Unix(1, 0), Interface: i, Length: 60, Data: make([]byte, 60)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		packets, err := capture.NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = packets.Next()
		}
		if got := sideNames(packets); !slices.Equal(got, want) {
			t.Errorf("interfaces %q are %q, not %q", given, got, want)
		}
	}
}
