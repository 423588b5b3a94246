package e2e

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"ctop/tracker"
	"ctop/tracker/flow"
)

// Servers have the names that clients ask for, in TLS and of DNS, in a wire and where it
// watches; and flows of which nobody said a name have none.
func TestTrafficNames(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			for _, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
				r.checkNames(addr)
			}
		})
	}
}

func TestWatchedNames(t *testing.T) {
	r := newWatch(t)
	r.checkNames(r.Server.Addr4())
}

// checkNames connects to an address by TLS, whose hello takes two segments, and to one of
// which DNS told the name.
func (r *rig) checkNames(addr netip.Addr) {
	r.t.Helper()
	before, _ := r.connect(addr)
	if err := r.tracker.ReadNames(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.stop)
	r.named(before, "", 0)
	plain, _ := r.connect(addr)
	near, far := r.connect(addr)
	go func() { _ = tls.Client(near, &tls.Config{ServerName: "www.example.org"}).HandshakeContext(r.ctx) }()
	want := flow.ServerName{Name: "www.example.org", Source: flow.NameSNI}
	r.eventually("the name in a hello", func() bool { return r.nameOf(near) == want })
	far.Close()
	near.Close()
	r.eventually("an event with the name", func() bool {
		return slices.ContainsFunc(r.log(), func(e flow.Event) bool { return e.Type == flow.EventDestroy && e.Server != nil && *e.Server == want })
	})
	r.named(plain, "", 0)
	r.resolve(addr, "db.example.org.")
	found, _ := r.connect(addr)
	r.eventually("the name of an answer", func() bool {
		return r.nameOf(found) == flow.ServerName{Name: "db.example.org", Source: flow.NameDNS}
	})
	r.eventually("the count", func() bool { n, _ := r.tracker.Naming(); return n.Answers > 0 && n.Named > 0 })
	if n, ok := r.tracker.Naming(); !ok || n.Lost() != 0 {
		r.t.Errorf("%+v", n)
	}
}

// named checks the name of the server of a connection.
func (r *rig) named(near net.Conn, name string, source flow.NameSource) {
	r.t.Helper()
	if got := r.nameOf(near); got != (flow.ServerName{Name: name, Source: source}) {
		r.t.Errorf("the server of %v is %+v, not %q", near.LocalAddr(), got, name)
	}
}

// nameOf returns the name of the server of a connection, nothing if it has none.
func (r *rig) nameOf(near net.Conn) flow.ServerName {
	r.t.Helper()
	for _, f := range r.flows("tcp") {
		if f.Server != nil && f.Tuple.Src.String() == near.LocalAddr().String() {
			return *f.Server
		}
	}
	return flow.ServerName{}
}

// resolve asks the server for a name, which has the server's address.
func (r *rig) resolve(addr netip.Addr, name string) {
	r.t.Helper()
	server, err := r.Server.ListenPacket(r.ctx, "udp", netip.AddrPortFrom(addr, 53).String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer server.Close()
	client, err := r.Client.Dial(r.ctx, "udp", server.LocalAddr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}
	send := func(write func([]byte) error) {
		b, err := m.Pack()
		if err == nil {
			err = write(b)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	send(func(b []byte) error { _, err := client.Write(b); return err })
	b := make([]byte, 1500)
	_, from, err := server.ReadFrom(b)
	if err != nil {
		r.t.Fatal(err)
	}
	m.Response = true
	head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}
	body := dnsmessage.ResourceBody(&dnsmessage.AAAAResource{AAAA: addr.As16()})
	if addr.Is4() {
		body = &dnsmessage.AResource{A: addr.As4()}
	}
	m.Answers = []dnsmessage.Resource{{Header: head, Body: body}}
	send(func(b []byte) error { _, err := server.WriteTo(b, from); return err })
	if _, err := client.Read(b); err != nil {
		r.t.Fatal(err)
	}
}
