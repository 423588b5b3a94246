package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/bundle"
	"ctop/internal/recording"
	"ctop/internal/snapshot"
	"ctop/tracker/flow"
)

// line is a flow as it is written on a line, with a part of it replaced.
func line(replace ...string) string {
	text := `{"id":"9f3c5a1e2b4d6f80","state":"NEW","proto":"udp","in":"eth0","age_s":1,"idle_s":0.5,"ttl_s":29.5,` +
		`"origin":{"src":"10.0.0.1","sport":1,"packets":1},"reply":{"src":"10.0.0.2","sport":2}}`
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			panic(replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	return text
}

func readText(text string) (*flow.Snapshot, error) {
	return snapshot.Read(context.Background(), strings.NewReader(text))
}

// A flow needs an id, a state and two addresses of one family, and each of its members is one
// that it may have.
func TestMembersOfFlows(t *testing.T) {
	for what, c := range map[string]struct{ text, want string }{
		"good":                   {line(), ""},
		"a short id":             {line("9f3c5a1e2b4d6f80", "1"), ""},
		"no id":                  {line("9f3c5a1e2b4d6f80", "0"), "it needs an id"},
		"an id that is none":     {line("9f3c5a1e2b4d6f80", "x"), `member "id"`},
		"a longer id":            {line("9f3c5a1e2b4d6f80", "19f3c5a1e2b4d6f80"), `member "id"`},
		"no state":               {line(`"state":"NEW",`, ""), "it needs an id, a state"},
		"no origin":              {line(`"src":"10.0.0.1",`, ""), "two addresses"},
		"no reply":               {line(`"src":"10.0.0.2",`, ""), "two addresses"},
		"two families":           {line("10.0.0.2", "::2"), "of one family"},
		"IPv6":                   {line("10.0.0.2", "::2", "10.0.0.1", "::1"), ""},
		"the last port":          {line(`"sport":1,`, `"sport":65535,`), ""},
		"a port beyond":          {line(`"sport":1,`, `"sport":65536,`), `member "sport"`},
		"no age":                 {line(`"age_s":1`, `"age_s":0`), ""},
		"a negative age":         {line(`"age_s":1`, `"age_s":-1`), "-1 is no amount"},
		"a hundred years":        {line(`"age_s":1`, `"age_s":3153600000`), ""},
		"more":                   {line(`"age_s":1`, `"age_s":3153600001`), "seconds are too long"},
		"unknown members":        {line(`"in":`, `"x":[{"y":[]}],"z":null,"in":`), ""},
		"a server":               {line(`"in":`, `"server":{"name":"a.example","source":"sni","x":1},"in":`), ""},
		"a server without name":  {line(`"in":`, `"server":{"source":"sni"},"in":`), "it needs a name and a source"},
		"a server from nowhere":  {line(`"in":`, `"server":{"name":"a.example"},"in":`), "it needs a name and a source"},
		"an unknown source":      {line(`"in":`, `"server":{"name":"a.example","source":"x"},"in":`), `nothing is called "x"`},
		"a process":              {line(`"in":`, `"process":{"pid":4294967295,"name":"x","y":{}},"in":`), ""},
		"a pid beyond":           {line(`"in":`, `"process":{"pid":4294967296},"in":`), `member "pid"`},
		"a translation":          {line(`"in":`, `"nat":{"src":"192.0.2.1","dst":"192.0.2.2","sport":7,"dport":8,"x":[]},"in":`), ""},
		"of one address":         {line(`"in":`, `"nat":{"src":"192.0.2.1"},"in":`), "it needs two addresses of one family"},
		"of the other":           {line(`"in":`, `"nat":{"dst":"192.0.2.1"},"in":`), "it needs two addresses of one family"},
		"of two families":        {line(`"in":`, `"nat":{"src":"192.0.2.1","dst":"::1"},"in":`), "it needs two addresses of one family"},
		"a comma too many":       {line(`"in":`, `,"in":`), "flow 1"},
		"more behind it":         {line() + "}", "a bracket too many"},
		"text behind it":         {line() + "x", "stands outside of an object"},
		"a list before it":       {"[" + line() + "]", "it begins with"},
		"a string before it":     {`"x"` + line(), "stands outside of an object"},
		"nothing but spaces":     {" \t\r\n", "it contains no snapshot"},
		"spaces around":          {"\x00\n " + line() + " \n\x20", ""},
		"an array for an object": {line(`{"src":"10.0.0.2","sport":2}`, `[]`), "reply"},
		"half of it":             {line()[:40], "it ends in the middle"},
		"half a string":          {`{"x`, "it ends in the middle"},
	} {
		s, err := readText(c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || err == nil && len(s.Flows) != 1 {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
	s, err := readText(line(`"in":`, `"nat":{"src":"192.0.2.1","dst":"192.0.2.2","sport":7,"dport":8},"dir":"out","in":`))
	if err != nil {
		t.Fatal(err)
	}
	f := s.Flows[0]
	if f.Timeout != 30*time.Second || f.Idle != 500*time.Millisecond || f.TimeoutName != flow.TimeoutOf(flow.ProtocolUDP, flow.StateNew) || !f.Outgoing || f.Tuple.Zone != 1 || s.Interfaces[0].Name != "eth0" {
		t.Errorf("%+v", f)
	}
	if other := s.Translations[f.NAT-1]; other.String() != "udp 192.0.2.1:7 → 192.0.2.2:8" {
		t.Errorf("%s", other)
	}
}

// Lines of several times are of several snapshots, of which the last one counts, with the
// translations of its flows only.
func TestLinesOfSnapshots(t *testing.T) {
	at := func(second int, nat string) string {
		return line(`"in":`, fmt.Sprintf(`"time":"2026-11-22T21:04:%02dZ",%s"in":`, second, nat)) + "\n"
	}
	nat := func(src string) string { return `"nat":{"src":"` + src + `","dst":"192.0.2.2"},` }
	for _, c := range []struct {
		text         string
		flows, other int
		at           int
	}{
		{at(1, ""), 1, 0, 1},
		{at(1, "") + at(1, ""), 2, 0, 1},
		{at(1, nat("192.0.2.1")) + at(2, ""), 1, 0, 2},
		{at(1, nat("192.0.2.1")) + at(2, nat("192.0.2.3")), 1, 1, 2},
		{at(1, nat("192.0.2.1")) + at(1, nat("192.0.2.3")) + at(1, ""), 3, 2, 1},
	} {
		s, err := readText(c.text)
		if err != nil || len(s.Flows) != c.flows || len(s.Translations) != c.other || s.Time.Second() != c.at {
			t.Errorf("%s: %v, %+v", c.text, err, s)
		}
	}
	if s, err := readText(at(1, nat("192.0.2.1")) + at(2, nat("192.0.2.3"))); err != nil || s.Translations[s.Flows[0].NAT-1].Src.Addr().String() != "192.0.2.3" {
		t.Errorf("%v, %v", err, s.Translations)
	}
	if s, err := readText(line()); err != nil || !s.Time.IsZero() {
		t.Errorf("%v, %v", err, s.Time)
	}
	// A line that is wrong leaves nothing behind, and one that says that it is a document is none.
	if _, err := readText(at(1, "") + line(`"state":"NEW",`, nat("192.0.2.1"))); err == nil || !strings.Contains(err.Error(), "flow 2") {
		t.Error(err)
	}
	if _, err := readText(line(`"in":`, `"schema":"ctop.flow/1","in":`)); !errors.Is(err, snapshot.ErrNotOurs) {
		t.Error(err)
	}
	for year, ok := range map[string]bool{"0000": true, "9999": true, "99999": false, "-001": false} {
		if _, err := readText(strings.Replace(at(1, ""), "2026", year, 1)); (err == nil) != ok {
			t.Errorf("year %s: %v", year, err)
		}
	}
	if _, err := readText(strings.Replace(at(1, ""), "2026-11-22T21:04:01Z", "0000-01-01T00:00:00+01:00", 1)); err == nil {
		t.Error("a time before the year 0")
	}
}

// A flow or a head may be a megabyte long, and no longer, also where it lies in two pieces of
// the file.
func TestLongestObjects(t *testing.T) {
	const most = 1 << 20
	for _, c := range []struct {
		fill int
		ok   bool
	}{{most / 2, true}, {2 * most, false}} {
		for what, text := range map[string]string{
			"a flow":  line(`"in":`, `"x":"`+strings.Repeat("y", c.fill)+`","in":`),
			"a head":  `{"schema":"ctop.snapshot/1","time":"2026-11-22T21:04:05Z","x":"` + strings.Repeat("y", c.fill) + `","flows":[` + line() + `]}`,
			"element": `{"schema":"ctop.snapshot/1","time":"2026-11-22T21:04:05Z","flows":[` + line(`"in":`, `"x":"`+strings.Repeat("y", c.fill)+`","in":`) + `]}`,
		} {
			s, err := readText(text)
			if (err == nil) != c.ok || err == nil && len(s.Flows) != 1 || err != nil && !errors.Is(err, snapshot.ErrNotOurs) {
				t.Errorf("%s of %d bytes: %v", what, len(text), err)
			}
		}
	}
}

// Two documents in a file are read one after the other, and so are a document without flows
// and one whose other members are called like flows.
func TestDocumentsInARow(t *testing.T) {
	head := `"schema":"ctop.snapshot/1","time":"2026-11-22T21:04:05Z","host":"edge","tracker":{"max_flows":7}`
	for text, want := range map[string]int{
		`{` + head + `,"flows":[]}`: 0,
		`{` + head + `}`:            0,
		`{` + head + `,"flows":[` + line() + `]}{` + head + `,"flows":[]}`:             0,
		`{` + head + `,"flows":[]}` + "\n" + `{"flows":[` + line() + `],` + head + `}`: 1,
		`{"x":{"flows":[1]},` + head + `,"flows":[` + line() + "," + line() + `]}`:     2,
		`{"\"flows":[1],"flow":[2],"flowss":[3],` + head + `}`:                         0,
		`{` + head + `,"flows":{"a":1}}`:                                               0,
	} {
		s, err := readText(text)
		if err != nil || len(s.Flows) != want || s.Host != "edge" || s.MaxFlows != 7 {
			t.Errorf("%s: %v, %+v", text, err, s)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := snapshot.Read(ctx, strings.NewReader("{"+head+"}")); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on: %v", err)
	}
}

// The ends of a recording are its first and its last snapshot, of a bundle as well. One
// snapshot has no ends.
func TestReadEnds(t *testing.T) {
	var list []*flow.Snapshot
	for i := range 3 {
		s := view(i + 1).Snapshot
		s.Time = s.Time.Add(time.Duration(i) * time.Second)
		list = append(list, s)
	}
	record := func(n int) []byte {
		var b bytes.Buffer
		w, err := recording.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list[:n] {
			if err := w.Snapshot(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	packed := func(n int) []byte {
		var b bytes.Buffer
		err := bundle.Write(&b, bundle.Contents{Snapshots: slices.Values(list[:n]), Files: func(*flow.Snapshot) ([]bundle.File, error) { return nil, nil }})
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for what, c := range map[string]struct {
		file []byte
		last int
		err  error
	}{
		"three": {record(3), 3, nil}, "two": {record(2), 2, nil}, "one": {record(1), 0, snapshot.ErrOne}, "a bundle": {packed(3), 3, nil}, "a bundle of one": {packed(1), 0, snapshot.ErrOne},
		"a document": {written(t, output.JSON, view(2)), 0, snapshot.ErrOne}, "text": {[]byte("root:x"), 0, snapshot.ErrNotOurs},
	} {
		first, last, err := snapshot.ReadEnds(context.Background(), bytes.NewReader(c.file))
		if !errors.Is(err, c.err) || err == nil && (len(first.Flows) != 1 || len(last.Flows) != c.last) {
			t.Errorf("%s: %v, %v, %v", what, first, last, err)
		}
	}
	if _, _, err := snapshot.ReadEnds(context.Background(), bytes.NewReader(record(0))); err == nil || !strings.Contains(err.Error(), "it contains no snapshot") {
		t.Errorf("a recording of nothing: %v", err)
	}
	whole := record(3)
	if first, last, err := snapshot.ReadEnds(context.Background(), bytes.NewReader(whole[:len(whole)-20])); err != nil || len(first.Flows) != 1 || len(last.Flows) < 2 {
		t.Errorf("without its end: %v, %v, %v", first, last, err)
	}
	s, err := snapshot.Read(context.Background(), bytes.NewReader(packed(2)))
	if err != nil || len(s.Flows) != 2 {
		t.Errorf("a bundle: %v, %v", s, err)
	}
}
