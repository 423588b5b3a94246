package console

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sink is a client that reads a piece each time it is asked to.
type sink struct {
	wrote []string
	slow  time.Duration
}

func (s *sink) Write(p []byte) (int, error) {
	time.Sleep(s.slow)
	s.wrote = append(s.wrote, string(p))
	return len(p), nil
}

// A client that reads a piece in time is not cut off, however long all takes. The write
// to one that does not is given up, and the next begins with the end of any sequence.
func TestOutlet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cut := &sink{slow: time.Second - 1}, 0
		o := &outlet{w: s, limit: time.Second, cut: func() { cut++ }, screen: true}
		long := strings.Repeat("x", 3*piece+1)
		if n, err := o.Write([]byte(long)); n != len(long) || err != nil || cut != 0 || len(s.wrote) != 4 || len(s.wrote[0]) != piece {
			t.Errorf("in time: wrote %d in %d pieces, %v, cut off %d times", n, len(s.wrote), err, cut)
		}
		s.wrote, s.slow = nil, time.Second+1
		if n, err := o.Write([]byte(long)); n != piece || !errors.Is(err, errStalled) || cut != 1 {
			t.Errorf("too slow: wrote %d, %v, cut off %d times", n, err, cut)
		}
		s.wrote, s.slow = nil, 0
		for range 2 {
			if n, err := o.Write([]byte("bye")); n != 3 || err != nil {
				t.Errorf("afterwards: wrote %d, %v", n, err)
			}
		}
		if got := strings.Join(s.wrote, "|"); got != "\x18|bye|bye" {
			t.Errorf("afterwards: %q", got)
		}
		s.slow = 2 * time.Second
		if _, _ = o.Write([]byte("x")); cut != 1 {
			t.Errorf("cut off %d times", cut)
		}
		// Without a screen there is no sequence to end.
		s = &sink{slow: 2 * time.Second}
		o = &outlet{w: s, limit: time.Second, cut: func() {}}
		_, _ = o.Write([]byte(long))
		s.wrote, s.slow = nil, 0
		if _, _ = o.Write([]byte("bye")); strings.Join(s.wrote, "|") != "bye" {
			t.Errorf("without a screen: %q", s.wrote)
		}
	})
}

// A session may send 16 KiB at once and 2 KiB a second in the long run.
func TestInlet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		touched := 0
		i := newInlet(ctx, io.LimitReader(endless{}, 64<<10), func() { touched++ })
		begin := time.Now()
		read := func(want int) {
			t.Helper()
			if n, err := i.Read(make([]byte, 4<<10)); n != want || err != nil {
				t.Errorf("read %d, %v", n, err)
			}
		}
		for range 4 {
			read(4 << 10)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("16 KiB took %s", took)
		}
		read(4 << 10)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("20 KiB took %s", took)
		}
		read(4 << 10) // the budget is still overdrawn
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("24 KiB took %s", took)
		}
		time.Sleep(time.Hour) // fills it up, and no more
		read(4 << 10)
		begin = time.Now()
		for range 4 {
			read(4 << 10)
		}
		if took := time.Since(begin); took != time.Second || touched != 11 {
			t.Errorf("20 KiB later took %s; noticed %d times", took, touched)
		}
		cancel()
		if n, err := i.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %d, %v", n, err)
		}
		i = newInlet(t.Context(), strings.NewReader(""), func() { t.Error("a client that hangs up counts as active") })
		if n, err := i.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("of nothing: %d, %v", n, err)
		}
	})
}

// endless has as many bytes as anybody reads.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
