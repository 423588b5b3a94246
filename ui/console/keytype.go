package console

import (
	"crypto/rsa"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// minRSABits is the default of OpenSSH's ssh-keygen since 2009. Today's default is
// larger.
const minRSABits = 2048

// isKeyType accepts plain keys only: certificates would have rules of their own, and
// DSA is broken.
func isKeyType(s string) bool {
	return slices.Contains([]string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA,
	}, s)
}

func checkStrength(key ssh.PublicKey) error {
	k, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if public, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return fmt.Errorf("an RSA key of %d bits is too weak: make another one with ssh-keygen -t ed25519", public.N.BitLen())
	}
	return nil
}
