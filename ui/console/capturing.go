package console

import (
	"errors"
	"fmt"

	"ctop/internal/filter"
	"ctop/ui"
)

// captures writes the captures of one person to the audit log. If the log cannot be
// written, it refuses them.
type captures struct {
	ui.Capturer
	audited
}

// Captures returns a capturer whose captures are in the audit log, and among the events
// of other operators.
func (a audited) Captures(c ui.Capturer) ui.Capturer { return captures{c, a} }

// Begin implements [ui.Capturer].
func (c captures) Begin(f filter.Filter, ended func(ui.Capture)) (ui.Capture, error) {
	if err := c.log.Check(); err != nil {
		return ui.Capture{}, fmt.Errorf("refused: %w", err)
	}
	written := make(chan struct{}) // the end comes after the beginning
	begun, err := c.Capturer.Begin(f, func(last ui.Capture) {
		<-written
		c.noteEnd(last)
		if ended != nil {
			ended(last)
		}
	})
	e := c.entry("capture", f.String())
	if err != nil {
		e.Error = err.Error()
	} else {
		e.What[0] += " to " + begun.Where()
		e.Done = 1
		c.notify("began to capture " + f.String() + " to " + begun.Where())
	}
	failed := c.log.Write(e)
	close(written)
	if failed != nil && err == nil {
		c.End()
	}
	return begun, errors.Join(err, failed)
}

// noteEnd notes the end of a capture, whatever ended it.
func (c captures) noteEnd(last ui.Capture) {
	e := c.entry("capture_end", last.Text+" to "+last.Where())
	e.Done = 1
	if last.Err != nil {
		e.Error = last.Err.Error()
	}
	c.notify(last.Text + " to " + last.Where())
	_ = c.log.Write(e) // it has ended, and the log reports its own failure
}

func (c captures) entry(act, what string) Entry {
	return Entry{
		Time: c.clock(), Role: c.by.Role, Fingerprint: c.by.Fingerprint, Comment: c.by.Name, Address: c.by.Address,
		Act: act, What: []string{what}, Count: 1,
	}
}
