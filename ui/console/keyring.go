package console

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrNoKeys means that no key is authorised.
var ErrNoKeys = errors.New("no key is authorised")

// Keyring holds the keys of a file and follows the file's changes. Its methods
// may be called from any goroutine.
type Keyring struct {
	path string

	mu   sync.Mutex
	keys map[string]*Key
	// err is why the file cannot be used now. New sessions are refused meanwhile.
	err error
	// text is the file's content that the keys are from, and seen the content when it
	// was last read.
	text, seen []byte
}

// OpenKeyring reads a keys file. A file that is missing, empty or insecure is an
// error that says what to do.
func OpenKeyring(path string) (*Keyring, error) {
	r := &Keyring{path: path}
	text, err := r.read()
	if err == nil {
		r.keys, err = r.parse(text)
	}
	r.text, r.seen = text, text
	return r, err
}

// Len returns how many keys are authorised.
func (r *Keyring) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keys)
}

// Check returns an error if the file could not be read again now.
func (r *Keyring) Check() error {
	_, err := r.read()
	return err
}

func (r *Keyring) read() ([]byte, error) {
	text, err := readStrictly(r.path, maxKeysFile+1, 0o022, "go-w")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist: %s", ErrNoKeys, r.path, r.advice())
	}
	if err != nil {
		return nil, fmt.Errorf("read the authorised keys: %w", err)
	}
	return text, nil
}

func (r *Keyring) parse(text []byte) (map[string]*Key, error) {
	list, err := parseKeys(r.path, text, time.Local)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %s is empty: %s", ErrNoKeys, r.path, r.advice())
	}
	keys := make(map[string]*Key, len(list))
	for _, k := range list {
		keys[string(k.public.Marshal())] = k
	}
	return keys, nil
}

// advice says how to add a key.
func (r *Keyring) advice() string {
	return fmt.Sprintf(`add one with: echo "role=\"operator\" $(cat ~/.ssh/id_ed25519.pub)" >>%s (without role=... it may only look)`, r.path)
}

// find returns the authorised key with which a client at an address may log in now.
func (r *Keyring) find(public ssh.PublicKey, addr netip.Addr, now time.Time) (*Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, fmt.Errorf("nobody can log in while the keys file is refused: %w", r.err)
	}
	k := r.keys[string(public.Marshal())]
	if k == nil {
		return nil, errors.New("the key is not authorised")
	}
	return k, k.check(addr, now)
}

// review returns why a session of a key has to end, or nil. While the file is invalid
// sessions go on, because it is unknown which keys were removed.
func (r *Keyring) review(k *Key, addr netip.Addr, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	current := r.keys[string(k.public.Marshal())]
	switch {
	case current == nil:
		return errors.New("your key was removed")
	case current.Role != k.Role:
		return fmt.Errorf("your role is now %s: connect again", current.Role)
	}
	return current.check(addr, now)
}

// refresh reads the file again. It uses a change when it reads the same text twice:
// an editor that writes in place empties the file first, and no session should end
// because of that. It reports whether anything changed, and the error of the new
// text.
func (r *Keyring) refresh() (changed bool, err error) {
	text, err := r.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, ErrNoKeys) {
		text = nil
	} else if err != nil {
		return r.refuse(err)
	}
	settled := bytes.Equal(text, r.seen)
	r.seen = text
	if !settled || (bytes.Equal(text, r.text) && r.err == nil) {
		return false, nil
	}
	keys, err := r.parse(text)
	if err != nil && !errors.Is(err, ErrNoKeys) {
		return r.refuse(err)
	}
	changed = !bytes.Equal(text, r.text) || r.err != nil
	r.keys, r.text, r.err = keys, text, nil
	return changed, err
}

// refuse refuses new sessions until the file is valid again.
func (r *Keyring) refuse(err error) (bool, error) {
	known := r.err != nil && r.err.Error() == err.Error()
	r.err = err
	return !known, err
}
