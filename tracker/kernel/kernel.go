package kernel

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"ctop/bpf"
)

// The names of pinned objects.
const (
	flowsMap   = "flows"
	statsMap   = "stats"
	configMap  = "config"
	readersMap = "readers"
	outputsMap = "outputs"
	metaMap    = "meta"
	fillingMap = "filling"
	watchedMap = "watched"
	ownersMap  = "owners"
	octetsMap  = "octets"
	// The maps of captures. A tracker of an older version has none.
	capturesMap      = "captures"
	captureRulesMap  = "capture_rules"
	captureCountsMap = "capture_counts"
	// tracesMap is never pinned: only who began the tracker can trace it.
	tracesMap = "traces"

	clockProgram   = "read_clock"
	sweepProgram   = "sweep"
	requestProgram = "request"
	inheritProgram = "inherit"
	xdpProgram     = "ctop_xdp"
	tcProgram      = "ctop_tc"
	resetProgram   = "ctop_reset"
	inProgram      = "ctop_watch_in"
	outProgram     = "ctop_watch_out"

	// configSection is the config map's name in the ELF file.
	configSection = ".data.config"
	// hashingSection is the map with the parameters of the hash table.
	hashingSection = ".data.hashing"
	// capturingSection is the map that says which captures run.
	capturingSection = ".data.capturing"
)

// Objects are the kernel objects of a tracker, without its attachments.
type Objects struct {
	flows, filling, owners, octets        *ebpf.Map
	stats, config, readers, outputs, meta *ebpf.Map
	written                               written
	// inherit is nil if an older version made the tracker.
	clock, sweep, request, reset, inherit *ebpf.Program
	// xdp and tc are for a wire, in and out for watched interfaces, with watched.
	// One pair is nil.
	xdp, tc, in, out *ebpf.Program
	watched          *ebpf.Map
	// captures are nil if an older version made the tracker.
	captures, captureRules, captureCounts *ebpf.Map
	// mapping gives access to the flows.
	mapping *mapping
	// traces receives the records of packets. It is nil if packets are not traced.
	traces *ebpf.Map
	// early is who looks for processes already. It is nil if nobody does.
	early *early
}

// maps and programs return the pinned objects by name.
func (k *Objects) maps() map[string]**ebpf.Map {
	return map[string]**ebpf.Map{
		flowsMap: &k.flows, fillingMap: &k.filling, ownersMap: &k.owners, octetsMap: &k.octets,
		statsMap: &k.stats, configMap: &k.config,
		readersMap: &k.readers, outputsMap: &k.outputs, metaMap: &k.meta, watchedMap: &k.watched,
		capturesMap: &k.captures, captureRulesMap: &k.captureRules, captureCountsMap: &k.captureCounts,
	}
}

func (k *Objects) programs() map[string]**ebpf.Program {
	return map[string]**ebpf.Program{
		clockProgram: &k.clock, sweepProgram: &k.sweep, requestProgram: &k.request,
		resetProgram: &k.reset, inheritProgram: &k.inherit,
		xdpProgram: &k.xdp, tcProgram: &k.tc, inProgram: &k.in, outProgram: &k.out,
	}
}

// notFor names what a role has no use for.
func notFor(watch bool) []string {
	if watch {
		return []string{xdpProgram, tcProgram}
	}
	return []string{inProgram, outProgram, watchedMap, socketsMap, listenedMap}
}

// captureMaps are the maps that a tracker may lack.
func captureMaps() []string { return []string{capturesMap, captureRulesMap, captureCountsMap} }

// packetProgram returns a program that sees packets.
func (k *Objects) packetProgram() *ebpf.Program {
	if k.in != nil {
		return k.in
	}
	return k.xdp
}

// Close gives back what this process holds of the objects.
func (k *Objects) Close() {
	if k.early != nil {
		k.early.close()
	}
	if k.mapping != nil {
		_ = k.mapping.close()
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

// Options are constants of the programs, set before they are loaded.
type Options struct {
	MaxFlows          int
	CompleteChecksums bool
	InjectedClock     bool
	Tracing           bool
	VerifyChecksums   bool
	// Watch loads the programs for watched interfaces, not those for a wire.
	Watch bool
	// Naming looks for the process behind a flow.
	Naming bool
	// Octets counts the octets of IP packets.
	Octets bool
	// Cgroup, with Naming, is the control group whose processes are looked for while
	// the programs are loaded. [Objects.FindProcesses] waits for that.
	Cgroup string
}

// descriptors is the number of free file descriptors needed for loading. Each
// map and program takes one; feature probes and interfaces need some, too.
const descriptors = 40

// checkDescriptors returns an error if too few file descriptors are left. A
// feature probe would take that error for a missing feature.
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

// Check returns an error if the kernel cannot run the programs.
func Check() error {
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
	if err == nil {
		err = checkPerfmon()
	}
	return ExplainPermission("load BPF programs", err)
}

// checkPerfmon returns an error if the process has neither CAP_PERFMON nor
// CAP_SYS_ADMIN, which includes it. The verifier's own error does not say so.
func checkPerfmon() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read own capabilities: %w", err)
	}
	effective := uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
	if effective&(1<<unix.CAP_PERFMON|1<<unix.CAP_SYS_ADMIN) == 0 {
		return unix.EPERM
	}
	return nil
}

