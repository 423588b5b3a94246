package agent

import (
	"slices"
	"testing"
	"time"

	"ctop/internal/fleet/link"
)

// A thousand hosts whose hub was gone for a while come back within half a minute, and no more
// than a hundred of them in any second.
func TestNoHerd(t *testing.T) {
	const hosts = 1000
	for _, gone := range []time.Duration{0, 2 * time.Second, time.Minute} {
		a := &Agent{}
		a.hosts.Store(hosts)
		o := link.Options{Spread: a.spread}
		var back []time.Duration
		for range hosts {
			at := o.Delay(1)
			for try := 2; at < gone; try++ { // nobody answers
				at += o.Delay(try)
			}
			back = append(back, at)
		}
		slices.Sort(back)
		if last := back[hosts-1]; last > gone+30*time.Second {
			t.Errorf("gone for %s, the last one is back after %s", gone, last)
		}
		most := 0
		for i, at := range back {
			end, _ := slices.BinarySearch(back, at+time.Second)
			most = max(most, end-i)
		}
		if most > 100 {
			t.Errorf("gone for %s, %d come back in a second", gone, most)
		}
	}
}
