package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"ctop/tracker/flow"
)

func newAuthority(t testing.TB) nkeys.KeyPair {
	t.Helper()
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, authority nkeys.KeyPair, role Role, name string) *Credentials {
	t.Helper()
	c, err := Issue(authority, Grant{Fleet: "main", Role: role, Name: name}, "")
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

// The messages of a fleet survive the way there.
func TestRoundTrips(t *testing.T) {
	h := Heartbeat{
		V: 1, Version: "1.0", Every: 10, Started: time.Unix(1e9, 0).UTC(), Place: "eth0", Policy: "observe",
		Flows: 7, Max: 9, Uptime: 3, Lost: 1, Full: 2, Dropped: 3, Alarms: []string{"full"}, Behind: 0.5, Leaving: true,
	}
	if got, err := DecodeHeartbeat(h.Encode()); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("%v: %+v", err, got)
	}
	w := Watch{V: 1, From: "me", View: View{Filter: "dport:443", Sort: "rate:desc", Limit: 50}}
	if got, err := DecodeWatch(w.Encode()); err != nil || got != w {
		t.Errorf("%v: %+v", err, got)
	}
	q := Question{V: 1, To: "ann.ABCDEFGH12", Kind: AskDetail, Flow: 7}
	if got, err := DecodeQuestion(q.Encode()); err != nil || got != q {
		t.Errorf("%v: %+v", err, got)
	}
	head := Head{V: 1, Page: 2, Last: true, Flows: 5, Matching: 4, BPS: 8, Policy: flow.PolicyEnforce, Counters: &flow.Counters{Packets: 5}}
	message, err := head.Message([]byte("\npage\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, page, err := DecodeMessage(message); err != nil || !reflect.DeepEqual(got, head) || string(page) != "\npage\n" {
		t.Errorf("%v: %+v %q", err, got, page)
	}
}

func randomSnapshot(n int) *flow.Snapshot {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	s := &flow.Snapshot{
		Time: time.Now(), Host: "edge", MaxFlows: 1 << 20,
		Interfaces: []flow.Interface{{Name: "eth0", Host: "edge-1"}, {Name: "eth1", Host: "edge-1"}},
	}
	for range n {
		s.Flows = append(s.Flows, flow.Flow{
			ID: flow.ID(r.Uint64() | 1), State: flow.StateEstablished, In: uint16(r.IntN(2)), Timeout: time.Hour,
			Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP,
				Src:   flow.EndOf(flow.IPv4, [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: byte(r.Uint32())}, uint16(r.Uint32())),
				Dst:   flow.EndOf(flow.IPv4, [16]byte{10: 0xff, 11: 0xff, 12: 10, 14: byte(r.Uint32()), 15: byte(r.Uint32())}, 443),
			},
			Origin: flow.Half{Packets: r.Uint64(), Bytes: r.Uint64(), BPS: float64(r.IntN(1e9))},
		})
	}
	return s
}

func rowsOf(s *flow.Snapshot) (rows []*flow.Flow) {
	for i := range s.Flows {
		rows = append(rows, &s.Flows[i])
	}
	return rows
}

// Pages have every flow once, in order, and none is too long for a message.
func TestPages(t *testing.T) {
	for _, n := range []int{0, 1, 50, 2000, 2001, 9000} {
		s := randomSnapshot(n)
		pages, err := Pages(s, rowsOf(s))
		if err != nil {
			t.Fatal(err)
		}
		var got []flow.Flow
		for _, page := range pages {
			if len(page) > MaxPage-maxHead {
				t.Errorf("a page of %d flows has %d bytes", n, len(page))
			}
			one, err := DecodePage(context.Background(), page)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, one.Flows...)
		}
		if len(got) != n {
			t.Fatalf("%d flows of %d", len(got), n)
		}
		for i := range got {
			if got[i].ID != s.Flows[i].ID || got[i].Tuple.Src != s.Flows[i].Tuple.Src || got[i].Origin.Bytes != s.Flows[i].Origin.Bytes {
				t.Fatalf("flow %d is %+v", i, got[i])
			}
		}
	}
}

