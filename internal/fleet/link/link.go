// Package link connects the agents and the consoles of a fleet to NATS servers.
package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
)

// Options says where to connect to, and as who.
type Options struct {
	// URL are the addresses of servers, with commas between them.
	URL         string
	Credentials *fleet.Credentials
	// Plain permits a connection without TLS to another machine.
	Plain bool
	// Persistent connects again and again, also at first. Without it the first failure
	// counts.
	Persistent bool
	// Spread returns the time over which clients that lost the server come back. nil
	// means [DefaultSpread].
	Spread func() time.Duration
	Log    *slog.Logger
}

// DefaultSpread is the spread of a fleet whose size is not known.
const DefaultSpread = 4 * time.Second

// The port of a NATS server, and the time limit of a first connection.
const (
	defaultPort = "4222"
	firstTry    = 10 * time.Second
)

// Connect connects to a server.
func Connect(o Options) (*nats.Conn, error) {
	servers, secure, err := addresses(o.URL, o.Plain)
	if err != nil {
		return nil, err
	}
	c := o.Credentials
	key, err := c.Key()
	if err != nil {
		return nil, fmt.Errorf("connect to the fleet: the seed is damaged: ctop hub keys add makes a new file")
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("connect to the fleet: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var errs fleet.Seldom
	options := []nats.Option{
		nats.Name("ctop " + string(c.Role) + " " + c.Name),
		nats.Nkey(public, key.Sign),
		nats.CustomInboxPrefix(c.Space().Inbox(c.Name)),
		nats.Timeout(firstTry),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1), // what is published while there is no server is out of date
		nats.CustomReconnectDelay(o.Delay),
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.NoEcho(),
		nats.DisconnectErrHandler(func(n *nats.Conn, err error) {
			if !n.IsClosed() {
				o.Log.Warn("the fleet's server is gone", "error", say(err))
			}
		}),
		nats.ReconnectHandler(func(n *nats.Conn) { o.Log.Info("connected to the fleet", "server", n.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { warn(o.Log, &errs, err) }),
	}
	if secure {
		config, err := tlsConfig(c.CA)
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Secure(config))
	} else if c.CA != "" {
		// A server on this machine may want TLS, too.
		config, err := tlsConfig(c.CA)
		if err != nil {
			return nil, err
		}
		options = append(options, func(n *nats.Options) error { n.TLSConfig = config; return nil })
	}
	if o.Persistent {
		options = append(options, nats.RetryOnFailedConnect(true))
	}
	n, err := nats.Connect(strings.Join(servers, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the fleet at %s: %w", o.URL, advise(err))
	}
	return n, nil
}

// Published reports whether a client of the fleet published a message itself: these send no
// headers. A console can have the server send a stored message, which any host may have
// written, to any subject: with headers.
func Published(m *nats.Msg) bool { return len(m.Header) == 0 }

// Take returns a handler that passes over what no client published itself.
func Take(handle nats.MsgHandler) nats.MsgHandler {
	return func(m *nats.Msg) {
		if Published(m) {
			handle(m)
		}
	}
}

// Delay returns when to try for the first, second, … time: at a random moment, since a
// thousand agents lose a server together. Whoever tries again rests longer: of those that
// wait at any moment, fewer are about to try.
func (o *Options) Delay(try int) time.Duration {
	spread := DefaultSpread
	if o.Spread != nil {
		spread = o.Spread()
	}
	if try > 1 {
		return spread*3/5 + rand.N(spread/2)
	}
	return spread/20 + rand.N(spread)
}

// warn logs an error of a server, at most once a minute.
func warn(log *slog.Logger, errs *fleet.Seldom, err error) {
	more, say := errs.Say(err.Error(), time.Now())
	if !say {
		return
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		err = fmt.Errorf("%w: this key is not for that: ctop hub keys add makes others, with --pair for a pair", err)
	}
	if more > 0 {
		log = log.With("more", more)
	}
	log.Warn("the fleet's server", "error", err)
}

func say(err error) string {
	if err == nil {
		return "it closed the connection"
	}
	return err.Error()
}

// advise says what to do about an error.
func advise(err error) error {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, nats.ErrAuthorization), strings.Contains(strings.ToLower(err.Error()), "authorization violation"):
		return errors.New("the server does not know this key: ctop hub keys list shows those that it knows, ctop hub keys add makes one")
	case errors.Is(err, nats.ErrSecureConnWanted):
		return errors.New("the server has no TLS: begin it with TLS, or allow plain text with --plain (ctop serve: --fleet-plain) and nats:// in place of tls://")
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return errors.New("no server answers there: begin one with ctop hub, or correct the address")
	case errors.As(err, &unknown):
		return errors.New("the server's certificate is not the one of the credentials: make new ones with ctop hub keys add")
	}
	return err
}

// addresses returns the servers of a list, and whether TLS is required. Plain text goes
// no further than this machine unless it is permitted.
func addresses(list string, plain bool) (servers []string, secure bool, err error) {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return nil, false, fmt.Errorf("%.80q is not the address of a hub: write it like tls://hub.example.com:%s or 127.0.0.1:%[2]s", one, defaultPort)
		}
		if u.Scheme == "tls" || !plain && !loopback(u.Hostname()) {
			secure = true
		}
		port := u.Port()
		if port == "" {
			port = defaultPort
		}
		servers = append(servers, "nats://"+net.JoinHostPort(u.Hostname(), port))
	}
	return servers, secure, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Check returns an error if a list is none of addresses.
func Check(list string) error {
	_, _, err := addresses(list, true)
	return err
}

// tlsConfig accepts the certificate of the credentials whatever name the hub is reached
// by: nobody else has its key. Without one, the machine's authorities count.
func tlsConfig(ca string) (*tls.Config, error) {
	if ca == "" {
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		return nil, errors.New("connect to the fleet: the certificate in the credentials is damaged: ctop hub keys add makes a new file")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// VerifyConnection checks the chain, but for the name.
		InsecureSkipVerify: true, //nolint:gosec // checked below
		VerifyConnection: func(state tls.ConnectionState) error {
			o := x509.VerifyOptions{Roots: pool, Intermediates: x509.NewCertPool()}
			for _, c := range state.PeerCertificates[1:] {
				o.Intermediates.AddCert(c)
			}
			_, err := state.PeerCertificates[0].Verify(o)
			return err
		},
	}, nil
}
