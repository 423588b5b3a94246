package kernel

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
)

// MetaSize is the largest size of a description in bytes.
const MetaSize = 256 << 10

// layoutVersion is increased if a pinned map changes its meaning but not its
// size.
const layoutVersion = 7

// Layout must be equal for two versions to read each other's maps.
type Layout struct {
	Version int `json:"version"`
	Key     int `json:"key"`
	Flow    int `json:"flow"`
	Event   int `json:"event"`
	Stats   int `json:"stats"`
	Config  int `json:"config"`
}

// CurrentLayout returns the layout of this version.
func CurrentLayout() Layout {
	return Layout{
		Version: layoutVersion,
		Key:     int(unsafe.Sizeof(kernelKey{})),
		Flow:    int(unsafe.Sizeof(kernelFlow{})),
		Event:   int(unsafe.Sizeof(kernelEvent{})),
		Stats:   int(unsafe.Sizeof(kernelStats{})),
		Config:  int(unsafe.Sizeof(kernelConfig{})),
	}
}

// newMeta creates the map of the description. The BPF file system cannot hold
// ordinary files.
func newMeta() (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "ctop_meta", Type: ebpf.Array, KeySize: 4, ValueSize: MetaSize, MaxEntries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("create meta map: %w", err)
	}
	return m, nil
}

// written is the memory of the description that was written last.
type written struct {
	mu    sync.Mutex
	value []byte
}

// WriteMeta replaces the description of the tracker.
func (k *Objects) WriteMeta(text []byte) error {
	size := int(k.meta.ValueSize()) // another version may have made it
	if len(text) > size {
		return fmt.Errorf("write meta: %d bytes do not fit", len(text))
	}
	w := &k.written
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.value) != size { // a pair writes every second
		w.value = make([]byte, size)
	}
	clear(w.value[copy(w.value, text):])
	if err := k.meta.Put(uint32(0), w.value); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	return nil
}

// ReadPinnedMeta reads the description of the tracker pinned in dir. Its
// content is not trusted.
func ReadPinnedMeta(dir string) ([]byte, error) {
	pinned, err := ebpf.LoadPinnedMap(metaPath(dir), nil)
	if err != nil {
		return nil, err
	}
	defer pinned.Close()
	return readMeta(pinned)
}

// ReadMeta reads the description of the tracker.
func (k *Objects) ReadMeta() ([]byte, error) { return readMeta(k.meta) }

func readMeta(from *ebpf.Map) ([]byte, error) {
	if from.ValueSize() > MetaSize {
		return nil, fmt.Errorf("%w: its description has %d bytes", ErrLayout, from.ValueSize())
	}
	var value []byte
	if err := from.Lookup(uint32(0), &value); err != nil {
		return nil, fmt.Errorf("%w: read its description: %w", ErrLayout, err)
	}
	return bytes.TrimRight(value, "\x00"), nil
}

func metaPath(dir string) string { return filepath.Join(dir, metaMap) }