// Numbers that no host has, and whose sum is none, are refused: consoles show sums of all
// hosts.
func TestHostileNumbers(t *testing.T) {
	for _, h := range []Head{
		{Flows: math.MaxInt}, {Matching: math.MaxInt}, {Flows: -1}, {BPS: -1}, {BPS: 1e300}, {Uptime: math.MaxInt64},
	} {
		message, err := h.Message(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := DecodeMessage(message); err == nil {
			t.Errorf("%+v: accepted", h)
		}
	}
	for _, h := range []Heartbeat{
		{Every: 60, Flows: math.MaxInt}, {Every: 60, Max: math.MaxInt}, {Every: 60, Uptime: 1e300}, {Every: 60, Behind: 1e300},
	} {
		if _, err := DecodeHeartbeat(h.Encode()); err == nil {
			t.Errorf("%+v: accepted", h)
		}
	}
	row := flow.Flow{
		ID: 1, State: flow.StateNew, Origin: flow.Half{BPS: 1e300},
		Tuple: flow.Tuple{Proto: flow.ProtocolUDP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:2")},
	}
	for what, s := range map[string]flow.Snapshot{
		"a table of -1 flows": {MaxFlows: -1}, "a table without end": {MaxFlows: math.MaxInt}, "a rate without end": {Flows: []flow.Flow{row}, Interfaces: []flow.Interface{{Name: "eth0"}}},
	} {
		s.Time = time.Now()
		pages, err := Pages(&s, rowsOf(&s))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodePage(context.Background(), pages[0]); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// An answer has no process that is none, and its sentences no escape sequences.
func TestHostileAnswers(t *testing.T) {
	for _, list := range []string{"[[null],[]]", "[[],[{},null]]"} {
		if _, _, err := DecodeMessage([]byte(`{"v":1,"detail":{"Holders":` + list + "}}\n")); err == nil {
			t.Errorf("%s: accepted", list)
		}
	}
	h, _, err := DecodeMessage([]byte(`{"v":1,"error":"a\u001b[31m","outcome":{"error":"b\u001b[31m"},"detail":{"Holders":[[{"Name":"c"}],null]}}` + "\n"))
	if err != nil || strings.Contains(h.Error+h.Outcome.Error, "\x1b") || h.Detail.Holders[0][0].Name != "c" {
		t.Errorf("%v: %+v", err, h)
	}
}

// The first rows of a host, of addresses and counters as they are, take 8 KB.
func TestTopIsSmall(t *testing.T) {
	s := randomSnapshot(MaxTop)
	pages, err := Pages(s, rowsOf(s))
	if err != nil {
		t.Fatal(err)
	}
	message, err := Head{Flows: 1000, Timeouts: flow.DefaultTimeouts()}.Message(pages[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(message) > 8<<10 {
		t.Errorf("it takes %d bytes", len(message))
	}
}

// A page that grows without end when it is no longer compressed is refused.
func TestBomb(t *testing.T) {
	z, err := compressor()
	if err != nil {
		t.Fatal(err)
	}
	page := z.EncodeAll(bytes.Repeat([]byte(" "), maxPlain+1), nil)
	if _, err := DecodePage(context.Background(), page); err == nil {
		t.Error("it was read")
	}
	if _, err := DecodePage(context.Background(), make([]byte, MaxPage+1)); err == nil {
		t.Error("a page that is too long was read")
	}
}

// An order is believed only as an operator of the fleet signed it, for this host.
func TestOrders(t *testing.T) {
	authority, other := newAuthority(t), newAuthority(t)
	public, _ := authority.PublicKey()
	ann, bob := issue(t, authority, RoleOperator, "ann"), issue(t, authority, RoleViewer, "bob")
	eve := issue(t, other, RoleOperator, "eve")
	order := Order{
		ID: "ABCDEFGHIJKLMNOP", Fleet: "main", Host: "edge-1", Expires: time.Now().Add(ActFor).UTC(),
		Kind: flow.ActDelete, Flows: []flow.ID{1, 1 << 63},
	}
	signed := func(c *Credentials, o Order) Signed {
		s, err := o.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := signed(ann, order)
	if got, by, err := good.Open(public, "main", "edge-1"); err != nil || by.Name != "ann" || got.ID != order.ID || !reflect.DeepEqual(got.Flows, order.Flows) {
		t.Fatalf("%v: %+v by %+v", err, got, by)
	}
	elsewhere, all := order, order
	elsewhere.Host, all.Flows = "edge-2", nil
	altered := good
	altered.Order = signed(bob, order).Order
	borrowed := signed(bob, order)
	borrowed.Grant = ann.Grant
	for _, c := range []struct {
		what string
		s    Signed
		want error
	}{
		{"a viewer's", signed(bob, order), ErrNotOperator},
		{"another fleet's operator's", signed(eve, order), ErrForged},
		{"for another host", signed(ann, elsewhere), ErrNotHere},
		{"about no flow", signed(ann, all), ErrBadOrder},
		{"signed by another key", altered, ErrForged},
		{"with an operator's grant", borrowed, ErrForged},
		{"cut", Signed{V: 1, Order: good.Order[:len(good.Order)-4], Grant: good.Grant}, ErrForged},
		{"empty", Signed{V: 1}, ErrForged},
	} {
		if _, _, err := c.s.Open(public, "main", "edge-1"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", c.what, err, c.want)
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  error
	}{{-time.Second, ErrLate}, {time.Second, nil}, {MaxActFor + time.Second, ErrLate}} {
		now := time.Now()
		late := Order{Expires: now.Add(c.after)}
		if err := late.CheckTime(now); !errors.Is(err, c.want) {
			t.Errorf("%s before it expires: %v", c.after, err)
		}
	}
}

// Credentials of another key, role or fleet are refused.
func TestCredentials(t *testing.T) {
	authority := newAuthority(t)
	good, other := issue(t, authority, RoleViewer, "bob"), issue(t, authority, RoleOperator, "ann")
	parse := func(c Credentials) error {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseCredentials(text)
		return err
	}
	if err := parse(*good); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(c *Credentials){
		"a grant of another key": func(c *Credentials) { c.Grant = other.Grant },
		"another role":           func(c *Credentials) { c.Role = RoleOperator },
		"another name":           func(c *Credentials) { c.Name = "ann" },
		"another fleet":          func(c *Credentials) { c.Fleet = "other" },
		"another version":        func(c *Credentials) { c.Schema = "ctop.credentials/2" },
		"no seed":                func(c *Credentials) { c.Seed = "" },
	} {
		c := *good
		change(&c)
		if err := parse(c); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if s := PermissionsOf("main", RoleViewer, "bob", ""); strings.Contains(strings.Join(s.Publish, " "), ".act.") {
		t.Errorf("a viewer may act: %q", s.Publish)
	}
}

// FuzzDecode reads any bytes as every message, as a page and as credentials. Nothing that
// is accepted is beyond its limits.
func FuzzDecode(f *testing.F) {
	authority := newAuthority(f)
	public, _ := authority.PublicKey()
	ann := issue(f, authority, RoleOperator, "ann")
	s := randomSnapshot(3)
	pages, err := Pages(s, rowsOf(s))
	if err != nil {
		f.Fatal(err)
	}
	message, _ := Head{Flows: 1}.Message(pages[0])
	signed, _ := Order{ID: "ABCDEFGHIJKLMNOP", Fleet: "main", Host: "edge-1", Kind: flow.ActDelete, Flows: []flow.ID{1}}.Sign(ann)
	signed.To = To("ann", "ABCDEFGH")
	credentials, _ := json.Marshal(ann)
	for _, seed := range [][]byte{
		Heartbeat{Every: 10}.Encode(), Watch{View: View{Limit: 5}}.Encode(), Question{To: "ann.ABCDEFGH", Kind: AskFlows}.Encode(),
		message, pages[0], signed.Encode(), credentials,
		{},
		[]byte("{}\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, err := DecodeHeartbeat(text); err == nil && (len(h.Encode()) > maxHeartbeat || len(h.Alarms) > maxAlarms) {
			t.Errorf("a heartbeat of %d bytes", len(h.Encode()))
		}
		if w, err := DecodeWatch(text); err == nil && (w.Limit < 1 || w.Limit > MaxTop) {
			t.Errorf("a watch of %d rows", w.Limit)
		}
		if q, err := DecodeQuestion(text); err == nil && !validTo(q.To) {
			t.Errorf("an answer to %q", q.To)
		}
		if _, page, err := DecodeMessage(text); err == nil && len(page) > len(text) {
			t.Error("a page out of nothing")
		}
		if s, err := DecodePage(context.Background(), text); err == nil {
			for i := range s.Flows {
				if int(s.Flows[i].In) >= len(s.Interfaces) {
					t.Fatal("a flow of no interface")
				}
			}
		}
		if s, err := DecodeSigned(text); err == nil {
			if o, _, err := s.Open(public, "main", "edge-1"); err == nil && (o.Host != "edge-1" || len(o.Flows) > MaxActFlows) {
				t.Errorf("an order %+v", o)
			}
		}
		_, _ = ParseCredentials(text)
	})
}
