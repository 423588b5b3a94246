package acting

import (
	"errors"
	"testing"
)

// Of a capture that has ended it is said what it has done, where that lies, and why it ended
// if nobody asked it to.
func TestResultOfACapture(t *testing.T) {
	c := Capture{Host: "edge-1", Path: "/tmp/a.pcap", Text: "wrote 7 packets"}
	if got, want := c.Result(), "wrote 7 packets to edge-1:/tmp/a.pcap"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c.Err = errors.New("the disk is full")
	if got, want := c.Result(), "the capture ended: the disk is full: wrote 7 packets to edge-1:/tmp/a.pcap"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
