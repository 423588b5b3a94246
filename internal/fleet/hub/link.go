package hub

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Two hubs of one directory may be linked: whoever is connected to one reaches who is
// connected to the other, as if there were one hub. One of them listens, and the other one
// comes to it. Each has its own streams, and works alone while the other one is gone.

// linkSeed is the file of the key by which hubs know each other.
const linkSeed = "link.seed"

// The times of a link. Both must notice soon that the other one is gone.
const (
	linkPing  = 2 * time.Second
	linkAgain = time.Second
)

// newLinkSeed makes the key by which the hubs of this directory know each other, once.
func (d Dir) newLinkSeed() error {
	if _, err := os.Stat(d.file(linkSeed)); err == nil {
		return nil
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return fmt.Errorf("make the key of links: %w", err)
	}
	seed, err := key.Seed()
	if err != nil {
		return fmt.Errorf("make the key of links: %w", err)
	}
	return d.writeText(linkSeed, append(seed, '\n'))
}

// linkKey returns that key, and its public part.
func (d Dir) linkKey() (seed, public string, err error) {
	text, err := os.ReadFile(d.file(linkSeed))
	if err != nil {
		return "", "", fmt.Errorf("read the key of links: %w", err)
	}
	seed = strings.TrimSpace(string(text))
	key, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return "", "", fmt.Errorf("read the key of links: %s is damaged: copy it from the other hub", d.file(linkSeed))
	}
	public, err = key.PublicKey()
	return seed, public, err
}

// linked reports whether the hub has a link.
func (h *hub) linked() bool { return h.LinkListen != "" || h.Link != "" }

// linkOptions are those of the server for its link. A link always has TLS, with the hub's
// own certificate on both sides.
func (h *hub) linkOptions(o *server.Options) (err error) {
	if !h.linked() {
		return nil
	}
	seed, public, err := h.Dir.linkKey()
	if err != nil {
		return err
	}
	o.PingInterval, o.MaxPingsOut = linkPing, 2
	l := &o.LeafNode
	l.ReconnectInterval, l.TLSTimeout, l.AuthTimeout = linkAgain, 10, 15
	if h.LinkListen != "" {
		if l.Host, l.Port, err = splitPort(h.LinkListen); err != nil {
			return err
		}
		if l.Port == 0 {
			l.Port = server.RANDOM_PORT
		}
		l.Nkey = public
		l.TLSConfig, err = h.Dir.tlsConfig("", "")
		return err
	}
	config, err := h.Dir.linkTLS()
	if err != nil {
		return err
	}
	l.Remotes = []*server.RemoteLeafOpts{{
		URLs: []*url.URL{{Scheme: "tls", Host: h.Link}}, Nkey: seed,
		TLS: true, TLSConfig: config, TLSTimeout: 10, FirstInfoTimeout: 10 * time.Second, DialTimeout: 5 * time.Second,
	}}
	return nil
}

func splitPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("begin a hub: %w", err)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("begin a hub: %q is not a port: use a number up to 65535", text)
	}
	return host, port, nil
}

// linkTLS believes only a hub with the same certificate.
func (d Dir) linkTLS() (*tls.Config, error) {
	text, err := os.ReadFile(d.file("tls.crt"))
	if err != nil {
		return nil, fmt.Errorf("read the hub's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("read the hub's certificate: it is damaged: copy it from the other hub")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: certificateName}, nil
}

// lookAtLink logs when another hub comes and goes.
func (h *hub) lookAtLink() {
	if !h.linked() {
		return
	}
	if met := h.server.NumLeafNodes() > 0; met != h.met {
		if h.met = met; met {
			h.Log.Info("linked with the other hub")
		} else {
			h.Log.Warn("the other hub is gone: this one goes on alone")
		}
	}
}
