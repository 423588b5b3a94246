package e2e

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// detourBytes is the amount of data on the other path: more than any window.
const detourBytes = 32 << 20

// A connection takes another path for a while, and returns idle or in the
// middle of a transfer. It continues under both policies, with the same flow,
// and closes normally.
func TestDetour(t *testing.T) {
	for _, policy := range []flow.Policy{flow.PolicyObserve, flow.PolicyEnforce} {
		for _, c := range []struct {
			name string
			busy bool
		}{{"idle", false}, {"busy", true}} {
			t.Run(policy.String()+"/"+c.name, func(t *testing.T) {
				r := newRig(t, tracker.Options{Policy: policy, Timeouts: flow.Timeouts{flow.TCPTimeWait: 2 * time.Second}})
				d := newDetour(r)
				client, server := r.connect(r.Server.Addr4())
				say(t, client, server, "here")
				id := r.flow("tcp", flow.StateEstablished).ID
				d.take()
				pour(t, client, server, detourBytes, func() {})
				if c.busy {
					pour(t, client, server, detourBytes, d.leave)
				} else {
					d.leave()
				}
				say(t, client, server, "back")
				say(t, server, client, "back")
				before := r.flow("tcp", flow.StateEstablished)
				pour(t, client, server, 1<<20, func() {})
				if f := r.flow("tcp", flow.StateEstablished); f.ID != id || f.Bytes()-before.Bytes() < 1<<20 {
					t.Errorf("the flow is %v with %d bytes, it was %v with %d", f.ID, f.Bytes(), id, before.Bytes())
				}
				for _, end := range []net.Conn{client, server} {
					if err := end.Close(); err != nil {
						t.Error(err)
					}
				}
				// It waits in TIME_WAIT if the server acknowledges the client's FIN before it closes.
				if e := r.ended(id); e.Reason != flow.ReasonClosed && (e.Reason != flow.ReasonExpired || e.From != flow.StateTimeWait) {
					t.Errorf("the flow ended: %v in %v", e.Reason, e.From)
				}
			})
		}
	}
}

// detour is a cable between client and server that bypasses the tracker.
type detour struct{ r *rig }

func newDetour(r *rig) detour {
	ip(r.t, "link", "add", "detour0", "type", "veth", "peer", "name", "detour1")
	ip(r.t, "link", "set", "detour0", "netns", r.Client.Name(), "up")
	ip(r.t, "link", "set", "detour1", "netns", r.Server.Name(), "up")
	return detour{r}
}

// take routes both directions over the detour, and leave routes them back.
func (d detour) take() { d.route("add") }

func (d detour) leave() { d.route("del") }

func (d detour) route(act string) {
	d.r.t.Helper()
	ip(d.r.t, "-n", d.r.Server.Name(), "route", act, d.r.Client.Addr4().String()+"/32", "dev", "detour1", "src", d.r.Server.Addr4().String())
	ip(d.r.t, "-n", d.r.Client.Name(), "route", act, d.r.Server.Addr4().String()+"/32", "dev", "detour0", "src", d.r.Client.Addr4().String())
}

// pour sends n bytes and calls midway in the middle.
func pour(t *testing.T, from, to net.Conn, n int64, midway func()) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_ = from.SetWriteDeadline(time.Now().Add(2 * waitTimeout))
		chunk := make([]byte, 64<<10)
		for left := n; left > 0; left -= int64(len(chunk)) {
			if _, err := from.Write(chunk); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	_ = to.SetReadDeadline(time.Now().Add(2 * waitTimeout))
	_, err := io.CopyN(io.Discard, to, n/2)
	midway()
	if err == nil {
		_, err = io.CopyN(io.Discard, to, n-n/2)
	}
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
}
