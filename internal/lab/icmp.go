package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// pinger sends echo requests with one identifier, that is one flow, to one
// address.
type pinger struct {
	conn net.PacketConn
	to   netip.Addr
	id   uint16
	seq  uint16
}

// Types of RFC 792 and RFC 4443.
const (
	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// newPinger opens a raw socket. Unprivileged ping sockets are disabled in a new
// namespace.
func newPinger(ctx context.Context, from *Host, source, to netip.Addr) (*pinger, error) {
	network := "ip4:icmp"
	if to.Is6() {
		network = "ip6:ipv6-icmp"
	}
	conn, err := from.ListenPacket(ctx, network, source.String())
	if err != nil {
		return nil, fmt.Errorf("ping %s: %w", to, err)
	}
	return &pinger{conn: conn, to: to, id: uint16(rand.Uint32())}, nil
}

// Close ends a waiting ping.
func (p *pinger) Close() error { return p.conn.Close() }

// ping sends one request and waits for its reply until the deadline.
func (p *pinger) ping(payload int, deadline time.Time) (time.Duration, error) {
	p.seq++
	start := time.Now()
	if err := p.conn.SetDeadline(deadline); err != nil {
		return 0, fmt.Errorf("ping %s: %w", p.to, err)
	}
	if _, err := p.conn.WriteTo(p.request(payload), &net.IPAddr{IP: p.to.AsSlice()}); err != nil {
		return 0, fmt.Errorf("ping %s: %w", p.to, err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			return 0, fmt.Errorf("ping %s: %w", p.to, err)
		}
		if p.answered(buf[:n], from) {
			return time.Since(start), nil
		}
	}
}

func (p *pinger) request(payload int) []byte {
	msg := make([]byte, 8+payload)
	binary.BigEndian.PutUint16(msg[4:], p.id)
	binary.BigEndian.PutUint16(msg[6:], p.seq)
	if p.to.Is6() {
		msg[0] = echoRequest6 // the kernel fills this checksum in (RFC 3542)
		return msg
	}
	msg[0] = echoRequest4
	binary.BigEndian.PutUint16(msg[2:], checksum(0, msg))
	return msg
}

func (p *pinger) answered(msg []byte, from net.Addr) bool {
	want := byte(echoReply4)
	if p.to.Is6() {
		want = echoReply6
	}
	ip, ok := from.(*net.IPAddr)
	return ok && ip.IP.Equal(p.to.AsSlice()) && len(msg) >= 8 && msg[0] == want &&
		binary.BigEndian.Uint16(msg[4:]) == p.id && binary.BigEndian.Uint16(msg[6:]) == p.seq
}

// checksum returns the Internet checksum of RFC 1071, starting with sum.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// answerTime is the maximum wait of Ping and Exchange, long enough for a busy
// machine.
const answerTime = 30 * time.Second

// Ping sends one echo request and returns the round-trip time. Without a reply
// it gives up when ctx ends, at the latest after half a minute. The error is
// then os.ErrDeadlineExceeded or the context's cause.
func Ping(ctx context.Context, from *Host, to netip.Addr) (time.Duration, error) {
	p, err := newPinger(ctx, from, from.sameFamily(to), to)
	if err != nil {
		return 0, err
	}
	defer closeWith(ctx, p)()
	rtt, err := p.ping(56, time.Now().Add(answerTime))
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("ping %s: %w", to, context.Cause(ctx))
	}
	return rtt, err
}

// WaitPing pings until a reply arrives or ctx ends: a newly attached forwarder
// may lose the first packets. The wait for a reply grows from ping to ping.
func WaitPing(ctx context.Context, from *Host, to netip.Addr) error {
	p, err := newPinger(ctx, from, from.sameFamily(to), to)
	if err != nil {
		return err
	}
	defer closeWith(ctx, p)()
	for every := 100 * time.Millisecond; ; every = min(every*5/4, time.Second) {
		start := time.Now()
		if _, err := p.ping(56, start.Add(every)); err == nil {
			return nil
		}
		if !pause(ctx, every-time.Since(start)) {
			return fmt.Errorf("ping %s: %w", to, context.Cause(ctx))
		}
	}
}
