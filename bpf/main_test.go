package bpf

import (
	"os"
	"testing"

	"ctop/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(suite{m})) }

// suite closes the shared objects before lab.Main looks for leaks.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer loaded.close()
	return s.M.Run()
}
