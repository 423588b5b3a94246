package tracker

import (
	"context"
	"errors"

	"ctop/tracker/flow"
	"ctop/tracker/nat"
)

// Inspect implements [flow.Inspector]. It has something to say about watched flows only:
// the ends of a wire's flows are elsewhere.
func (t *Tracker) Inspect(_ context.Context, ref flow.Ref) (flow.Inspection, error) {
	if ref.Tuple.Zone == 0 {
		return flow.Inspection{}, nil
	}
	found, err := t.table.Inspect(ref)
	other, failed := nat.Find(ref.Tuple)
	found.NAT = other
	found.Holders = t.holders(ref)
	return found, errors.Join(err, failed)
}

// translate says in the flows of a snapshot how the machine translates them.
func (t *Tracker) translate(s *flow.Snapshot) {
	if !s.Watches() {
		return
	}
	err := t.translations.Apply(s)
	if err != nil && !t.untranslated.Swap(true) {
		t.log.Warn("NAT is not shown", "error", err)
	}
}

// Translations are what the machine does to addresses, as of late. There are none for a
// tracker that does not watch.
func (t *Tracker) Translations() (_ *nat.Cache, ok bool) {
	s, err := t.Status()
	return &t.translations, err == nil && s.Watches()
}

// Inventory describes the programs and maps of the tracker in the kernel.
func (t *Tracker) Inventory() (flow.Inventory, error) { return t.objects.Inventory() }
