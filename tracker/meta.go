package tracker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"

	"ctop/tracker/flow"
)

// layoutVersion changes whenever a pinned map changes its meaning without
// changing its size.
const layoutVersion = 2

// metaSize bounds the description of a tracker.
const metaSize = 4096

// meta describes a pinned tracker to whoever joins it or cleans up after it. It
// is kept, as JSON, in a map beside the others, since the BPF file system holds
// nothing but BPF objects.
type meta struct {
	Layout     layout       `json:"layout"`
	Interfaces [2]ifaceMeta `json:"interfaces"`
	// StartedNs is when the tracker was attached, on the fine clock.
	StartedNs uint64 `json:"started_ns"`
	MaxFlows  int    `json:"max_flows"`
	Keep      bool   `json:"keep"`
	// Checksums says that bad ones are counted.
	Checksums bool `json:"checksums,omitempty"`
	// Programs is the fingerprint of the programs.
	Programs string `json:"programs"`
}

// layout is what must be equal for one version to read another's maps.
type layout struct {
	Version int `json:"version"`
	Key     int `json:"key"`
	Flow    int `json:"flow"`
	Event   int `json:"event"`
	Stats   int `json:"stats"`
	Config  int `json:"config"`
}

// ifaceMeta is one side, and what was changed for its sake.
type ifaceMeta struct {
	Name    string    `json:"name"`
	Index   int       `json:"index"`
	Mode    flow.Mode `json:"mode"`
	Changes []change  `json:"changes,omitempty"`
	// Forced says that the operator knew that the machine uses the interface.
	Forced bool `json:"forced,omitempty"`
	// SendDrops is what the interface had not sent when the tracker was attached
	// to it, Unsent what those in its place before did not send meanwhile.
	SendDrops uint64 `json:"send_drops,omitempty"`
	Unsent    uint64 `json:"unsent,omitempty"`
}

// hangsInFilter reports whether the program is attached by a filter.
func (m ifaceMeta) hangsInFilter() bool {
	return slices.ContainsFunc(m.Changes, func(c change) bool { return c.Kind == changeFilter })
}

func currentLayout() layout {
	return layout{
		Version: layoutVersion,
		Key:     int(unsafe.Sizeof(kernelKey{})),
		Flow:    int(unsafe.Sizeof(kernelFlow{})),
		Event:   int(unsafe.Sizeof(kernelEvent{})),
		Stats:   int(unsafe.Sizeof(kernelStats{})),
		Config:  int(unsafe.Sizeof(kernelConfig{})),
	}
}

func newMetaMap() (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "ctop_meta", Type: ebpf.Array, KeySize: 4, ValueSize: metaSize, MaxEntries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("create meta map: %w", err)
	}
	return m, nil
}

func (m *meta) write(to *ebpf.Map) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode meta: %w", err)
	}
	if len(text) > metaSize {
		return fmt.Errorf("write meta: %d bytes do not fit", len(text))
	}
	value := make([]byte, metaSize)
	copy(value, text)
	if err := to.Put(uint32(0), value); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	return nil
}

// readMeta returns the description of a pinned tracker. Where it is of another
// version that is an error, and the description is returned as far as it goes.
func readMeta(from *ebpf.Map) (*meta, error) {
	value := make([]byte, metaSize)
	if err := from.Lookup(uint32(0), &value); err != nil {
		return nil, fmt.Errorf("%w: read its description: %w", ErrLayout, err)
	}
	return decodeMeta(value)
}

// decodeMeta reads a description that anybody may have written.
func decodeMeta(value []byte) (*meta, error) {
	m := new(meta)
	if err := json.Unmarshal(bytes.TrimRight(value, "\x00"), m); err != nil {
		return nil, fmt.Errorf("%w: its description is unreadable", ErrLayout)
	}
	if m.Layout != currentLayout() {
		return m, fmt.Errorf("%w: its maps are laid out differently", ErrLayout)
	}
	if !m.valid() {
		return nil, fmt.Errorf("%w: its description is invalid", ErrLayout)
	}
	return m, nil
}

// valid reports whether a description can be that of a tracker.
func (m *meta) valid() bool {
	for _, i := range m.Interfaces {
		if i.Name == "" || i.Index <= 0 || i.Mode != flow.ModeNative && i.Mode != flow.ModeTC && i.Mode != flow.ModeGeneric {
			return false
		}
	}
	return m.MaxFlows > 0 && m.MaxFlows <= flow.MaxMaxFlows
}
