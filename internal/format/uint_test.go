package format

import (
	"math"
	"math/rand"
	"strconv"
	"testing"
	"time"
)

// Numbers are those of strconv, at every length.
func TestAppendUint(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	numbers := []uint64{0, 9, 10, 11, 99, 100, math.MaxUint64}
	for power := uint64(10); power < math.MaxUint64/10; power *= 10 {
		numbers = append(numbers, power-1, power, power+1, power*9)
	}
	for range 10_000 {
		numbers = append(numbers, rnd.Uint64()>>rnd.Intn(64))
	}
	for _, n := range numbers {
		if got, want := string(AppendUint([]byte("x"), n)), "x"+strconv.FormatUint(n, 10); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	if got := string(AppendUint(nil, uint8(255))); got != "255" {
		t.Error(got)
	}
}

func TestAppendHex(t *testing.T) {
	if got := string(AppendHex([]byte("x"), 0x9f3c5a1e2b4d6f80)); got != "x9f3c5a1e2b4d6f80" {
		t.Error(got)
	}
}

func TestAppendMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 1250 * time.Microsecond: "1.25", time.Second: "1000", -time.Microsecond: "-0.001", 1001 * time.Millisecond: "1001",
		499: "0", 500: "0.001", 1499: "0.001",
	} {
		if got := string(AppendMillis(nil, d)); got != want {
			t.Errorf("%s is %s ms, want %s", d, got, want)
		}
	}
}

// Appending allocates nothing where there is room.
func TestAppendAllocatesNothing(t *testing.T) {
	room := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		b := AppendHex(AppendUint(room, uint64(1234567)), 0x1234)
		AppendRate(AppendSeconds(b, 4200*time.Millisecond), 144000.5)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
