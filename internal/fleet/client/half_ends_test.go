package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"ctop/internal/fleet/standby"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// noted is a table without flows that notes what it is told of the partner.
type noted struct {
	bare
	told []bool
}

func (n *noted) Pair(paired, alive bool) error {
	n.told = append(n.told, paired, alive)
	return nil
}

// A half that ends, and one that fails, says that there is no partner any more, unless another
// one takes the tracker over, which says so itself.
func TestHalfEnds(t *testing.T) {
	w := newWorld(t)
	key, errWatch := w.paired("gate-1"), errors.New("it cannot watch")
	for _, fails := range []bool{false, true} {
		for _, handedOver := range []bool{false, true} {
			t.Run(fmt.Sprintf("fails %t, handed over %t", fails, handedOver), func(t *testing.T) {
				table, last := new(noted), flow.Pair{}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				o := w.half(key, table, 1, slog.New(slog.DiscardHandler))
				o.Say = func(p flow.Pair) error {
					last = p
					return nil
				}
				o.Watch = func(ctx context.Context, _ *pair.Pair) error {
					if fails {
						return errWatch
					}
					cancel()
					<-ctx.Done()
					return nil
				}
				o.HandedOver = func() bool { return handedOver }
				half := standby.New(o)
				if err := half.Run(ctx); fails != errors.Is(err, errWatch) || err != nil && !fails {
					t.Errorf("it ended with %v", err)
				}
				if want := map[bool]string{false: "[false false]", true: "[]"}[handedOver]; fmt.Sprint(table.told) != want || last.State != flow.PairStopped {
					t.Errorf("the table was told %t, consoles %+v", table.told, last)
				}
			})
		}
	}
}
