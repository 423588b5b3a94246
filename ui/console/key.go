package console

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// Limits of a keys file. It is read again whenever it changes, so it must not fill
// the memory.
const (
	maxKeysFile = 1 << 20
	maxKeyLine  = 16 << 10
	maxComment  = 256
)

// Key is one line of a keys file.
type Key struct {
	Role Role
	// Fingerprint is the SHA-256 fingerprint, as ssh-keygen -l prints it.
	Fingerprint string
	// Comment is the text after the key, without control characters.
	Comment string

	line    int
	from    sources
	expires time.Time
	public  ssh.PublicKey
}

// Name is what other operators and the logs call the holder of the key.
func (k *Key) Name() string {
	if k.Comment != "" {
		return k.Comment
	}
	return k.Fingerprint
}

// check returns why the key is refused from an address at this time, or nil.
func (k *Key) check(addr netip.Addr, now time.Time) error {
	switch {
	case !k.expires.IsZero() && !now.Before(k.expires):
		return errors.New("the key has expired")
	case !k.from.match(addr):
		return errors.New("the key is not for this address")
	}
	return nil
}

// parseKeys reads a keys file. An error in one line is an error of the whole file: a
// line that restricts a key must not be skipped because of a typing mistake.
func parseKeys(name string, text []byte, local *time.Location) ([]*Key, error) {
	if len(text) > maxKeysFile {
		return nil, fmt.Errorf("%s: it is larger than %d KiB: leave only keys in it", name, maxKeysFile>>10)
	}
	var keys []*Key
	seen := map[string]int{}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimRight(line, "\r\n")
		k, err := parseLine(line, local)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if k == nil {
			continue
		}
		if other, ok := seen[k.Fingerprint]; ok {
			return nil, fmt.Errorf("%s:%d: the same key is on line %d: leave only one of the two", name, number, other)
		}
		seen[k.Fingerprint], k.line = number, number
		keys = append(keys, k)
	}
	return keys, nil
}

// parseLine returns nil for a line without a key.
func parseLine(line []byte, local *time.Location) (*Key, error) {
	if err := checkText(line); err != nil {
		return nil, err
	}
	rest := strings.Trim(string(line), " \t")
	if rest == "" || rest[0] == '#' {
		return nil, nil
	}
	k := &Key{}
	if word, _ := cutWord(rest); !isKeyType(word) {
		var err error
		if rest, err = parseOptions(rest, k, local); err != nil {
			return nil, err
		}
	}
	return k, k.parsePublic(rest)
}

// checkText refuses text that could control the terminal on which a comment is shown.
func checkText(line []byte) error {
	if len(line) > maxKeyLine {
		return fmt.Errorf("the line is longer than %d bytes", maxKeyLine)
	}
	if !utf8.Valid(line) {
		return errors.New("the line is not UTF-8 text")
	}
	for _, r := range string(line) {
		if r != '\t' && !unicode.IsPrint(r) {
			return fmt.Errorf("the line contains %U, which is not a printable character", r)
		}
	}
	return nil
}

func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// parsePublic reads TYPE BASE64 [COMMENT].
func (k *Key) parsePublic(text string) error {
	kind, rest := cutWord(text)
	if !isKeyType(kind) {
		return fmt.Errorf("%q is not a key type: a line is [OPTIONS] TYPE KEY [COMMENT], as in the .pub file that ssh-keygen -t ed25519 makes", shorten(kind))
	}
	encoded, comment := cutWord(rest)
	blob, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || encoded == "" {
		return fmt.Errorf("the %s key is damaged: copy the line from the .pub file again", kind)
	}
	k.public, err = ssh.ParsePublicKey(blob)
	if err != nil {
		return fmt.Errorf("the %s key is damaged: copy the line from the .pub file again", kind)
	}
	if k.public.Type() != kind {
		return fmt.Errorf("the line says %s, but the key in it is %s", kind, k.public.Type())
	}
	if err := checkStrength(k.public); err != nil {
		return err
	}
	if len(comment) > maxComment {
		return fmt.Errorf("the comment is longer than %d bytes", maxComment)
	}
	k.Fingerprint, k.Comment = ssh.FingerprintSHA256(k.public), comment
	return nil
}

// shorten limits the length of what an error quotes.
func shorten(s string) string { return shortenTo(40, s) }

func shortenTo(most int, s string) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
