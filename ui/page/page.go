// Package page defines the parts of the console: pages, dialogs over them, and the
// frame that they share.
//
// A page is a folder of its own that imports this package, and neither the console
// nor another page. The console keeps a list of pages, hands input and messages to
// the page on the screen, and draws what it returns.
package page

import (
	"net/netip"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/tracker/flow"
	"ctop/ui/keys"
)

// Page is one page of the console. Its methods run on the console's goroutine.
// A page embeds [Base] for the methods that it does not use.
type Page interface {
	keys.Mover

	// Keys returns the keys that no other page has, for the help.
	Keys() []key.Binding
	// HandleKey handles a key. It returns false if the page does not use the
	// key. Then the console tries its own keys and the movement keys.
	HandleKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool)
	// Click takes a click at a place on the page.
	Click(x, y int) tea.Cmd
	// Update takes one of this package's messages.
	Update(msg tea.Msg) tea.Cmd
	// Attempt returns the act of a key that changes something. The console
	// calls it before HandleKey, and refuses the key if the operator may not
	// do the act.
	Attempt(msg tea.KeyMsg) (Attempt, bool)

	// SetSize sets the size of the page. It is called after every message, so
	// a page can prepare its lines here.
	SetSize(width, height int)
	// Lines draws the page. Lines that do not fit are dropped.
	Lines() []string
	// Facts returns short texts about the page to show beside the tabs, the
	// most important one last. Those of a page over a tab replace the tab's.
	Facts() []string
	// Hints returns the keys that the footer names.
	Hints() []Hint
	// Aside returns the parts of the selected line that do not fit on the page.
	Aside() Aside
	// Addresses returns the addresses on the page, whose names are looked up.
	Addresses() []netip.Addr

	// Save stores the operator's choices on the page in the settings, and
	// Restore reads them back.
	Save(s *Settings)
	Restore(s Settings)
}

// Base is a page that shows and does nothing.
type Base struct{}

// Move scrolls nothing.
func (Base) Move(int) {}

// Page scrolls nothing.
func (Base) Page(int) {}

// Top scrolls nothing.
func (Base) Top() {}

// Bottom scrolls nothing.
func (Base) Bottom() {}

// Keys returns no keys.
func (Base) Keys() []key.Binding { return nil }

// HandleKey knows no key.
func (Base) HandleKey(tea.KeyMsg) (tea.Cmd, bool) { return nil, false }

// Click does nothing.
func (Base) Click(int, int) tea.Cmd { return nil }

// Update ignores the message.
func (Base) Update(tea.Msg) tea.Cmd { return nil }

// Attempt returns nothing.
func (Base) Attempt(tea.KeyMsg) (Attempt, bool) { return Attempt{}, false }

// SetSize ignores the size.
func (Base) SetSize(int, int) {}

// Lines draws nothing.
func (Base) Lines() []string { return nil }

// Facts returns no facts.
func (Base) Facts() []string { return nil }

// Hints returns no hints.
func (Base) Hints() []Hint { return nil }

// Aside returns nothing.
func (Base) Aside() Aside { return Aside{} }

// Addresses returns no addresses.
func (Base) Addresses() []netip.Addr { return nil }

// Save saves nothing.
func (Base) Save(*Settings) {}

// Restore restores nothing.
func (Base) Restore(Settings) {}

// Watcher is a page about one flow. The console looks for that flow in every snapshot,
// even if the filter hides it.
type Watcher interface {
	Watched() flow.ID
}

// Hint is a key in the footer, with a word or two about its effect.
type Hint struct {
	Key  key.Binding
	Does string
	// Acts is set for keys that change flows or timeouts. The hint is dim if the
	// operator may not change them.
	Acts bool
	// denied: the operator may not.
	denied bool
}

// Aside has the parts of the selected line that do not fit on the page.
type Aside struct {
	// Tuple is the whole tuple, empty if nothing is selected. Narrow is set
	// if the page may have to shorten tuples, and Widest is the width of the
	// widest.
	Tuple  string
	Narrow bool
	Widest int
	// Terse is set if there is no room for Facts, which are state and rates.
	Terse bool
	Facts string
}

// Lines returns the number of lines that the tuple needs on a screen, 0 if it fits on
// the page.
func (a Aside) Lines(width int) int {
	switch {
	case !a.Narrow:
		return 0
	case a.Widest > width-1:
		return 2
	}
	return 1
}

// Attempt is the act of a key, as it is known when the key is pressed. The key is
// refused if the operator's role does not allow the act, or if the console has no
// actor. No timeout is chosen yet, so Duration is zero.
type Attempt struct {
	// Act names at most [MostAttempted] of the flows. Count is the number of
	// all flows or settings.
	flow.Act
	Count int
	// What says what the act is about if it names no flows.
	What string
}

// MostAttempted is the maximum number of flows that an [Attempt] names.
const MostAttempted = 100
