package packets

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ctop/internal/pcapng"
)

var start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

func (h *held) got(before time.Time) string {
	var list []string
	for p := range h.until(before) {
		list = append(list, string(p.Data))
	}
	return strings.Join(list, " ")
}

// Packets of several processors are written in the order of their times, and those of the
// same time as they came. What is younger waits.
func TestHeld(t *testing.T) {
	var h held
	data := make([]byte, 1)
	for i, after := range []int{3, 1, 5, 3, 2} {
		data[0] = byte('a' + i) // the buffer is used again, as the reader does
		h.add(&pcapng.Packet{Time: start.Add(time.Duration(after)), Data: data})
	}
	if h.size != 5 {
		t.Errorf("%d bytes wait", h.size)
	}
	if got := h.got(start.Add(3)); got != "b e" || h.size != 3 {
		t.Errorf("%q, %d bytes wait", got, h.size)
	}
	h.add(&pcapng.Packet{Time: start.Add(4), Data: []byte("f")})
	if got := h.got(time.Time{}); got != "a d f c" || h.size != 0 || len(h.packets) != 0 {
		t.Errorf("%q, %d bytes wait", got, h.size)
	}
	if got := h.got(time.Time{}); got != "" {
		t.Errorf("again: %q", got)
	}
}

// Whoever stops in the middle has what came so far, and the rest waits on.
func TestHeldIsStopped(t *testing.T) {
	var h held
	for i := range 4 {
		h.add(&pcapng.Packet{Time: start.Add(time.Duration(i)), Data: fmt.Append(nil, i)})
	}
	for p := range h.until(time.Time{}) {
		if string(p.Data) == "1" {
			break
		}
	}
	if got := h.got(time.Time{}); got != "2 3" {
		t.Errorf("%q is left", got)
	}
}
