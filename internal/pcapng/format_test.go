package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dump returns the blocks of a file as draft-ietf-opsawg-pcapng describes them: the fields
// of each, and its options as code=value.
func dump(t *testing.T, file []byte) (lines []string) {
	t.Helper()
	blocks(t, file)
	for len(file) > 0 {
		size := binary.LittleEndian.Uint32(file[4:])
		lines = append(lines, dumpBlock(t, binary.LittleEndian.Uint32(file), file[8:size-4]))
		file = file[size:]
	}
	return lines
}

func dumpBlock(t *testing.T, kind uint32, body []byte) string {
	t.Helper()
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(body[i:]) }
	half := func(i int) uint16 { return binary.LittleEndian.Uint16(body[i:]) }
	at := func(i int) string {
		return time.Unix(0, int64(word(i))<<32|int64(word(i+4))).UTC().Format("15:04:05.999999999")
	}
	switch kind {
	case 0x0a0d0d0a:
		return fmt.Sprintf("section %x %d.%d %x%s", word(0), half(4), half(6), body[8:16], options(t, body[16:]))
	case 1:
		return fmt.Sprintf("interface link %d/%d snap %d%s", half(0), half(2), word(4), options(t, body[8:]))
	case 6:
		captured := int(word(12))
		end := 20 + (captured+3)/4*4
		if pad := body[20+captured : end]; !bytes.Equal(pad, make([]byte, len(pad))) {
			t.Errorf("padded with %x", pad)
		}
		return fmt.Sprintf("packet of %d at %s length %d %q%s", word(0), at(4), word(16), body[20:20+captured], options(t, body[end:]))
	case 5:
		return fmt.Sprintf("statistics of %d at %s%s", word(0), at(4), options(t, body[12:]))
	}
	return fmt.Sprintf("kind %d", kind)
}

func options(t *testing.T, b []byte) (text string) {
	t.Helper()
	for len(b) >= 4 {
		code, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if code == 0 {
			if size != 0 || len(b) != 4 {
				t.Errorf("the end of options has %d bytes, and %d follow", size, len(b)-4)
			}
			return text
		}
		text += fmt.Sprintf(" %d=%q", code, b[4:4+size])
		end := 4 + (size+3)/4*4
		if pad := b[4+size : end]; !bytes.Equal(pad, make([]byte, len(pad))) {
			t.Errorf("padded with %x", pad)
		}
		b = b[end:]
	}
	t.Error("options without an end")
	return text
}

func checkLines(t *testing.T, file []byte, want ...string) {
	t.Helper()
	if got := dump(t, file); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the file has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// All that is written is where the format has it.
func TestFormat(t *testing.T) {
	var file bytes.Buffer
	stats := Statistics{Time: start, Received: 1<<40 + 5, Dropped: 7, Comment: "why"}
	w, err := NewWriter(Stream{&file}, Options{Application: "ctop 1", OS: "Linux 6"}, func() Statistics { return stats })
	must(t, err)
	_, err = w.AddInterface(Interface{Name: "eth0", Link: LinkEthernet, Snap: 96, Filter: "port:443"})
	must(t, err)
	_, err = w.AddInterface(Interface{Name: "tun0", Link: LinkRaw, Snap: 65536})
	must(t, err)
	must(t, w.Packet(&Packet{Time: start, Interface: 0, Length: 99, Data: []byte("abcde"), Comment: "flow=1"}))
	must(t, w.Packet(&Packet{Time: start.Add(1), Interface: 1, Outgoing: true, Data: []byte("abcd")}))
	must(t, w.Close())
	const (
		in  = ` 2="\x01\x00\x00\x00"`
		out = ` 2="\x02\x00\x00\x00"`
	)
	checkLines(t, file.Bytes(),
		`section 1a2b3c4d 1.0 ffffffffffffffff 3="Linux 6" 4="ctop 1"`,
		`interface link 1/0 snap 96 2="eth0" 9="\t" 11="\x00port:443"`,
		`interface link 101/0 snap 65536 2="tun0" 9="\t"`,
		`packet of 0 at 21:04:05.123456789 length 99 "abcde" 1="flow=1"`+in,
		`packet of 1 at 21:04:05.12345679 length 4 "abcd"`+out,
		`statistics of 0 at 21:04:05.123456789 1="why" 4="\x05\x00\x00\x00\x00\x01\x00\x00" 5="\a\x00\x00\x00\x00\x00\x00\x00"`,
	)
}

// Texts are cut where the format or the size of a file bounds them.
func TestLongTexts(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	var file bytes.Buffer
	w, err := NewWriter(Stream{&file}, Options{}, func() Statistics { return Statistics{Time: start, Comment: long(longestComment + 1)} })
	must(t, err)
	for _, n := range []int{longestFilter + 1, longestFilter, longestFilter + 1} {
		_, err = w.AddInterface(Interface{Name: "eth0", Filter: long(n)})
		must(t, err)
	}
	for _, n := range []int{longestOption, longestOption + 1} {
		must(t, w.Packet(&Packet{Time: start, Comment: long(n)}))
	}
	must(t, w.Close())
	lines := dump(t, file.Bytes())
	for i, want := range []string{
		"section", ` 11="\x00` + long(longestFilter+1) + `"`, ` 11="\x00` + long(longestFilter) + `"`, ` 11="\x00` + long(longestFilter) + `..."`,
		` 1="` + long(longestOption) + `"`, ` 1="` + long(longestOption) + `"`, ` 1="` + long(longestComment) + `"`,
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("block %d is %.80s of %d bytes", i, lines[i], len(lines[i]))
		}
	}
	file.Reset()
	if w, err = NewWriter(Stream{&file}, Options{}, none); err == nil {
		err = w.Close()
	}
	must(t, err)
	checkLines(t, file.Bytes(), "section 1a2b3c4d 1.0 ffffffffffffffff") // statistics are of an interface
}

