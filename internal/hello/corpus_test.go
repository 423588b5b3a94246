package hello

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// corpus returns hellos by the names that their clients were told to ask for: those in
// testdata, which openssl, curl, Python, GnuTLS, Node.js, Perl, Java and wget made, and
// those of Go, which are post-quantum.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/hellos/*.hello")
	if err != nil || len(files) < 30 {
		t.Fatal(len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".hello")] = text
	}
	for name, config := range map[string]*tls.Config{
		"go.example.org":      {},
		"go-1-2.example.org":  {MaxVersion: tls.VersionTLS12},
		"go-1-3.example.org":  {MinVersion: tls.VersionTLS13},
		"go-h2.example.org":   {NextProtos: []string{"h2", "http/1.1"}},
		"go-1024.example.org": {CurvePreferences: []tls.CurveID{tls.SecP384r1MLKEM1024}},
	} {
		config.ServerName = name
		all[name] = clientRecords(t, config)
	}
	return all
}

// delivery is an order in which segments of a stream come.
type delivery struct {
	name string
	// of returns the ranges of a stream of so many bytes, the segments of which have at
	// most so many.
	of func(length, most int) [][2]int
}

func deliveries() []delivery {
	cut := func(length, most int) (list [][2]int) {
		for at := 0; at < length; at += most {
			list = append(list, [2]int{at, min(at+most, length)})
		}
		return list
	}
	return []delivery{
		{"in order", cut},
		{"reversed", func(length, most int) (list [][2]int) {
			for _, s := range cut(length, most) {
				list = append([][2]int{s}, list...)
			}
			return list
		}},
		{"repeated", func(length, most int) (list [][2]int) {
			for _, s := range cut(length, most) {
				list = append(list, s, s)
			}
			return list
		}},
		{"overlapping", func(length, most int) (list [][2]int) {
			for _, s := range cut(length, most) {
				list = append(list, [2]int{s[0] / 2, s[1]})
			}
			return list
		}},
	}
}

// Of the corpus, in segments of several sizes and in several orders, at least 99 % is
// named, and none with another name.
func TestCorpus(t *testing.T) {
	var r Reader
	named, total, id := 0, 0, flow.ID(0)
	for name, stream := range corpus(t) {
		for _, d := range deliveries() {
			for _, most := range []int{100, 536, 1220, 1448, 65535} {
				id++
				total++
				p := flow.Packet{Payload: 1, Ref: flow.Ref{ID: id, Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Dst: flow.MustParseEnd("192.0.2.1:443")}}}
				got := ""
				for _, s := range d.of(len(stream), most) {
					p.Data, p.Offset = append([]byte{0}, stream[s[0]:s[1]]...), uint32(s[0])
					if n, ok := r.Packet(&p); ok {
						got = n.Name
					}
				}
				switch got {
				case name:
					named++
				case "":
					t.Logf("%s, %s, %d bytes each: no name", name, d.name, most)
				default:
					t.Errorf("%s, %s, %d bytes each: named %s", name, d.name, most, got)
				}
			}
		}
	}
	if named*100 < total*99 {
		t.Errorf("%d of %d have a name", named, total)
	}
	t.Logf("%d of %d have a name", named, total)
}
