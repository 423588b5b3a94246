package fleet

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nkeys"
)

// Role is what a key may do.
type Role string

// The roles.
const (
	// RoleHost publishes its own flows and acts on them.
	RoleHost Role = "host"
	// RoleOperator looks at all hosts and acts on them.
	RoleOperator Role = "operator"
	// RoleViewer looks at all hosts.
	RoleViewer Role = "viewer"
)

// Roles returns all roles.
func Roles() []Role { return []Role{RoleHost, RoleOperator, RoleViewer} }

// ParseRole returns the role with that name.
func ParseRole(text string) (Role, error) {
	for _, r := range Roles() {
		if string(r) == text {
			return r, nil
		}
	}
	return "", fmt.Errorf("no role is called %.40q: use host, operator or viewer", text)
}

// Grant is what the fleet says of a key, signed by the fleet's own key. A host believes
// it whatever the server says.
type Grant struct {
	Fleet string `json:"fleet"`
	Role  Role   `json:"role"`
	Name  string `json:"name"`
	Key   string `json:"key"`
}

// Credentials are what a host, an operator or a viewer connects with.
type Credentials struct {
	Schema string `json:"schema"`
	Fleet  string `json:"fleet"`
	Role   Role   `json:"role"`
	Name   string `json:"name"`
	// Seed is the private key.
	Seed string `json:"seed"`
	// Grant is the signed grant.
	Grant string `json:"grant"`
	// Authority is the public key of the fleet, which signs grants.
	Authority string `json:"authority"`
	// CA is the certificate of the hub in PEM, empty if that of the server is signed by
	// an authority that the machine knows.
	CA string `json:"ca,omitempty"`
}

const credentialsSchema = "ctop.credentials/1"

// Issue makes credentials with a new key. authority signs them.
func Issue(authority nkeys.KeyPair, g Grant, ca string) (Credentials, error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return Credentials{}, fmt.Errorf("make a key: %w", err)
	}
	seed, err1 := key.Seed()
	public, err2 := key.PublicKey()
	signer, err3 := authority.PublicKey()
	if err := errors.Join(err1, err2, err3); err != nil {
		return Credentials{}, fmt.Errorf("make a key: %w", err)
	}
	g.Key = public
	grant, err := sign(authority, g)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{
		Schema: credentialsSchema, Fleet: g.Fleet, Role: g.Role, Name: g.Name,
		Seed: string(seed), Grant: grant, Authority: signer, CA: ca,
	}, nil
}

// Space returns the subjects of the fleet.
func (c *Credentials) Space() Space { return Space(c.Fleet) }

// Key returns the key pair.
func (c *Credentials) Key() (nkeys.KeyPair, error) { return nkeys.FromSeed([]byte(c.Seed)) }

// maxCredentials bounds a file of credentials, in bytes.
const maxCredentials = 64 << 10

// ReadCredentials reads a file that ctop hub keys add wrote.
func ReadCredentials(path string) (*Credentials, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w: ctop hub keys add makes them", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxCredentials {
		return nil, fmt.Errorf("read the credentials: %s is no file of credentials: ctop hub keys add makes one", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read the credentials: %s is open to other users: chmod 600 %[1]s", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	c, err := ParseCredentials(text)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %s: %w: ctop hub keys add makes a new file", path, err)
	}
	return c, nil
}

// ParseCredentials parses the text of a file of credentials, and checks it.
func ParseCredentials(text []byte) (*Credentials, error) {
	var c Credentials
	if err := json.Unmarshal(text, &c); err != nil || c.Schema != credentialsSchema {
		return nil, errors.New("it is no file of credentials of this version of ctop")
	}
	key, err := c.Key()
	if err != nil {
		return nil, errors.New("its seed is damaged")
	}
	g, err := OpenGrant(c.Authority, c.Fleet, c.Grant)
	if err != nil {
		return nil, err
	}
	if public, err := key.PublicKey(); err != nil || g.Key != public || g.Role != c.Role || g.Name != c.Name {
		return nil, errors.New("its grant is for another key")
	}
	return &c, nil
}

// OpenGrant checks that the authority of a fleet has signed a grant, and returns it.
func OpenGrant(authority, of, text string) (Grant, error) {
	var g Grant
	body, err := open(authority, text)
	if err != nil {
		return g, fmt.Errorf("its grant is not the fleet's: %w", err)
	}
	if err := json.Unmarshal(body, &g); err != nil {
		return g, errors.New("its grant is damaged")
	}
	if _, err := ParseRole(string(g.Role)); err != nil || g.Fleet != of || CheckName("it", g.Name) != nil || !nkeys.IsValidPublicUserKey(g.Key) {
		return g, errors.New("its grant is not for this fleet")
	}
	return g, nil
}

// sign returns what a value is in JSON, and a signature of exactly these bytes.
func sign(by nkeys.KeyPair, value any) (string, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signature, err := by.Sign(body)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode(body) + "." + encode(signature), nil
}

// open returns the bytes that somebody has signed.
func open(public, text string) ([]byte, error) {
	first, second, ok := strings.Cut(text, ".")
	body, err1 := base64.RawURLEncoding.DecodeString(first)
	signature, err2 := base64.RawURLEncoding.DecodeString(second)
	if !ok || err1 != nil || err2 != nil {
		return nil, errors.New("it is damaged")
	}
	key, err := nkeys.FromPublicKey(public)
	if err != nil {
		return nil, errors.New("the key is none")
	}
	if err := key.Verify(body, signature); err != nil {
		return nil, errors.New("the signature is not by that key")
	}
	return body, nil
}
