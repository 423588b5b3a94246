package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/tracker/process"
)

// Programs at the hooks of a control group write down which process has which socket
// (who.c in bpf). They let everything pass. The programs that see packets read it from
// the map of the sockets.

const (
	// socketsMap is the map that goes with sockets. It is never pinned: the programs
	// hold it.
	socketsMap = "sockets"
	// listenedMap counts flows that are given to who listens for them. It is never
	// pinned either.
	listenedMap = "listened"
	// closeProgram is at a tracepoint, filesProgram is an iterator.
	closeProgram = "who_close"
	filesProgram = "who_files"
	// ownProgram is called by user space.
	ownProgram = "who_own"
	// filesFor is the longest time for which sockets are listed.
	filesFor = 3 * time.Second
)

// errUnnamed means that a tracker was started without processes, or by another version.
var errUnnamed = errors.New("find processes: the running programs do not look for them")

// Who is the programs that find out which process has a socket. Its methods must not be
// called concurrently.
type Who struct {
	// links are the attachments by their program.
	links map[string]link.Link
	// files lists the sockets among the files of all processes.
	files *link.Iter
	// own sets the owner of a flow.
	own *ebpf.Program
	// listened is nil if programs of another version do not count.
	listened *ebpf.Map
}

// FindProcesses attaches the programs to a control group of version 2 and, if dir is not
// empty, pins the attachments there, in place of those that are pinned. Then it writes down
// who has the sockets that are older. What cannot be had is in the notes: without it fewer
// flows have a name.
func (k *Objects) FindProcesses(ctx context.Context, cgroup, dir string) (w *Who, notes []string, err error) {
	if e := k.early; e != nil {
		k.early = nil
		w, notes, err = e.wait()
	} else {
		w, notes, err = k.findProcesses(ctx, cgroup)
	}
	if err == nil && dir != "" {
		err = w.pin(dir)
	}
	if err != nil {
		w.Close()
		return nil, nil, err
	}
	return w, notes, nil
}

func (k *Objects) findProcesses(ctx context.Context, cgroup string) (*Who, []string, error) {
	maps, err := mapsOf(k.packetProgram())
	if err != nil {
		return nil, nil, err
	}
	for _, m := range maps {
		defer m.Close()
	}
	maps[ownersMap] = k.owners
	return newWho(ctx, maps, cgroup)
}

// newWho attaches the programs, and lists the older sockets. The maps are those of the
// programs that see packets.
func newWho(ctx context.Context, maps map[string]*ebpf.Map, cgroup string) (w *Who, notes []string, err error) {
	if maps[socketsMap] == nil {
		return nil, nil, errUnnamed
	}
	spec, err := bpf.LoadWho()
	if err != nil {
		return nil, nil, fmt.Errorf("read the BPF programs: %w", err)
	}
	name, mask := ownName()
	if err := bpf.SetConstants(spec, map[string]any{bpf.WhoVarOwnName: name, bpf.WhoVarOwnNameMask: mask}); err != nil {
		return nil, nil, err
	}
	spec.Maps[ownersMap].MaxEntries = maps[ownersMap].MaxEntries()
	w = &Who{links: map[string]link.Link{}}
	if m := maps[listenedMap]; m != nil {
		if w.listened, err = m.Clone(); err != nil {
			return w, nil, fmt.Errorf("find processes: %w", err)
		}
	}
	// The kernel's types are read once for all programs.
	o := ebpf.CollectionOptions{
		MapReplacements: map[string]*ebpf.Map{socketsMap: maps[socketsMap], ownersMap: maps[ownersMap]}, Cache: btf.NewCache(),
	}
	var missing []string
	for name := range spec.Programs {
		err := w.begin(spec, name, o, cgroup)
		switch {
		case err == nil:
		case name == closeProgram || name == filesProgram:
			missing = append(missing, err.Error())
		default:
			return w, nil, err
		}
	}
	if len(missing) > 0 {
		notes = append(notes, "fewer flows have a process: "+strings.Join(missing, "; "))
	}
	if err := w.Files(ctx, func(*Held) {}); err != nil {
		notes = append(notes, fmt.Sprintf("flows of sockets that are older than ctop have no process: %v", err))
	}
	return w, notes, nil
}

// ownName returns this process's name as the kernel has it, and a mask of the bytes up to its
// end: what is behind that is any. Where /proc is not mounted the name is empty.
func ownName() (name, mask [16]byte) {
	text, _ := os.ReadFile("/proc/self/comm")
	n := copy(name[:len(name)-1], bytes.TrimSuffix(text, []byte("\n")))
	for i := range mask[:n+1] {
		mask[i] = 0xff
	}
	return name, mask
}

// early looks for processes while the programs are loaded that see packets.
type early struct {
	stop  context.CancelFunc
	done  chan struct{}
	who   *Who
	notes []string
	err   error
}

