package acting

import (
	"errors"
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/tracker/flow"
	"ctop/ui/page"
	"ctop/ui/work"
)

// Capturer writes the packets of flows to files, for one console and one capture at a
// time. Its methods are safe for concurrent use. Begin and End do not run on the
// console's goroutine.
type Capturer interface {
	// Begin begins a capture of the flows that match. ended is called when it has
	// ended, whatever ended it.
	Begin(f filter.Filter, ended func(Capture)) (Capture, error)
	// End ends the capture, if one runs, and returns once its file is whole.
	End() Capture
	// State returns the latest capture.
	State() Capture
}

// Capture is a capture that runs or has ended.
type Capture struct {
	// Number counts the captures of a console. It is 0 before the first.
	Number  int
	Running bool
	// Filter says what is captured.
	Filter string
	// Host and Path are where the file lies, Size is its size in bytes.
	Host, Path string
	Size       int64
	// Text is what a capture that has ended has done, Err why it ended by itself.
	Text string
	Err  error
}

// Where returns the machine and the path, as scp(1) takes them.
func (c Capture) Where() string { return c.Host + ":" + c.Path }

// Result returns what a capture that has ended has done, and where.
func (c Capture) Result() string {
	text := c.Text + " to " + c.Where()
	if c.Err != nil {
		text = "the capture ended: " + c.Err.Error() + ": " + text
	}
	return text
}

// mostCaptured is how many marked flows a capture may have: as many as rules, by which
// the kernel sees them begin again.
const mostCaptured = 16

// errNoCapture answers the key where no packets pass.
var errNoCapture = errors.New("no packets pass here that could be captured")

// capturing is the capture of a console.
type capturing struct {
	Capture
	// beginning is set until it is known whether a capture began, ending until one
	// has ended.
	beginning, ending bool
}

// HandleCapture handles the keys that begin and end a capture: of some flows, or of what
// the filter shows.
func (a *Acts) HandleCapture(msg tea.KeyMsg, refs ...flow.Ref) (cmd tea.Cmd, ok bool) {
	k := a.frame.Keys
	if !key.Matches(msg, k.Capture, k.CaptureAll) {
		return nil, false
	}
	text := a.frame.FilterText()
	if key.Matches(msg, k.Capture) && len(refs) > 0 {
		text = filterOf(refs)
	}
	switch {
	case a.capture.beginning || a.capture.ending:
		a.frame.Tell("one moment")
	case a.capture.Running:
		return a.endCapture(), true
	case a.options.Capturer == nil:
		a.frame.Warn(errNoCapture.Error())
	case len(refs) > mostCaptured:
		a.frame.Warn(fmt.Sprintf("%d flows are marked, and %d can be captured: type a filter for them, and press %s", len(refs), mostCaptured, k.CaptureAll.Help().Key))
	case text == "":
		a.frame.Warn("no flow and no filter say what to capture: / sets a filter")
	default:
		return a.beginCapture(text), true
	}
	return nil, true
}

// filterOf returns a filter for flows, and for those that have their ends later.
func filterOf(refs []flow.Ref) string {
	var each []string
	for _, ref := range refs {
		each = append(each, strings.Join(filterWords(ref.Tuple), " "))
	}
	if len(each) == 1 {
		return each[0]
	}
	return "(" + strings.Join(each, ") or (") + ")"
}

func (a *Acts) beginCapture(text string) tea.Cmd {
	f, err := filter.Parse(text)
	if err != nil { // it has names of hosts
		a.frame.Warn("capture: " + err.Error())
		return nil
	}
	a.capture.beginning = true
	type begun struct {
		Capture
		error
	}
	return work.Do(func() begun {
		c, err := a.options.Capturer.Begin(f, nil)
		return begun{c, err}
	}, func(b begun) tea.Cmd {
		a.capture.beginning = false
		if b.error != nil {
			return a.frame.Report("", b.error)
		}
		a.capture.Capture = b.Capture
		a.noteCapture("capturing " + b.Filter + " to " + b.Where())
		return a.frame.Report("capturing to "+b.Where()+"   w ends it", nil)
	})
}

func (a *Acts) endCapture() tea.Cmd {
	a.capture.ending = true
	return work.Do(a.options.Capturer.End, func(c Capture) tea.Cmd {
		a.capture.ending = false
		a.takeEnded(c)
		return a.frame.Refresh()
	})
}

// takeEnded tells what a capture has done that has ended.
func (a *Acts) takeEnded(c Capture) {
	a.capture.Capture = c
	a.noteCapture(c.Result())
	if c.Err != nil {
		a.frame.Warn(c.Result())
		return
	}
	a.frame.Tell(c.Result())
}

func (a *Acts) noteCapture(text string) {
	if !a.options.NotedElsewhere {
		a.frame.Note(text)
	}
}

// TakeCapture takes what a look at the capture has found.
func (a *Acts) TakeCapture(c Capture) {
	switch {
	case c.Number != a.capture.Number || a.capture.beginning || a.capture.ending:
		// The look was before a key.
	case a.capture.Running && !c.Running:
		a.takeEnded(c)
	default:
		a.capture.Capture = c
	}
}

// Capturing returns what the header says of a capture that runs, empty if none does.
func (a *Acts) Capturing() (size, host string) {
	if !a.capture.Running {
		return "", ""
	}
	return "capturing " + format.TotalBytes(uint64(a.capture.Size)), "on " + format.Clean(a.capture.Host)
}

// CaptureHint names the key that captures, or ends that.
func (a *Acts) CaptureHint() page.Hint {
	if a.capture.Running {
		return page.Hint{Key: a.frame.Keys.Capture, Does: "end capture"}
	}
	return page.Hint{Key: a.frame.Keys.Capture, Does: "capture", Acts: true}
}

// attemptCapture returns what a key would capture. Everybody may end his own capture.
func (a *Acts) attemptCapture(msg tea.KeyMsg, f *flow.Flow) (page.Attempt, bool) {
	k := a.frame.Keys
	try := page.Attempt{Act: flow.Act{Kind: flow.ActCapture}, Count: 1}
	switch {
	case a.capture.Running || !key.Matches(msg, k.Capture, k.CaptureAll):
		return page.Attempt{}, false
	case f != nil && key.Matches(msg, k.Capture):
		try.Flows = []flow.Ref{f.Ref()}
	default:
		try.What = a.frame.FilterText()
	}
	return try, true
}
