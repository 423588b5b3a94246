package names

import (
	"net/netip"
	"sync/atomic"
)

// own are the operator's own names, and why the file that changed was not read.
var (
	own     atomic.Pointer[Table]
	trouble atomic.Pointer[string]
)

// Use sets the names of this process.
func Use(t *Table) {
	own.Store(t)
	trouble.Store(nil)
}

// Keep keeps the names of this process and notes why there are no newer ones.
func Keep(why error) {
	text := why.Error()
	trouble.Store(&text)
}

// Trouble returns why the names are not those of the file, or nothing.
func Trouble() string {
	if text := trouble.Load(); text != nil {
		return *text
	}
	return ""
}

// Own returns the operator's own name of an address, or nothing.
func Own(a netip.Addr) string { return own.Load().Of(a) }

// HasOwn reports whether there are such names.
func HasOwn() bool { return own.Load().Len() > 0 }
