package fleet

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// An order is for some flows, one flow or none, as its kind says.
func TestBoundsOfOrders(t *testing.T) {
	authority := newAuthority(t)
	public, _ := authority.PublicKey()
	ann := issue(t, authority, RoleOperator, "ann")
	good := func() Order {
		return Order{ID: strings.Repeat("A", 16), Fleet: "main", Host: "edge-1", Kind: flow.ActDelete, Flows: []flow.ID{1}}
	}
	kind := func(k flow.ActKind, d time.Duration, flows int) func(*Order) {
		return func(o *Order) {
			o.Kind, o.Duration, o.Flows = k, d, nil
			for i := range flows {
				o.Flows = append(o.Flows, flow.ID(i+1))
			}
		}
	}
	last := flow.TimeoutName(len(flow.TimeoutNames()) - 1)
	checkBounds(t, good, func(o Order) error {
		s, err := o.Sign(ann)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = s.Open(public, "main", "edge-1"); err != nil && !errors.Is(err, ErrBadOrder) && !errors.Is(err, ErrNotHere) {
			t.Errorf("%+v: %v", o, err)
		}
		return err
	}, []bound[Order]{
		{"the longest id", func(o *Order) { o.ID = strings.Repeat("z", 40) }, true},
		{"a longer id", func(o *Order) { o.ID = strings.Repeat("z", 41) }, false},
		{"a shorter id", func(o *Order) { o.ID = strings.Repeat("z", 15) }, false},
		{"another fleet", func(o *Order) { o.Fleet = "other" }, false},
		{"no flow by its id", func(o *Order) { o.Flows = []flow.ID{1, 0} }, false},
		{"delete none", kind(flow.ActDelete, 0, 0), false},
		{"delete the most", kind(flow.ActDelete, 0, MaxActFlows), true},
		{"delete more", kind(flow.ActDelete, 0, MaxActFlows+1), false},
		{"reset one", kind(flow.ActReset, 0, 1), true},
		{"reset none", kind(flow.ActReset, 0, 0), false},
		{"reset more", kind(flow.ActReset, 0, MaxActFlows+1), false},
		{"a timeout of a flow", kind(flow.ActFlowTimeout, time.Second, 1), true},
		{"none of its own", kind(flow.ActFlowTimeout, 0, 1), true},
		{"a negative one", kind(flow.ActFlowTimeout, -1, 1), false},
		{"one of no flow", kind(flow.ActFlowTimeout, time.Second, 0), false},
		{"one of two flows", kind(flow.ActFlowTimeout, time.Second, 2), false},
		{"a timeout", kind(flow.ActTimeout, 1, 0), true},
		{"a timeout of nothing", kind(flow.ActTimeout, 0, 0), false},
		{"a negative timeout", kind(flow.ActTimeout, -1, 0), false},
		{"a timeout of all and a flow", kind(flow.ActTimeout, 1, 1), false},
		{"the last timeout", func(o *Order) { kind(flow.ActTimeout, 1, 0)(o); o.Timeout = last }, true},
		{"one more", func(o *Order) { kind(flow.ActTimeout, 1, 0)(o); o.Timeout = last + 1 }, false},
		{"an unknown act", kind(99, 1, 1), false},
	})
	now := time.Now()
	for after, want := range map[time.Duration]error{0: nil, -1: ErrLate, MaxActFor: nil, MaxActFor + 1: ErrLate} {
		o := Order{Expires: now.Add(after)}
		if err := o.CheckTime(now); !errors.Is(err, want) {
			t.Errorf("%s before it expires: %v", after, err)
		}
	}
	signed, err := good().Sign(ann)
	if err != nil {
		t.Fatal(err)
	}
	signed.To = To("ann", "ABCDEFGH")
	checkBounds(t, func() Signed { return signed }, func(s Signed) error {
		got, err := DecodeSigned(s.Encode())
		if err == nil && got != s {
			t.Errorf("%+v arrives as %+v", s, got)
		}
		return err
	}, []bound[Signed]{
		{"the next version", func(s *Signed) { s.V = 2 }, false},
		{"no way back", func(s *Signed) { s.To = "" }, false},
		{"too long", func(s *Signed) { s.Order = strings.Repeat("x", maxAct) }, false},
	})
	for _, damaged := range []string{"", ".", "a.b.c", "!." + strings.Repeat("A", 86), strings.Repeat("A", 8) + ".!"} {
		if _, err := open(public, damaged); err == nil || err.Error() != "it is damaged" && err.Error() != "the signature is not by that key" {
			t.Errorf("%q: %v", damaged, err)
		}
	}
}

