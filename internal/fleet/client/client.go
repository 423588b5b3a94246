// Package client looks at the hosts of a fleet and acts on them.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
)

// Client is a console of a fleet. Its methods are safe for concurrent use.
type Client struct {
	conn        *nats.Conn
	credentials *fleet.Credentials
	space       fleet.Space
	// silence is how long a host that is asked may say nothing.
	silence time.Duration

	mu    sync.Mutex
	hosts map[string]*Host
}

// Host is what is known of a host.
type Host struct {
	Name string
	fleet.Heartbeat
	// Heard is when the host was heard of last.
	Heard time.Time
	// Answered is set if it answered just now.
	Answered bool
}

// missed is how many heartbeats a host may leave out before it is gone.
const missed = 3

// Gone reports whether a host has not been heard of for so long that it is gone, or has
// said good-bye.
func (h *Host) Gone(now time.Time) bool {
	return h.Leaving || !h.Answered && now.Sub(h.Heard) > missed*time.Duration(h.Every)*time.Second
}

// defaultSilence is how long a host that is asked may say nothing.
const defaultSilence = 10 * time.Second

// Connect connects to a server of the fleet.
func Connect(o link.Options) (*Client, error) {
	if o.Credentials.Role == fleet.RoleHost {
		return nil, errors.New("look at the fleet: the credentials are those of a host: make some with ctop hub keys add viewer NAME")
	}
	conn, err := link.Connect(o)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, credentials: o.Credentials, space: o.Credentials.Space(), silence: defaultSilence, hosts: map[string]*Host{}}
	if _, err := conn.Subscribe(c.space.Heartbeat("*"), link.Take(c.takeHeartbeat)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("look at the fleet: %w", err)
	}
	return c, nil
}

// Close closes the connection.
func (c *Client) Close() { c.conn.Close() }

// Closed reports whether the connection is closed for good.
func (c *Client) Closed() bool { return c.conn.IsClosed() }

// Operator reports whether the client may act.
func (c *Client) Operator() bool { return c.credentials.Role == fleet.RoleOperator }

// Role returns the role of the key.
func (c *Client) Role() string { return string(c.credentials.Role) }

// Name returns the name of the key.
func (c *Client) Name() string { return c.credentials.Name }

func (c *Client) takeHeartbeat(m *nats.Msg) {
	c.learn(m.Subject, m.Data, time.Now(), false)
}

// learn takes a heartbeat. An older one than the last is left out.
func (c *Client) learn(subject string, text []byte, at time.Time, answered bool) {
	name := c.space.Host(subject)
	h, err := fleet.DecodeHeartbeat(text)
	if err != nil || fleet.CheckName("a host", name) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.hosts[name]
	if known != nil && known.Heard.After(at) || known == nil && len(c.hosts) >= fleet.MaxHosts {
		return
	}
	c.hosts[name] = &Host{Name: name, Heartbeat: h, Heard: at, Answered: answered}
}

// Known returns what is known of each host, in the order of their names.
func (c *Client) Known() []Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Host, 0, len(c.hosts))
	for _, h := range c.hosts {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Remembered returns every host that the server remembers, also those that are gone.
func (c *Client) Remembered(ctx context.Context) ([]Host, error) {
	if err := c.remember(ctx); err != nil {
		return nil, err
	}
	return c.Known(), nil
}

// Hosts asks all hosts, and returns every host that the server remembers.
func (c *Client) Hosts(ctx context.Context) ([]Host, error) {
	if err := c.remember(ctx); err != nil {
		return nil, err
	}
	_, err := c.gather(ctx, fleet.Question{Kind: fleet.AskHost}, c.present(), func(host string, a answer) error {
		if a.head.Host != nil {
			c.learn(c.space.Heartbeat(host), a.head.Host.Encode(), time.Now(), true)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.Known(), nil
}

// present returns the hosts that are not known to be gone.
func (c *Client) present() (names []string) {
	for _, h := range c.Known() {
		if !h.Gone(time.Now()) {
			names = append(names, h.Name)
		}
	}
	return names
}

// answer is one page of a host's answer.
type answer struct {
	head fleet.Head
	page []byte
}

// newTo returns where a question is answered.
func (c *Client) newTo() string { return fleet.To(c.credentials.Name, rand.Text()[:16]) }

// gather asks all hosts, or the only one that is expected, and calls take with every
// answer, page by page, from this goroutine. It returns the hosts that did not answer to
// the end.
func (c *Client) gather(ctx context.Context, q fleet.Question, expected []string, take func(host string, a answer) error) (missing []string, err error) {
	left, next := map[string]bool{}, map[string]int{}
	for _, name := range expected {
		left[name] = true
	}
	if len(left) == 0 {
		return nil, nil
	}
	to := fleet.All
	if len(expected) == 1 {
		to = expected[0]
	}
	q.To = c.newTo()
	err = c.ask(ctx, c.space.Question(to), q.To, q.Encode(), func(host string, a answer) (counts, done bool, err error) {
		if to == fleet.All && next[host] == 0 && fleet.CheckName("a host", host) == nil {
			left[host] = true // perhaps it came a moment ago
		}
		// A page that was lost is missed, and one that comes again is no other.
		if !left[host] || a.head.Page != next[host] {
			return false, len(left) == 0, nil
		}
		next[host]++
		if a.head.Last {
			delete(left, host)
		}
		return true, len(left) == 0, take(host, a)
	})
	for name := range left {
		missing = append(missing, name)
	}
	slices.Sort(missing)
	return missing, err
}

// ask publishes a message and calls take with the answers until it is done, or none that
// counts has come for a while.
func (c *Client) ask(ctx context.Context, subject, to string, message []byte, take func(host string, a answer) (counts, done bool, err error)) error {
	answers := make(chan *nats.Msg, 4096)
	sub, err := c.conn.ChanSubscribe(c.space.Answer("*", to), answers)
	if err != nil {
		return fmt.Errorf("ask the fleet: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.conn.Publish(subject, message); err != nil {
		return fmt.Errorf("ask the fleet: %w", err)
	}
	quiet := time.NewTimer(c.silence)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-quiet.C:
			return nil
		case m := <-answers:
			head, page, err := fleet.DecodeMessage(m.Data)
			host := c.space.Host(m.Subject)
			if err != nil || host == "" || !link.Published(m) {
				continue
			}
			counts, done, err := take(host, answer{head, page})
			if done || err != nil {
				return err
			}
			if counts {
				quiet.Reset(c.silence)
			}
		}
	}
}
