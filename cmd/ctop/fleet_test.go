package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

// edge is a host of a fleet, with a tracker that is not there.
type edge struct {
	name  string
	flows []flow.Flow

	mu   sync.Mutex
	acts []flow.Act
}

func (h *edge) Status() *flow.Snapshot {
	s := (&server{}).Snapshot()
	s.Time, s.Uptime, s.MaxFlows, s.Counters.EventsLost = time.Now(), time.Hour, 65536, 3
	s.Counters.FlowsCreated = uint64(len(h.flows))
	s.Interfaces = []flow.Interface{{Name: "eth0", Role: flow.RoleWatch, Up: true}}
	return s
}

func (h *edge) Snapshot() *flow.Snapshot {
	s := h.Status()
	s.Flows = h.flows
	return s
}

func (h *edge) Inspect(context.Context, flow.Ref) (flow.Inspection, error) {
	return flow.Inspection{}, nil
}

func (h *edge) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acts = append(h.acts, act)
	return flow.Outcome{Done: max(len(act.Flows), 1)}, nil
}

// did returns what the host was told since the last call.
func (h *edge) did() []flow.Act {
	h.mu.Lock()
	defer h.mu.Unlock()
	acts := h.acts
	h.acts = nil
	return acts
}

// aFleet is a hub with hosts, and the directory with the credentials.
type aFleet struct {
	t        *testing.T
	dir, url string
	ctx      context.Context
}

// ctop runs a command line.
func (f *aFleet) ctop(line string) (stdout, stderr string, status int) {
	return f.typed("", line)
}

// typed runs a command line with an answer, as on a terminal.
func (f *aFleet) typed(answer, line string) (stdout, stderr string, status int) {
	e, out, errs := typed(answer)
	e.args = strings.Fields(strings.NewReplacer("DIR", f.dir, "AT", "--url "+f.url+" --creds "+f.dir).Replace(line))
	e.getenv = f.getenv
	status = execute(f.ctx, e)
	return out.String(), errs.String(), status
}

func (f *aFleet) getenv(name string) string {
	if strings.HasPrefix(name, "XDG_") {
		return f.dir
	}
	return ""
}

