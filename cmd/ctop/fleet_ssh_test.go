package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
	"ctop/ui"
	"ctop/ui/console"
)

// overSSH looks at a fleet of two hosts through one of them.
func (f *aFleet) overSSH() {
	known, err := fleet.ReadCredentials(filepath.Join(f.dir, "bob.creds"))
	if err != nil {
		f.t.Fatal(err)
	}
	shared := newDumps()
	shared.fleet = &fleetDoor{link: link.Options{URL: f.url, Credentials: known}}
	over := func(d *dumps, line string) (stdout, stderr string, status int) {
		var out, errs bytes.Buffer
		s := &server{}
		status = d.command(f.ctx, console.Command{
			Args: strings.Fields(line), Role: console.Viewer, Reader: s, Actor: s, Stdout: &out, Stderr: &errs, End: func(error) {},
		})
		return out.String(), errs.String(), status
	}
	if out, stderr, status := over(shared, "ctop fleet --dump -o csv"); status != 0 || strings.Count(out, "edge-") != 4 || !strings.Contains(stderr, "the first 100 flows") {
		f.t.Errorf("over SSH: status %d, %s%s", status, out, stderr)
	}
	connected := shared.fleet.client
	if out, stderr, status := over(shared, "ctop fleet --dump --limit 1 -o csv"); status != 0 || strings.Count(out, "edge-") != 1 || stderr != "" {
		f.t.Errorf("over SSH: status %d, %s%s", status, out, stderr)
	}
	if out, _, status := over(shared, "ctop fleet hosts -o csv"); status != 0 || strings.Count(out, ",here,") != 2 {
		f.t.Errorf("over SSH: status %d, %s", status, out)
	}
	if _, stderr, status := over(shared, "ctop fleet"); status != 2 || !strings.Contains(stderr, "needs a terminal") {
		f.t.Errorf("over SSH: status %d, %s", status, stderr)
	}
	if shared.fleet.client != connected {
		f.t.Error("over SSH every command connects")
	}
	opened, err := shared.fleet.opener()(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	if opened.Actor != nil || opened.Reader == nil {
		f.t.Errorf("a viewer may act: %+v", opened)
	}
	opened.Close()
	shared.fleet.close()
	if out, _, status := over(shared, "ctop fleet hosts -o csv"); status != 0 || strings.Count(out, ",here,") != 2 || shared.fleet.client == connected {
		f.t.Errorf("over SSH, connected again: status %d, %s", status, out)
	}
	shared.fleet.close()
	if _, stderr, status := over(newDumps(), "ctop fleet hosts"); status == 0 || !strings.Contains(stderr, console.ErrNoFleet.Error()) {
		f.t.Errorf("over SSH without a fleet: status %d, %s", status, stderr)
	}
	var none *fleetDoor
	if none.close(); none.opener() != nil {
		f.t.Error("without a fleet it is opened")
	}
}

// inConsole reads a fleet of two hosts as its console does.
func (f *aFleet) inConsole() {
	known, err := fleet.ReadCredentials(filepath.Join(f.dir, "ann.creds"))
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := client.Connect(link.Options{URL: f.url, Credentials: known})
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	r, err := c.NewReader(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	reader := fleetReader{r}
	var state ui.FleetState
	f.eventually("the flows of both hosts", func() bool {
		state = reader.State()
		return state.Flows == 4 && len(state.Hosts) == 2 && !state.Asking
	})
	h := state.Hosts[1]
	if h.Age > time.Minute || h.Age < 0 || h.Name != "edge-2" || h.State != "here" || h.Version != "v1" || h.Place != "eth0" ||
		h.Flows != 2 || h.MaxFlows != 65536 || h.Lost != 3 || h.Full != 0 {
		f.t.Errorf("the host is %+v", h)
	}
	found, trouble, err := reader.Everywhere(f.ctx, ui.Everywhere{Flow: flow.Flow{Tuple: aFlow(2, flow.ProtocolTCP).Tuple}})
	if err != nil || trouble != "" || len(found.Flows) != 1 || found.Flows[0].ID != 2 {
		f.t.Errorf("%+v, %s, %v", found, trouble, err)
	}
	other := aFlow(4, flow.ProtocolTCP).Tuple
	found, _, err = reader.Everywhere(f.ctx, ui.Everywhere{Flow: flow.Flow{Tuple: aFlow(2, flow.ProtocolTCP).Tuple}, Other: &other})
	if err != nil || len(found.Flows) != 2 {
		f.t.Errorf("with the other half: %+v, %v", found, err)
	}
}
