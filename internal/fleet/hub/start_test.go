package hub

import (
	"log/slog"
	"testing"
)

// A hub on a busy machine has as long for its own connection as for all that it begins with.
func TestOwnConnection(t *testing.T) {
	h := &hub{Options: Options{Dir: Dir(t.TempDir()), Address: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	defer h.stop()
	if err := h.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if limit := h.client.Opts.Timeout; limit != startTimeout {
		t.Errorf("its own connection may take %s", limit)
	}
}
