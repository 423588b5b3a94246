package console

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// parseOptions reads NAME="VALUE"[,NAME="VALUE"...] up to the first blank outside
// quotes, and returns the rest. It refuses unknown options, because an unknown option
// may restrict the key.
func parseOptions(text string, k *Key, local *time.Location) (rest string, err error) {
	seen := map[string]bool{}
	for {
		var name, value string
		if name, value, rest, err = nextOption(text); err != nil {
			return "", err
		}
		if seen[name] {
			return "", fmt.Errorf("the option %s appears twice: leave only one", name)
		}
		seen[name] = true
		if err := k.setOption(name, value, local); err != nil {
			return "", err
		}
		if !strings.HasPrefix(rest, ",") {
			break
		}
		text = rest[1:]
	}
	if rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
		return "", errors.New(`write a space between the options and the key`)
	}
	return strings.TrimLeft(rest, " \t"), nil
}

// nextOption reads one NAME="VALUE" or NAME=VALUE.
func nextOption(text string) (name, value, rest string, err error) {
	end := strings.IndexAny(text, "=, \t\"")
	if end < 0 {
		end = len(text)
	}
	name, rest = text[:end], text[end:]
	if !strings.HasPrefix(rest, "=") {
		return "", "", "", unknownOption(name)
	}
	rest = rest[1:]
	if !strings.HasPrefix(rest, `"`) {
		if end = strings.IndexAny(rest, ", \t\""); end < 0 {
			end = len(rest)
		}
		return name, rest[:end], rest[end:], nil
	}
	value, rest, ok := strings.Cut(rest[1:], `"`)
	if !ok {
		return "", "", "", fmt.Errorf("the value of %s has no closing quote", shorten(name))
	}
	return name, value, rest, nil
}

func (k *Key) setOption(name, value string, local *time.Location) (err error) {
	switch name {
	case "role":
		k.Role, err = parseRole(value)
	case "from":
		k.from, err = parseSources(value)
	case "expiry-time":
		k.expires, err = parseExpiry(value, local)
	default:
		err = unknownOption(name)
	}
	return err
}

func unknownOption(name string) error {
	return fmt.Errorf(`%q is not an option of ctop: use role="operator", from="ADDRESSES" and expiry-time="YYYYMMDD", or none`, shorten(name))
}

// parseExpiry reads a time in the format of sshd(8): YYYYMMDD[Z] or
// YYYYMMDDHHMM[SS][Z], in local time unless a Z follows.
func parseExpiry(value string, local *time.Location) (time.Time, error) {
	text, utc := strings.CutSuffix(value, "Z")
	if utc {
		local = time.UTC
	}
	layouts := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}
	layout, ok := layouts[len(text)]
	if !ok {
		return time.Time{}, badExpiry(value)
	}
	t, err := time.ParseInLocation(layout, text, local)
	if err != nil {
		return time.Time{}, badExpiry(value)
	}
	return t, nil
}

func badExpiry(value string) error {
	return fmt.Errorf("expiry-time %q is not a time: write YYYYMMDD or YYYYMMDDHHMM, followed by Z for UTC", shorten(value))
}
