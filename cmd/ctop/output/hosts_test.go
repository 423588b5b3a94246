package output_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

// Hosts are shown in every format, with all that is known of them, and none too.
func TestHosts(t *testing.T) {
	heard := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	hosts := []output.Host{
		{
			Host: "edge-1", State: "here", Heard: heard, Age: 1500 * time.Millisecond, Uptime: 2 * time.Hour, Version: "v1.2",
			Place: "eth0 ⇄ eth1", Policy: "observe", Flows: 1234, MaxFlows: 65536, EventsLost: 7, TableFull: 8, Dropped: 9,
			Alarms: []string{"full", "a \"quoted\" one\x1b"},
		},
		{Host: "edge-2", State: "gone", Heard: heard, Age: 3 * time.Hour},
	}
	const one = `{"host":"edge-1","state":"here","heard":"2026-11-22T21:04:05.000000000Z","age_s":1.5,"version":"v1.2",` +
		`"interfaces":"eth0 ⇄ eth1","policy":"observe","uptime_s":7200,"flows":1234,"max_flows":65536,"events_lost":7,"table_full":8,"dropped":9,` +
		`"alarms":["full","a \"quoted\" one\u001b"]}`
	const two = `{"host":"edge-2","state":"gone","heard":"2026-11-22T21:04:05.000000000Z","age_s":10800,"version":"","interfaces":"","policy":"",` +
		`"uptime_s":0,"flows":0,"max_flows":0,"events_lost":0,"table_full":0,"dropped":0,"alarms":[]}`
	const csv = "host,state,heard,age_s,version,interfaces,policy,uptime_s,flows,max_flows,events_lost,table_full,dropped,alarms\n"
	for _, c := range []struct {
		form  output.Format
		hosts []output.Host
		want  string
	}{
		{output.JSON, hosts, `{"schema":"ctop.hosts/1","hosts":[` + one + "," + two + "]}"},
		{output.JSON, nil, `{"schema":"ctop.hosts/1","hosts":[]}`},
		{output.JSONL, hosts, one + "\n" + two + "\n"},
		{output.JSONL, nil, ""},
		{output.CSV, nil, csv},
		{
			output.CSV, hosts, csv + `edge-1,here,2026-11-22T21:04:05.000000000Z,1.5,v1.2,eth0 ⇄ eth1,observe,7200,1234,65536,7,8,9,"full; a ""quoted"" one·"` + "\n" +
				"edge-2,gone,2026-11-22T21:04:05.000000000Z,10800,,,,0,0,0,0,0,0,\n",
		},
		{
			output.Table, hosts, "HOST    STATE  HEARD  VERSION  INTERFACES   FLOWS     MAX  LOST  FULL  ALARMS\n" +
				"edge-1  here      1s  v1.2     eth0 ⇄ eth1  1,234  65,536     7     8  full; a \"quoted\" one·\n" +
				"edge-2  gone   3h00m                            0       0     0     0\n",
		},
	} {
		var text bytes.Buffer
		if err := output.WriteHosts(&text, c.form, c.hosts); err != nil {
			t.Error(err)
		}
		got := text.String()
		if c.form == output.JSON {
			var flat bytes.Buffer
			if err := json.Compact(&flat, text.Bytes()); err != nil {
				t.Fatal(err)
			}
			got = flat.String()
		}
		if got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
		if err := output.WriteHosts(failing{}, c.form, c.hosts); err == nil && c.want != "" {
			t.Error("a failed write is no error")
		}
	}
	huge := []output.Host{{Host: "a", Uptime: math.MaxInt64, Alarms: []string{strings.Repeat("long ", 2000)}}}
	for _, form := range []output.Format{output.JSON, output.JSONL, output.CSV, output.Table} {
		if err := output.WriteHosts(failing{}, form, append(huge, huge...)); err == nil {
			t.Error("a failed write is no error")
		}
	}
}

// The line about a fleet counts hosts, and conversations that several of them see; losses
// are a line each.
func TestSummaryOfAFleet(t *testing.T) {
	v := sample(false)
	s := v.Snapshot
	s.Host = "fleet main"
	s.Interfaces = []flow.Interface{
		{Name: "eth0", Host: "edge-1", Uptime: time.Hour}, {Name: "eth1", Host: "edge-2", Uptime: time.Hour}, {Name: "eth2", Host: "edge-2", Uptime: time.Hour},
	}
	here, there := sampleTCP(), sampleTCP()
	there.ID, there.In = 7, 1
	here.Idle, here.Age, there.Idle, there.Age = 20*time.Second, time.Minute, 20*time.Second, time.Minute
	alone := sampleUDP()
	alone.In = 2
	for lost, want := range map[uint64]int{0: 0, 5: 1} {
		there.Origin.Packets = here.Origin.Packets - lost
		s.Flows = []flow.Flow{there, here, alone}
		v.Rows = []*flow.Flow{&s.Flows[0], &s.Flows[1], &s.Flows[2]}
		if got, want := output.Summary(v), "fleet main, 2 hosts, 3 flows shown, 1 conversation seen at several hosts"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		lines := output.Losses(v)
		if len(lines) != want || want > 0 && lines[0] != here.Tuple.String()+": 5 of 60 packets of the origin (8.3 %) were lost between edge-1 and edge-2." {
			t.Errorf("%d lost: %q", lost, lines)
		}
	}
	v.Rows = v.Rows[2:]
	if got, want := output.Summary(v), "fleet main, 2 hosts, 1 flow shown"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
