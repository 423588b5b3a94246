package kernel

import (
	"bytes"
	"net"
	"os"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/internal/lab"
	"ctop/tracker/process"
)

// Who closes a connection has it, but for one with the tracker's name: that may have had the
// file only to list it.
func TestCloser(t *testing.T) {
	lab.Require(t)
	const made, closed = uint32(bpf.ConntrackHoldingHOLDING_MADE), uint32(bpf.ConntrackHoldingHOLDING_CLOSED)
	own, _ := ownName()
	for name, c := range map[string]struct {
		tracker string
		before  uint32 // the process that was written down
		after   uint32
		holding uint32
	}{
		"another program":   {"tracker", 1, uint32(os.Getpid()), closed},
		"a longer name":     {string(bytes.TrimRight(own[:], "\x00")) + "er", 1, uint32(os.Getpid()), closed},
		"a shorter name":    {string(own[:3]), 1, uint32(os.Getpid()), closed},
		"the tracker":       {string(own[:]), 1, 1, made},
		"the tracker's own": {string(own[:]), uint32(os.Getpid()), uint32(os.Getpid()), closed},
	} {
		t.Run(name, func(t *testing.T) {
			sockets := closers(t, c.tracker)
			fd, shut := accepted(t)
			var was bpf.WhoSocketOwner
			if err := sockets.Lookup(fd, &was); err != nil || was.Holding != made || was.Process.Pid != uint32(os.Getpid()) {
				t.Fatalf("at first: %+v, %v", was, err)
			}
			was.Process.Pid = c.before
			if err := sockets.Update(fd, &was, ebpf.UpdateExist); err != nil {
				t.Fatal(err)
			}
			shut()
			var is bpf.WhoSocketOwner
			if err := sockets.Lookup(fd, &is); err != nil || is.Process.Pid != c.after || is.Holding != c.holding {
				t.Errorf("in the end: %+v, %v", is, err)
			}
		})
	}
}

// closers attaches the programs for a tracker of a name, and returns the map of sockets.
func closers(t *testing.T, tracker string) *ebpf.Map {
	t.Helper()
	own, _ := ownName()
	rename(t, tracker)
	defer rename(t, string(own[:]))
	spec, err := bpf.LoadWho()
	if err != nil {
		t.Fatal(err)
	}
	maps := map[string]*ebpf.Map{}
	for _, name := range []string{socketsMap, ownersMap} {
		m, err := ebpf.NewMap(spec.Maps[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		maps[name] = m
	}
	w, notes, err := newWho(t.Context(), maps, process.CgroupRoot())
	t.Cleanup(w.Close)
	if err != nil || len(notes) != 0 {
		t.Fatal(notes, err)
	}
	return maps[socketsMap]
}

func rename(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		t.Fatal(err)
	}
}

// accepted returns the descriptor of an accepted connection, and what shuts its direction.
func accepted(t *testing.T) (fd int32, shut func()) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	tcp := server.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(n uintptr) { fd = int32(n) }); err != nil {
		t.Fatal(err)
	}
	return fd, func() {
		if err := tcp.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
}
