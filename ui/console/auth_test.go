package console

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// liar claims a key that it does not hold.
type liar struct {
	public ssh.PublicKey
	ssh.Signer
}

func (l liar) PublicKey() ssh.PublicKey { return l.public }

func certificate(t *testing.T, s ssh.Signer) ssh.Signer {
	t.Helper()
	c := &ssh.Certificate{Key: s.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"root", "operator", "ann@desk"}, ValidBefore: ssh.CertTimeInfinity}
	if err := c.SignCert(rand.Reader, s); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// Nobody comes in but with a key that is authorised and that he holds.
func TestNoWayIn(t *testing.T) {
	r := newRig(t, Limits{FailuresPerAddress: 1000})
	answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
		return make([]string, len(questions)), nil
	}
	for name, auth := range map[string][]ssh.AuthMethod{
		"none":                 {},
		"password":             {ssh.Password("secret")},
		"empty password":       {ssh.Password("")},
		"keyboard-interactive": {ssh.KeyboardInteractive(answer)},
		"wrong key":            {ssh.PublicKeys(newSigner(t))},
		"no keys":              {ssh.PublicKeys()},
		"not proven":           {ssh.PublicKeys(liar{r.ann.PublicKey(), newSigner(t)})},
		"not proven, then vic": {ssh.PublicKeys(liar{r.ann.PublicKey(), r.vic})},
		"certificate":          {ssh.PublicKeys(certificate(t, r.ann))},
		"many wrong keys": {ssh.PublicKeys(newSigner(t), newSigner(t), newSigner(t),
			newSigner(t), newSigner(t), newSigner(t), r.ann)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, user := range []string{"root", "operator", "ann@desk", ""} {
				config := r.config()
				config.User, config.Auth = user, auth
				if c, err := ssh.Dial("tcp", r.addr, config); err == nil {
					_ = c.Close()
					t.Fatalf("%q came in", user)
				}
			}
		})
	}
	if r.source.acts() != 0 {
		t.Error("somebody acted")
	}
	r.serves()
}

