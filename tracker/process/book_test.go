package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
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

// launch starts a program that waits until it is killed. Start returns a moment before the
// program has its own command line.
func launch(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(time.Minute); command(uint32(cmd.Process.Pid)) == ""; {
		if time.Now().After(deadline) {
			t.Fatal("the program has no command line")
		}
	}
}

// sleeper starts a program that does nothing.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	launch(t, cmd)
	return cmd
}

// A process that lives has its name and command line of now; one that ended keeps the last
// ones, and is marked. In a PID namespace only what the programs saw is known.
func TestBook(t *testing.T) {
	for _, all := range []bool{false, true} {
		b := NewBook()
		b.all = all
		cmd := sleeper(t)
		s := seenNow(t, cmd.Process.Pid, "before-exec")
		p := b.Process(&s)
		name, command := "before-exec", ""
		if all {
			name, command = "sleep", "sleep 1000"
		}
		if p.Name != name || p.Command != command || p.PID != s.PID || p.Gone || p.User == "" {
			t.Errorf("the process is %+v, want the name %s", p, name)
		}
		if again := b.Process(&s); again != p {
			t.Error("flows of one process have several")
		}
		b.known(&s).checked = time.Time{}
		if again := b.Process(&s); again != p || time.Since(b.known(&s).checked) > time.Minute {
			t.Error("it is another one when nothing has changed, or is not looked at")
		}
		if age := time.Since(p.Started); age < 0 || age > time.Hour {
			t.Errorf("it started %s ago", age)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b.known(&s).checked = b.known(&s).checked.Add(time.Hour) // however long this takes
		if again := b.Process(&s); again != p {
			t.Error("it is looked at every time")
		}
		b.known(&s).checked = time.Time{}
		if p = b.Process(&s); p.Name != name || p.Command != command || p.Gone != all {
			t.Errorf("after its end it is %+v", p)
		}
	}
}

// A process that becomes another program has its name soon, and at once where the programs
// saw it with that.
func TestBookAfterExec(t *testing.T) {
	for _, name := range []string{"sh", "sleep"} {
		t.Run("seen as "+name, func(t *testing.T) { afterExec(t, name) })
	}
}

func afterExec(t *testing.T, seenAs string) {
	b := NewBook()
	b.all = true
	cmd := exec.Command("sh", "-c", "read line; exec sleep 1000")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	launch(t, cmd)
	s := seenNow(t, cmd.Process.Pid, "sh")
	before := b.Process(&s)
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); name(s.PID) != "sleep" || command(s.PID) != "sleep 1000"; {
		if time.Now().After(deadline) {
			t.Fatal("it stays a shell")
		}
	}
	checked := time.Now().Add(time.Hour) // however long this takes
	if seenAs == "sh" {
		checked = time.Now().Add(-checkEvery - time.Second)
	}
	b.known(&s).checked = checked
	s.Name = [len(s.Name)]byte{}
	copy(s.Name[:], seenAs)
	if p := b.Process(&s); before.Command != "sh -c read line; exec sleep 1000" || p.Name != "sleep" || p.Command != "sleep 1000" {
		t.Errorf("it was %+v and is %+v", before, p)
	}
}

// A process is of the user and the control group that it has, or had.
func TestBookGroups(t *testing.T) {
	b := NewBook()
	b.all = false
	b.paths = paths{groups: map[uint64]Group{7: {Unit: "a.service", Container: "c", Pod: "p"}}, read: time.Now().Add(time.Hour)}
	for s, want := range map[Seen]flow.Process{
		{PID: 1, Cgroup: 7}:           {PID: 1, User: "root", Unit: "a.service", Container: "c", Pod: "p"},
		{PID: 1, Cgroup: 8, UID: 4e9}: {PID: 1, User: "4000000000", UID: 4e9},
	} {
		p := *b.Process(&s)
		if p.Started = want.Started; p != want {
			t.Errorf("the process is %+v, want %+v", p, want)
		}
	}
	p := flow.Process{Unit: "kept"}
	if b.group(&p, Group{}); p.Unit != "kept" {
		t.Error("what is known is forgotten where nothing is found")
	}
}

