package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"ctop/internal/lab"
	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// dumpOf is a snapshot as JSON.
type dumpOf struct {
	Tracker struct {
		Interfaces []struct {
			Name, Role string
			In         *struct{}
		}
		Alerts []struct {
			Name, Filter, Began string
			Flows               int
			BPS                 float64
		}
	}
	Flows []struct {
		FirstSeen bool `json:"first_seen"`
		In        string
	}
}

func dumpedBy(t *testing.T, args ...string) (d dumpOf) {
	t.Helper()
	stdout, stderr, err := headless(t, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestReplayAlerts looks for alerts at the end of a capture, as if they had held for long
// enough, and says so in the summary and in JSON.
func TestReplayAlerts(t *testing.T) {
	lab.Require(t)
	path := conversation(t)
	asked := []string{"--for", "1m", "--alert", "web.filter=tcp dport:80", "--alert", "web.for=1h", "--alert", "dns.filter=dport:53", "--alert", "dns.count=2"}
	d := dumpedBy(t, slices.Concat([]string{"replay", "--dump", "-o", "json"}, asked, []string{path})...)
	if len(d.Tracker.Alerts) != 1 || d.Tracker.Alerts[0].Name != "web" || d.Tracker.Alerts[0].Flows != 1 || d.Tracker.Alerts[0].Filter != "tcp dport:80" || !strings.HasPrefix(d.Tracker.Alerts[0].Began, "2026-11-22T") {
		t.Errorf("alerts are %+v", d.Tracker.Alerts)
	}
	if _, stderr, err := headless(t, slices.Concat([]string{"replay"}, asked, []string{path})...); err != nil || !strings.Contains(stderr, ", alert web: 1 flow, ") {
		t.Errorf("%v: %s", err, stderr)
	}
	if _, _, err := headless(t, "replay", "--alert", "web.count=3", path); err == nil || !strings.Contains(err.Error(), "web: it has no filter") {
		t.Errorf("an alert without a filter: %v", err)
	}
}

// TestRecordedAlerts has those of a recording and one's own, and the marks of its flows.
func TestRecordedAlerts(t *testing.T) {
	var b bytes.Buffer
	w, err := recording.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	for second := range 4 {
		s := &flow.Snapshot{
			Time: at.Add(time.Duration(second) * time.Second), MaxFlows: 16, Interfaces: []flow.Interface{{Name: "eth0", Role: flow.RoleWatch, Index: 2}},
			Flows: []flow.Flow{{
				ID: 7, State: flow.StateSynSent, Holding: flow.Holding{First: true},
				Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:4000"), Dst: flow.MustParseEnd("10.0.0.2:22"), Zone: 1},
			}},
			Alerts: []flow.Alert{{Name: "night", Filter: "udp", Began: at, Flows: 3, BPS: 1e6}},
		}
		if err := w.Snapshot(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "night.ctop")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	names := func(d dumpOf) (list []string) {
		for _, a := range d.Tracker.Alerts {
			list = append(list, a.Name+" "+a.Began[11:19])
		}
		return list
	}
	d := dumpedBy(t, "replay", "--dump", "-o", "json", path)
	if got := names(d); !slices.Equal(got, []string{"night 21:04:05"}) || d.Tracker.Alerts[0].BPS != 1e6 {
		t.Errorf("recorded are %+v", d.Tracker.Alerts)
	}
	if !d.Flows[0].FirstSeen {
		t.Error("the mark is lost")
	}
	d = dumpedBy(t, "replay", "--dump", "-o", "json", "--alert", "ssh.filter=dport:22", "--alert", "ssh.for=2s", path)
	if got := names(d); !slices.Equal(got, []string{"night 21:04:05", "ssh 21:04:07"}) {
		t.Errorf("with ours they are %q", got)
	}
}

// TestReplayWatched names the interface of a capture that has one, and takes no end of a
// wire for it.
func TestReplayWatched(t *testing.T) {
	lab.Require(t)
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&b, pcapgo.NgInterface{Name: "eth0", LinkType: layers.LinkTypeEthernet}, pcapgo.NgWriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrace(t)
	tr.tcp(0, false, "S", 100, 0, 0)
	tr.tcp(time.Millisecond, true, "SA", 500, 101, 0)
	tr.tcp(2*time.Millisecond, false, "A", 101, 501, 0)
	r, err := pcapgo.NewReader(bytes.NewReader(tr.file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if err != nil {
			break
		}
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: info.Timestamp, CaptureLength: info.CaptureLength, Length: info.Length}, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "eth0.pcapng")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := headless(t, "replay", path); err != nil || !strings.Contains(stderr, "ctop: eth0, replay, observe, 1 flow of ") {
		t.Errorf("%v: %s", err, stderr)
	}
	d := dumpedBy(t, "replay", "--dump", "-o", "json", path)
	if in := d.Tracker.Interfaces; in[0].Name != "eth0" || in[0].Role != "watch" || in[0].In != nil || d.Flows[0].In != "eth0" {
		t.Errorf("%+v", d)
	}
	if stdout, _, err := headless(t, "replay", "--events", path); err != nil || strings.Contains(stdout, "left") || strings.Contains(stdout, "right") {
		t.Errorf("%v: %s", err, stdout)
	}
}
