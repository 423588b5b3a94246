package kernel

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// ListFiles returns what lists the sockets among the files of all processes, and finds
// nothing else. A process that joined a tracker may have it, too.
func (k *Objects) ListFiles() (*Who, error) {
	maps, err := mapsOf(k.packetProgram())
	if err != nil {
		return nil, err
	}
	for _, m := range maps {
		defer m.Close()
	}
	if maps[socketsMap] == nil {
		return nil, errUnnamed
	}
	spec, err := bpf.LoadWho()
	if err != nil {
		return nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	w := &Who{links: map[string]link.Link{}}
	return w, w.begin(spec, filesProgram, ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{socketsMap: maps[socketsMap]}}, "")
}

// Process returns the process that was seen with a socket.
func (t *Table) Process(h *Held) *flow.Process {
	s := h.Seen()
	return t.book.Process(&s)
}
