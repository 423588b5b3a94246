package netdev

import (
	"context"
	"slices"

	"github.com/vishvananda/netlink"
)

// ListenToLinks has the kernel tell, over rtnetlink, of changes to the tracker's
// interfaces, until ctx is done. It returns a channel that is closed when it
// tells no more, nil where it never did.
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
			if concerns(a.registry.Points(), u.Link) {
				select {
				case changes <- struct{}{}:
				default:
				}
			}
		}
	}()
	return done
}

// concerns reports whether an interface is one of the points, or is called so.
func concerns(points []Point, l netlink.Link) bool {
	return slices.ContainsFunc(points, func(p Point) bool {
		return p.Index == l.Attrs().Index || p.Name == l.Attrs().Name
	})
}

// ListenToAddresses has the kernel tell, over rtnetlink, of addresses that come
// and go, until ctx is done. The channel that it returns is closed when it tells
// no more; it is nil where the kernel never did.
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
