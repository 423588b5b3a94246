package hello

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"
)

var small = &tls.Config{ServerName: "small.example.org", CurvePreferences: []tls.CurveID{tls.X25519}}

// A hello of a client is read whole, and at every cut more is asked for.
func TestRecords(t *testing.T) {
	for name, config := range map[string]*tls.Config{
		"small.example.org":   small,
		"quantum.example.org": {ServerName: "quantum.example.org"},
		"":                    {InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}},
	} {
		all := clientRecords(t, config)
		h, status := Records(all)
		if status != Done || h.Name != name || h.Encrypted {
			t.Errorf("%q: %+v, %d", name, h, status)
		}
		for i := range all {
			if h, status := Records(all[:i]); status != More || h != (Hello{}) {
				t.Fatalf("%q cut at %d of %d: %+v, %d", name, i, len(all), h, status)
			}
		}
		if name == "quantum.example.org" && len(all) < 1500 {
			t.Errorf("the post-quantum hello has only %d bytes", len(all))
		}
	}
}

// A hello in many records is one.
func TestRecordsJoined(t *testing.T) {
	message := clientRecords(t, small)[recordHeader:]
	var all []byte
	for i := 0; i < len(message); i += 50 {
		part := message[i:min(i+50, len(message))]
		all = append(all, typeHandshake, 3, 1, 0, byte(len(part)))
		all = append(all, part...)
	}
	if h, status := Records(all); status != Done || h.Name != "small.example.org" {
		t.Errorf("%+v, %d", h, status)
	}
	if _, status := Records(all[:len(all)-1]); status != More {
		t.Errorf("cut: %d", status)
	}
}

// What is no hello is not waited for.
func TestRecordsNot(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.6\r\n", "\x17\x03\x03\x00\x10", "\x16\x02\x00\x00\x10", "\x16\x03\x01\x00\x00",
		"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "\x16\x03\x01\x00\x04\x01\xff\xff\xff", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
	} {
		if h, status := Records([]byte(text)); status != Not {
			t.Errorf("%q: %+v, %d", text, h, status)
		}
	}
}

// Encrypted ClientHello makes the name doubtful, wherever it stands.
func TestEncrypted(t *testing.T) {
	config := &tls.Config{ServerName: "inner.example.org", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: echConfig(t)}
	h, status := Records(clientRecords(t, config))
	if status != Done || h.Name != "public.example.org" || !h.Encrypted {
		t.Errorf("%+v, %d", h, status)
	}
	for kind, want := range map[string]bool{"\xff\xce": true, "\xff\xcf": false, "\xfe\x0e": false} { // its predecessor, and others
		other := bytes.ReplaceAll(clientRecords(t, config), []byte("\xfe\x0d"), []byte(kind))
		if h, status := Records(other); status != Done || h.Encrypted != want {
			t.Errorf("%x: %+v, %d", kind, h, status)
		}
	}
}

func TestHostName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"Example.ORG": "example.org", "example.org.": "example.org", "_dmarc.example.org": "_dmarc.example.org", "x": "x", "1.a2": "1.a2",
		"": "", ".": "", "a..b": "", ".a": "", "a b": "", "a\x00b": "", "a\x1b[2J": "", "é.org": "", "10.0.0.1": "", "::1": "",
		long + ".org": long + ".org", long + "a.org": "", strings.Repeat("ab.", 84) + "a": strings.Repeat("ab.", 84) + "a", strings.Repeat("ab.", 85): "",
	} {
		if got := hostName([]byte(in)); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
}

// A stream is put together from parts in any order; the first of two counts.
func TestStream(t *testing.T) {
	var s Stream
	for _, step := range []struct {
		at         int
		text, want string
	}{
		{4, "efgh", ""}, {10, "kl", ""}, {2, "CDEF", ""}, {0, "abXX", "abCDefgh"}, {8, "ij", "abCDefghijkl"}, {3, "zzzzzzzzzzzzmn", "abCDefghijklzzzmn"}, {-1, "x", "abCDefghijklzzzmn"},
	} {
		s.Add(step.at, []byte(step.text))
		if got := string(s.Prefix()); got != step.want {
			t.Errorf("after %d %q: %q, not %q", step.at, step.text, got, step.want)
		}
	}
	s.Add(mostBytes-1, []byte("xyz"))
	s.Add(mostBytes, []byte("xyz"))
	if len(s.bytes) != mostBytes || s.Full() {
		t.Errorf("%d bytes, full %t", len(s.bytes), s.Full())
	}
	s.Add(0, make([]byte, 2*mostBytes))
	if !s.Full() || len(s.parts) != 1 {
		t.Errorf("%d parts, full %t", len(s.parts), s.Full())
	}
	var holes Stream
	for i := range mostParts + 10 {
		holes.Add(2*i+1, []byte("x"))
	}
	if len(holes.parts) != mostParts {
		t.Errorf("%d parts", len(holes.parts))
	}
}
