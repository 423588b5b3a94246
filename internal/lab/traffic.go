package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// TrafficOptions sets the amount of traffic. Zero is the default, a negative
// number means none.
type TrafficOptions struct {
	Rate  int64   // of the bulk upload in bits per second; the download has a quarter of it; zero: 40,000,000
	Chats int     // long-lived request-and-answer connections; zero: 4
	Short float64 // short connections per second; zero: 4
}

func (o TrafficOptions) withDefaults() TrafficOptions {
	if o.Rate == 0 {
		o.Rate = 40_000_000
	}
	if o.Chats == 0 {
		o.Chats = 4
	}
	if o.Short == 0 {
		o.Short = 4
	}
	return o
}

// Ports of the server.
const (
	portChat       = 22
	portRefused    = 23 // nobody listens
	portUnanswered = 25 // somebody listens and never accepts
	portDNS        = 53
	portWeb        = 443
	portBulk       = 5201
	portDownload   = 8080
	portStream     = 9000
)

// Traffic keeps real conversations running between client and server until ctx ends, and
// returns when the last socket is closed. There are bulk transfers, chats, short connections
// closed by either side, half-closed and reset ones, refused and unanswered ones, DNS, a
// one-way UDP stream and pings, over IPv4 and IPv6 and from all the hosts' addresses.
//
// It returns an error only if the server's sockets cannot be opened. It retries later
// failures, such as an unplugged cable or a missing forwarder. By default a few dozen sockets
// are open at a time.
func Traffic(ctx context.Context, l *Lab, o TrafficOptions) error {
	t := &traffic{client: l.Client, server: l.Server, options: o.withDefaults()}
	ctx, stop := context.WithCancel(ctx)
	defer t.group.Wait()
	defer stop()
	if err := t.serve(ctx); err != nil {
		return fmt.Errorf("start traffic: %w", err)
	}
	t.play(ctx)
	<-ctx.Done()
	return nil
}

// traffic is one running Traffic.
type traffic struct {
	client, server *Host
	options        TrafficOptions
	group          sync.WaitGroup
	// filling is held during a dial to the port that accepts nothing: two
	// concurrent dials might both find room in its queue.
	filling sync.Mutex
}

// act is one conversation, from start to end.
type act func(ctx context.Context, path path) error

// path is a pair of addresses of the same family.
type path struct{ from, to netip.Addr }

func (p path) target(port uint16) string { return netip.AddrPortFrom(p.to, port).String() }

// play starts the client's side.
func (t *traffic) play(ctx context.Context) {
	v4 := pairs(t.client.Addrs4(), t.server.Addrs4())
	v6 := pairs(t.client.Addrs6(), t.server.Addrs6())
	both := slices.Concat(v4, v6)
	if t.options.Rate > 0 {
		t.repeat(ctx, time.Second, v4, t.upload)
		t.repeat(ctx, time.Second, v6, t.download)
	}
	for i := range t.options.Chats {
		t.repeat(ctx, time.Second, rotate(both, i*len(both)/t.options.Chats), t.chat)
	}
	if t.options.Short > 0 {
		t.repeatAtRate(ctx, t.options.Short, both, t.visit)
	}
	t.repeat(ctx, 2*time.Second, v4, t.refused)
	t.repeat(ctx, 4*time.Second, v4, t.unanswered) // one fills the queue
	t.repeat(ctx, 4*time.Second, v4, t.unanswered) // and the other waits
	t.repeat(ctx, 700*time.Millisecond, both, t.lookUp)
	t.repeat(ctx, time.Second, v4, t.stream)
	t.repeat(ctx, time.Second, v4, t.echo)
	t.repeat(ctx, time.Second, v6, t.echo)
}

func pairs(from, to []netip.Addr) (paths []path) {
	for _, f := range from {
		for _, t := range to {
			paths = append(paths, path{f, t})
		}
	}
	return paths
}

// rotate starts at another path, so that equal acts spread over all of them.
func rotate(paths []path, by int) []path {
	return slices.Concat(paths[by:], paths[:by])
}

// repeat repeats an act, each time on another path, with pauses of about that
// length. It continues after errors until ctx ends.
func (t *traffic) repeat(ctx context.Context, length time.Duration, paths []path, do act) {
	if len(paths) == 0 {
		return
	}
	t.group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_ = do(ctx, paths[i%len(paths)])
			_ = pause(ctx, about(length)) // the condition tells
		}
	})
}

// repeatAtRate starts acts at the given rate per second, at most 64 at a time.
func (t *traffic) repeatAtRate(ctx context.Context, rate float64, paths []path, do act) {
	if len(paths) == 0 {
		return
	}
	slots := make(chan struct{}, 64)
	t.group.Go(func() {
		for i := 0; pause(ctx, about(time.Duration(float64(time.Second)/rate))); i++ {
			select {
			case slots <- struct{}{}:
			default:
				continue
			}
			t.group.Go(func() {
				defer func() { <-slots }()
				_ = do(ctx, paths[i%len(paths)]) // see repeat
			})
		}
	})
}

// about returns d plus or minus up to a half.
func about(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1)
}
