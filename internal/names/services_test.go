package names

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestServices compares the ports with a list from elsewhere, both ways.
func TestServices(t *testing.T) {
	list, err := os.ReadFile("testdata/services")
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for line := range strings.Lines(string(list)) {
		text, _, _ := strings.Cut(line, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		port, err := strconv.ParseUint(words[1], 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		if got := services[uint16(port)]; got != words[0] {
			t.Errorf("port %d is %q, want %q", port, got, words[0])
		}
		listed++
	}
	if listed != len(services) {
		t.Errorf("%d services, %d are listed", len(services), listed)
	}
}

func TestPortNamed(t *testing.T) {
	for name, want := range map[string]uint16{"https": 443, "HTTPS": 443, "zabbix-agent": 10050, "nothing": 0, "": 0} {
		if got, ok := PortNamed(name); got != want || ok != (want != 0) {
			t.Errorf("%q is port %d, known %t", name, got, ok)
		}
	}
}
