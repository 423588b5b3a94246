package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
)

// batch is how many heartbeats the server sends at a time.
const batch = 500

// batchRequest asks a stream for the next messages of a subject (NATS ADR-31).
type batchRequest struct {
	Seq   uint64 `json:"seq"`
	Next  string `json:"next_by_subj"`
	Batch int    `json:"batch"`
}

var errNoStream = errors.New("look at the fleet: the server has no stream " + fleet.HostsStream + ": docs/fleet.md says how to make it on a server of your own")

// remember learns the last heartbeat of every host from the server, also of those that
// are gone.
func (c *Client) remember(ctx context.Context) error {
	for seq := uint64(1); seq > 0; {
		next, err := c.rememberBatch(ctx, seq)
		if err != nil {
			return err
		}
		seq = next
	}
	return nil
}

// rememberBatch returns the number of the next message, 0 if there are no more.
func (c *Client) rememberBatch(ctx context.Context, seq uint64) (next uint64, err error) {
	request, err := json.Marshal(batchRequest{Seq: seq, Next: c.space.Heartbeat("*"), Batch: batch})
	if err != nil {
		return 0, fmt.Errorf("look at the fleet: %w", err)
	}
	inbox := c.conn.NewRespInbox()
	messages := make(chan *nats.Msg, batch+1)
	sub, err := c.conn.ChanSubscribe(inbox, messages)
	if err != nil {
		return 0, fmt.Errorf("look at the fleet: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.conn.PublishRequest("$JS.API.DIRECT.GET."+fleet.HostsStream, inbox, request); err != nil {
		return 0, fmt.Errorf("look at the fleet: %w", err)
	}
	quiet := time.NewTimer(c.silence)
	defer quiet.Stop()
	more := false
	for {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-quiet.C:
			return 0, errors.New("look at the fleet: the server does not answer")
		case m := <-messages:
			subject := stated(m, "Nats-Subject")
			if subject == "" { // it says how the request went
				switch m.Header.Get("Status") {
				case "503", "408", "400":
					return 0, errNoStream
				}
				if more { // 204: the end, 404: nothing at all
					return next, nil
				}
				return 0, nil
			}
			number, _ := strconv.ParseUint(stated(m, "Nats-Sequence"), 10, 64) // 0 ends it
			next, more = number+1, stated(m, "Nats-Num-Pending") != "0"
			at, err := time.Parse(time.RFC3339Nano, stated(m, "Nats-Time-Stamp"))
			if err != nil || len(m.Header["Nats-Subject"]) > 1 {
				continue // not what a host publishes
			}
			c.learn(subject, m.Data, at.Local(), false)
		}
	}
}

// stated returns what the server says of a stored message. It puts its headers behind those
// with which the message was published, which may say anything.
func stated(m *nats.Msg, header string) string {
	values := m.Header[header]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