// What the tracker has done arrives in the audit, each number in its place.
func TestOutcomeTakes(t *testing.T) {
	o := Outcome{ID: "x", Error: "y"}
	o.Take(flow.Outcome{Done: 1, Gone: 2, NotTCP: 3, Unsent: 4, Alive: 5, NoDestroy: true})
	if want := (Outcome{ID: "x", Error: "y", Done: 1, Gone: 2, NotTCP: 3, Unsent: 4, Alive: 5, NoDestroy: true}); !reflect.DeepEqual(o, want) {
		t.Errorf("%+v", o)
	}
}

// Only a plain file that nobody else may read has credentials.
func TestFilesOfCredentials(t *testing.T) {
	good, err := json.Marshal(issue(t, newAuthority(t), RoleHost, "edge-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, want string
		mode       os.FileMode
		text       string
	}{
		{"good", "", 0o600, string(good)},
		{"read-only", "", 0o400, string(good)},
		{"of a group", "is open to other users: chmod 600", 0o640, string(good)},
		{"of all", "is open to other users: chmod 600", 0o602, string(good)},
		{"empty", "it is no file of credentials", 0o600, ""},
		{"of the largest size", "", 0o600, string(good) + strings.Repeat(" ", maxCredentials-len(good))},
		{"larger", "is no file of credentials", 0o600, string(good) + strings.Repeat(" ", maxCredentials-len(good)+1)},
	} {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		got, err := ReadCredentials(path)
		switch {
		case c.want == "" && (err != nil || got.Name != "edge-1" || got.Space() != "main"):
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := ReadCredentials(path); err == nil || !strings.Contains(err.Error(), "ctop hub keys add makes") {
			t.Errorf("%v", err)
		}
	}
}

// wrong name or a key that is none is refused, whoever signed it.
func TestGrants(t *testing.T) {
	for _, r := range Roles() {
		if got, err := ParseRole(string(r)); err != nil || got != r {
			t.Errorf("%s is read as %s, error %v", r, got, err)
		}
	}
	authority := newAuthority(t)
	public, _ := authority.PublicKey()
	key, _ := issue(t, authority, RoleHost, "edge-1").Key()
	user, _ := key.PublicKey()
	checkBounds(t, func() Grant { return Grant{"main", RoleViewer, "bob", user} }, func(g Grant) error {
		text, err := sign(authority, g)
		if err != nil {
			t.Fatal(err)
		}
		_, err = OpenGrant(public, "main", text)
		return err
	}, []bound[Grant]{
		{"another fleet", func(g *Grant) { g.Fleet = "other" }, false},
		{"an unknown role", func(g *Grant) { g.Role = "king" }, false},
		{"no name", func(g *Grant) { g.Name = "" }, false},
		{"all names", func(g *Grant) { g.Name = All }, false},
		{"a key that is none", func(g *Grant) { g.Key = public }, false},
	})
}

// Who may act may also read what became of acts, and nobody else may do either.
func TestPermissionsOfRoles(t *testing.T) {
	s := Space("main")
	for role, acts := range map[Role]bool{RoleHost: false, RoleViewer: false, RoleOperator: true} {
		p := PermissionsOf(s, role, "me", "")
		for _, subject := range []string{s.Act("*"), "$JS.API.DIRECT.GET." + AuditStream} {
			if slices.Contains(p.Publish, subject) != acts {
				t.Errorf("%s publishes to %q", role, p.Publish)
			}
		}
		speaks := slices.Contains(p.Publish, s.Heartbeat("me")) && slices.Contains(p.Subscribe, s.Act("me"))
		if speaks != (role == RoleHost) {
			t.Errorf("%s publishes to %q and receives %q", role, p.Publish, p.Subscribe)
		}
	}
	for subject, host := range map[string]string{
		s.Heartbeat("edge-1"): "edge-1", s.Top("edge-1", "q"): "edge-1", s.Audit("edge-1"): "edge-1",
		s.Size(): "", "ctop.v1.other.hb.edge-1": "", "": "", s.subject("hb"): "",
	} {
		if got := s.Host(subject); got != host {
			t.Errorf("%s is of %q", subject, got)
		}
	}
}
