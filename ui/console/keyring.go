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

// ErrNoKeys means that nobody could come in.
var ErrNoKeys = errors.New("no key is authorised")

// Keyring holds the keys of a file and follows the file's changes. Its methods
// may be called from any goroutine.
type Keyring struct {
	path string

	mu   sync.Mutex
	keys map[string]*Key
	// err is set while the file cannot be used. Nobody new comes in then.
	err error
	// text is what the keys were read from, seen what the file had when last
	// looked at.
	text, seen []byte
}

// OpenKeyring reads a keys file. One that is missing, empty or in any way
// doubtful is an error that says what to do.
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

// Check says whether the file could be read again now.
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

// advice is how to add a key.
func (r *Keyring) advice() string {
	return fmt.Sprintf(`add one with: echo "role=\"operator\" $(cat ~/.ssh/id_ed25519.pub)" >>%s (without role=... it may only look)`, r.path)
}

// find returns the authorised key that lets in from an address now.
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

// review says why a session that a key opened has to end. While the file
// cannot be understood nobody can tell which keys were taken out of it, and
// sessions go on.
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

// refresh looks at the file. It takes a change over when it finds the same text
// a second time: an editor that writes in place empties the file first, and
// nobody should lose a session to that. It reports what the change led to, with
// nothing where there was none.
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

// refuse lets nobody in any more until the file is right again.
func (r *Keyring) refuse(err error) (bool, error) {
	told := r.err != nil && r.err.Error() == err.Error()
	r.err = err
	return !told, err
}
