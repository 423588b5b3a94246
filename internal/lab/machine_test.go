package lab_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
)

// machineTimeout is how long each part of a machine may take to appear.
const machineTimeout = time.Minute

// A machine has a web server, a database, a clock, a job and an application in a container,
// each a process with its name, which talk with each other and with the world.
func TestMachine(t *testing.T) {
	lab.Require(t)
	before, err := lab.TakeInventory()
	if err != nil {
		t.Fatal(err)
	}
	m, err := lab.NewMachine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	for _, name := range m.Interfaces() {
		if i, err := net.InterfaceByName(name); err != nil || i.Flags&net.FlagUp == 0 {
			t.Errorf("%s: %v, %v", name, i, err)
		}
	}
	stop, err := m.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	world := []string{
		"tcp4>80", "tcp4<80", "tcp6>80", "tcp6<80", "tcp4>22", "tcp4<22", "tcp4>443", "tcp4<443", "tcp4>443 FIN", "tcp4>80 FIN",
		"udp4>123", "udp4<123", "udp4>53", "udp4<53", "tcp4>873", "tcp4<873", "tcp4>873 FIN",
	}
	if m.Translates {
		world = append(world, "tcp4>8080", "tcp4<8080")
	}
	expectKinds(t, m.Server, world)
	expectKinds(t, m.Client, []string{"tcp4>3000", "tcp4<3000", "tcp4>5432", "tcp4<5432", "tcp4>443", "tcp4<443"})
	if m.Translates {
		expectTranslated(t, m.Server)
	}
	expectProcesses(t, "nginx", "postgres", "sshd", "chronyd", "cron", "rsync", "node", "world")
	expectLocal(t)
	for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.1:22"} {
		checkAnswers(t, m.Server, address)
	}
	checkAnswers(t, m.Client, "192.0.2.2:443")
	stop()
	expectNoProcesses(t)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := before.WaitNoLeaks(time.Minute); err != nil {
		t.Error(err)
	}
}

// expectKinds waits until a host has seen all these kinds of packets.
func expectKinds(t *testing.T, h *lab.Host, want []string) {
	t.Helper()
	capture, err := h.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = capture.Close() }()
	missing := map[string]bool{}
	for _, kind := range want {
		missing[kind] = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), machineTimeout)
	defer cancel()
	for len(missing) > 0 {
		frame, err := capture.Next(ctx)
		if err != nil {
			t.Errorf("%s has never seen %v: %v", h.Name(), missing, err)
			return
		}
		for _, kind := range kinds(frame) {
			delete(missing, kind)
		}
	}
}

// expectTranslated checks that what the container says to the world comes from the machine.
func expectTranslated(t *testing.T, h *lab.Host) {
	t.Helper()
	capture, err := h.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = capture.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), machineTimeout)
	defer cancel()
	for {
		frame, err := capture.Next(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		for _, kind := range kinds(frame) {
			if kind == "tcp4>443" {
				if from := netip.AddrFrom4([4]byte(frame.Data[14+12:])); from.String() != "192.0.2.1" {
					t.Errorf("the container speaks as %s", from)
				}
				return
			}
		}
	}
}

// processes returns the names of the processes that run this program, but for this one.
func processes(t *testing.T) map[string]bool {
	t.Helper()
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		space, _ := os.Readlink(filepath.Join(dir, "ns/mnt"))
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err == nil && exe == own && space == self && strings.Contains(string(args), lab.PlayArgument) {
			found[strings.TrimSpace(string(comm))] = true
		}
	}
	return found
}

// expectProcesses waits until processes with these names have run.
func expectProcesses(t *testing.T, names ...string) {
	t.Helper()
	seen := map[string]bool{}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		missing := 0
		for name := range processes(t) {
			seen[name] = true
		}
		for _, name := range names {
			if !seen[name] {
				missing++
			}
		}
		if missing == 0 {
			return
		}
		if time.Since(begun) > machineTimeout {
			t.Errorf("of %v only %v ran", names, seen)
			return
		}
	}
}

// expectNoProcesses waits until none is left. The kernel kills those that others have
// started a moment after these.
func expectNoProcesses(t *testing.T) {
	t.Helper()
	for begun := time.Now(); len(processes(t)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > machineTimeout {
			t.Errorf("%v still run", processes(t))
			return
		}
	}
}

// expectLocal waits until the job works in the database, by the loopback interface.
func expectLocal(t *testing.T) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile("/proc/thread-self/net/tcp") // other threads may be elsewhere
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 3 && fields[2] == "0100007F:1538" && fields[3] == "01" {
				return
			}
		}
		if time.Since(begun) > machineTimeout {
			t.Error("nobody works in the database")
			return
		}
	}
}

// checkAnswers checks that a server answers each request with as many bytes as it asks for,
// up to a bound. The way to the world takes 8 ms.
func checkAnswers(t *testing.T, from *lab.Host, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), machineTimeout)
	defer cancel()
	begun := time.Now()
	conn, err := from.Dial(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(address, ":443") {
		conn = tls.Client(conn, &tls.Config{ServerName: "api.example.com", InsecureSkipVerify: true})
	}
	defer func() { _ = conn.Close() }()
	if took := time.Since(begun); took < 16*time.Millisecond {
		t.Errorf("%s is only %s away", address, took)
	}
	if err := conn.SetDeadline(begun.Add(machineTimeout)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ asked, want int }{{1, 1}, {5000, 5000}, {0, 0}, {2 << 20, 1 << 20}} {
		if _, err := conn.Write(binary.BigEndian.AppendUint32(nil, uint32(c.asked))); err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, conn, int64(c.want)); err != nil {
			t.Fatalf("%s answers %d bytes of %d: %v", address, n, c.want, err)
		}
	}
	// Nothing more comes until more is asked for: half a request is none.
	if _, err := conn.Write([]byte{0, 0}); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s says %d bytes more: %v", address, n, err)
	}
}

// A part that there is not is not played.
func TestPlayNothing(t *testing.T) {
	lab.Require(t)
	if err := lab.Play(t.Context(), "king"); err == nil || !strings.Contains(err.Error(), "there is no such part") {
		t.Error(err)
	}
}
