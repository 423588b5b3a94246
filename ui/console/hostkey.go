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
	if err := writeNew(path, pem.EncodeToMemory(block)); err != nil {
		return nil, fmt.Errorf("write the host key: %w", err)
	}
	return ssh.NewSignerFromKey(private)
}

// writeNew writes a file that only its owner can read. It writes all of it or
// nothing, because half a key would prevent the next start.
func writeNew(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
