package hub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

// certificateFor is how long a certificate lasts. It is new with a new directory only,
// since the credentials have it.
const certificateFor = 20 * 365 * 24 * time.Hour

// certificateName is the name in it, by which linked hubs know each other.
const certificateName = "ctop-hub"

// newCertificate makes a certificate, once. It is its own authority: clients know it from
// their credentials, so it need not have the hub's names.
func (d Dir) newCertificate() error {
	if _, err := os.Stat(d.file("tls.crt")); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the hub's certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("make the hub's certificate: %w", err)
	}
	now := time.Now()
	about := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "ctop hub"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(certificateFor),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, DNSNames: []string{certificateName},
	}
	cert, err := x509.CreateCertificate(rand.Reader, &about, &about, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make the hub's certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make the hub's certificate: %w", err)
	}
	if err := d.writeText("tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})); err != nil {
		return err
	}
	return d.writeText("tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
}

// tlsConfig returns the configuration of a server with the hub's certificate, or with
// that of some files.
func (d Dir) tlsConfig(certificate, key string) (*tls.Config, error) {
	if certificate == "" {
		certificate, key = d.file("tls.crt"), d.file("tls.key")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read the hub's certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}
