package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/internal/tmux"
)

// hubOfDocs is the hub's address in docs/fleet.md.
const hubOfDocs = "192.0.2.10"

// path is two hosts of a fleet that watch their own interfaces, with a bad cable between
// them, and the hub in the middle. Commands are those of docs/fleet.md.
type path struct {
	*lab.Lab
	t   *testing.T
	ctx context.Context
	dir string
	// lines are the commands of the way from nothing to two hosts.
	lines []string
}

func newPath(t *testing.T) *path {
	t.Helper()
	addr := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	l, ctx := newLabWith(t, lab.Options{
		Bridge: true,
		Client: lab.HostOptions{Addrs: addr("192.0.2.1/24")},
		Server: lab.HostOptions{Addrs: addr("192.0.2.2/24"), Cable: &lab.CableOptions{}},
	})
	ip(t, "address", "add", hubOfDocs+"/24", "dev", "br0")
	p := &path{Lab: l, t: t, ctx: ctx, dir: t.TempDir()}
	binary, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(p.file("bin"), 0o700), os.Symlink(binary, p.file("bin/ctop"))); err != nil {
		t.Fatal(err)
	}
	p.readLines()
	return p
}

func (p *path) file(name string) string { return filepath.Join(p.dir, name) }

// readLines takes the commands from the manual.
func (p *path) readLines() {
	p.t.Helper()
	text, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "## From nothing to two hosts\n")
	rest, _, found := strings.Cut(rest, "These five commands")
	if !ok || !found {
		p.t.Fatal("the manual has no way from nothing to two hosts")
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(rest, -1) {
		p.lines = append(p.lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	if len(p.lines) != 5 {
		p.t.Fatalf("the way has %d commands: %q", len(p.lines), p.lines)
	}
}

// shell prepares a line as it is typed, by root.
func (p *path) shell(at *lab.Host, state, line string) *lab.Cmd {
	args := []string{"-c", `sudo() { "$@"; }; ` + line}
	cmd := lab.Command(p.ctx, "sh", args...)
	if at != nil {
		cmd = at.Command(p.ctx, "sh", args...)
	}
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "PATH="+p.file("bin")+":"+os.Getenv("PATH"), "XDG_STATE_HOME="+p.file(state), "HOME="+p.dir)
	return cmd
}

// begin runs a line until the test ends, and waits until it serves.
func (p *path) begin(at *lab.Host, state, line string) {
	p.t.Helper()
	cmd, log := p.shell(at, state, "exec "+strings.TrimPrefix(line, "sudo ")), &said{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	p.eventually(line+" serves", func() bool { return strings.Contains(log.String(), "msg=serving") })
}

func (p *path) eventually(what string, holds func() bool) {
	p.t.Helper()
	(&serving{t: p.t, log: &said{}}).eventually(what, holds)
}

// beginAll runs the first four commands.
func (p *path) beginAll() {
	p.t.Helper()
	if out, err := p.shell(nil, "hub", p.lines[0]).CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v: %s", p.lines[0], err, out)
	}
	p.begin(nil, "hub", p.lines[1])
	p.begin(p.Client, "one", p.lines[2])
	p.begin(p.Server, "two", p.lines[3])
}

// The five commands of the manual show two hosts in one console.
func TestFiveCommands(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is missing: apt-get install tmux")
	}
	p := newPath(t)
	p.beginAll()
	x, err := tmux.Start(p.ctx, tmux.Options{
		Width: 120, Height: 24, Dir: p.dir, Command: []string{"sh", "-c", "cd " + p.dir + " && PATH=" + p.file("bin") + ":$PATH exec " + p.lines[4]},
		Env: []string{"HOME=" + p.dir, "XDG_CONFIG_HOME=" + p.dir, "XDG_STATE_HOME=" + p.file("ann"), "NO_COLOR="},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	waiting, cancel := context.WithTimeout(p.ctx, waitTimeout)
	defer cancel()
	screen, err := x.WaitFor(waiting, func(screen string) bool {
		return strings.Contains(screen, "2 hosts") && strings.Contains(screen, "edge-1") && strings.Contains(screen, "edge-2")
	})
	if err != nil {
		t.Fatalf("%v:\n%s", err, screen)
	}
}

// Of packets that are lost between two hosts, the fleet says how many, and between which.
func TestLossBetweenHosts(t *testing.T) {
	p := newPath(t)
	p.beginAll()
	to, from := p.sockets()
	time.Sleep(2 * time.Second) // both trackers were there before the flow
	const last = "the last one"
	arrived := make(chan int, 1)
	go func() {
		for n, b := 0, make([]byte, 100); ; n++ {
			got, err := to.Read(b)
			if err != nil {
				t.Errorf("the last datagram does not arrive: %v", err)
			}
			if err != nil || string(b[:got]) == last {
				arrived <- n + 1
				return
			}
		}
	}()
	// The hosts know each other's link address, else what waits for it is lost, too.
	if err := lab.WaitPing(p.ctx, p.Client, p.Server.Addr4()); err != nil {
		t.Fatal(err)
	}
	if err := p.Server.Impair(lab.Impairment{}, lab.Impairment{Loss: 0.2}); err != nil {
		t.Fatal(err)
	}
	const sent = 301 // with the last one
	_, before := p.Server.Cable()
	for range sent - 1 {
		if _, err := from.Write([]byte("a datagram")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	p.eventually("the datagrams have met the bad cable", func() bool {
		_, now := p.Server.Cable()
		return now.Frames-before.Frames >= sent-1
	})
	if err := p.Server.Impair(lab.Impairment{}, lab.Impairment{}); err != nil {
		t.Fatal(err)
	}
	_ = to.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, err := from.Write([]byte(last)); err != nil {
		t.Fatal(err)
	}
	lost := sent - <-arrived
	if lost < sent/20 {
		t.Fatalf("%d of %d were lost", lost, sent)
	}
	type gap struct {
		Direction, From, To string
		Packets, Of         int
	}
	var found struct {
		Conversations []struct {
			Lost []gap
			Text string
		}
	}
	p.eventually("the loss", func() bool {
		cmd := p.shell(nil, "ann", strings.Replace(p.lines[4], "ctop fleet", "ctop fleet --dump -o json --filter 'proto:udp dport:7777'", 1))
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil || json.Unmarshal(out.Bytes(), &found) != nil {
			return false
		}
		if len(found.Conversations) != 1 || len(found.Conversations[0].Lost) != 1 {
			return false
		}
		return found.Conversations[0].Lost[0] == gap{"origin", "edge-1", "edge-2", lost, sent}
	})
	if !strings.Contains(found.Conversations[0].Text, "lost between edge-1 and edge-2") {
		t.Error(found.Conversations[0].Text)
	}
}

// sockets returns one at the second host, and one at the first that sends to it.
func (p *path) sockets() (to, from net.Conn) {
	p.t.Helper()
	at := &net.UDPAddr{IP: p.Server.Addr4().AsSlice(), Port: 7777}
	err := errors.Join(
		p.Server.Do(func() (err error) { to, err = net.ListenUDP("udp4", at); return err }),
		p.Client.Do(func() (err error) { from, err = net.DialUDP("udp4", nil, at); return err }),
	)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = to.Close()
		_ = from.Close()
	})
	if err := to.(*net.UDPConn).SetReadBuffer(1 << 20); err != nil {
		p.t.Fatal(err)
	}
	return to, from
}
