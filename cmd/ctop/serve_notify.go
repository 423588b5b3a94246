package main

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"
)

// notifier reports the state of the service to the service manager, as sd_notify(3)
// does. Without a manager it does nothing.
type notifier struct {
	conn     net.Conn
	watchdog time.Duration
}

func newNotifier(getenv func(string) string) *notifier {
	n := &notifier{}
	path := getenv("NOTIFY_SOCKET")
	if path == "" || !strings.ContainsAny(path[:1], "/@") {
		return n
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return n
	}
	n.conn = conn
	if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n
}

func (n *notifier) send(state string) {
	if n.conn != nil {
		_, _ = n.conn.Write([]byte(state)) // the manager finds out by itself
	}
}

func (n *notifier) ready()    { n.send("READY=1\nSTATUS=tracking") }
func (n *notifier) stopping() { n.send("STOPPING=1\nSTATUS=stopping") }

// watch reports regularly that the service is healthy. If it is not, watch stops
// reporting, and the manager restarts the service.
func (n *notifier) watch(ctx context.Context, healthy func() error) error {
	if n.conn == nil || n.watchdog == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(n.watchdog / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := healthy(); err != nil {
			n.send("STATUS=" + err.Error())
			continue
		}
		n.send("WATCHDOG=1\nSTATUS=tracking")
	}
}

func (n *notifier) close() {
	if n.conn != nil {
		n.conn.Close()
	}
}
