package ui

// layout says which lines the screen has, and where the page stands.
type layout struct {
	header, tabs, footer bool
	// prompt is the number of lines above the footer that a dialog has.
	prompt int
	// aside is the number of lines for what the page has no room for of the
	// selected line.
	aside int

	bodyY, bodyHeight int
}

// Heights from which on there is room for a line beside the page.
const (
	headerFrom = 2
	footerFrom = 3
	tabsFrom   = 6
	asideFrom  = 8
	asidesFrom = 10
	tallFrom   = 16
)

// layoutFor lays out a screen of the given height, with as many of the wanted lines
// aside as there is room for.
func layoutFor(height, aside int) layout {
	l := layout{
		header: height >= headerFrom,
		footer: height >= footerFrom,
		tabs:   height >= tabsFrom,
	}
	switch {
	case height >= tallFrom:
		l.aside = aside
	case height >= asidesFrom:
		l.aside = min(aside, 2)
	case height >= asideFrom:
		l.aside = min(aside, 1)
	}
	l.bodyY = count(l.header, l.tabs)
	l.bodyHeight = max(height-l.bodyY-l.aside-count(l.footer), 0)
	return l
}

// tabsY is the line of the tabs.
func (l layout) tabsY() int { return count(l.header) }

func count(lines ...bool) (n int) {
	for _, present := range lines {
		if present {
			n++
		}
	}
	return n
}

func (m *root) layout() layout {
	f := m.frame
	aside := m.aside()
	l := layoutFor(f.Height, aside.Lines(f.Width)+count(aside.Terse))
	if d := f.Dialog(); d != nil && f.Height >= asideFrom {
		l.prompt = min(d.Rows(f.Width), l.bodyHeight/2)
		l.bodyHeight -= l.prompt
	}
	return l
}

// place gives the open pages their room. It comes after everything that may have
// changed the layout. A page may need more or fewer lines beside it once it knows its
// width, so the layout is computed again once.
func (m *root) place() {
	l := m.layout()
	m.size(l)
	if again := m.layout(); again != l {
		m.size(again)
	}
}

func (m *root) size(l layout) {
	m.frame.Tab().SetSize(m.frame.Width, l.bodyHeight)
	for _, p := range m.frame.Over() {
		p.SetSize(m.frame.Width, l.bodyHeight)
	}
}
