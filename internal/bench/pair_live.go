package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	wire "ctop/internal/frame"
	"ctop/tracker"
	"ctop/tracker/flow"
)

const (
	pairTable = 1 << 21
	pairFlows = 1 << 20
	// pairOpening are the first packets of a conversation.
	pairOpening = 4
)

// player plays conversations to the program of a half, which forwards none of the frames.
type player struct {
	program *ebpf.Program
	ports   [2]int
	script  []step
	// next is the number of the next client, and began when the opening of each was played.
	next  uint32
	began map[netip.Addr]time.Time
	mu    sync.Mutex
}

// xdpMd is struct xdp_md (linux/bpf.h).
type xdpMd struct {
	Data, DataEnd, DataMeta, Ingress, Queue, Egress uint32
}

func newPlayer(h *pairHalf, first uint32) (p *player, err error) {
	p = &player{script: conversation(), next: first, began: map[netip.Addr]time.Time{}}
	for i, name := range h.ports {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", name, err)
		}
		p.ports[i] = link.Attrs().Index
	}
	p.program, err = ebpf.LoadPinnedProgram(h.pin(progCtop), nil)
	return p, err
}

func clientNumber(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 11<<24+n)))
}

// play plays some packets of the conversation of a client.
func (p *player) play(n uint32, steps []step) error {
	client := clientNumber(n)
	for _, s := range steps {
		f := wire.Frame{Src: client, Dst: server4, Proto: protoTCP}
		segment := wire.Segment{Flags: s.flags, Seq: s.seq, Ack: s.ack, Window: 0xffff, Sport: clientPort, Dport: serverPort}
		in := p.ports[0]
		if s.reply {
			f.Src, f.Dst, in = f.Dst, f.Src, p.ports[1]
			segment.Sport, segment.Dport = segment.Dport, segment.Sport
		}
		f.L4 = segment.Bytes()
		data := f.Bytes()
		action, err := p.program.Run(&ebpf.RunOptions{Data: data, Context: xdpMd{DataEnd: uint32(len(data)), Ingress: uint32(in)}})
		if err != nil {
			return fmt.Errorf("play a frame: %w", err)
		}
		if action != xdpRedirect {
			return fmt.Errorf("the tracker did not forward a frame, but %d", action)
		}
	}
	return nil
}

// open begins n connections a second for a while, and ends each after a second.
func (p *player) open(ctx context.Context, rate int, d time.Duration) error {
	first, began := p.next, time.Now()
	for ended := first; ; time.Sleep(time.Millisecond) {
		span := time.Since(began)
		for due := first + uint32(span.Seconds()*float64(rate)); p.next < due; p.next++ {
			p.mu.Lock()
			p.began[clientNumber(p.next)] = time.Now()
			p.mu.Unlock()
			if err := p.play(p.next, p.script[:pairOpening]); err != nil {
				return err
			}
		}
		for ; ended+uint32(rate) < p.next; ended++ {
			if err := p.play(ended, p.script[pairOpening:]); err != nil {
				return err
			}
		}
		if span > d || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// lags watches the partner until stop is called, which returns after which times the flows
// were there, in milliseconds, sorted.
func (p *player) lags(ctx context.Context, h *pairHalf) (stop func() []float64, err error) {
	t, err := tracker.Join(ctx, h.ports[0], h.ports[1])
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var list []float64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range t.Events(ctx) {
			if err != nil {
				return
			}
			p.mu.Lock()
			began, ours := p.began[e.Tuple.Src.Addr()]
			p.mu.Unlock()
			if ours && e.Type == flow.EventNew {
				list = append(list, float64(e.Time.Sub(began))/float64(time.Millisecond))
			}
		}
	}()
	return func() []float64 {
		cancel()
		<-done
		_ = t.Close()
		slices.Sort(list)
		return list
	}, nil
}

// live measures how soon the partner knows flows, and what that costs, beside a million.
func (r *pairRun) live(ctx context.Context, o Options) error {
	if !sleep(ctx, costRest) {
		return ctx.Err()
	}
	first := uint32(0)
	for _, rate := range []int{1000, 2000, 20_000} {
		p, err := newPlayer(r.halves[0], first)
		if err != nil {
			return err
		}
		if err := r.liveAt(ctx, o, p, rate); err != nil {
			return errors.Join(err, p.program.Close())
		}
		first = p.next
		_ = p.program.Close()
	}
	return nil
}

func (r *pairRun) liveAt(ctx context.Context, o Options, p *player, rate int) error {
	stop, err := p.lags(ctx, r.halves[1])
	if err != nil {
		return err
	}
	played := make(chan error, 1)
	d := time.Duration(o.rounds(20, 8)) * time.Second
	go func() { played <- p.open(ctx, rate, d) }()
	shares := r.spend(d)
	err = <-played
	time.Sleep(2 * time.Second)
	list := stop()
	if err != nil {
		return err
	}
	if len(list) < len(p.began)/2 {
		return fmt.Errorf("%d of %d flows were seen at the partner", len(list), len(p.began))
	}
	what := fmt.Sprintf("%d new flows a second, ", rate)
	note := fmt.Sprintf("%d of %d begun, read from the partner's events", len(list), len(p.began))
	if rate <= 2000 {
		note += ", at most 100"
	}
	r.row(what+"99 % are at the partner after", "ms", note, list[len(list)*99/100])
	r.row(what+"half are at the partner after", "ms", "", list[len(list)/2])
	r.row(what+"who tells", "% core", "", shares[0])
	r.row(what+"the partner", "% core", "", shares[1])
	return nil
}
