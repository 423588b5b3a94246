package console

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// The keys file is taken where nobody else could change it, as sshd does with
// StrictModes.
func TestKeysFileIsStrict(t *testing.T) {
	text := line(`role="operator"`, newSigner(t), "ann")
	const nobody = 65534
	for name, tt := range map[string]struct {
		change func(dir, file string) error
		want   string
	}{
		"as it should be": {func(string, string) error { return nil }, ""},
		"sticky":          {func(dir, _ string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, ""},
		"file for all":    {func(_, file string) error { return os.Chmod(file, 0o666) }, "chmod go-w"},
		"file of another": {func(_, file string) error { return os.Chown(file, nobody, 0) }, "belongs to user 65534"},
		"dir for all":     {func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "the directory"},
		"dir of another":  {func(dir, _ string) error { return os.Chown(dir, nobody, 0) }, "belongs to user 65534"},
		"parent for all":  {func(dir, _ string) error { return os.Chmod(filepath.Dir(dir), 0o775) }, "the directory"},
		"link": {func(dir, file string) error {
			other := filepath.Join(filepath.Dir(dir), "other")
			return errors.Join(os.Mkdir(other, 0o700), os.Chmod(other, 0o777), os.Rename(file, other+"/keys"), os.Symlink(other+"/keys", file))
		}, "other can be written"},
		"pipe": {func(_, file string) error { return errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)) }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "another") && os.Geteuid() != 0 {
				t.Skip("chown: only root may")
			}
			dir := filepath.Join(t.TempDir(), "parent", "state")
			file := filepath.Join(dir, "keys")
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(file, []byte(text), 0o600), tt.change(dir, file)); err != nil {
				t.Fatal(err)
			}
			_, err := OpenKeyring(file)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// The audit log is a file, and the one that was named.
func TestAuditFileIsStrict(t *testing.T) {
	dir := t.TempDir()
	pipe, link, target := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	check := func(path, want string) {
		t.Helper()
		if a, err := OpenAudit(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
			if err == nil {
				a.Close()
			}
		}
	}
	check(pipe, "not a regular file")
	reader, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close() //nolint:errcheck // it was only read
	check(pipe, "not a regular file")
	check("/dev/null", "not a regular file")
	check(link, "symbolic link")
	if _, err := os.Lstat(target); err == nil {
		t.Error("the link was followed")
	}
}

// acts reads the audit log.
func (r *rig) acts() (list []Entry) {
	r.t.Helper()
	text, err := os.ReadFile(r.path("audit"))
	if err != nil {
		r.t.Fatal(err)
	}
	for one := range strings.Lines(string(text)) {
		var a Entry
		if err := json.Unmarshal([]byte(one), &a); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

// pass lets so much time have passed since the first line, if there was one.
func (t *thinned) pass(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.since.IsZero() {
		t.since = time.Now().Add(-d)
	}
}

// What a viewer tries is written down, as often as makes sense.
func TestRefusedActsAreAudited(t *testing.T) {
	r := newRig(t, Limits{})
	c := r.dial(r.vic)
	limit := r.server.refusals.of(ssh.FingerprintSHA256(r.vic.PublicKey()))
	for range mostLines + 5 {
		limit.pass(0) // all in a moment, however long this takes
		if _, stderr, status := r.commandOn(c, "delete"); status != 1 || stderr != "viewer: read only\n" {
			t.Fatalf("%q, status %d", stderr, status)
		}
	}
	list := r.acts()
	if len(list) != mostLines {
		t.Fatalf("%d lines", len(list))
	}
	if a := list[0]; a.Role != "viewer" || a.Act != "delete" || a.Count != 1 || a.Done != 0 || a.Error != "viewer: read only" ||
		a.Comment != "vic@desk" || a.Fingerprint != ssh.FingerprintSHA256(r.vic.PublicKey()) || a.Address != "127.0.0.1" {
		t.Errorf("%+v", a)
	}
	limit.pass(time.Minute)
	_, _, _ = r.commandOn(c, "delete")
	if list = r.acts(); len(list) != mostLines+1 || list[mostLines].Omitted != 5 {
		t.Errorf("%d lines, the last is %+v", len(list), list[len(list)-1])
	}
	_ = c.Close()
	if r.source.acts() != 0 {
		t.Error("a viewer acted")
	}
}
