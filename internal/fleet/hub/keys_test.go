package hub

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/conf"

	"ctop/internal/fleet"
)

func added(t *testing.T, roles ...fleet.Role) (Dir, Keys) {
	t.Helper()
	dir := Dir(filepath.Join(t.TempDir(), "hub"))
	for _, role := range roles {
		if err := dir.Add(role, "a-"+string(role), filepath.Join(t.TempDir(), "x"), time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	k, err := dir.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return dir, k
}

// Keys that are added are listed with their roles and removed by their names, and credentials
// are of the listed key.
func TestKeysAreListedAndRemoved(t *testing.T) {
	dir, k := added(t, fleet.Roles()...)
	if len(k.Keys) != 3 || k.Hosts() != 1 || k.Fleet != DefaultFleet || !k.Keys[2].Added.Equal(time.Unix(1e9, 0)) {
		t.Errorf("%+v", k)
	}
	path := filepath.Join(t.TempDir(), "credentials")
	if err := dir.Add(fleet.RoleHost, "edge-1", path, time.Now()); err != nil {
		t.Fatal(err)
	}
	c, err := fleet.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := c.Key()
	public, _ := key.PublicKey()
	if k, err = dir.Keys(); err != nil || k.Keys[3].Key != public || k.Hosts() != 2 {
		t.Errorf("%v: %+v, and the credentials are of %s", err, k, public)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.CA)) {
		t.Error("the credentials have no certificate")
	}
	for _, name := range []string{"a-operator", "edge-1"} {
		if err := dir.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if err := dir.Remove("edge-1"); err == nil || !strings.Contains(err.Error(), "nobody called") {
		t.Errorf("removed twice: %v", err)
	}
	if k, err = dir.Keys(); err != nil || len(k.Keys) != 2 || slices.ContainsFunc(k.Keys, func(k Key) bool { return k.Role == fleet.RoleOperator }) {
		t.Errorf("%v: %+v", err, k)
	}
}

// Keys that are damaged are refused as a whole, and what is wrong is named.
func TestDamagedKeys(t *testing.T) {
	dir, good := added(t, fleet.RoleHost)
	for what, c := range map[string]struct {
		change func(*Keys)
		want   string
	}{
		"another version": {func(k *Keys) { k.Schema = "ctop.keys/2" }, "is damaged: restore it"},
		"no fleet":        {func(k *Keys) { k.Fleet = "" }, "is damaged: restore it"},
		"a wrong role":    {func(k *Keys) { k.Keys[0].Role = "king" }, `the key of "a-host" is damaged`},
		"a wrong name":    {func(k *Keys) { k.Keys[0].Name = "a b" }, `the key of "a b" is damaged`},
		"a wrong key":     {func(k *Keys) { k.Keys[0].Key = "x" }, `the key of "a-host" is damaged`},
	} {
		k := good
		k.Keys = slices.Clone(good.Keys)
		c.change(&k)
		if err := dir.write("keys.json", k); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Keys(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if err := dir.Prepare(); err == nil {
			t.Errorf("%s: a hub begins with it", what)
		}
	}
	file := dir.file("keys.json")
	for size, want := range map[int64]string{maxKeysFile + 1: "it is too long", maxKeysFile: "is damaged"} {
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Keys(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Keys(); err == nil {
		t.Error("a directory has keys")
	}
}

// What a directory has is made once: the authority and the certificate stay, and credentials
// that cannot be listed are taken back.
func TestPrepareOnce(t *testing.T) {
	dir, _ := added(t, fleet.RoleHost)
	state := func() (list []string) {
		for _, name := range []string{"authority.seed", "tls.crt", "tls.key", "keys.json"} {
			text, err := os.ReadFile(dir.file(name))
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(dir.file(name))
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
			list = append(list, string(text))
		}
		return list
	}
	before := state()
	if err := dir.Prepare(); err != nil || !reflect.DeepEqual(state(), before) {
		t.Errorf("%v, or a file has changed", err)
	}
	config, err := dir.tlsConfig("", "")
	if err != nil || config.MinVersion != tls.VersionTLS12 {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	const years = 20 * 365 * 24 * time.Hour
	if cert.NotBefore.After(now.Add(-time.Hour)) || cert.NotAfter.Before(now.Add(years-time.Hour)) || cert.NotAfter.After(now.Add(years+time.Hour)) || !cert.IsCA {
		t.Errorf("valid from %s to %s, authority %t", cert.NotBefore, cert.NotAfter, cert.IsCA)
	}
	if _, err := dir.tlsConfig("/nowhere", "/nowhere"); err == nil {
		t.Error("a certificate that is not there")
	}
	if err := os.WriteFile(dir.file("authority.seed"), []byte("SAxxx"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := dir.Add(fleet.RoleHost, "edge-2", path, now); err == nil || !strings.Contains(err.Error(), "authority.seed is damaged") {
		t.Errorf("a damaged authority: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("credentials were written: %v", err)
	}
}

// A server from outside reads the configuration, and has each key with its permissions.
func TestConfiguration(t *testing.T) {
	_, k := added(t, fleet.Roles()...)
	text := Configuration(k)
	all, err := conf.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	users, _ := all["authorization"].(map[string]any)["users"].([]any)
	if len(users) != 3 || !strings.Contains(text, "fleet main") {
		t.Fatalf("%d users in\n%s", len(users), text)
	}
	for i, one := range k.Keys {
		user := users[i].(map[string]any)
		permissions := user["permissions"].(map[string]any)
		want := fleet.PermissionsOf(fleet.Space(k.Fleet), one.Role, one.Name, one.Pair)
		for which, list := range map[string][]string{"publish": want.Publish, "subscribe": want.Subscribe} {
			var got []string
			for _, s := range permissions[which].(map[string]any)["allow"].([]any) {
				got = append(got, s.(string))
			}
			if user["nkey"] != one.Key || !slices.Equal(got, list) {
				t.Errorf("%s may %s %q, want %q", user["nkey"], which, got, list)
			}
		}
		if !strings.Contains(text, "# "+string(one.Role)+" "+one.Name+"\n") {
			t.Errorf("%s is not named", one.Name)
		}
	}
}

// What the server logs is passed on by its weight, and the first fault that ends it is told.
func TestServerLog(t *testing.T) {
	var b bytes.Buffer
	failed := make(chan string, 1)
	l := logger{log: slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), failed: failed, said: new(fleet.Seldom)}
	l.Noticef("%s", "a")
	l.Warnf("%s", "b")
	l.Errorf("%s", "c")
	l.Fatalf("%s", "d")
	l.Fatalf("%s", "e")
	l.Debugf("%s", "f")
	l.Tracef("%s", "g")
	var got []string
	for d := json.NewDecoder(&b); ; {
		var line struct{ Level, Msg string }
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Level+" "+line.Msg)
	}
	if want := []string{"DEBUG server: a", "WARN server: b", "WARN server: c", "ERROR server: d", "ERROR server: e"}; !slices.Equal(got, want) || <-failed != "d" {
		t.Errorf("%q", got)
	}
}

// A stranger makes the hub log a line a minute, however often it comes and whatever it says.
func TestStrangersAreLoggedSeldom(t *testing.T) {
	var b bytes.Buffer
	l := logger{log: slog.New(slog.NewTextHandler(&b, nil)), said: new(fleet.Seldom)}
	for i := range 1000 {
		l.Errorf("192.0.2.7:%d - cid:%d - authentication error - Nkey \"U%d\"", 1024+i, i, i)
		l.Errorf("[2001:db8::7]:%d - lid:%d - TLS leafnode handshake error: EOF", 1024+i, i)
	}
	l.Errorf("192.0.2.8:1 - cid:7 - authentication error")
	if n := bytes.Count(b.Bytes(), []byte("\n")); n != 3 {
		t.Errorf("%d lines:\n%.1000s", n, b.String())
	}
}

// Where a hub cannot serve it says so before anything begins, and it encrypts wherever others
// may listen.
func TestOpen(t *testing.T) {
	for address, want := range map[string]string{
		"nowhere": "missing port", "127.0.0.1:x": `"x" is not a port`, "127.0.0.1:-1": `"-1" is not a port`, "127.0.0.1:65536": `"65536" is not a port`,
		"192.0.2.1:0": "choose another address with --listen",
	} {
		h := &hub{Options: Options{Dir: Dir(t.TempDir()), Address: address}}
		if err := h.open(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	for _, c := range []struct {
		address       string
		plain, secure bool
		encrypted     bool
	}{
		{"127.0.0.1:0", false, false, false},
		{"localhost:0", false, false, false},
		{"[::1]:0", false, false, false},
		{"127.0.0.1:0", false, true, true},
		{"0.0.0.0:0", false, false, true},
		{":0", false, false, true},
		{"0.0.0.0:0", true, false, false},
	} {
		h := &hub{Options: Options{Dir: Dir(t.TempDir()), Address: c.address, Plain: c.plain, Secure: c.secure}}
		if err := h.open(); err != nil {
			t.Error(err)
			continue
		}
		if (h.tls != nil) != c.encrypted {
			t.Errorf("%s, plain %t, secure %t: encrypted %t", c.address, c.plain, c.secure, h.tls != nil)
		}
		other := &hub{Options: h.Options}
		if err := other.open(); err == nil || !strings.Contains(err.Error(), "another ctop hub has") {
			t.Errorf("a second hub in the same directory: %v", err)
		}
		_ = h.lock.Close()
	}
}

// lines receives what is logged.
type lines chan string

func (l lines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

func (l lines) expect(t *testing.T, want string) {
	t.Helper()
	for timeout := time.After(waitTimeout); ; {
		select {
		case line := <-l:
			if strings.Contains(line, want) {
				return
			}
		case <-timeout:
			t.Fatalf("%q is not logged", want)
		}
	}
}

// Keys that cannot be those of the hub change nothing while it runs, and are named in its log.
func TestKeysThatAreNotTaken(t *testing.T) {
	log := make(lines, 1000)
	r := run(t, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	good, err := r.dir.Keys()
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(*Keys)
		want   string
	}{
		"another fleet": {func(k *Keys) { k.Fleet = "another" }, "needs a restart"},
		"a wrong key":   {func(k *Keys) { k.Keys[0].Key = "x" }, "is damaged"},
	} {
		k := good
		k.Keys = slices.Clone(good.Keys)
		c.change(&k)
		if err := r.dir.write("keys.json", k); err != nil {
			t.Fatal(err)
		}
		log.expect(t, c.want)
		r.connect("edge-1").Close()
		t.Logf("%s changes nothing", what)
	}
	good.Keys = good.Keys[:3]
	if err := r.dir.write("keys.json", good); err != nil {
		t.Fatal(err)
	}
	log.expect(t, "keys=3")
}
