// Package page defines what the console is made of: pages, dialogs over them, and
// the frame that they share.
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
// Embed [Base] for those that the page has no use for.
type Page interface {
	keys.Mover

	// Keys returns the keys that no other page has, for the help.
	Keys() []key.Binding
	// HandleKey takes a key. It reports false if the key means nothing here;
	// then the console's own keys and the movement keys have their turn.
	HandleKey(msg tea.KeyMsg) (cmd tea.Cmd, ok bool)
	// Click takes a click at a place on the page.
	Click(x, y int) tea.Cmd
	// Update takes one of this package's messages.
	Update(msg tea.Msg) tea.Cmd
	// Attempt returns what a key would change, if it is one that changes
	// anything. It is asked before HandleKey, and the key is refused if the
	// operator may not do that.
	Attempt(msg tea.KeyMsg) (Attempt, bool)

	// SetSize gives the page its room. It is called after every message, so a
	// page can prepare what it draws here.
	SetSize(width, height int)
	// Lines draws the page. Lines that have no room are cut off.
	Lines() []string
	// Facts returns what has to be known about the page, the most important
	// fact last. They stand beside the tabs.
	Facts() []string
	// Hints returns the keys that the footer names.
	Hints() []Hint
	// Aside returns what the page has no room for of the selected line.
	Aside() Aside
	// Addresses returns the addresses on the page, to look their names up.
	Addresses() []netip.Addr

	// Save writes what the operator has chosen on the page into settings, and
	// Restore takes it from them.
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

// Watcher is a page about one flow, which the console looks for in every snapshot
// even if the filter hides it.
type Watcher interface {
	Watched() flow.ID
}

// Hint is a key in the footer, with what it does in a word or two.
type Hint struct {
	Key  key.Binding
	Does string
	// Acts is set for keys that change flows or timeouts. They are left out if
	// the operator may not do that.
	Acts bool
}

// Aside is what a page has no room for of the selected line.
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

// Lines returns how many lines the tuple needs on a screen, none if the page has
// room for it.
func (a Aside) Lines(width int) int {
	switch {
	case !a.Narrow:
		return 0
	case a.Widest > width-1:
		return 2
	}
	return 1
}

// Attempt is an act that is refused at its key, because the operator's role does not
// allow it or because there is nobody to carry it out. A new timeout has not been
// chosen yet, so Duration is zero.
type Attempt struct {
	// Act names at most [MostAttempted] of the flows, Count is how many flows
	// or settings it is about.
	flow.Act
	Count int
}

// MostAttempted is how many flows an [Attempt] names.
const MostAttempted = 100
