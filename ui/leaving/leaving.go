// Package leaving asks what is to become of the tracker before the console quits.
package leaving

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/confirm"
	"ctop/ui/keys"
	"ctop/ui/page"
	"ctop/ui/prompt"
	"ctop/ui/work"
)

// Ending decides what becomes of the tracker when its owner's console quits. Its
// methods are called off the console's goroutine.
type Ending interface {
	// Ends reports whether the tracker would end with this console.
	Ends() bool
	// Keepable reports whether it could go on without one.
	Keepable() bool
	// Keep has it go on when the console quits.
	Keep() error
}

// Dialog is the question. It stands above whatever else is on the screen.
type Dialog struct {
	page.Plain
	frame    *page.Frame
	ending   Ending
	question confirm.Question

	asked bool
	// interrupted is set if the last key was the interrupt.
	interrupted bool
	// pending is set until it is known whether to ask. Keys that are typed
	// meanwhile answer the question.
	pending bool
	typed   []tea.KeyMsg
}

// New returns the dialog. Without an ending it quits unasked.
func New(f *page.Frame, e Ending) *Dialog { return &Dialog{frame: f, ending: e} }

// answer is what is known about the tracker.
type answer struct{ ends, keepable bool }

// Leave quits, after a question if the tracker would end.
func (d *Dialog) Leave() tea.Cmd {
	e := d.ending
	if e == nil {
		return tea.Quit
	}
	d.pending = true
	return work.Do(func() answer {
		if !e.Ends() {
			return answer{}
		}
		return answer{true, e.Keepable()}
	}, d.ask)
}

// Interrupt leaves, whatever is open. The second interrupt in a row quits unasked.
func (d *Dialog) Interrupt() tea.Cmd {
	if d.asked || d.interrupted {
		return tea.Quit
	}
	d.interrupted = true
	return d.Leave()
}

// TakeKey reports whether a key is for the question that is about to be asked.
func (d *Dialog) TakeKey(msg tea.KeyMsg) bool {
	d.interrupted = false
	if d.asked || !d.pending {
		return false
	}
	d.typed = append(d.typed, msg)
	return true
}

// ask opens the question, and answers it with the keys that were typed since.
func (d *Dialog) ask(a answer) tea.Cmd {
	if !a.ends {
		return tea.Quit
	}
	typed := d.typed
	d.asked, d.pending, d.typed = true, false, nil
	d.frame.Keys.Keep.SetEnabled(a.keepable)
	var choices []string
	for _, h := range d.hints() {
		choices = append(choices, keys.ShortName(h.Key)+" "+h.Does)
	}
	d.question = d.end()
	d.question.Choices = strings.Join(choices, "   ")
	d.frame.AskAbove(d)
	return d.answerWith(typed)
}

// end says what the end of the tracker means for the traffic.
func (d *Dialog) end() confirm.Question {
	s, between := d.frame.Latest, "its interfaces"
	switch {
	case s != nil && s.Watches():
		return confirm.Question{
			Title: "stop watching?",
			Lines: []string{"the tracker ends with the console:", "it forgets its flows; the traffic goes on"},
		}
	case s != nil:
		between = page.InterfaceNames(s)
	}
	return confirm.Question{
		Title: "stop forwarding?",
		Lines: []string{"the tracker ends with the console,", "then nothing passes " + between},
	}
}

// answerWith hands keys to the question until it is answered. Those after the answer
// are for the page below.
func (d *Dialog) answerWith(typed []tea.KeyMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, k := range typed {
		cmds = append(cmds, d.frame.Press(k))
	}
	return tea.Batch(cmds...)
}

func (d *Dialog) hints() (hints []page.Hint) {
	k := d.frame.Keys
	for _, h := range []page.Hint{{Key: k.Stop, Does: "stop"}, {Key: k.Keep, Does: "keep running"}, {Key: k.Stay, Does: "stay"}} {
		if h.Key.Enabled() {
			hints = append(hints, h)
		}
	}
	return hints
}

// HandleKey takes the answer. Every key that could have been hit by mistake stays.
func (d *Dialog) HandleKey(msg tea.KeyMsg) tea.Cmd {
	k := d.frame.Keys
	switch {
	case key.Matches(msg, k.Stop):
		return tea.Quit
	case key.Matches(msg, k.Keep):
		return work.Do(d.ending.Keep, d.kept)
	case key.Matches(msg, k.Stay):
		d.close()
	}
	return nil
}

func (d *Dialog) kept(err error) tea.Cmd {
	if err == nil {
		return tea.Quit
	}
	d.close()
	d.frame.Warn(err.Error())
	return nil
}

func (d *Dialog) close() {
	d.asked = false
	d.frame.Close(d)
}

// Box draws the question.
func (d *Dialog) Box(width, _ int) []string {
	return confirm.Box(d.frame.Theme, d.question, prompt.Model{}, width)
}

// Footer repeats the answers.
func (d *Dialog) Footer(width, _ int) []string {
	return []string{page.HintLine(d.frame.Theme, width, d.hints(), nil)}
}
