package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// closeWith closes c when ctx ends. The returned function closes c, too.
// Closing twice is harmless here.
func closeWith(ctx context.Context, c io.Closer) (end func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return func() {
		stop()
		_ = c.Close()
	}
}

// pause waits, and reports whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Transfer sends n random bytes from one host over a TCP connection to addr on
// the other, which then sends n other bytes back. Both ends verify the SHA-256
// of the data. The sender closes first, normally.
func Transfer(ctx context.Context, from, to *Host, addr netip.Addr, n int64) error {
	listener, err := to.Listen(ctx, "tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		return err
	}
	defer closeWith(ctx, listener)()
	there, back := [32]byte{'>'}, [32]byte{'<'}
	served := make(chan error, 1)
	go func() { served <- answerTransfer(ctx, listener, there, back, n) }()

	err = startTransfer(ctx, from, listener.Addr().String(), there, back, n)
	if err != nil {
		_ = listener.Close() // else an answer that never began would wait for ever
	}
	if err := errors.Join(err, <-served); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return fmt.Errorf("transfer %d bytes from %s to %s: %w", n, from.name, addr, err)
	}
	return nil
}

func startTransfer(ctx context.Context, from *Host, address string, there, back [32]byte, n int64) error {
	conn, err := from.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	if err := sendRandom(conn, there, n); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return fmt.Errorf("finish sending: %w", err)
	}
	return checkRandom(conn, back, n)
}

func answerTransfer(ctx context.Context, listener net.Listener, there, back [32]byte, n int64) error {
	conn, err := listener.Accept()
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	defer closeWith(ctx, conn)()
	if err := checkRandom(conn, there, n); err != nil {
		return err
	}
	if err := sendRandom(conn, back, n); err != nil {
		return fmt.Errorf("send back: %w", err)
	}
	return nil
}

// sendRandom sends n bytes that cannot be guessed without the seed.
func sendRandom(w io.Writer, seed [32]byte, n int64) error {
	_, err := io.CopyN(w, rand.NewChaCha8(seed), n)
	return err
}

// checkRandom reads to the end and compares with the data of sendRandom.
func checkRandom(r io.Reader, seed [32]byte, n int64) error {
	want, got := sha256.New(), sha256.New()
	arrived, err := io.Copy(got, r)
	if err != nil {
		return fmt.Errorf("receive (%d of %d bytes came): %w", arrived, n, err)
	}
	if err := sendRandom(want, seed, n); err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	if arrived != n || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		return fmt.Errorf("compare: %d bytes came with SHA-256 %x, sent were %d with %x",
			arrived, got.Sum(nil), n, want.Sum(nil))
	}
	return nil
}

// Exchange sends payload from one host in one UDP packet (or in fragments) to
// addr on the other, which sends it back, and compares. Port 0 means any port.
// Without an answer it gives up when ctx ends, at the latest after half a
// minute.
func Exchange(ctx context.Context, from, to *Host, addr netip.AddrPort, payload []byte) error {
	server, err := to.ListenPacket(ctx, "udp", addr.String())
	if err != nil {
		return err
	}
	defer closeWith(ctx, server)()
	conn, err := from.Dial(ctx, "udp", server.LocalAddr().String())
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	deadline := time.Now().Add(answerTime)
	if err := errors.Join(server.SetDeadline(deadline), conn.SetDeadline(deadline)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if err := exchange(conn, server, payload); err != nil {
		return fmt.Errorf("exchange %d bytes of UDP between %s and %s: %w", len(payload), from.name, addr, err)
	}
	return nil
}

func exchange(conn net.Conn, server net.PacketConn, payload []byte) error {
	if _, err := conn.Write(payload); err != nil {
		return err
	}
	buf := make([]byte, 1<<16)
	n, peer, err := server.ReadFrom(buf)
	if err != nil {
		return fmt.Errorf("at the server: %w", err)
	}
	if !bytes.Equal(buf[:n], payload) {
		return fmt.Errorf("the server got other bytes: %d of them", n)
	}
	if _, err := server.WriteTo(buf[:n], peer); err != nil {
		return fmt.Errorf("at the server: %w", err)
	}
	if n, err = conn.Read(buf); err != nil {
		return fmt.Errorf("at the client: %w", err)
	}
	if !bytes.Equal(buf[:n], payload) {
		return fmt.Errorf("the client got other bytes: %d of them", n)
	}
	return nil
}
