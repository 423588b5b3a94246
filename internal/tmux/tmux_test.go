package tmux_test

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"ctop/internal/tmux"
)

// A program's exit status is correct, however soon it is requested.
func TestEnded(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is missing: apt-get install tmux")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for end, want := range map[string]int{"exit 3": 3, "exit 0": 0, "kill -9 $$": -1} {
		for range 5 {
			x, err := tmux.Start(ctx, tmux.Options{Width: 80, Height: 24, Command: []string{"sh", "-c", "sleep 0.05; " + end}})
			if err != nil {
				t.Fatal(err)
			}
			status, ended := 0, false
			for err == nil && !ended {
				status, ended, err = x.Ended(ctx)
			}
			if err != nil || status != want {
				t.Errorf("%s: status %d, %v", end, status, err)
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
