package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

// TestConfirm takes a yes for one, and everything else for a no: another word, the
// end of the input, an interrupt.
func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, "yes\n": true, " Y \n": true, "n\n": false, "\n": false, "yep\n": false, "": false,
	} {
		var asked strings.Builder
		e := env{stdin: strings.NewReader(answer), stderr: &asked}
		yes, err := e.confirm(t.Context(), "really? ")
		if yes != want || err != nil || asked.String() != "really? " {
			t.Errorf("%q to %q is %v, %v", answer, asked.String(), yes, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never, nobody := io.Pipe()
	defer func() { _ = nobody.Close() }()
	if yes, err := (env{stdin: never, stderr: io.Discard}).confirm(ctx, ""); yes || err != nil {
		t.Errorf("an interrupt is %v, %v", yes, err)
	}
}
