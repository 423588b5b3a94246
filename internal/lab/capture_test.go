package lab_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"ctop/internal/lab"
)

// Of a capture that passes over long frames the short ones are read, also those that wait
// when nobody waits for them any more.
func TestShortFramesThatWait(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	capture, err := l.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = capture.Close() }()
	if err := capture.Short(100); err != nil {
		t.Fatal(err)
	}
	frame := func(size int, mark byte) []byte {
		b := bytes.Repeat([]byte{mark}, size)
		copy(b, bytes.Repeat([]byte{0xff}, 6)) // to all
		b[6] = 2
		return append(b[:12:12], append([]byte{0x88, 0xb5}, b[14:]...)...)
	}
	for _, f := range [][]byte{frame(60, 'a'), frame(101, 'b'), frame(100, 'c')} {
		if err := l.Client.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := capture.Next(over); err == nil {
		t.Error("a frame is read though nobody waits for it")
	}
	var marks []byte
	for deadline := time.Now().Add(time.Minute); len(marks) < 2 && time.Now().Before(deadline); {
		f, ok := capture.Waiting()
		if ok && f.Data[12] == 0x88 && f.Data[13] == 0xb5 {
			marks = append(marks, f.Data[20])
		}
	}
	if string(marks) != "ac" {
		t.Errorf("read were %q", marks)
	}
	if f, ok := capture.Waiting(); ok && f.Data[13] == 0xb5 {
		t.Errorf("one more waits: %v", f)
	}
}
