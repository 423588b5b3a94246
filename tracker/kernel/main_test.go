package kernel

import (
	"os"
	"testing"

	"ctop/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
