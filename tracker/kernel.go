package tracker

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"ctop/bpf"
)

// The names of the pinned objects.
const (
	flowsMap   = "flows"
	statsMap   = "stats"
	configMap  = "config"
	readersMap = "readers"
	outputsMap = "outputs"
	metaMap    = "meta"
	fillingMap = "filling"
	// tracesMap is never pinned: only who began the tracker can trace it.
	tracesMap = "traces"

	clockProgram   = "read_clock"
	sweepProgram   = "sweep"
	requestProgram = "request"
	xdpProgram     = "ctop_xdp"
	tcProgram      = "ctop_tc"

	// configSection is the name that the ELF file gives to the config map.
	configSection = ".data.config"
	// hashingSection is the map that says how the table is hashed.
	hashingSection = ".data.hashing"
)

// kernel is the set of kernel objects that a tracker consists of, its
// attachments apart.
type kernel struct {
	flows, filling                        *ebpf.Map
	stats, config, readers, outputs, meta *ebpf.Map
	clock, sweep, request                 *ebpf.Program
	xdp, tc                               *ebpf.Program
	// table reads flows.
	table *table
	// traces gets every packet; nil where nobody asked for that.
	traces *ebpf.Map
}

// maps and programs name what is pinned and joined.
func (k *kernel) maps() map[string]**ebpf.Map {
	return map[string]**ebpf.Map{
		flowsMap: &k.flows, fillingMap: &k.filling, statsMap: &k.stats, configMap: &k.config,
		readersMap: &k.readers, outputsMap: &k.outputs, metaMap: &k.meta,
	}
}

func (k *kernel) programs() map[string]**ebpf.Program {
	return map[string]**ebpf.Program{
		clockProgram: &k.clock, sweepProgram: &k.sweep, requestProgram: &k.request,
		xdpProgram: &k.xdp, tcProgram: &k.tc,
	}
}

func (k *kernel) close() {
	if k.table != nil {
		_ = k.table.close()
	}
	for _, m := range k.maps() {
		if *m != nil {
			(*m).Close()
		}
	}
	for _, p := range k.programs() {
		if *p != nil {
			(*p).Close()
		}
	}
	if k.traces != nil {
		k.traces.Close()
	}
}

// loadOptions are the constants that the programs are compiled with.
type loadOptions struct {
	maxFlows          int
	completeChecksums bool
	injectedClock     bool
	tracing           bool
	verifyChecksums   bool
}

// descriptors is how many files must be left to open for loading the programs:
// a map and a program is one each, and a probe and an interface need their own.
const descriptors = 40

// checkDescriptors refuses to begin where loading would run out of files to open:
// the probes of the kernel's features would take that for a feature it lacks.
func checkDescriptors() error {
	var spare []int
	defer func() {
		for _, fd := range spare {
			_ = unix.Close(fd)
		}
	}()
	for range descriptors {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %d files: %w: raise the limit (ulimit -n)", descriptors, err)
		}
		spare = append(spare, fd)
	}
	return nil
}

// checkKernel refuses a kernel that cannot run the programs.
func checkKernel() error {
	if err := checkDescriptors(); err != nil {
		return err
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return fmt.Errorf("%w: it has no type information (/sys/kernel/btf/vmlinux is missing): use a kernel built with CONFIG_DEBUG_INFO_BTF",
			ErrUnsupported)
	}
	err := features.HaveProgramType(ebpf.Syscall)
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("%w: it has no BPF programs that user space can call (type syscall, Linux 5.14): ctop needs Linux 5.15 or newer", ErrUnsupported)
	}
	return explainPermission("load BPF programs", err)
}

// explainPermission wraps a refusal for lack of privilege so that it says what
// to do; other errors it returns as they are.
func explainPermission(what string, err error) error {
	// The verifier, too, says EACCES, and then why.
	var rejected *ebpf.VerifierError
	if errors.As(err, &rejected) && len(rejected.Log) > 0 {
		return err
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s: %w: run it as root (sudo ctop …), or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN",
			what, ErrPermission)
	}
	return err
}

