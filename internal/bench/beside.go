package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// beside is the additional data of one sample.
type beside struct {
	retransmits, loss, jitter float64
	// cpus is the number of busy CPUs, including everything else that ran.
	cpus float64
}

// summary returns the medians of the additional data, without the warm-up.
func summary(l load, seen []beside) string {
	seen = seen[min(1, len(seen)):]
	of := func(field func(beside) float64) float64 {
		var values []float64
		for _, b := range seen {
			values = append(values, field(b))
		}
		slices.Sort(values)
		if len(values) == 0 {
			return 0
		}
		return values[len(values)/2]
	}
	cpus := of(func(b beside) float64 { return b.cpus })
	if l.name == datagrams.name {
		return fmt.Sprintf("loss %.2f %%, jitter %.3f ms, %.1f CPUs",
			of(func(b beside) float64 { return b.loss }), of(func(b beside) float64 { return b.jitter }), cpus)
	}
	return fmt.Sprintf("%.0f retransmits, %.1f CPUs", of(func(b beside) float64 { return b.retransmits }), cpus)
}

// reading is the busy time of all CPUs at one moment.
type reading struct {
	at   time.Time
	busy time.Duration
}

// busy reads the first line of /proc/stat (proc(5)), whose unit is a hundredth of
// a second.
func busy() reading {
	r := reading{at: time.Now()}
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	const idle, iowait, steal = 4, 5, 8
	for i, field := range strings.Fields(line) {
		if i == 0 || i == idle || i == iowait || i >= steal {
			continue
		}
		ticks, _ := strconv.ParseInt(field, 10, 64)
		r.busy += time.Duration(ticks) * 10 * time.Millisecond
	}
	return r
}

// since returns the number of busy CPUs between two readings.
func (r reading) since(before reading) float64 {
	return float64(r.busy-before.busy) / float64(r.at.Sub(before.at))
}
