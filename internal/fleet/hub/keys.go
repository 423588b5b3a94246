package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
	"golang.org/x/sys/unix"

	"ctop/internal/file"
	"ctop/internal/fleet"
)

// Key is a public key that the hub knows.
type Key struct {
	Name  string     `json:"name"`
	Role  fleet.Role `json:"role"`
	Key   string     `json:"key"`
	Added time.Time  `json:"added"`
	// Pair is the pair of a host, empty if it has none.
	Pair string `json:"pair,omitempty"`
}

// Keys are the keys of a fleet.
type Keys struct {
	Schema string `json:"schema"`
	Fleet  string `json:"fleet"`
	Keys   []Key  `json:"keys"`
}

// Dir is the directory of a hub.
type Dir string

const (
	keysSchema = "ctop.keys/1"
	// DefaultFleet is the name of a fleet that nobody named.
	DefaultFleet = "main"
	maxKeysFile  = 64 << 20
)

func (d Dir) file(name string) string { return filepath.Join(string(d), name) }

// Keys returns the keys, none if there is no file.
func (d Dir) Keys() (Keys, error) {
	k := Keys{Schema: keysSchema}
	path := d.file("keys.json")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil && info.Size() > maxKeysFile {
		err = errors.New("it is too long")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return k, fmt.Errorf("read the keys of the hub: %s: %w", path, err)
	}
	if err := json.Unmarshal(text, &k); err != nil || k.Schema != keysSchema || fleet.CheckName("a fleet", k.Fleet) != nil {
		return k, fmt.Errorf("read the keys of the hub: %s is damaged: restore it from a backup, or move it away and make new keys", path)
	}
	for _, one := range k.Keys {
		_, err := fleet.ParseRole(string(one.Role))
		if err != nil || fleet.CheckName("a key", one.Name) != nil || !nkeys.IsValidPublicUserKey(one.Key) || one.Pair != "" && fleet.CheckName("a pair", one.Pair) != nil {
			return k, fmt.Errorf("read the keys of the hub: %s: the key of %.80q is damaged: correct or remove its line", path, one.Name)
		}
	}
	return k, nil
}

// Hosts returns the number of hosts.
func (k *Keys) Hosts() (n int) {
	for _, one := range k.Keys {
		if one.Role == fleet.RoleHost {
			n++
		}
	}
	return n
}

// ofPair returns the hosts of a pair.
func (k *Keys) ofPair(pair string) (hosts []string) {
	for _, one := range k.Keys {
		if pair != "" && one.Pair == pair {
			hosts = append(hosts, one.Name)
		}
	}
	return hosts
}

// checkNew returns an error if somebody cannot have a key, which is of a pair if pair is not
// empty.
func (k *Keys) checkNew(pair, name string) error {
	if slices.ContainsFunc(k.Keys, func(one Key) bool { return one.Name == name }) {
		return fmt.Errorf("%s has a key already: ctop hub keys remove %[1]s removes it", name)
	}
	if both := k.ofPair(pair); len(both) >= 2 {
		return fmt.Errorf("the pair %s has two hosts already, %s: ctop hub keys remove removes one, or use another pair", pair, strings.Join(both, " and "))
	}
	return nil
}

// CheckNew returns an error if not all of some names can have keys, which are of a pair if
// pair is not empty. files are those of the credentials.
func (d Dir) CheckNew(pair string, names, files []string) error {
	k, err := d.Keys()
	if err != nil {
		return err
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%s is named twice: a name has one key", name)
		}
		if err := k.checkNew(pair, name); err != nil {
			return err
		}
		if _, err := os.Lstat(files[i]); err == nil {
			return errThere(files[i])
		}
	}
	if both := k.ofPair(pair); pair != "" && len(both)+len(names) > 2 {
		return fmt.Errorf("a pair has two hosts, and %s would have %d: %s: name two, or use another pair", pair, len(both)+len(names), strings.Join(slices.Concat(both, names), ", "))
	}
	return nil
}

// Prepare creates the directory and what a hub needs: a fleet, its authority and a
// certificate.
func (d Dir) Prepare() error {
	return d.locked(func() error { return d.prepare() })
}

func (d Dir) prepare() error {
	k, err := d.Keys()
	if err != nil {
		return err
	}
	if k.Fleet == "" {
		k.Fleet = DefaultFleet
		if err := d.write("keys.json", k); err != nil {
			return err
		}
	}
	if err := d.newAuthority(); err != nil {
		return err
	}
	if err := d.newLinkSeed(); err != nil {
		return err
	}
	return d.newCertificate()
}

