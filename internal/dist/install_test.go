//go:build dist

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The deb on a clean Debian: installed, it serves; upgraded while packets pass, it keeps
// every flow; purged while a tracker runs, nothing is left.
func TestDebian(t *testing.T) {
	r := newRoot(t)
	settings := r.settings()
	r.run("dpkg -i " + r.bring(made("1.0.0", ".deb")))
	r.says("ctop version", "ctop 1.0.0 ")
	r.says("ctop --version", "ctop 1.0.0 ")
	r.says("dpkg --verify ctop && echo whole", "whole")
	r.checkExamples()
	r.run("sed 's/eth0 eth1/" + r.Client.Port() + " " + r.Server.Port() + "/' /usr/share/doc/ctop/examples/wan.conf >/etc/ctop/wan.conf")
	r.run("echo 'max-flows = 65536' >>/etc/ctop/config.toml")
	s := r.service()
	s.start()
	sent := r.talk()
	id := r.flow()
	sent()
	r.run("dpkg -i " + r.bring(made("1.0.1", ".deb")))
	r.says("ctop version", "ctop 1.0.1 ")
	r.says("tail -n 1 /etc/ctop/config.toml", "max-flows = 65536")
	sent()
	// What the unit says that a restart is.
	s.end(unix.SignalNum(r.unit("RestartKillSignal")))
	sent()
	s.start()
	sent()
	if now := r.flow(); now != id {
		t.Errorf("the flow is %s, it was %s", now, id)
	}
	r.rotates()
	// Left without an owner, as by a kill.
	s.end(unix.SignalNum(r.unit("RestartKillSignal")))
	r.run("mkdir -p /etc/systemd/system/multi-user.target.wants && ln -s /usr/lib/systemd/system/ctop@.service /etc/systemd/system/multi-user.target.wants/ctop@wan.service")
	r.run("dpkg --purge ctop")
	r.run("rmdir --ignore-fail-on-non-empty -p /etc/systemd/system/multi-user.target.wants")
	r.traceless(settings)
}

// checkExamples tries the examples as they are, with what they comment out.
func (r *root) checkExamples() {
	r.t.Helper()
	r.run(`mkdir -p /tmp/xdg/ctop && sed -n 's/^# \([a-z_-]* = .*\|\[.*\]\)$/\1/p' /etc/ctop/config.toml >/tmp/xdg/ctop/config.toml`)
	r.says("grep -c . /tmp/xdg/ctop/config.toml", "5")
	r.says("XDG_CONFIG_HOME=/tmp/xdg ctop serve nosuch0 2>&1 || true", "no such interface")
	r.says(`sed 's/^#\(CTOP\)/\1/' /usr/share/doc/ctop/examples/wan.conf >/tmp/xdg/wan.conf; set -a; . /tmp/xdg/wan.conf; ctop serve nosuch0 2>&1 || true`, "no such interface")
	r.run("rm -r /tmp/xdg")
	for _, shell := range []string{"/usr/share/bash-completion/completions/ctop", "/usr/share/zsh/vendor-completions/_ctop", "/usr/share/fish/vendor_completions.d/ctop.fish"} {
		r.says("grep -c __complete "+shell, "")
	}
	r.says("bash -n /usr/share/bash-completion/completions/ctop && echo parsed", "parsed")
	r.says("zcat /usr/share/man/man8/ctop.8.gz | head -n 1", `.TH "CTOP" "8"`)
}

// talk opens a TCP connection through the tracker. The function that it returns checks
// that what the client sends arrives.
func (r *root) talk() (send func()) {
	r.t.Helper()
	at := net.JoinHostPort(r.Server.Addr4().String(), "5001")
	l, err := r.Server.Listen(r.ctx, "tcp", at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	client, err := r.Client.Dial(r.ctx, "tcp", at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = client.Close() })
	server, err := l.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = server.Close() })
	return func() {
		r.t.Helper()
		if _, err := client.Write([]byte("hello")); err != nil {
			r.t.Fatal(err)
		}
		buf := make([]byte, 100)
		if n, err := server.Read(buf); string(buf[:n]) != "hello" {
			r.t.Fatalf("%q, %v", buf[:n], err)
		}
	}
}

// rotates checks that the audit log goes on in a new file after a rotation.
func (r *root) rotates() {
	r.t.Helper()
	const act = "ctop timeouts icmp=7s --audit /var/lib/ctop/audit-wan.jsonl >/dev/null"
	r.run(act)
	r.run("logrotate -f -s /tmp/rotated /etc/logrotate.d/ctop && rm /tmp/rotated")
	r.run(act)
	r.says("wc -l /var/lib/ctop/audit-wan.jsonl /var/lib/ctop/audit-wan.jsonl.1 | head -n 2 | tr -s ' ' | tr '\n' ,",
		"1 /var/lib/ctop/audit-wan.jsonl, 1 /var/lib/ctop/audit-wan.jsonl.1,")
	r.says("stat -c %a /var/lib/ctop/audit-wan.jsonl", "600")
}

