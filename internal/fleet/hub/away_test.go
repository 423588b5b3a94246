package hub

import (
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// A hub that tries again and again to reach another one logs that once a minute.
func TestAwayIsLoggedSeldom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log := make(lines, 1000)
	began := time.Now()
	r := run(t, Options{Link: l.Addr().String(), Log: slog.New(slog.NewJSONHandler(log, nil))})
	for range 5 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("HTTP/1.0 400\r\n\r\n")) // it is another server
		c.Close()
	}
	r.end()
	said, minutes := map[string]int{}, 1+int(time.Since(began).Minutes())
	for len(log) > 0 {
		var line struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(<-log), &line); err != nil {
			t.Fatal(err)
		}
		if text, ofServer := strings.CutPrefix(line.Msg, "server: "); ofServer && line.Level == "WARN" {
			said[kindOf(text)]++
		}
	}
	if len(said) == 0 || len(said) > 3 { // of five attempts
		t.Errorf("%d kinds of warnings: %v", len(said), said)
	}
	for kind, n := range said {
		if n > minutes {
			t.Errorf("%q was said %d times in %d minutes", kind, n, minutes)
		}
	}
}
