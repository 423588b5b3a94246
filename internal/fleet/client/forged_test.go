package client_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/link"
)

// raw is a connection with a key that does not keep to what ctop does.
func (w *world) raw(c *fleet.Credentials) *nats.Conn {
	w.t.Helper()
	var n *nats.Conn
	w.keysRead()
	w.eventually("the hub takes the key", func() (ok bool) {
		x, err := link.Connect(link.Options{URL: w.url, Credentials: c})
		n = x
		return err == nil
	})
	w.t.Cleanup(n.Close)
	return n
}

// A host that puts headers of the server into its heartbeat neither speaks in the place of
// another one nor hides it, and consoles go on.
func TestForgedHeaders(t *testing.T) {
	w := newWorld(t)
	one, two, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleHost, "edge-2"), w.key(fleet.RoleViewer, "ann")
	bad := w.raw(two)
	space := two.Space()
	forged := fleet.Heartbeat{Every: 60, Started: time.Now(), Version: "forged", Leaving: true}.Encode()
	for _, header := range []nats.Header{
		{"Nats-Subject": {space.Heartbeat("edge-1")}, "Nats-Time-Stamp": {"2099-01-01T00:00:00Z"}},
		{"Nats-Subject": {space.Heartbeat("edge-3")}},
		{"Status": {"503"}},
		{"Status": {"404"}},
		{"Nats-Sequence": {"0"}, "Nats-Num-Pending": {"0"}},
	} {
		if err := bad.PublishMsg(&nats.Msg{Subject: space.Heartbeat("edge-2"), Data: forged, Header: header}); err != nil {
			t.Fatal(err)
		}
		if err := bad.FlushTimeout(waitTimeout); err != nil {
			t.Fatal(err)
		}
		_, end := w.host(one, newSource(1, 1)) // its heartbeat is behind the forged one
		c := w.client(ann)
		w.eventually("edge-1 is here", func() bool {
			h := host(t, c, "edge-1")
			return h.Version == "test" && !h.Gone(time.Now()) && !h.Heard.After(time.Now())
		})
		if h := host(t, c, "edge-3"); h.Name != "" {
			t.Errorf("%v: there is a host edge-3, %+v", header, h)
		}
		c.Close()
		end()
	}
}

// A console that has the server send a stored heartbeat to the subject of a host does not
// make a host.
func TestReflectedHeartbeat(t *testing.T) {
	w := newWorld(t)
	one, vic, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleViewer, "vic"), w.key(fleet.RoleViewer, "ann")
	w.host(one, newSource(1, 1))
	c := w.client(ann)
	w.eventually("edge-1 is here", func() bool { return here(t, c) == "edge-1" })
	bad := w.raw(vic)
	space := vic.Space()
	get := "$JS.API.DIRECT.GET." + fleet.HostsStream
	// The last one ends when it is stored: the server answers in order.
	for _, request := range []string{`{"last_by_subj":"` + space.Heartbeat("edge-1") + `"}`, `{"last_by_subj":"` + space.Heartbeat("nobody") + `"}`, `{}`, ""} {
		if err := bad.PublishRequest(get, space.Heartbeat("evil"), []byte(request)); err != nil {
			t.Fatal(err)
		}
		if _, err := bad.Request(get, []byte(`{"seq":1}`), waitTimeout); err != nil {
			t.Fatal(err)
		}
		w.stored(bad, space.Heartbeat("evil"))
		if names := namesOf(t, c); names != "edge-1" {
			t.Errorf("%s: the hosts are %s", request, names)
		}
		late := w.client(ann)
		if names := namesOf(t, late); names != "edge-1" {
			t.Errorf("%s: later the hosts are %s", request, names)
		}
		late.Close()
	}
}

// namesOf returns the names of hosts, also of those that have been silent for a while.
func namesOf(t *testing.T, c *client.Client) string {
	t.Helper()
	return strings.ReplaceAll(here(t, c), "!", "")
}

// stored waits until there is a message at a subject of the hosts.
func (w *world) stored(n *nats.Conn, subject string) {
	w.t.Helper()
	w.eventually("it is stored", func() bool {
		m, err := n.Request("$JS.API.DIRECT.GET."+fleet.HostsStream, []byte(`{"last_by_subj":"`+subject+`"}`), waitTimeout)
		return err == nil && m.Header.Get("Nats-Stream") != ""
	})
}

func host(t *testing.T, c *client.Client, name string) client.Host {
	t.Helper()
	for _, h := range hostsOf(t, c) {
		if h.Name == name {
			return h
		}
	}
	return client.Host{}
}
