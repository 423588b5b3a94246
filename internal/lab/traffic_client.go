package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// Each method here is one act of the client.

// upload sends to the bulk port for about ten minutes.
func (t *traffic) upload(ctx context.Context, p path) error {
	conn, err := t.dial(ctx, p, "tcp", portBulk)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	return sendPaced(ctx, conn, t.options.Rate, about(10*time.Minute))
}

func (t *traffic) download(ctx context.Context, p path) error {
	conn, err := t.dial(ctx, p, "tcp", portDownload)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	buf := make([]byte, 256<<10)
	for end := time.Now().Add(about(10 * time.Minute)); time.Now().Before(end); {
		if err := conn.SetReadDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		if _, err := conn.Read(buf); err != nil {
			return err
		}
	}
	return nil
}

// chat sends lines and waits for each echo, for some minutes.
func (t *traffic) chat(ctx context.Context, p path) error {
	conn, err := t.dial(ctx, p, "tcp", portChat)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	answers := bufio.NewReader(conn)
	for end := time.Now().Add(about(4 * time.Minute)); time.Now().Before(end); {
		if err := conn.SetDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		line := append(make([]byte, rand.IntN(1000)), '\n')
		if _, err := conn.Write(line); err != nil {
			return err
		}
		if _, err := answers.ReadSlice('\n'); err != nil {
			return err
		}
		if !pause(ctx, about(400*time.Millisecond)) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// visit sends a request to the web port. Most of these connections close
// normally.
func (t *traffic) visit(ctx context.Context, p path) error {
	const ways = "cccccccccsssssssssrRhH"
	how := ways[rand.IntN(len(ways))]
	conn, err := t.dial(ctx, p, "tcp", portWeb)
	if err != nil {
		return err
	}
	tcp := conn.(*net.TCPConn)
	defer closeWith(ctx, tcp)()
	if err := tcp.SetDeadline(time.Now().Add(lingering + stall)); err != nil {
		return err
	}
	size := 500 + rand.Uint32N(40_000)
	if _, err := tcp.Write(binary.BigEndian.AppendUint32([]byte{how}, size)); err != nil {
		return err
	}
	return finishVisit(ctx, tcp, how, int64(size))
}

func finishVisit(ctx context.Context, conn *net.TCPConn, how byte, size int64) error {
	switch how {
	case resetByClient:
		if _, err := io.CopyN(io.Discard, conn, size/2); err != nil {
			return err
		}
		return conn.SetLinger(0) // the closing that follows is a reset
	case closeByClient:
		_, err := io.CopyN(io.Discard, conn, size)
		return err
	case halfCloseByClient:
		if err := conn.CloseWrite(); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, conn) // until the server closes
	if err == nil && how == halfCloseByServer {
		return trickle(ctx, conn, lingering)
	}
	return err
}

func (t *traffic) refused(ctx context.Context, p path) error {
	conn, err := t.dial(ctx, p, "tcp", portRefused)
	if err != nil {
		return err
	}
	return conn.Close()
}

// unanswered waits in vain, long enough for two retransmitted SYNs. The first
// connection still finds room in the queue. It stays open and keeps the queue
// full.
func (t *traffic) unanswered(ctx context.Context, p path) error {
	t.filling.Lock()
	conn, err := t.dial(ctx, p, "tcp", portUnanswered)
	t.filling.Unlock()
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	if pause(ctx, time.Hour) {
		return nil
	}
	return context.Cause(ctx)
}

// lookUp sends a DNS query from its own port.
func (t *traffic) lookUp(ctx context.Context, p path) error {
	conn, err := t.dial(ctx, p, "udp", portDNS)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write(queryDNS(fmt.Sprintf("host%d", rand.IntN(1000)), "example")); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 512))
	return err
}

// queryDNS returns a query for the IPv4 address of a name (RFC 1035, section
// 4).
func queryDNS(labels ...string) []byte {
	query := binary.BigEndian.AppendUint16(nil, uint16(rand.Uint32()))
	query = append(query, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0) // RD, one question
	for _, label := range labels {
		query = append(query, byte(len(label)))
		query = append(query, label...)
	}
	return append(query, 0, 0, 1, 0, 1) // root, A, IN
}

// stream sends unanswered UDP packets of different sizes.
func (t *traffic) stream(ctx context.Context, p path) error {
	conn, err := t.dial(ctx, p, "udp", portStream)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	for pause(ctx, about(20*time.Millisecond)) {
		if _, err := conn.Write(make([]byte, 100+rand.IntN(1100))); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// echo pings for about a minute with one identifier.
func (t *traffic) echo(ctx context.Context, p path) error {
	ping, err := newPinger(ctx, t.client, p.from, p.to)
	if err != nil {
		return err
	}
	defer closeWith(ctx, ping)()
	for end := time.Now().Add(about(time.Minute)); time.Now().Before(end); {
		_, _ = ping.ping(56, time.Now().Add(time.Second)) // one lost is no reason to stop
		if !pause(ctx, time.Second) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// dial gives up after the time of a SYN and two retransmissions.
func (t *traffic) dial(ctx context.Context, p path, network string, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	return t.client.DialFrom(ctx, network, p.from.String(), p.target(port))
}
