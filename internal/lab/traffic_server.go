package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// stall is how long a conversation waits for its peer.
const stall = 10 * time.Second

// A request to the web port is one of these bytes, then the length of the
// answer in four. The byte selects who closes, and how.
const (
	closeByClient     = 'c' // the client, when it has the answer
	closeByServer     = 's' // the server, with the answer
	resetByClient     = 'r' // the client, in the middle of the answer
	resetByServer     = 'R' // the server, in place of half of it
	halfCloseByClient = 'h' // the client with its request; the answer takes its time
	halfCloseByServer = 'H' // the server with its answer; the client goes on sending
)

// lingering is how long a half-closed connection continues.
const lingering = 8 * time.Second

// serve opens the server's sockets.
func (t *traffic) serve(ctx context.Context) error {
	for port, handle := range map[uint16]func(context.Context, *net.TCPConn) error{
		portChat:     serveChat,
		portWeb:      serveWeb,
		portBulk:     serveBulk,
		portDownload: t.serveDownload,
	} {
		if err := t.serveTCP(ctx, port, handle); err != nil {
			return err
		}
	}
	if err := t.serveNobody(ctx); err != nil {
		return err
	}
	for _, addr := range append(t.server.Addrs4(), t.server.Addrs6()...) {
		// Use one socket per address: a shared one might answer from another
		// address.
		if err := t.serveUDP(ctx, netip.AddrPortFrom(addr, portDNS), answerDNS); err != nil {
			return err
		}
		if err := t.serveUDP(ctx, netip.AddrPortFrom(addr, portStream), silent); err != nil {
			return err
		}
	}
	return nil
}

func (t *traffic) serveTCP(ctx context.Context, port uint16, handle func(context.Context, *net.TCPConn) error) error {
	listener, err := t.server.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	t.group.Go(func() {
		defer closeWith(ctx, listener)()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed with ctx
			}
			t.group.Go(func() {
				defer closeWith(ctx, conn)()
				_ = handle(ctx, conn.(*net.TCPConn)) // the client will come again
			})
		}
	})
	return nil
}

// serveNobody listens and never accepts. Once one connection fills the queue,
// the kernel ignores further SYNs, as if packets were lost.
func (t *traffic) serveNobody(ctx context.Context) error {
	listener, err := t.server.Listen(ctx, "tcp4", fmt.Sprintf(":%d", portUnanswered))
	if err != nil {
		return err
	}
	t.group.Go(func() {
		<-ctx.Done()
		_ = listener.Close()
	})
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return fmt.Errorf("shorten queue: %w", err)
	}
	var listenErr error
	if err := raw.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), 0) }); err != nil {
		return fmt.Errorf("shorten queue: %w", err)
	}
	if listenErr != nil {
		return fmt.Errorf("shorten queue: %w", listenErr)
	}
	return nil
}

// serveChat answers each line with a line.
func serveChat(_ context.Context, conn *net.TCPConn) error {
	lines := bufio.NewReader(conn)
	for {
		if err := conn.SetDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return err
		}
		if _, err := conn.Write(line); err != nil {
			return err
		}
	}
}

func serveBulk(_ context.Context, conn *net.TCPConn) error {
	buf := make([]byte, 256<<10)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		if _, err := conn.Read(buf); err != nil {
			return err
		}
	}
}

func (t *traffic) serveDownload(ctx context.Context, conn *net.TCPConn) error {
	return sendPaced(ctx, conn, t.options.Rate/4, time.Hour)
}

func serveWeb(ctx context.Context, conn *net.TCPConn) error {
	if err := conn.SetDeadline(time.Now().Add(stall)); err != nil {
		return err
	}
	var request [5]byte
	if _, err := io.ReadFull(conn, request[:]); err != nil {
		return err
	}
	answer := make([]byte, min(binary.BigEndian.Uint32(request[1:]), 1<<20))
	switch request[0] {
	case resetByServer:
		answer = answer[:len(answer)/2]
	case halfCloseByClient:
		if err := trickle(ctx, conn, lingering); err != nil {
			return err
		}
	}
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	return finishWeb(conn, request[0])
}

// finishWeb ends the connection for the server in the requested way.
func finishWeb(conn *net.TCPConn, how byte) error {
	switch how {
	case resetByServer:
		return conn.SetLinger(0) // the closing that follows is a reset
	case halfCloseByServer:
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		if err := conn.SetDeadline(time.Now().Add(lingering + stall)); err != nil {
			return err
		}
	case closeByServer:
		return nil
	}
	_, err := io.Copy(io.Discard, conn) // until the client closes
	return err
}

// trickle sends a little data twice a second.
func trickle(ctx context.Context, conn net.Conn, length time.Duration) error {
	for end := time.Now().Add(length); time.Now().Before(end); {
		if err := conn.SetDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		if _, err := conn.Write(make([]byte, 100)); err != nil {
			return err
		}
		if !pause(ctx, time.Second/2) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// sendPaced sends at that rate, in bits per second, in steps of about 10 ms. It
// does not catch up after a longer pause.
func sendPaced(ctx context.Context, conn net.Conn, rate int64, length time.Duration) error {
	rate = max(rate, 1)
	const most = 256 << 10
	chunk := make([]byte, min(max(rate/8/100, 1000), most))
	step := time.Duration(float64(len(chunk)) * 8 / float64(rate) * float64(time.Second))
	start := time.Now()
	for next := start; next.Sub(start) < length; next = next.Add(step) {
		late := time.Since(next)
		if late > 100*time.Millisecond {
			next = time.Now()
		}
		if late < 0 && !pause(ctx, -late) {
			return context.Cause(ctx)
		}
		if err := conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		if _, err := conn.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

func (t *traffic) serveUDP(ctx context.Context, addr netip.AddrPort, answer func([]byte) []byte) error {
	conn, err := t.server.ListenPacket(ctx, "udp", addr.String())
	if err != nil {
		return err
	}
	t.group.Go(func() {
		defer closeWith(ctx, conn)()
		buf := make([]byte, 2048)
		for {
			n, peer, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed with ctx
			}
			if out := answer(buf[:n]); out != nil {
				_, _ = conn.WriteTo(out, peer) // the client will ask again
			}
		}
	})
	return nil
}

func silent([]byte) []byte { return nil }

// answerDNS converts a query to its answer, always 192.0.2.80.
func answerDNS(query []byte) []byte {
	const header = 12
	if len(query) < header {
		return nil
	}
	answer := append([]byte(nil), query...)
	answer[2] |= 0x80 // QR
	answer[7] = 1     // ANCOUNT
	return append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80)
}
