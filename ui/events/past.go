package events

import (
	"time"

	"ctop/tracker/flow"
)

// showUntil shows what had happened at the time of the past that is shown, or everything.
func (p *Page) showUntil() {
	until := time.Time{}
	if p.frame.Past {
		until = p.frame.PausedAt
	}
	if until.Equal(p.until) {
		return
	}
	p.until = until
	p.refilter()
}

// later reports whether an event came after what is shown.
func (p *Page) later(e *flow.Event) bool { return !p.until.IsZero() && e.Time.After(p.until) }
