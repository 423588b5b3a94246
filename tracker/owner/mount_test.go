package owner

import (
	"strings"
	"testing"
)

// The last mount at the place counts, and its device and source follow one another.
func TestReadBPFFS(t *testing.T) {
	const (
		sys  = "22 26 0:21 / /sys rw,relatime - sysfs sysfs rw\n"
		bpf  = "30 22 0:27 / /sys/fs/bpf rw,nosuid shared:9 - bpf bpf rw,mode=700\n"
		ours = "31 30 0:44 / /sys/fs/bpf rw,nosuid - bpf ctop rw,mode=700\n"
		tmp  = "32 30 0:45 / /sys/fs/bpf rw - tmpfs tmpfs rw\n"
		part = "33 22 0:27 /pod /sys/fs/bpf rw,nosuid master:9 - bpf bpf rw,mode=700\n"
	)
	for text, want := range map[string]bpffsMount{
		"": {}, sys: {}, "rubbish\n" + bpf: {"0:27", "bpf"}, sys + bpf: {"0:27", "bpf"},
		bpf + ours: {"0:44", "ctop"}, ours + bpf: {"0:27", "bpf"}, bpf + tmp: {}, sys + part: {"0:27", "bpf"},
	} {
		if got := readBPFFS(strings.NewReader(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// Pins stay only in the file system of process 1, unless ctop mounted it there.
func TestPinsStay(t *testing.T) {
	host := bpffsMount{"0:27", "bpf"}
	for _, c := range []struct {
		what       string
		own, first bpffsMount
		want       bool
	}{
		{"the machine's, or a service's or a container's copy of it", host, host, true},
		{"mounted by hand in a private mount namespace", bpffsMount{"0:44", "bpf"}, host, false},
		{"mounted by ctop in one", bpffsMount{"0:44", "ctop"}, host, false},
		{"mounted by ctop in a container, whose process 1 it may be", bpffsMount{"0:44", "ctop"}, bpffsMount{"0:44", "ctop"}, false},
		{"process 1 has none, or hides it", host, bpffsMount{}, false},
		{"none", bpffsMount{}, bpffsMount{}, false},
	} {
		if got := c.own.staysWith(c.first); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
