package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

var start = time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)

// contents returns some snapshots and events.
func contents(flows, snapshots int) Contents {
	var list []*flow.Snapshot
	var events []flow.Event
	for i := range snapshots {
		s := &flow.Snapshot{
			Time: start.Add(time.Duration(i) * time.Second), Host: "edge.example.net", MaxFlows: 1 << 20, Stalled: make([]bool, 2),
			Interfaces: []flow.Interface{{Name: "uplink0", Use: "has the address 192.0.2.1/24"}, {Name: "lo", Behind: "firewall"}},
			Warnings:   flow.Warnings{{Kind: flow.WarningUsed, Interfaces: []string{"uplink0"}, Detail: "has the address 192.0.2.1/24"}},
		}
		for j := range flows {
			f := flow.Flow{ID: flow.ID(j + 1), State: flow.StateEstablished, Tuple: flow.Tuple{
				Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(fmt.Sprintf("198.51.%d.%d:40000", j/250, 1+j%250)), Dst: flow.MustParseEnd("192.0.2.1:443"),
			}}
			f.Origin.Packets = uint64(i*j + 1)
			s.Flows = append(s.Flows, f)
		}
		list = append(list, s)
		events = append(events, flow.Event{Time: s.Time.Add(-1), Type: flow.EventNew, ID: 1, Tuple: s.Flows[0].Tuple, To: flow.StateNew, Interface: "uplink0"})
	}
	return Contents{
		Made: start, Snapshots: slices.Values(list), Events: events,
		Files: func(last *flow.Snapshot) ([]File, error) {
			text, err := json.Marshal(last)
			return []File{{"about.json", text}}, err
		},
	}
}

func written(t testing.TB, c Contents) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// replayed returns the items of the recording in a bundle.
func replayed(text []byte) (items []recording.Item, err error) {
	r, err := Recording(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	from, err := recording.NewReader(r)
	if err != nil {
		return nil, err
	}
	for {
		item, err := from.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
}

// members returns the members of a bundle.
func members(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o600 || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%+v", h)
		}
		if list[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// What is written is read again, in order, however long the recording is.
func TestRoundTrip(t *testing.T) {
	for _, size := range []int{1, 2000} {
		c := contents(size, 30)
		text := written(t, c)
		if !Is(bufio.NewReader(bytes.NewReader(text))) {
			t.Error("it is not known")
		}
		items, err := replayed(text)
		if err != nil || len(items) != 60 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		for i, item := range items {
			if (item.Event != nil) != (i%2 == 0) {
				t.Fatalf("item %d is in the wrong order", i)
			}
			if item.Snapshot != nil && (len(item.Snapshot.Flows) != size || item.Snapshot.Host != "edge.example.net") {
				t.Errorf("a snapshot of %d flows at %q", len(item.Snapshot.Flows), item.Snapshot.Host)
			}
		}
		list := members(t, text)
		if size > 1 && list[pieces+"000001"] == nil {
			t.Errorf("the recording has one piece of %d bytes", len(list[pieces+"000000"]))
		}
		if list[readme] == nil || list[folder+"about.json"] == nil {
			t.Errorf("%d members", len(list))
		}
		// The beginning of a bundle is read, too.
		if some, err := replayed(text[:len(text)*2/3]); size > 1 && (len(some) == 0 || !errors.Is(err, recording.ErrBroken)) {
			t.Errorf("%d items of the beginning, %v", len(some), err)
		}
	}
}

func TestEmpty(t *testing.T) {
	if err := Write(io.Discard, Contents{Snapshots: slices.Values[[]*flow.Snapshot](nil)}); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	c := contents(1, 1)
	c.Files = func(*flow.Snapshot) ([]File, error) { return nil, io.ErrNoProgress }
	if err := Write(io.Discard, c); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	if err := Write(broken{}, contents(1000, 20)); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}

// broken is a full disk.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// archive returns an archive with members.
func archive(t testing.TB, list ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range list {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A hostile archive is refused after little work, and nothing of it gets onto the disk:
// the reader knows no files.
func TestHostile(t *testing.T) {
	good := written(t, contents(3, 3))
	many := []tar.Header{{Name: readme, Typeflag: tar.TypeReg}}
	for range mostMembers + 5 {
		many = append(many, tar.Header{Name: folder + "x", Typeflag: tar.TypeReg})
	}
	many = append(many, tar.Header{Name: pieces + "0", Typeflag: tar.TypeReg})
	for name, text := range map[string][]byte{
		"nothing": nil, "no gzip": []byte("ctop"), "no tar": func() []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = io.CopyN(z, zeros{}, 1<<20)
			_ = z.Close()
			return b.Bytes()
		}(),
		"no recording": archive(t, tar.Header{Name: readme, Typeflag: tar.TypeReg}),
		"many":         archive(t, many...),
		"a link":       archive(t, tar.Header{Name: pieces + "0", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}),
		"outside":      archive(t, tar.Header{Name: "../../etc/shadow", Typeflag: tar.TypeReg}),
	} {
		if _, err := Recording(bytes.NewReader(text)); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A member that is larger than all that may be read, though a small file has it.
	for packed, want := range map[int]int64{0: mostPlain, 1000: mostPlain + 1000*mostRatio} {
		bomb := &limited{Reader: zeros{}, packed: &recording.Counter{N: packed}}
		if n, err := io.Copy(io.Discard, bomb); n != want || !errors.Is(err, ErrBroken) {
			t.Errorf("%d bytes of %d are read, %v", n, packed, err)
		}
	}
	for i := 0; i < len(good); i += 11 {
		for _, with := range []byte{0, good[i] ^ 4} {
			bad := slices.Clone(good)
			bad[i] = with
			if items, err := replayed(bad); err == nil && len(items) != 6 {
				t.Errorf("byte %d: %d items", i, len(items))
			}
		}
	}
}

func FuzzRecording(f *testing.F) {
	f.Add(written(f, contents(2, 2)))
	f.Add(archive(f, tar.Header{Name: pieces + "0", Typeflag: tar.TypeReg, Size: 100}))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = replayed(text) })
}