// newFleet runs a hub by its command, and hosts.
func newFleet(t *testing.T, hosts ...*edge) *aFleet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitTimeout)
	f := &aFleet{t: t, dir: t.TempDir(), ctx: ctx}
	line := "hub keys add --state DIR operator ann viewer bob"
	for _, h := range hosts {
		line += " host " + h.name
	}
	t.Chdir(f.dir)
	if _, stderr, status := f.ctop(line); status != 0 {
		t.Fatal(stderr)
	}
	logs, stderr := io.Pipe()
	var running sync.WaitGroup
	running.Go(func() {
		e := env{args: []string{"hub", "--state", f.dir, "--listen", "127.0.0.1:0"}, stdin: strings.NewReader(""), stdout: io.Discard, stderr: stderr, getenv: f.getenv}
		if status := execute(ctx, e); status != 0 {
			t.Errorf("the hub ends with %d", status)
		}
		_ = stderr.Close()
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	urls := make(chan string, 1)
	running.Go(func() { urls <- urlIn(logs) })
	if f.url = <-urls; f.url == "" {
		t.Fatal("the hub does not serve")
	}
	for _, h := range hosts {
		known, err := fleet.ReadCredentials(filepath.Join(f.dir, h.name+".creds"))
		if err != nil {
			t.Fatal(err)
		}
		journal, err := agent.OpenJournal(filepath.Join(f.dir, h.name+".jsonl"), h.name, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		a, err := agent.New(agent.Options{Source: h, Actor: h, Journal: journal, Version: "v1", Link: link.Options{URL: f.url, Credentials: known}})
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			if err := errors.Join(a.Run(ctx), journal.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	f.eventually("all hosts", func() bool {
		out, _, _ := f.ctop("fleet hosts -o csv AT/bob.creds")
		return strings.Count(out, ",here,") == len(hosts)
	})
	return f
}

// urlIn returns the address in the log of a hub, of which it reads all.
func urlIn(logs io.Reader) (url string) {
	var text []byte
	for b := make([]byte, 4096); ; {
		n, err := logs.Read(b)
		if found := regexp.MustCompile(`url=(\S+)`).FindSubmatch(append(text, b[:n]...)); found != nil {
			go func() { _, _ = io.Copy(io.Discard, logs) }()
			return string(found[1])
		}
		if text = append(text, b[:n]...); err != nil {
			return ""
		}
	}
}

func (f *aFleet) eventually(what string, is func() bool) {
	f.t.Helper()
	for !is() {
		if f.ctx.Err() != nil {
			f.t.Fatalf("never: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A fleet is listed, dumped and acted on by commands, each host for its own flows.
func TestFleetCommands(t *testing.T) {
	one := &edge{name: "edge-1", flows: []flow.Flow{aFlow(1, flow.ProtocolTCP), aFlow(2, flow.ProtocolTCP)}}
	two := &edge{name: "edge-2", flows: []flow.Flow{aFlow(4, flow.ProtocolTCP), aFlow(3, flow.ProtocolUDP)}}
	f := newFleet(t, one, two)
	out, stderr, status := f.ctop("fleet hosts AT/bob.creds")
	if status != 0 || !regexp.MustCompile(`(?m)^edge-1 +here .* v1 +eth0 .*\nedge-2 +here .* v1 +eth0 `).MatchString(out) {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
	out, stderr, status = f.ctop("fleet hosts -o json AT/bob.creds")
	var document struct {
		Hosts []struct {
			Host, State, Interfaces, Policy string
			Uptime                          float64 `json:"uptime_s"`
			Max                             int     `json:"max_flows"`
			Lost                            int     `json:"events_lost"`
		}
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil || len(document.Hosts) != 2 {
		t.Fatalf("status %d: %v, %s%s", status, err, out, stderr)
	}
	if h := document.Hosts[0]; h.Uptime < 3600 || h.Max != 65536 || h.Lost != 3 || h.Policy != "observe" || h.Interfaces != "eth0" {
		t.Errorf("the host is %+v", h)
	}
	out, stderr, status = f.ctop("fleet --dump -o csv AT/bob.creds")
	if status != 0 || strings.Count(out, "\n") != 5 || strings.Count(out, "edge-1") != 2 || strings.Count(out, "edge-2") != 2 || stderr != "" {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
	out, _, status = f.ctop("fleet --dump -o csv --filter on:edge-2 --limit 1 AT/bob.creds")
	if status != 0 || strings.Count(out, "\n") != 2 || strings.Count(out, "edge-2") != 1 {
		t.Errorf("status %d, %s", status, out)
	}
	out, _, status = f.ctop("fleet delete --yes AT/ann.creds proto:tcp")
	if status != 0 || out != "deleted 3 flows\n" || len(one.did()) != 1 || len(two.did()) != 1 {
		t.Errorf("status %d, %s", status, out)
	}
	out, stderr, status = f.typed("y\n", "fleet delete AT/ann.creds on:edge-2 proto:udp")
	if acts := two.did(); status != 0 || out != "deleted 1 flow\n" || len(one.did()) != 0 || len(acts) != 1 || acts[0].Flows[0].ID != 3 {
		t.Errorf("status %d, %s%s: %+v", status, out, stderr, acts)
	}
	out, _, status = f.ctop("fleet reset --yes AT/ann.creds on:edge-1")
	if acts := one.did(); status != 0 || len(two.did()) != 0 || len(acts) != 1 || acts[0].Kind != flow.ActReset || len(acts[0].Flows) != 2 {
		t.Errorf("status %d, %s", status, out)
	}
	out, _, status = f.ctop("fleet timeouts --host edge-1 AT/ann.creds tcp_established=1h")
	if acts := one.did(); status != 0 || len(acts) != 1 || acts[0].Kind != flow.ActTimeout || len(two.did()) != 0 || !strings.Contains(out, "→ 1h") {
		t.Errorf("status %d, %s", status, out)
	}
	out, _, status = f.ctop("fleet timeouts --host edge-2 AT/bob.creds")
	if status != 0 || !strings.Contains(out, "tcp_established") {
		t.Errorf("status %d, %s", status, out)
	}
	f.overSSH()
	f.inConsole()
	f.refuses()
	if acts := append(one.did(), two.did()...); len(acts) != 0 {
		t.Errorf("what is refused is done: %+v", acts)
	}
}

// A host is what was heard of it.
func TestStateOfHosts(t *testing.T) {
	now := time.Now()
	for want, h := range map[string]client.Host{
		"left":  {Heartbeat: fleet.Heartbeat{Leaving: true}, Heard: now},
		"gone":  {Heartbeat: fleet.Heartbeat{Every: 1}, Heard: now.Add(-time.Hour)},
		"stale": {Heartbeat: fleet.Heartbeat{Every: 60, Behind: 10.1}, Heard: now},
		"here":  {Heartbeat: fleet.Heartbeat{Every: 60, Behind: 10}, Heard: now},
	} {
		if got := stateOf(&h, now); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	rows := hostRows([]client.Host{{Name: "a", Heartbeat: fleet.Heartbeat{Uptime: 1.5}, Heard: now.Add(time.Second)}, {Name: "b", Heard: now.Add(-time.Second)}}, now)
	if len(rows) != 2 || rows[0].Age != 0 || rows[1].Age != time.Second || rows[0].Uptime != 1500*time.Millisecond || rows[0].Host != "a" {
		t.Errorf("%+v", rows)
	}
}

// The number of labs of a demo has bounds.
func TestLabsOf(t *testing.T) {
	for text, want := range map[string]int{"": 3, "1": 1, "16": 16, "0": 0, "17": 0, "-1": 0, "x": 0, "1 2": 0} {
		if n, err := labsOf(strings.Fields(text)); n != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

// refuses tries what a fleet of edge-1 and edge-2 does not do.
func (f *aFleet) refuses() {
	for line, want := range map[string]string{
		"fleet --dump":                                                 "2 say where the hub is",
		"fleet --dump --url x:y":                                       "2 --url: ",
		"fleet --dump --url 127.0.0.1:1":                               "2 the hub wants to know who this is",
		"fleet --dump --url 127.0.0.1:1 --creds DIR/none":              "1 ",
		"fleet --dump AT/edge-1.creds":                                 "2 --creds: " + f.dir + "/edge-1.creds has the credentials of the host edge-1",
		"fleet hosst AT/bob.creds":                                     "2 no command is called \"hosst\"",
		"fleet --dump --filter on:edge1 AT/bob.creds":                  "2 no host is called \"edge1\": perhaps edge-1 or edge-2",
		"fleet --dump --filter on:nowhere AT/bob.creds":                "2 no host is called \"nowhere\": ctop fleet hosts lists them",
		"fleet delete --yes AT/ann.creds on:edge-3":                    "2 no host is called \"edge-3\": perhaps edge-1 or edge-2",
		"fleet delete --yes AT/ann.creds":                              "2 ",
		"fleet delete --yes AT/bob.creds proto:tcp":                    "1 ",
		"fleet delete --yes --max 2 AT/ann.creds proto:tcp":            "1 delete: 3 flows match, but --max allows 2",
		"fleet timeouts --host edge-9 AT/ann.creds":                    "2 no host is called \"edge-9\": perhaps edge-1 or edge-2",
		"fleet timeouts --host edge-1 --host edge-2 AT/ann.creds":      "2 name one host",
		"fleet timeouts AT/ann.creds":                                  "2 name one host",
		"hub keys":                                                     "2 say what to do",
		"hub keys lst":                                                 "2 no command is called \"lst\"",
		"hub keys add --state DIR host edge-8 edge-9 --write DIR/file": "2 --write names one file",
		"hub keys add --state DIR host edge-1":                         "1 ",
		"hub keys remove --state DIR":                                  "2 name one key",
		"hub keys remove --state DIR a b":                              "2 name one key",
		"hub keys remove --state DIR nobody":                           "1 ",
		"hub --state DIR --tls-cert DIR/a":                             "2 --tls-cert and --tls-key belong together",
		"hub --state DIR --tls-key DIR/a":                              "2 --tls-cert and --tls-key belong together",
		"hub --state DIR --plain --tls":                                "2 --plain and --tls exclude each other",
		"hub --state DIR --listen nowhere":                             "2 ",
	} {
		out, stderr, status := f.ctop(line)
		if got := string('0'+rune(status)) + strings.TrimPrefix(stderr, "ctop:"); !strings.HasPrefix(got, want) || out != "" {
			f.t.Errorf("%s: %s%s, want %s", line, out, got, want)
		}
	}
}

// A host that has gone is named, and what the others have is there. A fleet without hosts
// says how they join.
func TestFleetWithoutHosts(t *testing.T) {
	f := newFleet(t)
	var used *client.Client
	at := hubURL{url: f.url, creds: filepath.Join(f.dir, "bob.creds")}
	if err := at.with(func(c *client.Client) error { used = c; return nil }); err != nil || !used.Closed() {
		t.Errorf("what is used for a command stays connected: %v", err)
	}
	for _, line := range []string{"fleet hosts AT/bob.creds", "fleet --dump AT/bob.creds", "fleet delete --yes AT/ann.creds proto:tcp"} {
		if out, stderr, status := f.ctop(line); status != 1 || out != "" || !strings.HasPrefix(stderr, "ctop: no host is there") {
			t.Errorf("%s: status %d, %s%s", line, status, out, stderr)
		}
	}
	if out, _, status := f.ctop("fleet hosts -o json AT/bob.creds"); status != 0 || !strings.Contains(out, `"hosts": []`) {
		t.Errorf("status %d, %s", status, out)
	}
}

// Keys are listed, written where they are wanted, and removed.
func TestHubKeys(t *testing.T) {
	f := &aFleet{t: t, dir: t.TempDir(), ctx: t.Context()}
	t.Chdir(f.dir)
	out, stderr, status := f.ctop("hub keys add --state DIR/hub host edge-1 viewer bob")
	if want := "host edge-1: edge-1.creds\nviewer bob: bob.creds\n"; status != 0 || out != want {
		t.Fatalf("status %d, %s%s", status, out, stderr)
	}
	if out, stderr, status = f.ctop("hub keys add operator ann --write DIR/elsewhere"); status != 0 || out != "operator ann: "+f.dir+"/elsewhere\n" {
		t.Fatalf("status %d, %s%s", status, out, stderr)
	}
	for _, name := range []string{"edge-1.creds", "bob.creds", "elsewhere"} {
		if info, err := os.Stat(filepath.Join(f.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	list := regexp.MustCompile(`^host +edge-1 +20\S+Z?\S* +\S+\nviewer +bob +20\S+ +\S+\n$`)
	if out, _, status = f.ctop("hub keys list --state DIR/hub"); status != 0 || !list.MatchString(out) {
		t.Errorf("status %d, %s", status, out)
	}
	if out, _, status = f.ctop("hub keys list --nats --state DIR/hub"); status != 0 || !strings.Contains(out, "authorization") || list.MatchString(out) {
		t.Errorf("status %d, %s", status, out)
	}
	if out, _, status = f.ctop("__complete hub keys remove --state DIR/hub b"); status != 0 || !strings.HasPrefix(out, "edge-1\nbob\n") {
		t.Errorf("status %d, %s", status, out)
	}
	if out, stderr, status = f.ctop("hub keys remove --state DIR/hub edge-1"); status != 0 || out+stderr != "" {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
	if out, _, status = f.ctop("hub keys list --state DIR/hub"); status != 0 || strings.Contains(out, "edge-1") || !strings.Contains(out, "bob") {
		t.Errorf("status %d, %s", status, out)
	}
}

// Few conversations that lose packets are named, and the number of the others.
func TestNoteLosses(t *testing.T) {
	for n, want := range map[int]string{
		0: "", 1: "ctop: a\n", 5: strings.Repeat("ctop: a\n", 5),
		6: strings.Repeat("ctop: a\n", 5) + "ctop: and 1 conversation of which packets are lost: -o json has them\n",
		8: strings.Repeat("ctop: a\n", 5) + "ctop: and 3 conversations of which packets are lost: -o json has them\n",
	} {
		var stderr bytes.Buffer
		e := env{stderr: &stderr}
		if e.noteLosses(strings.Fields(strings.Repeat("a ", n))); stderr.String() != want {
			t.Errorf("of %d: %q, want %q", n, stderr.String(), want)
		}
	}
}
