package e2e

import (
	"strings"
	"testing"
)

// Who comes over SSH sees the fleet with the credentials that the server has for that, and
// without them is told what to do. The host's own key is not enough.
func TestFleetOverSSH(t *testing.T) {
	f := newFleetRig(t)
	f.start(f.serveIn("edge-1"))
	f.eventually("the host is there", func() bool { return f.hosts()["edge-1"] == "here" })
	if out, err := f.over("fleet", "hosts"); err == nil || !strings.Contains(out, "--fleet-console") {
		t.Errorf("without credentials: %v: %s", err, out)
	}
	if out, err := f.output(append([]string{"fleet", "hosts", "--url", hubAddress}, "--creds", f.creds("edge-1"))...); err == nil {
		t.Errorf("the key of a host sees the fleet: %s", out)
	}
	f.stop()
	f.start(f.command("--fleet", hubAddress, "--creds", f.creds("edge-1"), "--fleet-console", f.creds("bob")))
	f.eventually("the host is there again", func() bool { return f.hosts()["edge-1"] == "here" })
	// A busy host may answer too late.
	f.eventually("the hosts", func() bool {
		out, err := f.over("fleet", "hosts", "-o", "jsonl")
		return err == nil && strings.Contains(out, `"host":"edge-1"`)
	})
	f.eventually("the flows", func() bool {
		f.forwards() // the flow of an earlier ping may have expired
		out, err := f.over("ctop", "fleet", "--dump", "-o", "jsonl", "--filter", "proto:icmp")
		return err == nil && strings.Contains(out, `"host":"edge-1"`)
	})
	out, err := f.over("fleet")
	if err == nil || !strings.Contains(out, "ssh -t") {
		t.Errorf("without a terminal: %v: %s", err, out)
	}
	if out, err = f.over("fleet", "delete", "--yes", "--all"); err == nil {
		t.Errorf("it takes any command: %s", out)
	}
	f.stop() // a kill would leave the tracker to the next test
}

// A host that nobody knows is said to be unknown, at once and with names that are near.
func TestUnknownHostOfAFleet(t *testing.T) {
	f := newFleetRig(t)
	f.start(f.serveIn("edge-1"))
	f.eventually("the host is there", func() bool { return f.hosts()["edge-1"] == "here" })
	for _, c := range [][]string{
		{"timeouts", "--host", "edge1"}, {"--dump", "--filter", "proto:icmp on:edge1"}, {"delete", "--yes", "on:edge1"},
	} {
		out, err := f.output(append(append([]string{"fleet"}, c...), f.as("ann")...)...)
		if err == nil || !strings.Contains(out, `no host is called "edge1": perhaps edge-1`) {
			t.Errorf("%q: %v: %s", c, err, out)
		}
	}
	f.soon(append([]string{"fleet", "--dump", "--filter", "on:edge-* dport:9"}, f.as("ann")...)...) // no flow of a host that is there
	f.stop()
	f.eventually("it has left", func() bool { return f.hosts()["edge-1"] == "left" })
	if out, err := f.output(append([]string{"fleet", "timeouts", "--host", "edge-1"}, f.as("ann")...)...); err == nil || !strings.Contains(out, "edge-1 is gone") {
		t.Errorf("a host that left: %v: %s", err, out)
	}
}

// over runs a command over SSH, and returns what it prints on both streams.
func (f *fleetRig) over(words ...string) (string, error) {
	f.t.Helper()
	c := f.dial(servedAddr)
	defer func() { _ = c.Close() }()
	x, err := c.NewSession()
	if err != nil {
		f.t.Fatal(err)
	}
	out, err := x.CombinedOutput(strings.Join(words, " "))
	return string(out), err
}