// A write that failed in the middle of a block leaves the whole ones before it, in a real
// file too, and what is written then follows them.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	ring, err := NewRing(filepath.Join(dir, "ring"), 0)
	must(t, err)
	sparing, err := NewSparingFile(filepath.Join(dir, "sparing"), 0)
	must(t, err)
	for _, f := range []struct {
		Output
		name string
	}{{ring, ring.Name()}, {sparing, sparing.Name()}} {
		for _, step := range []struct {
			text string
			cut  int
			want string
		}{{"abcdef", 2, "abcd"}, {"gh", 0, "abcdgh"}, {"i", 1, "abcdgh"}, {"jk", -1, "abcdghjk"}} {
			_, err := f.Write([]byte(step.text))
			must(t, errors.Join(err, f.Cut(step.cut)))
			if b, err := os.ReadFile(f.name); err != nil || string(b) != step.want {
				t.Errorf("%s: %q, %v", f.name, b, err)
			}
		}
	}
	info, err := os.Stat(sparing.Name())
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	must(t, errors.Join(ring.Close(), sparing.Remove()))
	must(t, ring.Remove())
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := ring.Cut(1); err == nil {
		t.Error("a closed file was cut")
	}
}

// A file is as large as it may be, and no larger; sizes are those of each file.
func TestSizes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "ring")
	ring, err := NewRing(name, 0)
	must(t, err)
	w, err := NewWriter(ring, Options{Limit: 2000}, none)
	must(t, err)
	check := func() {
		t.Helper()
		must(t, w.Flush())
		info, err := os.Stat(ring.Name())
		must(t, err)
		if w.Size() != info.Size() {
			t.Errorf("%s has %d bytes, not %d", ring.Name(), info.Size(), w.Size())
		}
	}
	packet := func(n int) error { return w.Packet(&Packet{Time: start, Data: make([]byte, n)}) }
	const around = 44 // a block of a packet without its bytes
	check()
	fits := int(2000-ending-w.Size()) - around
	must(t, packet(fits))
	check()
	if ring.Name() != name {
		t.Error("a packet that fits is in the next file")
	}
	must(t, packet(4))
	check()
	if ring.Name() != name+"1" {
		t.Errorf("a packet that does not fit is in %s", ring.Name())
	}
	err = packet(fits + 4)
	if err == nil || err.Error() != "a file of 2000 bytes has no room for this" || packet(4) == nil || w.Close() == nil {
		t.Errorf("a packet that no file has room for: %v, then %v", err, packet(4))
	}
	must(t, ring.Close())
}

// broken fails once, with as many bytes of what it is given.
type broken struct {
	bytes.Buffer
	after int
	fault error
}

func (b *broken) Write(p []byte) (int, error) {
	if b.fault == nil || b.Len()+len(p) <= b.after {
		return b.Buffer.Write(p)
	}
	n := max(b.after-b.Len(), 0)
	b.Buffer.Write(p[:n])
	err := b.fault
	b.fault = nil
	return n, err
}

func (b *broken) Cut(n int) error { b.Truncate(b.Len() - n); return nil }

// A file on a full disk gets its end if there is room for that, and one that cannot be
// written for another reason does not.
func TestEndOnAFullDisk(t *testing.T) {
	for _, c := range []struct {
		fault error
		end   bool
	}{{syscall.ENOSPC, true}, {syscall.EDQUOT, true}, {ErrSpare, true}, {syscall.EIO, false}} {
		f := &broken{after: 210, fault: c.fault}
		w, err := NewWriter(f, Options{}, none)
		must(t, err)
		_, err = w.AddInterface(Interface{Name: "eth0"})
		must(t, err)
		for range 3 {
			must(t, w.Packet(&Packet{Time: start, Data: []byte("0123456789")}))
		}
		if err := w.Flush(); !errors.Is(err, c.fault) || w.Packets() == 0 || w.Packets() == 3 || int(w.Size()) != f.Len() {
			t.Errorf("%v: %d packets, %d bytes, and %d are there", err, w.Packets(), w.Size(), f.Len())
		}
		if again := w.Packet(&Packet{Time: start}); !errors.Is(again, c.fault) {
			t.Errorf("%v: then %v", c.fault, again)
		}
		if err := w.Close(); !errors.Is(err, c.fault) {
			t.Errorf("%v: it ends with %v", c.fault, err)
		}
		lines := dump(t, f.Bytes())
		if last := lines[len(lines)-1]; strings.HasPrefix(last, "statistics") != c.end {
			t.Errorf("%v: the last block is %s", c.fault, last)
		}
	}
	// What fails at the very end is returned.
	f := &broken{after: 0, fault: syscall.EIO}
	w := &Writer{to: f, statistics: none, interfaces: make([]Interface, 1)}
	if err := w.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("it ends with %v", err)
	}
}

// What waits is written before it is more than the buffer holds.
func TestBuffer(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(Stream{&file}, Options{}, none)
	must(t, err)
	empty := file.Len()
	for n := 0; file.Len() == empty; n++ {
		must(t, w.Packet(&Packet{Time: start, Data: make([]byte, 10<<10)}))
		if waits := int(w.Size()) - file.Len(); waits >= buffered {
			t.Fatalf("%d bytes wait", waits)
		}
		if n > 30 {
			t.Fatal("nothing is written")
		}
	}
	if file.Len() < buffered {
		t.Errorf("%d bytes were written", file.Len())
	}
}
