package tracker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPinNames(t *testing.T) {
	for iface, want := range map[string]string{
		"eth0": "eth0", "eth0.5": "eth0%2E5", "a.b.c": "a%2Eb%2Ec", "100%": "100%25",
		"%2E": "%252E", "%25": "%2525", ".": "%2E", "br-lan": "br-lan", "wan@2": "wan@2",
	} {
		if got := pinName(iface); got != want {
			t.Errorf("%q is pinned as %q, want %q", iface, got, want)
		}
	}
}

// What is pinned for one interface is found for it and for no other, and under a
// name that the BPF file system takes.
func FuzzPinNames(f *testing.F) {
	for _, name := range []string{"eth0", "eth0.5", "%", "%2E", "%25", "%252E", ".%", "%.2E"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		pin := pinName(name)
		if strings.Contains(pin, ".") {
			t.Fatalf("%q is pinned as %q", name, pin)
		}
		if back := interfaceName(pin); back != name {
			t.Fatalf("%q is pinned as %q and found as %q", name, pin, back)
		}
	})
}

// A lease is held by one, and free again once it is released.
func TestLease(t *testing.T) {
	dir := t.TempDir()
	first, taken, err := takeLease(dir)
	if err != nil || !taken {
		t.Fatal(taken, err)
	}
	if _, taken, err := takeLease(dir); err != nil || taken {
		t.Errorf("taken twice: %v", err)
	}
	first.release()
	second, taken, err := takeLease(dir)
	if err != nil || !taken {
		t.Fatalf("not free after the release: %v", err)
	}
	second.release()
	if _, _, err := takeLease(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a lease on nothing")
	}
	(*lease)(nil).release()
}

// Pins go, and the directories above them once they are empty.
func TestRemovePins(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "ns", "a:b")
	if err := os.MkdirAll(filepath.Join(dir, "reader0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removePins(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("the namespace's directory is left: %v", err)
	}
	if err := removePins(dir); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}
