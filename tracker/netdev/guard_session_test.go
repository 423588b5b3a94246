package netdev

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeProc is a tree of processes: a shell (30) under sudo (20) under an SSH
// server (10) of the given name and network namespace.
func fakeProc(t *testing.T, server, netns string) processes {
	t.Helper()
	root := t.TempDir()
	p := processes{root: root, self: 30}
	for _, one := range []struct {
		pid, parent int
		name, netns string
	}{{30, 20, "ctop", "net:[1]"}, {20, 10, "sudo", "net:[1]"}, {10, 1, server, netns}} {
		for _, dir := range []string{"ns", "fd", "net"} {
			if err := os.MkdirAll(p.path(one.pid, dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nPPid:\t%d\nTracerPid:\t0\n", one.name, one.parent)
		if err := os.WriteFile(p.path(one.pid, "status"), []byte(status), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(one.netns, p.path(one.pid, "ns/net")); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p processes) give(t *testing.T, pid int, table, text string) {
	t.Helper()
	if err := os.WriteFile(p.path(pid, filepath.Join("net", table)), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("socket:[4711]", p.path(pid, "fd/4")); err != nil {
		t.Fatal(err)
	}
}

const procHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// Where sudo dropped the variable, the server's own socket tells.
func TestSessionOfParents(t *testing.T) {
	for _, name := range []string{"sshd", "sshd-session", "dropbear"} {
		p := fakeProc(t, name, "net:[1]")
		p.give(t, 10, "tcp", procHeader+
			"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"+
			"   1: 0100000A:0016 0200000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"+
			"   2: 010200C0:0016 096433C6:C350 01 00000000:00000000 00:00000000 00000000     0        0 4711 1\n")
		s := p.session("")
		if s == nil || s.local.String() != "192.0.2.1" || s.remote.String() != "198.51.100.9" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	p := fakeProc(t, "sshd", "net:[1]")
	p.give(t, 10, "tcp6", procHeader+
		"   0: B80D0120000000000000000001000000:0016 000080FE000000000000000002000000:C350 01 0:0 00:0 0     0        0 4711 1\n")
	if s := p.session(""); s == nil || s.local.String() != "2001:db8::1" || s.remote.String() != "fe80::2" {
		t.Errorf("IPv6: %+v", s)
	}
}

func TestSessionOfVariable(t *testing.T) {
	const variable = "198.51.100.9 50000 192.0.2.1 22"
	for name, p := range map[string]processes{
		"no server":              fakeProc(t, "bash", "net:[1]"),
		"descriptors not to see": fakeProc(t, "sshd", "net:[1]"),
	} {
		if s := p.session(variable); s == nil || s.local.String() != "192.0.2.1" {
			t.Errorf("%s: %+v", name, s)
		}
		if s := p.session(""); s != nil {
			t.Errorf("%s, and no variable: %+v", name, s)
		}
	}
	if s := fakeProc(t, "sshd", "net:[2]").session(variable); s != nil {
		t.Errorf("a session of another network namespace: %+v", s)
	}
	if name, _, err := (processes{root: "/proc"}).process(os.Getpid()); err != nil || !strings.HasPrefix(os.Args[0][strings.LastIndex(os.Args[0], "/")+1:], name) {
		t.Errorf("this process is called %q: %v", name, err)
	}
}

// A connection of a parent that is no SSH server is not the session, nor is one of ctop
// itself, whatever that is called.
func TestSessionOfOthers(t *testing.T) {
	const established = "   0: 010200C0:0016 096433C6:C350 01 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
	p := fakeProc(t, "sshd", "net:[1]")
	p.give(t, 20, "tcp", procHeader+established)
	if s := p.session(""); s != nil {
		t.Errorf("of sudo: %+v", s)
	}
	p.self = 10
	p.give(t, 10, "tcp", procHeader+established)
	if s := p.session(""); s != nil {
		t.Errorf("of ctop itself: %+v", s)
	}
}

// Lines of a table that are no established connection of the process are passed over.
func TestEstablishedIn(t *testing.T) {
	const rest = " 00:0 00:0 00 0 0 "
	for text, want := range map[string]string{
		"":              "",
		"0: 0100007F:1": "",
		"0: 0100007F:0016 0200007F:C350 01" + rest + "4711":                                               "127.0.0.1 127.0.0.2",
		"0: 0100007F:0016 0200007F:C350 01" + rest:                                                        "",
		"0: 0100007F:0016 0200007F:C350 06" + rest + "4711":                                               "",
		"0: 0100007F:0016 0200007F:C350 01" + rest + "4712":                                               "",
		"0: 0100007:0016 0200007F:C350 01" + rest + "4711":                                                "",
		"0: 0100007F:0016 020000:C350 01" + rest + "4711":                                                 "",
		"0: 0100007F00000000:0016 0200007F:C350 01" + rest + "4711":                                       "",
		"0: 0000000000000000FFFF00000100007F:1 0000000000000000FFFF00000200007F:2 01" + rest + "4711 100": "127.0.0.1 127.0.0.2",
	} {
		table := filepath.Join(t.TempDir(), "tcp")
		must(t, os.WriteFile(table, []byte(procHeader+text+"\n"), 0o600))
		got := ""
		if s := establishedIn(table, []string{"1", "4711"}); s != nil {
			got = s.local.String() + " " + s.remote.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