// locked runs a change of the directory while nobody else changes it.
func (d Dir) locked(change func() error) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("make the directory of the hub: %w", err)
	}
	f, err := os.Open(string(d))
	if err != nil {
		return fmt.Errorf("change the keys of the hub: %w", err)
	}
	defer func() { _ = f.Close() }()   // nothing was written
	_ = os.Remove(d.file("keys.lock")) // earlier versions left it
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("change the keys of the hub: %w", err)
	}
	return change()
}

// write replaces a file as a whole.
func (d Dir) write(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", d.file(name), err)
	}
	return d.writeText(name, append(text, '\n'))
}

func (d Dir) writeText(name string, text []byte) error {
	if err := file.Replace(d.file(name), text); err != nil {
		return fmt.Errorf("write %s: %w", d.file(name), err)
	}
	return nil
}

// newAuthority makes the key that signs grants, once.
func (d Dir) newAuthority() error {
	if _, err := os.Stat(d.file("authority.seed")); err == nil {
		return nil
	}
	key, err := nkeys.CreateAccount()
	if err != nil {
		return fmt.Errorf("make the fleet's key: %w", err)
	}
	seed, err := key.Seed()
	if err != nil {
		return fmt.Errorf("make the fleet's key: %w", err)
	}
	return d.writeText("authority.seed", append(seed, '\n'))
}

func (d Dir) authority() (nkeys.KeyPair, error) {
	text, err := os.ReadFile(d.file("authority.seed"))
	if err != nil {
		return nil, fmt.Errorf("read the fleet's key: %w", err)
	}
	key, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(text))))
	if err != nil {
		return nil, fmt.Errorf("read the fleet's key: %s is damaged: restore it from a backup", d.file("authority.seed"))
	}
	return key, nil
}

// Add makes a key, writes its credentials into a new file that only its owner may read,
// and lets the hub know it.
func (d Dir) Add(role fleet.Role, name, path string, now time.Time) error {
	return d.add(role, name, "", path, now)
}

// AddPaired does the same for a host that tells its flows to another one of the pair.
func (d Dir) AddPaired(name, pair, path string, now time.Time) error {
	if err := fleet.CheckName("a pair", pair); err != nil {
		return err
	}
	return d.add(fleet.RoleHost, name, pair, path, now)
}

func (d Dir) add(role fleet.Role, name, pair, path string, now time.Time) error {
	if err := fleet.CheckName("a "+string(role), name); err != nil {
		return err
	}
	return d.locked(func() error {
		if err := d.prepare(); err != nil {
			return err
		}
		k, err := d.Keys()
		if err != nil {
			return err
		}
		if err := k.checkNew(pair, name); err != nil {
			return err
		}
		c, err := d.issue(fleet.Grant{Fleet: k.Fleet, Role: role, Name: name})
		if err != nil {
			return err
		}
		grant, err := fleet.OpenGrant(c.Authority, c.Fleet, c.Grant)
		if err != nil {
			return err
		}
		if err := writeCredentials(path, c); err != nil {
			return err
		}
		k.Keys = append(k.Keys, Key{Name: name, Role: role, Key: grant.Key, Added: now.UTC(), Pair: pair})
		if err := d.write("keys.json", k); err != nil {
			return errors.Join(err, os.Remove(path))
		}
		return nil
	})
}

func (d Dir) issue(g fleet.Grant) (fleet.Credentials, error) {
	authority, err := d.authority()
	if err != nil {
		return fleet.Credentials{}, err
	}
	ca, err := os.ReadFile(d.file("tls.crt"))
	if err != nil {
		return fleet.Credentials{}, fmt.Errorf("read the hub's certificate: %w", err)
	}
	return fleet.Issue(authority, g, string(ca))
}

// writeCredentials never replaces a file: it may be the only copy of a key.
func writeCredentials(path string, c fleet.Credentials) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write the credentials: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errThere(path)
	}
	if err != nil {
		return fmt.Errorf("write the credentials: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the credentials: %w", err), os.Remove(path))
	}
	return nil
}

func errThere(path string) error {
	return fmt.Errorf("write the credentials: %s is there already: name another file with --write", path)
}

// Remove makes the hub forget a key, and close its connections.
func (d Dir) Remove(name string) error {
	return d.locked(func() error {
		k, err := d.Keys()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(k.Keys, func(one Key) bool { return one.Name == name })
		if i < 0 {
			return fmt.Errorf("nobody called %.80q has a key: ctop hub keys list lists them", name)
		}
		k.Keys = slices.Delete(k.Keys, i, i+1)
		return d.write("keys.json", k)
	})
}
