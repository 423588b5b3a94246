package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// seenNow returns what the programs would have seen of a process.
func seenNow(t *testing.T, pid int, name string) Seen {
	t.Helper()
	ticks, err := start(uint32(pid))
	if err != nil {
		t.Fatal(err)
	}
	s := Seen{PID: uint32(pid), UID: uint32(os.Getuid()), StartNs: ticks * uint64(userHZ)}
	copy(s.Name[:], name)
	return s
}

// sleeper starts a program that waits until it is killed.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// A process that lives has its name of now; one that ended keeps the last one, and is
// marked.
func TestBook(t *testing.T) {
	b := NewBook()
	if !b.all {
		t.Log("/proc is that of a PID namespace: only what the programs saw is known")
	}
	cmd := sleeper(t)
	s := seenNow(t, cmd.Process.Pid, "before-exec")
	p := b.Process(&s)
	want := "before-exec"
	if b.all {
		want = "sleep"
	}
	if p.Name != want || p.PID != s.PID || p.Gone || p.User == "" {
		t.Errorf("the process is %+v, want the name %s", p, want)
	}
	if b.all && p.Command != "sleep 1000" {
		t.Errorf("its command line is %q", p.Command)
	}
	if again := b.Process(&s); again != p {
		t.Error("flows of one process have several")
	}
	if age := time.Since(p.Started); age < 0 || age > time.Hour {
		t.Errorf("it started %s ago", age)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	b.known(&s).checked = time.Time{}
	if p = b.Process(&s); p.Name != want || p.Gone != b.all {
		t.Errorf("after its end it is %+v", p)
	}
}

// A PID that was given to another process says nothing of the one before.
func TestBookPIDAgain(t *testing.T) {
	b := NewBook()
	b.all = true
	s := seenNow(t, os.Getpid(), "old")
	s.StartNs -= uint64(time.Second)
	if p := b.Process(&s); p.Name != "old" || !p.Gone || p.Command != "" {
		t.Errorf("the process is %+v", p)
	}
}

// A process that lives is looked at once, whatever names it had.
func TestBookOfManyNames(t *testing.T) {
	b := NewBook()
	b.all = true
	s := seenNow(t, os.Getpid(), "")
	p := b.Process(&s)
	for i := range 3 {
		s.Name[0] = 'a' + byte(i)
		if again := b.Process(&s); again != p || len(b.entries) != 1 {
			t.Fatalf("with another name it is %+v, of %d", again, len(b.entries))
		}
	}
}

// However many processes come by, the book does not grow without end.
func TestBookIsBounded(t *testing.T) {
	b := NewBook()
	b.all = false
	b.paths.read = time.Now().Add(time.Hour)
	for i := range 2*maxEntries + 1 {
		b.Process(&Seen{PID: uint32(i), UID: uint32(i % 8)})
		if i < maxUsers {
			b.users[uint32(i)] = ""
		}
	}
	if len(b.entries) > maxEntries || len(b.users) > maxUsers {
		t.Errorf("it has %d processes and %d users", len(b.entries), len(b.users))
	}
}

// A name without an end, as no kernel makes one, is not read beyond it.
func TestBookName(t *testing.T) {
	b := NewBook()
	b.all = false
	for text, want := range map[string]string{"": "", "a": "a", "0123456789abcdef": "0123456789abcdef"} {
		s := Seen{PID: 1}
		copy(s.Name[:], text)
		if p := b.Process(&s); p.Name != want {
			t.Errorf("%q is %q", text, p.Name)
		}
	}
}

// The control group of a process that ended is found by its ID.
func TestPaths(t *testing.T) {
	var p paths
	root := CgroupRoot()
	if root == "" {
		t.Log("no control groups of version 2 are mounted")
		return
	}
	found, _ := filepath.Glob(filepath.Join(root, "*"))
	p.named(1, time.Now())
	if len(found) > 0 && len(p.groups) == 0 {
		t.Error("no group was read")
	}
	if before := p.read; p.named(2, time.Now()) != (Group{}) || p.read != before {
		t.Error("the groups are read for every unknown one")
	}
}
