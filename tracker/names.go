package tracker

import (
	"context"
	"fmt"
	"sync"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/naming"
)

// names reads names of servers from traffic.
type names struct {
	mu   sync.Mutex
	book *naming.Book
	stop context.CancelFunc
	done chan struct{}
}

// ReadNames begins to read names of servers from the traffic of new flows: flows and events
// have them from now on. It reads payload, so it is for the owner of the machine to ask for.
func (t *Tracker) ReadNames() error {
	n := &t.names
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.book != nil {
		return nil
	}
	capture, err := t.captures.Begin(kernel.CaptureOptions{Snap: naming.Snap, Rate: naming.Rate, Rules: naming.Rules(), Hellos: true})
	if err != nil {
		return fmt.Errorf("read names from traffic: %w", err)
	}
	n.book, n.done = naming.NewBook(t.table.Places()), make(chan struct{})
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	t.table.SetNamer(n.book)
	go func() {
		defer close(n.done)
		defer capture.Close()
		if err := n.book.Run(ctx, capture); err != nil {
			t.log.Error("names are not read from traffic any more", "error", err)
		}
	}()
	return nil
}

// end stops reading names.
func (n *names) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.book != nil {
		n.stop()
		<-n.done
	}
}

// Naming returns what was read from traffic for names. ok is false if nothing is read.
func (t *Tracker) Naming() (status flow.Naming, ok bool) {
	t.names.mu.Lock()
	book := t.names.book
	t.names.mu.Unlock()
	if book == nil {
		return status, false
	}
	return book.Status(), true
}