// ExplainPermission adds advice to an error caused by a missing privilege. It
// returns other errors unchanged.
func ExplainPermission(what string, err error) error {
	// The verifier also returns EACCES, with its own explanation.
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

// explainMemory adds what to do to an error for lack of memory. It returns other errors
// unchanged.
func explainMemory(err error) error {
	if errors.Is(err, unix.ENOMEM) {
		return fmt.Errorf("%w: lower --max-flows, or raise the memory limit of the control group and of the process (ulimit -v)", err)
	}
	return err
}

// Load loads the programs and creates their maps.
func Load(o Options) (*Objects, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, ExplainPermission("lift the limit on locked memory", err)
	}
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	if err := specialise(spec, o); err != nil {
		return nil, err
	}
	delete(spec.Programs, unsentProgram) // loaded apart, since it may be refused
	coll, err := loadMaps(spec)
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	k := new(Objects)
	if o.Naming && o.Cgroup != "" {
		k.early = findEarly(coll.Maps, o.Cgroup)
	}
	if err := loadPrograms(spec, coll); err != nil {
		k.Close()
		return nil, err
	}
	for name, m := range k.maps() {
		if name == configMap {
			name = configSection
		}
		*m = coll.DetachMap(name)
	}
	for name, p := range k.programs() {
		*p = coll.DetachProgram(name)
	}
	if o.Tracing {
		k.traces = coll.DetachMap(tracesMap)
	}
	k.mapping = &mapping{entries: k.flows, filling: k.filling, owners: k.owners, octets: k.octets}
	if k.meta, err = newMeta(); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// specialise sets the programs' constants and the maps' sizes.
func specialise(spec *ebpf.CollectionSpec, o Options) error {
	if err := bpf.SizeTable(spec, o.MaxFlows); err != nil {
		return err
	}
	if o.Tracing {
		spec.Maps[tracesMap].MaxEntries = traceRing
	}
	if o.Naming {
		spec.Maps[ownersMap].MaxEntries = spec.Maps[flowsMap].MaxEntries
	}
	if o.Octets {
		spec.Maps[octetsMap].MaxEntries = spec.Maps[flowsMap].MaxEntries
	}
	multiBuffer := haveMultiBuffer()
	if !multiBuffer {
		spec.Programs[xdpProgram].Flags &^= unix.BPF_F_XDP_HAS_FRAGS
	}
	for _, name := range notFor(o.Watch) {
		delete(spec.Programs, name)
		delete(spec.Maps, name)
	}
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return fmt.Errorf("draw a seed: %w", err)
	}
	return bpf.SetConstants(spec, map[string]any{
		"clock_injected":     o.InjectedClock,
		"complete_checksums": o.CompleteChecksums,
		"multi_buffer":       multiBuffer,
		"exact_octets":       o.Octets,
		"naming":             o.Naming,
		"tracing":            o.Tracing,
		"verify_checksums":   o.VerifyChecksums,
		"id_seed":            binary.NativeEndian.Uint64(seed[:]),
	})
}

// haveMultiBuffer reports whether XDP supports packets in several buffers
// (Linux 5.18).
func haveMultiBuffer() bool {
	return features.HaveProgramHelper(ebpf.XDP, asm.FnXdpGetBuffLen) == nil
}

// Pin pins all objects in dir.
func (k *Objects) Pin(dir string) error {
	for name, m := range k.maps() {
		if *m == nil {
			continue
		}
		if err := (*m).Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin %s: %w", name, err)
		}
	}
	for name, p := range k.programs() {
		if *p == nil {
			continue
		}
		if err := (*p).Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin %s: %w", name, err)
		}
	}
	return nil
}

// Open opens the objects that are pinned in the directory, those of a wire or of watched
// interfaces.
func Open(dir string, watch bool) (*Objects, error) {
	k := new(Objects)
	var err error
	for name, p := range k.maps() {
		if slices.Contains(notFor(watch), name) {
			continue
		}
		*p, err = ebpf.LoadPinnedMap(filepath.Join(dir, name), nil)
		if errors.Is(err, os.ErrNotExist) && slices.Contains(captureMaps(), name) {
			continue
		}
		if err != nil {
			k.Close()
			return nil, err
		}
	}
	for name, p := range k.programs() {
		if slices.Contains(notFor(watch), name) {
			continue
		}
		*p, err = ebpf.LoadPinnedProgram(filepath.Join(dir, name), nil)
		if err != nil && (name != inheritProgram || !errors.Is(err, os.ErrNotExist)) {
			k.Close()
			return nil, err
		}
	}
	if err := k.checkMaps(); err != nil {
		k.Close()
		return nil, err
	}
	k.mapping = &mapping{entries: k.flows, filling: k.filling, owners: k.owners, octets: k.octets}
	return k, nil
}

// checkMaps returns ErrForeign or ErrLayout if a pinned map is not like the
// tracker's.
func (k *Objects) checkMaps() error {
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return fmt.Errorf("read the BPF programs: %w", err)
	}
	spec.Maps[configMap] = spec.Maps[configSection]
	for name, m := range k.maps() {
		want, ours := spec.Maps[name]
		if ours && *m != nil && ((*m).Type() != want.Type || (*m).KeySize() != want.KeySize || (*m).ValueSize() != want.ValueSize) {
			return fmt.Errorf("%w: %s is %w", ErrLayout, name, ErrForeign)
		}
	}
	return nil
}
