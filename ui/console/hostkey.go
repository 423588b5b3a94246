package console

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"ctop/internal/file"
)

// maxHostKey is larger than any key file, in bytes.
const maxHostKey = 64 << 10

// HostKey reads the server's key. If there is none, it makes an Ed25519 key in
// OpenSSH's format that only its owner can read.
func HostKey(path string) (ssh.Signer, error) {
	text, err := readStrictly(path, maxHostKey, 0o077, "600")
	if errors.Is(err, fs.ErrNotExist) {
		return makeHostKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the host key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("read the host key %s: %w: remove it to create a new one", path, err)
	}
	return key, nil
}

func makeHostKey(path string) (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create a host key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "ctop host key")
	if err != nil {
		return nil, fmt.Errorf("create a host key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of the host key: %w", err)
	}
	if err := file.Replace(path, pem.EncodeToMemory(block)); err != nil {
		return nil, fmt.Errorf("write the host key: %w", err)
	}
	return ssh.NewSignerFromKey(private)
}
