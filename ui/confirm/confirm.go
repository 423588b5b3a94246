// Package confirm asks before something is done that cannot be undone.
package confirm

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/ui/prompt"
	"ctop/ui/theme"
)

// Question is what is asked.
type Question struct {
	Title string
	// Lines say what would be done to what.
	Lines []string
	// Verb is what "yes" does, as in "delete"; Keep what "no" does, as in
	// "keep them".
	Verb, Keep string
	// Type has to be typed for a "yes". Where it is empty one key will do.
	Type string
	// Choices are the keys and what they do, where there are others than "yes"
	// and "no".
	Choices string
	// Yes does it.
	Yes tea.Cmd
}

// Model is the question being asked. The answer is no until it is yes.
type Model struct {
	theme    theme.Theme
	question Question
	input    prompt.Model
}

// New asks a question.
func New(t theme.Theme, q Question) Model {
	return Model{theme: t, question: q, input: prompt.New()}
}

// Question returns what is asked.
func (m Model) Question() Question { return m.question }

// Update edits what has to be typed.
func (m *Model) Update(msg tea.KeyMsg) {
	if m.question.Type != "" {
		m.input.Update(msg)
	}
}

// Typed reports whether what has to be typed has been.
func (m Model) Typed() bool {
	return strings.ReplaceAll(m.input.Value(), ",", "") == m.question.Type
}

// Frame and padding at both sides.
const frame = 4

// Lines draws the question as a box of at most the given width.
func (m Model) Lines(width int) []string {
	inner := m.innerWidth(width - frame)
	title := format.Cut(" "+m.question.Title+" ", inner)
	lines := []string{"┌" + m.theme.Title.Render(title) + strings.Repeat("─", max(inner+2-format.Width(title), 0)) + "┐"}
	for _, text := range m.question.Lines {
		lines = append(lines, m.boxed(text, inner))
	}
	lines = append(lines, m.boxed(m.answer(inner), inner))
	return append(lines, "└"+strings.Repeat("─", inner+2)+"┘")
}

func (m Model) boxed(text string, inner int) string {
	return "│ " + format.Left(text, inner) + " │"
}

func (m Model) innerWidth(most int) int {
	w := format.Width(m.question.Title) + 2
	for _, text := range m.question.Lines {
		w = max(w, format.Width(text))
	}
	w = max(w, format.Width(m.answerHint())+12)
	return max(min(w, most), 0)
}

func (m Model) answerHint() string {
	q := m.question
	if q.Choices != "" {
		return q.Choices
	}
	if q.Type != "" {
		return "type " + q.Type + " to " + q.Verb + ": "
	}
	return "y " + q.Verb + "   N " + q.Keep
}

func (m Model) answer(inner int) string {
	hint := m.answerHint()
	if m.question.Type == "" {
		return hint
	}
	return hint + m.input.View(inner-format.Width(hint))
}
