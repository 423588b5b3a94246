// Package confirm asks for confirmation before an act that cannot be undone.
package confirm

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/page"
	"ctop/ui/prompt"
	"ctop/ui/theme"
)

// Question is a question to the operator.
type Question struct {
	Title string
	// Lines describe the act and its objects.
	Lines []string
	// Verb describes "yes", as in "delete", and Keep describes "no", as in
	// "keep them".
	Verb, Keep string
	// Type is the text to type for "yes". If it is empty, one key is enough.
	Type string
	// Choices describes the keys if there are others than "yes" and "no".
	Choices string
	// Yes does the act.
	Yes tea.Cmd
}

// Dialog is an open question. Only "yes" counts as yes.
type Dialog struct {
	page.Plain
	frame    *page.Frame
	question Question
	input    prompt.Model
}

// Ask opens a question.
func Ask(f *page.Frame, q Question) {
	f.Ask(&Dialog{frame: f, question: q, input: prompt.New()})
}

// Below hides the aside, which describes another flow than the question.
func (d *Dialog) Below() page.Below { return page.Below{HidesAside: true} }

// HandleKey handles the answer.
func (d *Dialog) HandleKey(msg tea.KeyMsg) tea.Cmd {
	k := d.frame.Keys
	if d.question.Type != "" {
		return d.handleTyping(msg)
	}
	switch {
	case key.Matches(msg, k.Yes):
		d.frame.Close(d)
		return d.question.Yes
	case key.Matches(msg, k.No):
		d.frame.Close(d)
	}
	return nil
}

func (d *Dialog) handleTyping(msg tea.KeyMsg) tea.Cmd {
	k := d.frame.Keys
	switch {
	case key.Matches(msg, k.Back):
		d.frame.Close(d)
	case !key.Matches(msg, k.Enter):
		d.input.Update(msg)
	case d.typed():
		d.frame.Close(d)
		return d.question.Yes
	}
	return nil
}

// typed reports whether the operator has typed the text, with or without commas.
func (d *Dialog) typed() bool {
	return strings.ReplaceAll(d.input.Value(), ",", "") == d.question.Type
}

// Footer repeats the answers, for screens too small for the question.
func (d *Dialog) Footer(int, int) []string {
	q, style := d.question, d.frame.Theme.Key
	if q.Type != "" {
		return []string{" " + style.Render("⏎") + " when " + q.Type + " is typed   " + style.Render("Esc") + " " + q.Keep}
	}
	return []string{" " + style.Render("y") + " " + q.Verb + "   " + style.Render("n") + " " + q.Keep}
}

// Box draws the question.
func (d *Dialog) Box(width, _ int) []string {
	return Box(d.frame.Theme, d.question, d.input, width)
}

// Box draws a question and the typed text as a box of at most the given width.
func Box(t theme.Theme, q Question, typed prompt.Model, width int) []string {
	inner := q.innerWidth(width - page.BoxFrame)
	lines := append(slices.Clone(q.Lines), q.answer(typed, inner))
	return page.Box(t, q.Title, lines, inner)
}

func (q Question) innerWidth(most int) int {
	w := format.Width(q.Title) + 2
	for _, text := range q.Lines {
		w = max(w, format.Width(text))
	}
	w = max(w, format.Width(q.answerHint())+12)
	return max(min(w, most), 0)
}

func (q Question) answerHint() string {
	if q.Choices != "" {
		return q.Choices
	}
	if q.Type != "" {
		return "type " + q.Type + " to " + q.Verb + ": "
	}
	return "y " + q.Verb + "   N " + q.Keep
}

func (q Question) answer(typed prompt.Model, inner int) string {
	hint := q.answerHint()
	if q.Type == "" {
		return hint
	}
	return hint + typed.View(inner-format.Width(hint))
}
