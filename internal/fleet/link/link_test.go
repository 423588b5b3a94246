package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"ctop/internal/fleet"
)

// A list of servers is read as it is written everywhere. Text goes in the clear only on this
// machine, or where that is permitted.
func TestAddresses(t *testing.T) {
	for list, c := range map[string]struct {
		servers             string
		secure, plainSecure bool
	}{
		"127.0.0.1":                  {"nats://127.0.0.1:4222", false, false},
		"localhost:7":                {"nats://localhost:7", false, false},
		"nats://[::1]":               {"nats://[::1]:4222", false, false},
		"127.9.9.9:1":                {"nats://127.9.9.9:1", false, false},
		"hub.example.com":            {"nats://hub.example.com:4222", true, false},
		"192.0.2.1:1":                {"nats://192.0.2.1:1", true, false},
		"tls://127.0.0.1":            {"nats://127.0.0.1:4222", true, true},
		"127.0.0.1, tls://b:5":       {"nats://127.0.0.1:4222 nats://b:5", true, true},
		"127.0.0.1:1 , 192.0.2.1":    {"nats://127.0.0.1:1 nats://192.0.2.1:4222", true, false},
		"localhost.example.com":      {"nats://localhost.example.com:4222", true, false},
		"":                           {},
		"a,":                         {},
		"nats://":                    {},
		"http://a":                   {},
		"nats://me:secret@127.0.0.1": {},
		"nats://127.0.0.1/x":         {},
		"nats://127.0.0.1?x=1":       {},
		"nats://127.0.0.1:port":      {},
		"tls://[::1":                 {},
	} {
		for _, plain := range []bool{false, true} {
			servers, secure, err := addresses(list, plain)
			want := c.secure
			if plain {
				want = c.plainSecure
			}
			if (err == nil) != (c.servers != "") || err == nil && (strings.Join(servers, " ") != c.servers || secure != want) {
				t.Errorf("%q, plain %t: %q, secure %t, %v", list, plain, servers, secure, err)
			}
		}
		if err := Check(list); (err == nil) != (c.servers != "") || err != nil && !strings.Contains(err.Error(), "is not the address of a hub") {
			t.Errorf("%q: %v", list, err)
		}
	}
}

// Every failure says what to do about it.
func TestAdvice(t *testing.T) {
	other := errors.New("other")
	for err, want := range map[error]string{
		nats.ErrAuthorization:                         "ctop hub keys list shows",
		errors.New("nats: Authorization Violation"):   "ctop hub keys list shows",
		fmt.Errorf("x: %w", nats.ErrSecureConnWanted): "allow plain text with --plain",
		nats.ErrNoServers:                             "begin one with ctop hub",
		nats.ErrTimeout:                               "begin one with ctop hub",
		x509.UnknownAuthorityError{}:                  "make new ones with ctop hub keys add",
		other:                                         "other",
	} {
		if got := advise(err); !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if say(nil) != "it closed the connection" || say(other) != "other" {
		t.Errorf("%q, %q", say(nil), say(other))
	}
}

// The first time comes soon, and then at a random moment around the spread.
func TestDelays(t *testing.T) {
	own := Options{Spread: func() time.Duration { return 100 * time.Second }}
	for _, c := range []struct {
		o           Options
		try         int
		least, most time.Duration
	}{
		{Options{}, 1, DefaultSpread / 20, DefaultSpread * 21 / 20}, {own, 1, 5 * time.Second, 105 * time.Second}, {own, 2, 60 * time.Second, 110 * time.Second}, {own, 9, 60 * time.Second, 110 * time.Second},
	} {
		least, most := time.Hour, time.Duration(0)
		for range 5000 {
			d := c.o.Delay(c.try)
			least, most = min(least, d), max(most, d)
		}
		span := (c.most - c.least) / 50
		if least < c.least || least > c.least+span || most > c.most || most < c.most-span {
			t.Errorf("time %d: after %s to %s, want %s to %s", c.try, least, most, c.least, c.most)
		}
	}
}

// certificate returns a certificate that is its own authority, by whatever name.
func certificate(t *testing.T) (pair tls.Certificate, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"ctop-hub"},
	}
	der, err := x509.CreateCertificate(rand.Reader, &about, &about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// The hub's own certificate is accepted whatever name it is reached by, and no other one is.
func TestCertificates(t *testing.T) {
	mine, text := certificate(t)
	other, _ := certificate(t)
	for _, c := range []struct {
		pair    tls.Certificate
		version uint16
		ok      bool
	}{{mine, tls.VersionTLS13, true}, {other, tls.VersionTLS13, false}, {mine, tls.VersionTLS12, false}} {
		config, err := tlsConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		config.ServerName = "whatever.example.com"
		l, err := net.Listen("tcp", "127.0.0.1:0") // both may speak at a time
		if err != nil {
			t.Fatal(err)
		}
		here, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		there, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		served := make(chan struct{})
		go func() {
			defer func() { _ = there.Close() }()
			_ = tls.Server(there, &tls.Config{Certificates: []tls.Certificate{c.pair}, MinVersion: tls.VersionTLS12, MaxVersion: c.version}).Handshake() //nolint:gosec // old ones are refused
			_, _ = io.Copy(io.Discard, there)
			close(served)
		}()
		client := tls.Client(here, config)
		if err := client.Handshake(); (err == nil) != c.ok {
			t.Errorf("version %x: %v", c.version, err)
		}
		_ = here.Close()
		<-served
	}
	if config, err := tlsConfig(""); err != nil || config.InsecureSkipVerify || config.RootCAs != nil || config.MinVersion != tls.VersionTLS12 {
		t.Errorf("without one: %+v, %v", config, err)
	}
	if _, err := tlsConfig("no certificate"); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged one: %v", err)
	}
}

// What is wrong with credentials is said before anything is sent.
func TestConnectRefuses(t *testing.T) {
	for url, want := range map[string]string{"http://x": "is not the address of a hub", "127.0.0.1:1": "the seed is damaged"} {
		if _, err := Connect(Options{URL: url, Credentials: &fleet.Credentials{Fleet: "main", Role: fleet.RoleHost, Name: "a", Seed: "x"}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A hub that all hosts of a large fleet come back to may take some seconds, and a silent one
// is given up.
func TestTimeLimit(t *testing.T) {
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	c := &fleet.Credentials{Fleet: "main", Role: fleet.RoleHost, Name: "a", Seed: string(seed)}
	n, err := Connect(Options{URL: "127.0.0.1:1", Credentials: c, Persistent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if limit := n.Opts.Timeout; limit < 5*time.Second || limit > time.Minute {
		t.Errorf("it is given up after %s", limit)
	}
}

// A handler hears what clients publish, and not what the server sends on request.
func TestTake(t *testing.T) {
	heard := 0
	handle := Take(func(*nats.Msg) { heard++ })
	handle(&nats.Msg{Subject: "a", Header: nats.Header{"Nats-Stream": {"CTOP_HOSTS"}}})
	handle(&nats.Msg{Subject: "a", Header: nats.Header{"Status": {"404"}}})
	if heard != 0 {
		t.Errorf("it hears %d messages of the server", heard)
	}
	if handle(&nats.Msg{Subject: "a"}); heard != 1 {
		t.Errorf("it hears %d messages of clients", heard)
	}
}