// A line of a process is as long as it is kept.
func TestCommand(t *testing.T) {
	cmd := exec.Command("sleep", "1000", "1000"+strings.Repeat("0", maxCommand))
	launch(t, cmd)
	want := ("sleep 1000 1000" + strings.Repeat("0", maxCommand))[:512]
	if got := command(uint32(cmd.Process.Pid)); got != want {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	for _, none := range []string{command(1 << 30), name(1 << 30)} {
		if none != "" {
			t.Errorf("of no process: %q", none)
		}
	}
	if g := groups(1 << 30); g != (Group{}) {
		t.Errorf("of no process: %+v", g)
	}
	if _, err := start(1 << 30); err == nil {
		t.Error("no process began")
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

// A process that lives is one, and looked at a few times, whatever names it had.
func TestBookOfManyNames(t *testing.T) {
	b := NewBook()
	b.all = true
	s := seenNow(t, os.Getpid(), "")
	p := b.Process(&s)
	looks := 0
	for i := range 100 {
		s.Name[0] = 'a' + byte(i%26)
		later := time.Now().Add(time.Hour) // however long this takes
		b.known(&s).checked = later
		if again := b.Process(&s); again != p || len(b.entries) != 1 {
			t.Fatalf("with another name it is %+v, of %d", again, len(b.entries))
		}
		if b.known(&s).checked != later {
			looks++
		}
	}
	if looks != maxRenames {
		t.Errorf("it was looked at %d times", looks)
	}
	b.known(&s).checked = time.Time{}
	b.Process(&s)
	if s.Name[0]++; b.known(&s).renames != 0 || b.Process(&s) != p || b.known(&s).renames != 1 {
		t.Error("later another name causes no look")
	}
	s.Name = [len(s.Name)]byte{}
	copy(s.Name[:], p.Name)
	if b.Process(&s) != p || b.known(&s).renames != 1 {
		t.Error("the name that it is known by causes a look")
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

// What was asked for of late stays when the book is full.
func TestBookKeepsTheLatest(t *testing.T) {
	b := NewBook()
	b.all = false
	b.paths.read = time.Now().Add(time.Hour)
	for i := range maxEntries {
		b.Process(&Seen{PID: uint32(i)})
	}
	if len(b.entries) != maxEntries {
		t.Fatalf("it has %d processes", len(b.entries))
	}
	for s, e := range b.entries {
		e.used = time.Time{}
		if s.PID == 1 || s.PID == 2 {
			e.used = time.Now().Add(time.Hour) // however long this takes
		}
	}
	b.Process(&Seen{PID: 0})
	b.known(&Seen{PID: 0}).used = b.known(&Seen{PID: 0}).used.Add(time.Hour)
	b.Process(&Seen{PID: maxEntries})
	if len(b.entries) != 4 {
		t.Errorf("it has %d processes, want those that were asked for of late", len(b.entries))
	}
}

// The names of users are read again: they may change.
func TestBookReadsUsersAgain(t *testing.T) {
	b := NewBook()
	now := time.Now()
	b.users, b.read = map[uint32]string{0: "before"}, now
	if got := b.user(0, now.Add(usersFor)); got != "before" {
		t.Errorf("the user is %s", got)
	}
	if got := b.user(0, now.Add(usersFor+1)); got != "root" || b.read != now.Add(usersFor+1) {
		t.Errorf("later the user is %s", got)
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
	first := p.read
	if p.named(2, first.Add(pathsEvery-1)) != (Group{}) || p.read != first {
		t.Error("the groups are read for every unknown one")
	}
	if again := first.Add(pathsEvery); p.named(2, again) != (Group{}) || p.read != again {
		t.Error("the groups are not read again")
	}
	p.groups[3] = Group{Unit: "a.service"}
	if g := p.named(3, first.Add(time.Hour)); g.Unit != "a.service" {
		t.Errorf("one that is known is %+v", g)
	}
}
