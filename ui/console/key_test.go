package console

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseKeys(t *testing.T) {
	s := newSigner(t)
	text := "# people\n\n" + line(`role="operator",from="10.0.0.0/8,!10.0.0.9,2001:db8::*",expiry-time="20270101Z"`, s, "ann at her desk") +
		line("", newSigner(t), "") + "  \t" + line("role=viewer", newSigner(t), "vic")
	keys, err := parseKeys("keys", []byte(text), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 3 || keys[0].Role != Operator || keys[1].Role != Viewer || keys[2].Role != Viewer {
		t.Fatalf("%+v", keys)
	}
	ann, now := keys[0], time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	if ann.Comment != "ann at her desk" || !strings.HasPrefix(ann.Fingerprint, "SHA256:") || ann.line != 3 {
		t.Errorf("%+v", ann)
	}
	for addr, in := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.0.0.9": false, "11.0.0.1": false,
		"2001:db8::7": true, "2001:db9::7": false,
	} {
		if err := ann.check(netip.MustParseAddr(addr), now); (err == nil) != in {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := ann.check(netip.MustParseAddr("10.1.2.3"), now.Add(time.Second)); err == nil {
		t.Error("the key does not expire")
	}
}

func TestParseKeysRefuses(t *testing.T) {
	s := newSigner(t)
	good := line("", s, "x")
	fields := strings.Fields(good)
	for name, tt := range map[string]struct{ text, want string }{
		"unknown option":   {`no-pty ` + good, `keys:1: "no-pty" is not an option`},
		"option in list":   {`role="operator",command="sh" ` + good, `"command" is not an option`},
		"unknown role":     {`role="root" ` + good, `no role is called "root"`},
		"role twice":       {`role="viewer",role="operator" ` + good, "twice"},
		"open quote":       {`role="operator ` + good, "no closing quote"},
		"glued":            {`role="operator"` + good, "write a space"},
		"empty from":       {`from="" ` + good, `from=""`},
		"host name":        {`from="desk.example.org" ` + good, "is not an address, prefix or pattern"},
		"wrong prefix":     {`from="10.0.0.1/8" ` + good, "is not an address, prefix or pattern"},
		"bad time":         {`expiry-time="20271399" ` + good, "is not a time"},
		"short time":       {`expiry-time="2027" ` + good, "is not a time"},
		"no key":           {`role="operator"` + "\n", "write a space"},
		"type alone":       {fields[0] + "\n", "damaged"},
		"cut key":          {fields[0] + " " + fields[1][:30] + " x\n", "damaged"},
		"other type":       {"ssh-rsa " + fields[1] + " x\n", "the line says ssh-rsa"},
		"dsa":              {"ssh-dss AAAA x\n", "is not an option"},
		"certificate":      {"ssh-ed25519-cert-v01@openssh.com AAAA x\n", "is not an option"},
		"private key":      {"-----BEGIN OPENSSH PRIVATE KEY-----\n", "is not an option"},
		"same key":         {good + "#\n" + good, "keys:3: the same key is on line 1"},
		"escape":           {strings.TrimSpace(good) + " \x1b[2J\n", "U+001B"},
		"not UTF-8":        {strings.TrimSpace(good) + " \xff\n", "UTF-8"},
		"right to left":    {strings.TrimSpace(good) + " \u202e\n", "U+202E"},
		"byte order mark":  {"\ufeff" + good, "U+FEFF"},
		"long comment":     {strings.TrimSpace(good) + strings.Repeat("x", 300) + "\n", "comment is longer"},
		"long line":        {strings.TrimSpace(good) + strings.Repeat("x", maxKeyLine) + "\n", "line is longer"},
		"after a good one": {good + "nonsense\n", "keys:2:"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeys("keys", []byte(tt.text), time.UTC)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "keys:") {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if keys != nil {
				t.Error("there are keys nevertheless")
			}
		})
	}
}

func TestOpenKeyringRefuses(t *testing.T) {
	s := newSigner(t)
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"missing":  {"", 0, "does not exist: add one with"},
		"empty":    {"# nobody\n", 0o600, "is empty: add one with"},
		"writable": {line("", s, "x"), 0o622, "chmod go-w"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys")
			if tt.mode != 0 {
				if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := OpenKeyring(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzKeys(f *testing.F) {
	good := line("", newSigner(f), "ann")
	f.Add([]byte(good))
	f.Add([]byte(`role="operator",from="10.*,!::1",expiry-time="20270101" ` + good))
	f.Add([]byte("# x\n\r\n" + good + good))
	f.Add([]byte(`role="`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeys("keys", text, time.UTC)
		if err != nil {
			if keys != nil || !strings.HasPrefix(err.Error(), "keys:") || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("%v, %q", keys, err)
			}
			return
		}
		for _, k := range keys {
			// What is not granted in so many words is not granted.
			if k.Role == Operator && !strings.Contains(string(text), "operator") {
				t.Fatalf("an operator out of nothing: %q", text)
			}
			if k.public == nil || k.Fingerprint == "" || k.line == 0 {
				t.Fatalf("%+v", k)
			}
			_ = k.check(netip.MustParseAddr("::1"), time.Now())
			_ = fmt.Sprint(k.Name())
		}
	})
}

// Addresses that a key may be used from, as in sshd_config(5).
func TestSources(t *testing.T) {
	for _, c := range []struct{ list, yes, no string }{
		{"192.0.2.1", "192.0.2.1 ::ffff:192.0.2.1", "192.0.2.2 2001:db8::1"},
		{"10.0.0.0/8, 2001:db8::/32", "10.9.9.9 2001:db8::5", "11.0.0.1 2001:db9::1"},
		{"192.0.2.*", "192.0.2.1 192.0.2.99", "192.0.3.1"},
		{"192.0.2.?", "192.0.2.1", "192.0.2.99"},
		{"*,!10.0.0.1", "10.0.0.2 fe80::1%eth0", "10.0.0.1"},
		{"!10.0.0.1", "", "10.0.0.1 10.0.0.2"},
		{"fe80::1", "fe80::1%eth0", "fe80::2%eth0"},
	} {
		list, err := parseSources(c.list)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range strings.Fields(c.yes) {
			if !list.match(netip.MustParseAddr(text)) {
				t.Errorf("%s is refused by %s", text, c.list)
			}
		}
		for _, text := range strings.Fields(c.no) {
			if list.match(netip.MustParseAddr(text)) {
				t.Errorf("%s passes %s", text, c.list)
			}
		}
	}
	if !sources(nil).match(netip.MustParseAddr("10.0.0.1")) {
		t.Error("no list refuses somebody")
	}
	for _, text := range []string{"", "!", "a,,b", "10.0.0.1/8", "10.0.0.0/33", "host.example", "*.example.com", "1234", "abc", "fe80::1%eth0", "10.0.0.1,x*y"} {
		if list, err := parseSources(text); err == nil {
			t.Errorf("%q is %+v", text, list)
		}
	}
}

// The log says when a file of keys becomes invalid, and when it is valid again, even if
// nothing else has changed.
func TestKeyringRecovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	good := line("", newSigner(t), "ann")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good)
	r, err := OpenKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	step := func(text string, changed, valid bool) {
		t.Helper()
		write(text)
		if _, err := r.refresh(); err != nil { // it may be half written
			t.Error(err)
		}
		if got, err := r.refresh(); got != changed || (err == nil) != valid {
			t.Errorf("%q: changed %t, %v", text, got, err)
		}
		if got, _ := r.refresh(); got {
			t.Errorf("%q: changed again", text)
		}
	}
	step(good, false, true)
	step("nonsense\n", true, false)
	step(good, true, true)
	step(good+line("", newSigner(t), "vic"), true, true)
}
