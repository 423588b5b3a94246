package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/capture"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var start = time.Date(2026, 11, 22, 21, 4, 5, 123456789, time.UTC)

func none() Statistics { return Statistics{Time: start} }

// ethernet is a UDP packet of that many bytes.
func ethernet(size int) []byte {
	b := make([]byte, size)
	copy(b[12:], []byte{0x08, 0, 0x45, 0, 0, byte(size - 14), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2, 0, byte(size - 34)})
	return b
}

// blocks returns the kinds of a file's blocks, which must be whole.
func blocks(t *testing.T, b []byte) (kinds []uint32) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 12 {
			t.Fatalf("%d bytes are no block", len(b))
		}
		size := binary.LittleEndian.Uint32(b[4:])
		if size%4 != 0 || int(size) > len(b) || binary.LittleEndian.Uint32(b[size-4:]) != size {
			t.Fatalf("a block has a length of %d, and %d bytes are left", size, len(b))
		}
		kinds = append(kinds, binary.LittleEndian.Uint32(b))
		b = b[size:]
	}
	return kinds
}

// What is written can be read: packets as they are, with their times.
func TestRead(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(Stream{&file}, Options{Application: "ctop", OS: "linux"}, none)
	must(t, err)
	in, err := w.AddInterface(Interface{Name: "eth0", Link: LinkEthernet, Snap: 65536, Filter: "udp"})
	must(t, err)
	for i := range 5 {
		must(t, w.Packet(&Packet{
			Time: start.Add(time.Duration(i)), Interface: in, Outgoing: i%2 == 1, Length: 60 + i, Data: ethernet(60 + i), Comment: strings.Repeat("x", i),
		}))
	}
	must(t, w.Close())
	blocks(t, file.Bytes())
	r, err := capture.NewReader(&file)
	must(t, err)
	for i := range 5 {
		f, err := r.Next()
		must(t, err)
		if !f.Time.Equal(start.Add(time.Duration(i))) || !bytes.Equal(f.Data, ethernet(60+i)) {
			t.Errorf("packet %d: %v, %d bytes", i, f.Time, len(f.Data))
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if names := r.Interfaces(); names[0] != "eth0" {
		t.Error(names)
	}
}

// A ring never takes more than it may, each of its files can be read by itself, and only
// the newest are left.
func TestRing(t *testing.T) {
	for _, count := range []int{1, 3} {
		t.Run(strconv.Itoa(count), func(t *testing.T) { testRing(t, count) })
	}
}

func testRing(t *testing.T, count int) {
	t.Helper()
	const limit = SmallestLimit
	name := filepath.Join(t.TempDir(), "ring")
	ring, err := NewRing(name, count)
	must(t, err)
	lost := Statistics{Time: start, Dropped: 7, Received: 9, Comment: strings.Repeat("long ", 100)}
	w, err := NewWriter(ring, Options{Limit: limit}, func() Statistics { return lost })
	must(t, err)
	in, err := w.AddInterface(Interface{Name: "eth0", Link: LinkEthernet})
	must(t, err)
	data := make([]byte, 60000)
	for i := range 40 {
		must(t, w.Packet(&Packet{Time: start, Interface: in, Length: len(data), Data: data[:len(data)-i], Comment: "flow=1"}))
		must(t, w.Flush())
		files, sum := list(t, name)
		if len(files) > count || sum > int64(limit*count) {
			t.Fatalf("%d files of %d bytes", len(files), sum)
		}
	}
	must(t, w.Close())
	must(t, ring.Close())
	files, _ := list(t, name)
	if len(files) != count {
		t.Fatal(files)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		kinds := blocks(t, b)
		if kinds[0] != blockSection || kinds[1] != blockInterface || kinds[len(kinds)-1] != blockStatistics || len(b) > limit {
			t.Errorf("%s: %d bytes, %x", f, len(b), kinds)
		}
		info, err := os.Stat(f)
		must(t, err)
		if info.Mode() != 0o600 {
			t.Error(info.Mode())
		}
	}
}

func list(t *testing.T, name string) (files []string, sum int64) {
	t.Helper()
	files, err := filepath.Glob(name + "*")
	must(t, err)
	for _, f := range files {
		info, err := os.Stat(f)
		must(t, err)
		sum += info.Size()
	}
	return files, sum
}

// Files are named as tcpdump names them.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		count int
		want  string
	}{{0, "x x1 x2"}, {1, "x0 x0 x0"}, {2, "x0 x1 x0"}, {11, "x00 x01 x02"}} {
		r := Ring{name: "x", count: c.count}
		var got []string
		for range 3 {
			got = append(got, r.Name())
			if r.at++; r.count > 0 {
				r.at %= r.count
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%d files: %s", c.count, s)
		}
	}
}

// Nothing that is there is written to: no file, nothing that a link leads to, and no file
// that somebody put in the place of one of the ring's.
func TestNothingIsTouched(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	must(t, os.WriteFile(other, []byte("keep"), 0o600))
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(other, link))
	dangling := filepath.Join(dir, "dangling")
	must(t, os.Symlink(filepath.Join(dir, "nowhere"), dangling))
	for _, name := range []string{other, link, dangling} {
		if _, err := NewRing(name, 0); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ring, err := NewRing(filepath.Join(dir, "ring"), 2)
	must(t, err)
	first := ring.Name()
	must(t, ring.Next())
	must(t, os.Remove(first))
	must(t, os.Symlink(other, first))
	if err := ring.Next(); err == nil || !strings.Contains(err.Error(), "replaced by another file") {
		t.Error(err)
	}
	must(t, ring.Close())
	if b, err := os.ReadFile(other); err != nil || string(b) != "keep" {
		t.Errorf("%q, %v", b, err)
	}
}

// full is a disk with room for some bytes.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room-f.Len())
	f.Buffer.Write(b[:n])
	if n < len(b) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

func (f *full) Cut(n int) error {
	f.Truncate(f.Len() - n)
	return nil
}

// On a full disk the file ends with a whole block, and nothing more is written.
func TestFull(t *testing.T) {
	for room := 100; room < 2000; room += 37 {
		f := &full{room: room}
		w, err := NewWriter(f, Options{}, none)
		if err == nil {
			_, err = w.AddInterface(Interface{Name: "eth0", Link: LinkEthernet})
		}
		for err == nil {
			if err = w.Packet(&Packet{Time: start, Data: make([]byte, 100), Length: 100}); err == nil {
				err = w.Flush()
			}
		}
		blocks(t, f.Bytes())
		before := f.Len()
		if again := w.Close(); again == nil || f.Len() != before {
			t.Errorf("%v, %d bytes after %d", again, f.Len(), before)
		}
	}
}

// The smallest ring has room for the longest packet beside any number of interfaces.
func TestManyInterfaces(t *testing.T) {
	for _, n := range []int{60, 256} {
		ring, err := NewRing(filepath.Join(t.TempDir(), "ring"), 2)
		must(t, err)
		w, err := NewWriter(ring, Options{Limit: SmallestLimit}, none)
		must(t, err)
		for i := range n {
			_, err := w.AddInterface(Interface{Name: strings.Repeat("x", 15), Link: LinkEthernet, Filter: strings.Repeat("or host 10.0.0.1 ", 250), Snap: uint32(i)})
			must(t, err)
		}
		data := make([]byte, 0xfc00)
		for range 9 {
			must(t, w.Packet(&Packet{Time: start, Length: len(data), Data: data, Comment: strings.Repeat("c", 300)}))
		}
		must(t, w.Close())
		must(t, ring.Close())
	}
}

// What others do to a finished file of a ring does not end the capture: it is still the
// ring's.
func TestTouched(t *testing.T) {
	ring, err := NewRing(filepath.Join(t.TempDir(), "ring"), 2)
	must(t, err)
	first := ring.Name()
	must(t, ring.Next())
	must(t, os.Chmod(first, 0o644))
	must(t, os.Chtimes(first, start, start))
	must(t, ring.Next())
	info, err := os.Stat(first)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("%s is the old file", first)
	}
	must(t, ring.Next())
	// A new file may have the number of the old one's inode.
	must(t, os.Remove(first))
	must(t, os.WriteFile(first, []byte("keep"), 0o600))
	if err := ring.Next(); err == nil || !strings.Contains(err.Error(), "replaced by another file") {
		t.Error(err)
	}
	must(t, ring.Close())
}

