package netdev

import (
	"context"
	"slices"

	"github.com/vishvananda/netlink"
)

// ListenToLinks sends to changes when rtnetlink reports a change to the
// tracker's interfaces, until ctx is done. The returned channel is closed when
// the subscription ends. It is nil if the subscription failed.
func (a *Attachments) ListenToLinks(ctx context.Context, changes chan<- struct{}) (ended <-chan struct{}) {
	updates := make(chan netlink.LinkUpdate)
	ctx, cancel := context.WithCancel(ctx)
	if err := netlink.LinkSubscribeWithOptions(updates, ctx.Done(), netlink.LinkSubscribeOptions{}); err != nil {
		cancel()
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		for u := range updates {
			if a.registry.Follow() != nil || concerns(a.registry.Points(), u.Link) {
				select {
				case changes <- struct{}{}:
				default:
				}
			}
		}
	}()
	return done
}

// concerns reports whether an interface has the name or index of one of the
// points.
func concerns(points []Point, l netlink.Link) bool {
	return slices.ContainsFunc(points, func(p Point) bool {
		return p.Index == l.Attrs().Index || p.Name == l.Attrs().Name
	})
}

// ListenToAddresses sends to changes when rtnetlink reports an added or removed
// address, until ctx is done. The returned channel is closed when the
// subscription ends. It is nil if the subscription failed.
func ListenToAddresses(ctx context.Context, changes chan<- struct{}) (ended <-chan struct{}) {
	updates := make(chan netlink.AddrUpdate)
	ctx, cancel := context.WithCancel(ctx)
	if err := netlink.AddrSubscribe(updates, ctx.Done()); err != nil {
		cancel()
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		for range updates {
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return done
}
