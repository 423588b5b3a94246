package lab

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// The names of servers in the world of a [Machine]: one is in what its clients say in TLS,
// the other one is asked for in DNS.
const (
	nameService = "api.example.com"
	nameBackup  = "backup.example.com"
)

// dialService connects with the service in the world, in TLS. Whoever answers is believed: the
// lab has no other world.
func dialService(ctx context.Context) (net.Conn, error) {
	d := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: stall},
		Config:    &tls.Config{ServerName: nameService, InsecureSkipVerify: true}, //nolint:gosec // there is nobody else
	}
	return d.DialContext(ctx, "tcp", addrWorld+":443")
}

// playService answers as the service in the world.
func playService(ctx context.Context) error {
	listener, err := listen(ctx, ":443")
	if err != nil {
		return err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{nameService}, NotAfter: time.Now().AddDate(1, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: private}}, MinVersion: tls.VersionTLS13}
	return answerOn(ctx, tls.NewListener(listener, config), nil)
}

// findBackup asks the world for the address of the place for backups.
func findBackup(ctx context.Context) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, stall)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", addrWorld+":53")
	}}
	found, err := resolver.LookupNetIP(ctx, "ip4", nameBackup+".")
	if err != nil {
		return netip.Addr{}, err
	}
	return found[0].Unmap(), nil
}

// playDNS answers each question for an address with that of the world.
func playDNS(conn net.PacketConn) {
	for buf := make([]byte, 1500); ; {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer, err := answerName(buf[:n]); err == nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

func answerName(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addrWorld).As4()},
			})
		}
	}
	return m.Pack()
}