// Packets count once they are on the disk.
func TestPacketsOnDisk(t *testing.T) {
	f := &full{room: 1000}
	w, err := NewWriter(f, Options{}, none)
	must(t, err)
	for range 20 {
		must(t, w.Packet(&Packet{Time: start, Data: make([]byte, 100), Length: 100}))
	}
	if w.Packets() != 0 {
		t.Errorf("%d packets before the first write", w.Packets())
	}
	if err := w.Flush(); err == nil {
		t.Error("it has room")
	}
	packets := uint64(0)
	for _, kind := range blocks(t, f.Bytes()) {
		if kind == blockPacket {
			packets++
		}
	}
	if packets == 0 || packets == 20 || w.Packets() != packets {
		t.Errorf("%d packets, and %d are in the file", w.Packets(), packets)
	}
}

// A file leaves room for others on its disk, and still gets its end.
func TestSparing(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewSparingFile(filepath.Join(dir, "none"), 1<<60); !errors.Is(err, ErrSpare) {
		t.Error(err)
	}
	f, err := NewSparingFile(filepath.Join(dir, "file"), 0)
	must(t, err)
	w, err := NewWriter(f, Options{}, none)
	must(t, err)
	_, err = w.AddInterface(Interface{Name: "eth0", Link: LinkEthernet})
	must(t, err)
	must(t, w.Packet(&Packet{Time: start, Data: make([]byte, 9000), Length: 9000}))
	must(t, w.Flush())
	f.spare = 1 << 60
	must(t, w.Packet(&Packet{Time: start, Data: make([]byte, 9000), Length: 9000}))
	if err := w.Close(); !errors.Is(err, ErrSpare) || w.Packets() != 1 {
		t.Errorf("%v, %d packets", err, w.Packets())
	}
	must(t, f.Close())
	b, err := os.ReadFile(f.Name())
	must(t, err)
	if kinds := blocks(t, b); kinds[len(kinds)-1] != blockStatistics || len(kinds) != 4 {
		t.Errorf("%x", kinds)
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 1 {
		t.Error(left)
	}
}

// Without another file, the limit is the end of the only one.
func TestLimitOfOneFile(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(Stream{&file}, Options{Limit: SmallestLimit}, none)
	must(t, err)
	_, err = w.AddInterface(Interface{Name: "eth0", Link: LinkEthernet})
	must(t, err)
	for err == nil {
		err = w.Packet(&Packet{Time: start, Data: make([]byte, 9000), Length: 9000})
	}
	if !errors.Is(err, ErrLimit) || !errors.Is(w.Close(), ErrLimit) || file.Len() > SmallestLimit {
		t.Errorf("%v, %d bytes", err, file.Len())
	}
	if kinds := blocks(t, file.Bytes()); kinds[len(kinds)-1] != blockStatistics || int(w.Packets()) != len(kinds)-3 {
		t.Errorf("%d packets, %d blocks", w.Packets(), len(kinds))
	}
}