// findEarly begins to look, with copies of the maps.
func findEarly(maps map[string]*ebpf.Map, cgroup string) *early {
	ctx, stop := context.WithCancel(context.Background())
	e := &early{stop: stop, done: make(chan struct{})}
	own := map[string]*ebpf.Map{}
	for _, name := range []string{socketsMap, ownersMap, listenedMap} {
		m, err := maps[name].Clone()
		if err != nil {
			e.err = fmt.Errorf("find processes: %w", err)
			break
		}
		own[name] = m
	}
	go func() {
		defer close(e.done)
		if e.err == nil {
			e.who, e.notes, e.err = newWho(ctx, own, cgroup)
		}
		for _, m := range own {
			m.Close()
		}
	}()
	return e
}

func (e *early) wait() (*Who, []string, error) {
	<-e.done
	e.stop()
	return e.who, e.notes, e.err
}

func (e *early) close() {
	e.stop()
	<-e.done
	e.who.Close()
}

// begin loads a program and attaches it.
func (w *Who) begin(spec *ebpf.CollectionSpec, name string, o ebpf.CollectionOptions, cgroup string) error {
	one := spec.Copy()
	one.Programs = map[string]*ebpf.ProgramSpec{name: one.Programs[name]}
	coll, err := ebpf.NewCollectionWithOptions(one, o)
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	defer coll.Close()
	p := coll.Programs[name]
	if name == ownProgram {
		w.own = coll.DetachProgram(name)
		return nil
	}
	if name == filesProgram {
		if w.files, err = link.AttachIter(link.IterOptions{Program: p}); err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
		return nil
	}
	l, err := attachWho(p, one.Programs[name].AttachType, cgroup)
	if err != nil {
		return fmt.Errorf("attach %s: %w", name, err)
	}
	w.links[name] = l
	return nil
}

func attachWho(p *ebpf.Program, at ebpf.AttachType, cgroup string) (link.Link, error) {
	if p.Type() == ebpf.Tracing {
		return link.AttachTracing(link.TracingOptions{Program: p})
	}
	return link.AttachCgroup(link.CgroupOptions{Path: cgroup, Attach: at, Program: p})
}

// pin pins the attachments, in place of those that are pinned.
func (w *Who) pin(dir string) error {
	for name, l := range w.links {
		if err := ReplacePin(l, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Close closes this process's descriptors. Pinned attachments stay attached.
func (w *Who) Close() {
	if w == nil {
		return
	}
	for _, l := range w.links {
		_ = l.Close()
	}
	if w.files != nil {
		_ = w.files.Close()
	}
	if w.own != nil {
		w.own.Close()
	}
	if w.listened != nil {
		w.listened.Close()
	}
}

// Listened returns how often a flow was given to a process that only listens for it: who
// accepts it is seen by the next [Who.Files].
func (w *Who) Listened() (n uint64) {
	if w.listened != nil {
		_ = w.listened.Lookup(uint32(0), &n)
	}
	return n
}

// Held is a socket among the files of a process. Several processes may have one.
type Held struct {
	// Process is one that has it, as the programs saw it.
	Process bpf.ConntrackProcess
	// Socket tells sockets apart.
	Socket uint64
	// Netns is the inode of its network namespace.
	Netns    uint32
	Protocol uint8
	// Local and Remote are its ends. Without a remote end it listens, or sends to
	// several.
	Local, Remote netip.AddrPort
	FD            uint32
}

// Seen returns the process.
func (h *Held) Seen() process.Seen { return seen(&h.Process) }

type kernelHeld = bpf.WhoHeldSocket

// Files calls each for the sockets that are among the files of processes, and writes down
// who has those that are older than the programs. A socket comes once for every file, so
// anybody can make very many: it ends with an error after filesFor.
func (w *Who) Files(ctx context.Context, each func(*Held)) error {
	if w.files == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, filesFor)
	defer cancel()
	r, err := w.files.Open()
	if err != nil {
		return fmt.Errorf("list open sockets: %w", err)
	}
	defer func() { _ = r.Close() }()
	const size = int(unsafe.Sizeof(kernelHeld{}))
	buffer := make([]byte, 256*size)
	for filled := 0; ctx.Err() == nil; {
		n, err := r.Read(buffer[filled:])
		filled += n
		for at := 0; at+size <= filled; at += size {
			h := heldFromKernel((*kernelHeld)(unsafe.Pointer(&buffer[at])))
			each(&h)
		}
		filled = copy(buffer, buffer[filled/size*size:filled])
		if errors.Is(err, io.EOF) {
			return nil
		}
		// A million files were no sockets, and there are more.
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("list open sockets: %w", err)
		}
	}
	return fmt.Errorf("list open sockets: %w", ctx.Err())
}

func heldFromKernel(k *kernelHeld) Held {
	h := Held{
		Process: *(*kernelProcess)(unsafe.Pointer(&k.Process)), Socket: k.Socket, Netns: k.Netns, Protocol: k.Protocol, FD: k.Fd,
	}
	h.Local = netip.AddrPortFrom(heldAddr(k, &k.Local), k.LocalPort)
	h.Remote = netip.AddrPortFrom(heldAddr(k, &k.Remote), networkPort(k.RemotePort))
	return h
}

// heldAddr returns an address. A socket of IPv6 that has a mapped one is one of IPv4.
func heldAddr(k *kernelHeld, words *[4]uint32) netip.Addr {
	b := *(*[16]byte)(unsafe.Pointer(words))
	if k.Family == 2 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b).Unmap()
}
