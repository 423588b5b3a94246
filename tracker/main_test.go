package tracker

import (
	"os"
	"testing"
	"time"

	"ctop/internal/lab"
)

// waitTimeout bounds every wait; nothing here is expected to take as long.
const waitTimeout = 3 * time.Minute

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
