package kernel

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An error for lack of memory says what to do, others stay as they are.
func TestExplainMemory(t *testing.T) {
	err := explainMemory(fmt.Errorf("map the table: %w", unix.ENOMEM))
	if !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), "--max-flows") {
		t.Error(err)
	}
	if err := explainMemory(io.EOF); err != io.EOF { //nolint:errorlint // the same error
		t.Error(err)
	}
	if err := explainMemory(nil); err != nil {
		t.Error(err)
	}
}
