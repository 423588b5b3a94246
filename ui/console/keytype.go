package console

import (
	"crypto/rsa"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// minRSABits is what OpenSSH's own ssh-keygen has made by default since 2009,
// and less than what it makes now.
const minRSABits = 2048

// isKeyType knows plain keys only. Certificates would bring rules of their own,
// and DSA is broken.
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
