package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

func captureChecks() map[string]func(d *desk, k string) {
	return map[string]func(d *desk, k string){
		"Act on flows: write its packets, or end": func(d *desk, k string) {
			d.press(k)
			d.captures(k, 1)
		},
		"Act on flows: write those of all shown": func(d *desk, k string) {
			d.filter("tcp")
			d.press(k)
			d.captures(k, len(ports))
			d.press("Escape")
			d.hides("filter:")
		},
	}
}

// captures waits until a capture has packets, ends it with a key, and checks that it is
// whole and has as many flows.
func (d *desk) captures(k string, flows int) {
	d.t.Helper()
	host, _ := os.Hostname()
	d.shows("capturing to " + host + ":" + d.dir + "/ctop-")
	d.shows("on " + host)
	path := d.captured()
	for begun := time.Now(); len(flowsIn(d.t, path)) < flows; time.Sleep(100 * time.Millisecond) {
		d.speak()
		if time.Since(begun) > waitTimeout {
			d.t.Fatalf("never packets of %d flows: %q", flows, flowsIn(d.t, path))
		}
	}
	d.until("the size of the file grows", func(screen string) bool {
		d.speak() // the first packets may be less than a kilobyte
		return growing.MatchString(screen)
	})
	d.press(k)
	d.shows("to " + host + ":" + d.dir + "/ctop-")
	d.shows("captured ")
	d.hides("capturing")
	if found := flowsIn(d.t, path); len(found) != flows {
		d.t.Errorf("%d flows, want %d", len(found), flows)
	}
	if err := os.Remove(path); err != nil {
		d.t.Error(err)
	}
}

// speak sends a byte on every connection.
func (d *desk) speak() {
	d.t.Helper()
	for _, conn := range d.talk {
		if _, err := conn.Write([]byte("x")); err != nil {
			d.t.Fatal(err)
		}
	}
}

var growing = regexp.MustCompile(`capturing [0-9.]+ kB`)

// captured returns the only capture of the desk.
func (d *desk) captured() string {
	d.t.Helper()
	found, err := filepath.Glob(filepath.Join(d.dir, "ctop-*.pcapng"))
	if err != nil || len(found) != 1 {
		d.t.Fatalf("%v, %v", found, err)
	}
	info, err := os.Lstat(found[0])
	if err != nil || info.Mode() != 0o600 {
		d.t.Errorf("%v, %v", info, err)
	}
	return found[0]
}

var capturedFlow = regexp.MustCompile(`flow=[0-9a-f]{16} state=ESTABLISHED`)

// flowsIn returns the flows of a capture, each once.
func flowsIn(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, one := range capturedFlow.FindAll(text, -1) {
		found = append(found, string(one))
	}
	slices.Sort(found)
	return slices.Compact(found)
}