// loadKernel loads the programs and makes their maps.
func loadKernel(o loadOptions) (*kernel, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, explainPermission("lift the limit on locked memory", err)
	}
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	if err := specialise(spec, o); err != nil {
		return nil, err
	}
	delete(spec.Programs, unsentProgram) // loaded apart, since it may be refused
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, explainPermission("load BPF programs", fmt.Errorf("load BPF programs: %w", err))
	}
	defer coll.Close()
	k := new(kernel)
	for name, m := range k.maps() {
		if name == configMap {
			name = configSection
		}
		*m = coll.DetachMap(name)
	}
	for name, p := range k.programs() {
		*p = coll.DetachProgram(name)
	}
	if o.tracing {
		k.traces = coll.DetachMap(tracesMap)
	}
	k.table = &table{entries: k.flows, filling: k.filling}
	if k.meta, err = newMetaMap(); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// specialise sets the constants and sizes of the programs before they are
// loaded.
func specialise(spec *ebpf.CollectionSpec, o loadOptions) error {
	if err := bpf.SizeTable(spec, o.maxFlows); err != nil {
		return err
	}
	if o.tracing {
		spec.Maps[tracesMap].MaxEntries = traceRing
	}
	multiBuffer := haveMultiBuffer()
	if !multiBuffer {
		spec.Programs[xdpProgram].Flags &^= unix.BPF_F_XDP_HAS_FRAGS
	}
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return fmt.Errorf("draw a seed: %w", err)
	}
	return bpf.SetConstants(spec, map[string]any{
		"clock_injected":     o.injectedClock,
		"complete_checksums": o.completeChecksums,
		"multi_buffer":       multiBuffer,
		"tracing":            o.tracing,
		"verify_checksums":   o.verifyChecksums,
		"id_seed":            binary.NativeEndian.Uint64(seed[:]),
	})
}

// haveMultiBuffer reports whether XDP can be given packets of several buffers.
func haveMultiBuffer() bool {
	return features.HaveProgramHelper(ebpf.XDP, asmXDPGetBuffLen) == nil
}

// pin puts every object into the directory.
func (k *kernel) pin(dir string) error {
	for name, m := range k.maps() {
		if err := (*m).Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin %s: %w", name, err)
		}
	}
	for name, p := range k.programs() {
		if err := (*p).Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin %s: %w", name, err)
		}
	}
	return nil
}

// openKernel opens the objects of a tracker that is pinned, after its
// description has shown that they can be read.
func openKernel(dir string) (*kernel, *meta, error) {
	if !whole(dir) {
		return nil, nil, pinError(dir, os.ErrNotExist)
	}
	k := new(kernel)
	description, err := ebpf.LoadPinnedMap(filepath.Join(dir, metaMap), nil)
	if err != nil {
		return nil, nil, pinError(dir, err)
	}
	m, err := readMeta(description)
	description.Close()
	if err != nil {
		return nil, m, fmt.Errorf("join the tracker at %s: %w: it continues forwarding, and the version that started it can show it; to replace it without its flows, run \"ctop down\" and start again at once", dir, err)
	}
	for name, p := range k.maps() {
		if *p, err = ebpf.LoadPinnedMap(filepath.Join(dir, name), nil); err != nil {
			k.close()
			return nil, m, pinError(dir, err)
		}
	}
	for name, p := range k.programs() {
		if *p, err = ebpf.LoadPinnedProgram(filepath.Join(dir, name), nil); err != nil {
			k.close()
			return nil, m, pinError(dir, err)
		}
	}
	if err := k.checkMaps(); err != nil {
		k.close()
		return nil, m, fmt.Errorf("join the tracker at %s: %w: run \"ctop down\", then start again", dir, err)
	}
	k.table = &table{entries: k.flows, filling: k.filling}
	return k, m, nil
}

// checkMaps refuses maps that are pinned under the names of a tracker's and are
// not like them.
func (k *kernel) checkMaps() error {
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return fmt.Errorf("read the BPF programs: %w", err)
	}
	spec.Maps[configMap] = spec.Maps[configSection]
	for name, m := range k.maps() {
		want, ours := spec.Maps[name]
		if ours && ((*m).Type() != want.Type || (*m).KeySize() != want.KeySize || (*m).ValueSize() != want.ValueSize) {
			return fmt.Errorf("%w: %s is a foreign map", ErrLayout, name)
		}
	}
	return nil
}

// errPinsMissing is what a tracker looks like whose owner was killed while it
// attached or ended, and one that is still doing so.
var errPinsMissing = fmt.Errorf("%w: some of its pins are missing", ErrNotRunning)

func pinError(dir string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("join the tracker at %s: %w: a ctop was killed while it attached or ended: start it on these interfaces again, or run \"ctop down\" on them", dir, errPinsMissing)
	}
	return explainPermission("open the pins at "+dir, fmt.Errorf("open the pins at %s: %w", dir, err))
}
