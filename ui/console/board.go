package console

import (
	"slices"
	"sync"
	"time"

	"ctop/ui"
)

// mostNotices is how many notices are kept.
const mostNotices = 256

// board keeps notices of what operators did. Every console reads them.
type board struct {
	mu      sync.Mutex
	notices []ui.Notice
	total   uint64
}

func (b *board) addNotice(at time.Time, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total++
	b.notices = append(b.notices, ui.Notice{Time: at, Text: text})
	if n := len(b.notices); n > mostNotices {
		b.notices = slices.Delete(b.notices, 0, n-mostNotices)
	}
}

// Notices returns the notices after a position, oldest first, and the next position.
func (b *board) Notices(position uint64) ([]ui.Notice, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := b.total - uint64(len(b.notices))
	from := min(max(position, oldest), b.total)
	return slices.Clone(b.notices[from-oldest:]), b.total
}
