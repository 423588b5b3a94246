package page

// Scrolling is a page of lines, of which it shows those that fit.
type Scrolling struct {
	Base
	Width, Height int
	lines         []string
	top           int
}

// Draw takes all lines, for the current size.
func (s *Scrolling) Draw(lines []string) {
	s.lines = lines
	s.Move(0)
}

// Move scrolls by a number of lines.
func (s *Scrolling) Move(lines int) {
	s.top = max(min(s.top+lines, len(s.lines)-s.Height), 0)
}

// Page scrolls by pages.
func (s *Scrolling) Page(pages int) { s.Move(pages * max(s.Height-1, 1)) }

// Top scrolls to the beginning.
func (s *Scrolling) Top() { s.top = 0 }

// Bottom scrolls to the end.
func (s *Scrolling) Bottom() { s.Move(len(s.lines)) }

// Lines returns the visible part, and what does not fit below it.
func (s *Scrolling) Lines() []string { return s.lines[min(s.top, len(s.lines)):] }

// Facts says how many lines are below the visible part.
func (s *Scrolling) Facts() []string { return LinesBelow(len(s.lines) - s.top - s.Height) }
