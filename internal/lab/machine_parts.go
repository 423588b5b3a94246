package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"
)

// parts are the parts of a [Machine], by the names of their processes. Each runs until
// ctx ends, or its work is done.
var parts = map[string]func(context.Context) error{
	"nginx":    playWeb,
	"node":     playApplication,
	"postgres": func(ctx context.Context) error { return answerAt(ctx, ":5432", nil) },
	"sshd":     func(ctx context.Context) error { return answerAt(ctx, ":22", nil) },
	"chronyd":  playClock,
	"cron":     playCron,
	"rsync":    playBackup,
	"world":    playWorld,
}

// Play plays a part of a [Machine], and gives the process its name.
func Play(ctx context.Context, part string) error {
	play, ok := parts[part]
	if !ok {
		return fmt.Errorf("play %s: there is no such part", part)
	}
	if !Isolated() {
		return fmt.Errorf("play %s: %w", part, ErrNotIsolated)
	}
	if err := rename(part); err != nil {
		return fmt.Errorf("play %s: %w", part, err)
	}
	err := play(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// rename gives the process a name. Each thread has its own, and those that it starts
// inherit it.
func rename(name string) error {
	files, err := filepath.Glob("/proc/self/task/*/comm")
	for _, file := range files {
		err = errors.Join(err, os.WriteFile(file, []byte(name), 0))
	}
	return err
}

// answerAt accepts connections and answers the requests on them. A request is the length
// of the answer in four bytes. Before it answers, it calls before.
func answerAt(ctx context.Context, address string, before func()) error {
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	return answerOn(ctx, listener, before)
}

func answerOn(ctx context.Context, listener net.Listener, before func()) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer closeWith(ctx, conn)()
			for answerOne(conn, before) == nil {
				continue
			}
		}()
	}
}

// listen listens until ctx ends. The sockets are plain TCP; Go would otherwise request
// multipath TCP.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		context.AfterFunc(ctx, func() { _ = listener.Close() })
	}
	return listener, err
}

// mostAnswered bounds the length of an answer.
const mostAnswered = 1 << 20

func answerOne(conn net.Conn, before func()) error {
	var request [4]byte
	if _, err := io.ReadFull(conn, request[:]); err != nil {
		return err
	}
	if before != nil {
		before()
	}
	_, err := conn.Write(make([]byte, min(binary.BigEndian.Uint32(request[:]), mostAnswered)))
	return err
}

// ask requests an answer of a length, and reads it.
func ask(conn net.Conn, length int) error {
	if err := conn.SetDeadline(time.Now().Add(stall)); err != nil {
		return err
	}
	if _, err := conn.Write(binary.BigEndian.AppendUint32(nil, uint32(length))); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(length))
	return err
}

// visit opens one connection after the other, with some requests on each.
func visit(ctx context.Context, address string, requests, length int, rest time.Duration) {
	visitBy(ctx, dialTo(address), requests, length, rest)
}

type dialer func(context.Context) (net.Conn, error)

func dialTo(address string) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Timeout: stall}).DialContext(ctx, "tcp", address)
	}
}

func visitBy(ctx context.Context, dial dialer, requests, length int, rest time.Duration) {
	for ctx.Err() == nil {
		visitOnce(ctx, dial, requests, length, rest)
		pause(ctx, about(rest))
	}
}

func visitOnce(ctx context.Context, dial dialer, requests, length int, rest time.Duration) {
	conn, err := dial(ctx)
	if err != nil {
		return
	}
	defer closeWith(ctx, conn)()
	for range requests {
		if ask(conn, 1+rand.IntN(2*length)) != nil {
			return
		}
		pause(ctx, about(rest))
	}
}

// asker asks on one connection, which it opens when it needs it.
func asker(ctx context.Context, address string, length int) func() {
	free := make(chan net.Conn, 1)
	free <- nil
	return func() {
		conn := <-free
		if conn == nil {
			conn, _ = (&net.Dialer{Timeout: stall}).DialContext(ctx, "tcp", address)
		}
		if conn != nil && ask(conn, length) != nil {
			_ = conn.Close()
			conn = nil
		}
		free <- conn
	}
}

// always is how many requests a connection has that stays open.
const always = 1 << 30

// playWeb is the web server. It asks the application.
func playWeb(ctx context.Context) error {
	return answerAt(ctx, ":80", asker(ctx, addrContainer+":3000", 2000))
}

// playApplication is the application in the container. It asks the database, and a
// service in the world.
func playApplication(ctx context.Context) error {
	go visitBy(ctx, dialService, 3, 20_000, 2*time.Second)
	return answerAt(ctx, ":3000", asker(ctx, addrBridge+":5432", 500))
}

// playClock asks the world for the time.
func playClock(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", addrWorld+":123")
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	for ctx.Err() == nil {
		_, _ = conn.Write(make([]byte, 48))
		_ = conn.SetReadDeadline(time.Now().Add(stall))
		_, _ = conn.Read(make([]byte, 48))
		pause(ctx, 2*time.Second)
	}
	return nil
}

// playCron runs the backup again and again, each time as a process of its own. It works
// in the database meanwhile.
func playCron(ctx context.Context) error {
	go visit(ctx, "127.0.0.1:5432", 5, 10_000, time.Second)
	for ctx.Err() == nil {
		_ = again(ctx, "rsync").Run()
		pause(ctx, 4*time.Second)
	}
	return nil
}

// playBackup sends the world 6 MB.
func playBackup(ctx context.Context) error {
	to, err := findBackup(ctx)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{Timeout: stall}).DialContext(ctx, "tcp", to.String()+":873")
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	return sendPaced(ctx, conn, 12_000_000, 4*time.Second)
}

// playWorld is everybody else: visitors of the server and of what it publishes of the
// container, an operator, and servers for what the machine wants of the world.
func playWorld(ctx context.Context) error {
	clock, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", addrWorld+":123")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = clock.Close() })
	go func() {
		for buf := make([]byte, 100); ; {
			n, from, err := clock.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = clock.WriteTo(buf[:n], from)
		}
	}()
	names, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", addrWorld+":53")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = names.Close() })
	go playDNS(names)
	sink, err := listen(ctx, ":873")
	if err != nil {
		return err
	}
	go swallow(ctx, sink)
	for range 4 {
		go visit(ctx, addrOutside+":80", 6, 30_000, 300*time.Millisecond)
	}
	go visit(ctx, "["+addrOutside6+"]:80", 6, 30_000, 500*time.Millisecond)
	go visit(ctx, addrOutside+":8080", 4, 5_000, time.Second)
	go visit(ctx, addrOutside+":22", always, 100, time.Second)
	return playService(ctx)
}

// swallow reads whatever comes.
func swallow(ctx context.Context, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer closeWith(ctx, conn)()
			_, _ = io.Copy(io.Discard, conn)
		}()
	}
}