// The role is the one of the key, whatever the user calls himself and whichever
// keys he tried before.
func TestRoleFollowsTheKey(t *testing.T) {
	r := newRig(t, Limits{})
	for _, user := range []string{"ann@desk", "operator", "root"} {
		config := r.config(newSigner(t), r.vic)
		config.User = user
		c, err := ssh.Dial("tcp", r.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		if out, _, _ := r.commandOn(c, "ok"); out != "served viewer\n" {
			t.Errorf("%q is %q", user, out)
		}
		if _, stderr, status := r.commandOn(c, "delete"); status != 1 || stderr != "viewer: read only\n" {
			t.Errorf("%q: %q, status %d", user, stderr, status)
		}
		_ = c.Close()
	}
	if r.source.acts() != 0 {
		t.Error("a viewer acted")
	}
	// Both at the same time, each with the role of his own.
	ann, vic := r.dial(r.ann), r.dial(r.vic)
	for range 3 {
		if out, _, _ := r.commandOn(vic, "ok"); out != "served viewer\n" {
			t.Error(out)
		}
		if out, _, _ := r.commandOn(ann, "ok"); out != "served operator\n" {
			t.Error(out)
		}
	}
	_, _ = ann.Close(), vic.Close()
	r.serves()
}

func TestRestrictedKeys(t *testing.T) {
	r := newRig(t, Limits{})
	elsewhere, late, here := newSigner(t), newSigner(t), newSigner(t)
	r.replaceKeys(line("role=operator", r.ann, "ann") +
		line(`from="192.0.2.0/24"`, elsewhere, "elsewhere") + line(`expiry-time="20200101"`, late, "late") +
		line(`from="127.0.0.*",expiry-time="20990101Z"`, here, "here"))
	for _, s := range []ssh.Signer{elsewhere, late} {
		if c, err := ssh.Dial("tcp", r.addr, r.config(s)); err == nil {
			_ = c.Close()
			t.Error("a restricted key came in")
		}
	}
	if out, _, _ := r.command(here, "ok"); out != "served viewer\n" {
		t.Error(out)
	}
	r.serves()
}

// replaceKeys changes the keys file and waits until the server knows.
func (r *rig) replaceKeys(text string) {
	r.t.Helper()
	r.writeKeys(text)
	r.eventually("the keys are read", func() bool {
		k := r.server.options.Keys
		k.mu.Lock()
		defer k.mu.Unlock()
		return string(k.text) == text && k.err == nil
	})
}

func TestRemovedKeyEndsItsSessions(t *testing.T) {
	r := newRig(t, Limits{})
	vic, ann := r.open(r.vic, "xterm", 80, 24), r.open(r.ann, "xterm", 80, 24)
	r.shows(vic, "veth1")
	r.shows(ann, "veth1")
	r.replaceKeys(line("role=operator", r.ann, "ann@desk"))
	if err := r.end(vic); err == nil {
		t.Error("it ended well")
	}
	if text := vic.output.String(); !strings.Contains(text, "ctop: your key was removed") {
		t.Errorf("it was not told: %q", text)
	}
	if c, err := ssh.Dial("tcp", r.addr, r.config(r.vic)); err == nil {
		_ = c.Close()
		t.Error("the removed key came in")
	}
	r.replaceKeys(line("", r.ann, "ann@desk"))
	if r.end(ann) == nil || !strings.Contains(ann.output.String(), "your role is now viewer") {
		t.Errorf("the role changed: %q", ann.output.String())
	}
}

// A connection that stays open is no way round the removal of its key.
func TestRemovedKeyOpensNoSession(t *testing.T) {
	r := newRig(t, Limits{})
	c := r.dial(r.vic)
	r.replaceKeys(line("role=operator", r.ann, "ann@desk"))
	if _, err := c.NewSession(); err == nil {
		t.Error("a session was opened")
	}
}

// While the file is wrong nobody new comes in, and nobody is thrown out.
func TestBrokenKeysFile(t *testing.T) {
	r := newRig(t, Limits{})
	ann := r.open(r.ann, "xterm", 80, 24)
	r.shows(ann, "veth1")
	good, _ := os.ReadFile(r.path("keys"))
	r.writeKeys(string(good) + "nonsense\n")
	r.eventually("the file is refused", func() bool { return strings.Contains(r.log.String(), "keys:3:") })
	if c, err := ssh.Dial("tcp", r.addr, r.config(r.ann)); err == nil {
		_ = c.Close()
		t.Error("somebody came in")
	}
	if said := r.log.String(); strings.Contains(said, "read the authorised keys") {
		t.Errorf("the log has keys that were not read: %s", said)
	}
	r.writeKeys(string(good))
	r.eventually("the log has the keys", func() bool { return strings.Contains(r.log.String(), `msg="read the authorised keys" keys=2`) })
	r.press(ann, "q")
	if err := r.end(ann); err != nil {
		t.Error(err)
	}
	r.replaceKeys(string(good))
	r.serves()
}

func TestHostKey(t *testing.T) {
	path := t.TempDir() + "/state/host"
	first, err := HostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := HostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if ssh.FingerprintSHA256(first.PublicKey()) != ssh.FingerprintSHA256(again.PublicKey()) || first.PublicKey().Type() != ssh.KeyAlgoED25519 {
		t.Error("it is not the same key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := HostKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key for everybody: %v", err)
	}
}

// Operators' acts are written down; without a log there is no act.
func TestAudit(t *testing.T) {
	r := newRig(t, Limits{})
	if _, stderr, status := r.command(r.ann, "delete"); status != 0 {
		t.Fatal(stderr)
	}
	text, err := os.ReadFile(r.path("audit"))
	for _, want := range []string{`"role":"operator"`, `"fingerprint":"SHA256:`, `"comment":"ann@desk"`, `"address":"127.0.0.1"`, `"act":"delete"`, `"count":1`, `"done":1`} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v: no %s in %s", err, want, text)
		}
	}
	if err := errors.Join(os.Remove(r.path("audit")), os.Mkdir(r.path("audit"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := r.command(r.ann, "delete"); status != 1 || !strings.Contains(stderr, "audit log") {
		t.Errorf("%q, status %d", stderr, status)
	}
	if r.source.acts() != 1 {
		t.Errorf("%d acts", r.source.acts())
	}
	if n := r.server.counters.acts.Load(); n != 1 {
		t.Errorf("%d acts are counted", n)
	}
	r.serves()
}

func TestKeyringIgnoresHalfWrittenFile(t *testing.T) {
	r := &rig{t: t, dir: t.TempDir()}
	s := newSigner(t)
	r.writeKeys(line("", s, "x"))
	k, err := OpenKeyring(r.path("keys"))
	if err != nil {
		t.Fatal(err)
	}
	r.writeKeys("")
	if changed, err := k.refresh(); changed || err != nil || k.Len() != 1 {
		t.Fatalf("%v, %v", changed, err)
	}
	r.writeKeys(line("", s, "x") + line("", newSigner(t), "y"))
	_, _ = k.refresh()
	if changed, err := k.refresh(); !changed || err != nil || k.Len() != 2 {
		t.Fatalf("%v, %v, %d keys", changed, err, k.Len())
	}
	if err := os.Remove(r.path("keys")); err != nil {
		t.Fatal(err)
	}
	_, _ = k.refresh()
	if changed, err := k.refresh(); !changed || !errors.Is(err, ErrNoKeys) || k.Len() != 0 {
		t.Fatalf("%v, %v, %d keys", changed, err, k.Len())
	}
}

// Whatever a client would agree to, nothing with SHA-1 is agreed on.
func TestNoSHA1(t *testing.T) {
	r := newRig(t, Limits{FailuresPerAddress: 1000})
	for name, offered := range map[string]ssh.Config{
		"key exchange group1":  {KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}},
		"key exchange group14": {KeyExchanges: []string{ssh.InsecureKeyExchangeDH14SHA1}},
		"MAC":                  {MACs: []string{ssh.HMACSHA1}, Ciphers: []string{ssh.CipherAES128CTR}},
		"short MAC":            {MACs: []string{ssh.InsecureHMACSHA196}, Ciphers: []string{ssh.CipherAES128CTR}},
	} {
		config := r.config(r.ann)
		config.Config = offered
		if c, err := ssh.Dial("tcp", r.addr, config); err == nil {
			_ = c.Close()
			t.Errorf("%s: came in", name)
		} else if !strings.Contains(err.Error(), "no common algorithm") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.serves()
}
