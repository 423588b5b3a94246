package ui

import (
	"time"

	"github.com/charmbracelet/lipgloss"

	"ctop/tracker"
)

// DefaultInterval is the time between two looks at the source.
const DefaultInterval = 500 * time.Millisecond

// Export writes flows, in the order in which they are shown, and says where.
// It runs off the console's goroutine.
type Export func(s *tracker.Snapshot, flows []*tracker.Flow) (where string, err error)

// Option changes how a console is made.
type Option func(*options)

type options struct {
	renderer *lipgloss.Renderer
	clock    func() time.Time
	interval time.Duration
	noColor  bool
	export   Export
}

// WithRenderer draws for the terminal of a renderer, and copies to its
// clipboard. The default is the one of the process.
func WithRenderer(r *lipgloss.Renderer) Option {
	return func(o *options) { o.renderer = r }
}

// WithClock replaces the clock.
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.clock = now }
}

// WithInterval sets the time between two looks at the source.
func WithInterval(d time.Duration) Option {
	return func(o *options) { o.interval = d }
}

// WithNoColor leaves bold, reverse and the like, and no colours.
func WithNoColor() Option {
	return func(o *options) { o.noColor = true }
}

// WithExport enables the key that exports the view. Without it there is none: a
// session from elsewhere has no business writing files here.
func WithExport(e Export) Option {
	return func(o *options) { o.export = e }
}

func newOptions(opts []Option) options {
	o := options{
		renderer: lipgloss.DefaultRenderer(),
		clock:    time.Now,
		interval: DefaultInterval,
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}
