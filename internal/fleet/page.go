package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"ctop/cmd/ctop/output"
	"ctop/internal/snapshot"
	"ctop/tracker/flow"
)

const (
	// rowsOfPage is the largest number of flows on a page, maxPlain the largest number
	// of bytes that a page may be when it is no longer compressed.
	rowsOfPage = 2000
	maxPlain   = 8 << 20
	// maxName is the longest name of an interface or a process, in bytes.
	maxName = 4 << 10
	// window is what a compressor may look back, in bytes.
	window = 256 << 10
)

// A page is the document of ctop --dump -o json, compressed (zstd, RFC 8878).
var (
	compressor = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(2))
	})
	decompressor = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecoderConcurrency(0))
	})
)

// Pages returns the pages of some flows of a snapshot, each at most as long as a message
// may be. There is at least one.
func Pages(s *flow.Snapshot, rows []*flow.Flow) ([][]byte, error) {
	var pages [][]byte
	for {
		n := min(len(rows), rowsOfPage)
		page, err := encodePage(s, rows[:n])
		for ; err == nil && len(page) > MaxPage-maxHead && n > 1; page, err = encodePage(s, rows[:n]) {
			n /= 2
		}
		if err != nil {
			return nil, err
		}
		pages, rows = append(pages, page), rows[n:]
		if len(rows) == 0 {
			return pages, nil
		}
	}
}

func encodePage(s *flow.Snapshot, rows []*flow.Flow) ([]byte, error) {
	z, err := compressor()
	if err != nil {
		return nil, fmt.Errorf("encode flows: %w", err)
	}
	// The number of flows in the table is in the head, interfaces are with the flows.
	about := flow.Snapshot{Time: s.Time, Host: s.Host, MaxFlows: s.MaxFlows, Timeouts: s.Timeouts, Translations: s.Translations}
	for _, i := range s.Interfaces {
		i.Host = "" // the subject says it
		about.Interfaces = append(about.Interfaces, i)
	}
	var plain bytes.Buffer
	if err := output.WriteSnapshot(&plain, output.JSON, output.View{Snapshot: &about, Rows: rows}); err != nil {
		return nil, fmt.Errorf("encode flows: %w", err)
	}
	return z.EncodeAll(plain.Bytes(), nil), nil
}

// DecodePage reads a page. Only time, interfaces and flows are in it, and the flows have the
// names of their timeouts.
func DecodePage(ctx context.Context, page []byte) (*flow.Snapshot, error) {
	plain, err := inflate(page)
	if err != nil {
		return nil, fmt.Errorf("flows of a host: %w", err)
	}
	s, err := snapshot.Read(ctx, bytes.NewReader(plain))
	if err != nil {
		return nil, fmt.Errorf("flows of a host: %w", err)
	}
	if !fits(s) {
		return nil, errors.New("flows of a host: a page has more than it may")
	}
	return s, nil
}

// inflate returns what was compressed, of bounded length.
func inflate(page []byte) ([]byte, error) {
	if len(page) > MaxPage {
		return nil, fmt.Errorf("a page of %d bytes is too long", len(page))
	}
	z, err := decompressor()
	if err != nil {
		return nil, err
	}
	plain, err := z.DecodeAll(page, nil)
	if err != nil || len(plain) > maxPlain {
		return nil, errors.New("a page is damaged")
	}
	return plain, nil
}

// fits reports whether a page has no more than [Pages] makes, and no name or number that is
// endless.
func fits(s *flow.Snapshot) bool {
	for i := range s.Interfaces {
		if len(s.Interfaces[i].Name) > maxName {
			return false
		}
	}
	for i := range s.Flows {
		for _, h := range [...]*flow.Half{&s.Flows[i].Origin, &s.Flows[i].Reply} {
			if !within(h.BPS, fastest) || !within(h.PPS, fastest) {
				return false
			}
		}
		if !fitsName(s.Flows[i].Holding.Process) {
			return false
		}
		if n := s.Flows[i].Server; n != nil && len(n.Name) > maxName {
			return false
		}
	}
	return len(s.Flows) <= rowsOfPage && isCount(s.MaxFlows)
}

// fitsName reports whether no name of a process, which may be nil, is endless.
func fitsName(p *flow.Process) bool {
	return p == nil || max(len(p.Name), len(p.User), len(p.Unit), len(p.Container), len(p.Pod)) <= maxName
}