// The rpm, by rpm: installed, verified, upgraded, and erased while a tracker runs.
func TestRPM(t *testing.T) {
	r := newRoot(t)
	settings := r.settings()
	rpm := func(args ...string) string {
		t.Helper()
		args = append([]string{"--root", r.dir, "--dbpath", "/var/lib/rpm"}, args...)
		out, err := exec.CommandContext(r.ctx, "rpm", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	rpm("-i", "--nodeps", made("1.0.0", ".rpm"))
	r.says("ctop version", "ctop 1.0.0 ")
	r.run("echo 'CTOP_INTERFACES=\"" + r.Client.Port() + " " + r.Server.Port() + "\"' >/etc/ctop/wan.conf; echo '# mine' >>/etc/ctop/config.toml")
	s := r.service()
	s.start()
	rpm("-U", "--nodeps", made("1.0.1", ".rpm"))
	r.says("ctop version", "ctop 1.0.1 ")
	r.says("tail -n 1 /etc/ctop/config.toml", "# mine")
	if said := rpm("-q", "ctop"); said != "ctop-1.0.1-1.x86_64" {
		t.Error(said)
	}
	s.end(unix.SignalNum(r.unit("RestartKillSignal")))
	rpm("-e", "ctop")
	// As is usual for rpm, what was written after the installation stays.
	r.run("rm -rf /etc/ctop /var/lib/ctop /var/lib/rpm")
	// Packages of theirs own these where there are such packages.
	r.run("cd /usr/share && rmdir -p zsh/site-functions fish/vendor_completions.d 2>/dev/null; rmdir licenses || true")
	r.traceless(settings)
}

// The archive, unpacked in /usr/local.
func TestArchive(t *testing.T) {
	r := newRoot(t)
	r.run("tar -C /usr/local --strip-components=1 -xzf " + r.bring(made("1.0.0", ".tar.gz")))
	r.says("ctop version", "ctop 1.0.0 ")
	r.says("grep ^ExecStart /usr/local/lib/systemd/system/ctop@.service", "=/usr/local/bin/ctop serve")
	r.run("tar -tzf /tmp/" + filepath.Base(made("1.0.0", ".tar.gz")) + " | cut -d / -f 2- | grep -v '/$' | (cd /usr/local && xargs rm)")
	r.run("cd /usr/local && rm -r share/doc share/bash-completion share/zsh share/fish share/man/man8 lib/systemd")
	r.traceless(r.settings())
}

// systemd accepts the unit where packages put it.
func TestInstalledUnit(t *testing.T) {
	r := newRoot(t)
	r.run("dpkg -i " + r.bring(made("1.0.0", ".deb")))
	for name, as := range map[string]string{"ctop@.service": "ctop@eth0.service", "ctop-hub.service": "ctop-hub.service"} {
		text, err := os.ReadFile(r.dir + "/usr/lib/systemd/system/" + name)
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(t.TempDir(), as)
		text = bytes.ReplaceAll(text, []byte("=/usr/bin/ctop "), []byte("="+r.dir+"/usr/bin/ctop "))
		if err := os.WriteFile(unit, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(r.ctx, "systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// The image: tools of others read it, and the program in it runs.
func TestImage(t *testing.T) {
	r := newRoot(t)
	dir := t.TempDir()
	tool := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(r.ctx, name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	inspected := tool("skopeo", "inspect", "oci-archive:"+made("1.0.0", ".oci.tar"))
	for _, want := range []string{`"Architecture": "amd64"`, `"org.opencontainers.image.version": "1.0.0"`} {
		if !strings.Contains(inspected, want) {
			t.Errorf("%s is not in %s", want, inspected)
		}
	}
	// Copying computes every digest again.
	tool("skopeo", "--insecure-policy", "copy", "oci-archive:"+made("1.0.0", ".oci.tar"), "oci:"+dir+"/image:v1")
	tool("umoci", "unpack", "--image", dir+"/image:v1", dir+"/bundle")
	config, err := os.ReadFile(dir + "/bundle/config.json")
	if err != nil || !strings.Contains(string(config), `"/usr/bin/ctop"`) {
		t.Errorf("%v: %s", err, config)
	}
	if said := tool("chroot", dir+"/bundle/rootfs", "/usr/bin/ctop", "version"); !strings.HasPrefix(said, "ctop 1.0.0 ") {
		t.Error(said)
	}
}
