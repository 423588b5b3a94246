package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/frame"
	"ctop/internal/lab"
)

// tag is a VLAN tag.
type tag struct{ kind, id uint16 }

// tagHost puts tags on everything that a host sends, the inner one first, and takes as
// many off what it receives. It stands for VLAN devices, which not every kernel has.
func tagHost(t *testing.T, h *lab.Host, tags []tag) {
	t.Helper()
	var push, pop asm.Instructions
	push = append(push, asm.Mov.Reg(asm.R6, asm.R1))
	pop = append(pop, asm.Mov.Reg(asm.R6, asm.R1))
	for _, one := range tags {
		swapped := one.kind>>8 | one.kind<<8
		push = append(push, asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, int32(swapped)), asm.Mov.Imm(asm.R3, int32(one.id)), asm.FnSkbVlanPush.Call())
		pop = append(pop, asm.Mov.Reg(asm.R1, asm.R6), asm.FnSkbVlanPop.Call())
	}
	if len(tags) == 0 {
		return
	}
	attach(t, h, ebpf.AttachTCXEgress, append(push, asm.Mov.Imm(asm.R0, tcxNext), asm.Return()))
	attach(t, h, ebpf.AttachTCXIngress, append(pop, asm.Mov.Imm(asm.R0, tcxNext), asm.Return()))
}

// Verdicts of programs at the tcx hooks.
const (
	tcxNext = -1
	tcxDrop = 2
)

// deafen lets a host receive nothing from now on.
func deafen(t *testing.T, h *lab.Host) {
	t.Helper()
	attach(t, h, ebpf.AttachTCXIngress, asm.Instructions{asm.Mov.Imm(asm.R0, tcxDrop), asm.Return()})
}

// challenge has a host answer each RST over IPv4 with a frame until one has the expected
// number, as a kernel does: at once, however busy the programs of the machine are.
func challenge(t *testing.T, h *lab.Host, expected int32, answer []byte) {
	t.Helper()
	dead, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dead.Close() })
	const (
		ethertype, protocol = 12, frame.HeaderSize + 9
		number, flags       = frame.HeaderSize + 24, frame.HeaderSize + 33
		word, indexOfLink   = 4, 40 // in struct __sk_buff
	)
	code := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadAbs(ethertype, asm.Half), asm.JNE.Imm(asm.R0, frame.EtherIPv4, "pass"),
		asm.LoadAbs(protocol, asm.Byte), asm.JNE.Imm(asm.R0, frame.ProtoTCP, "pass"),
		asm.LoadAbs(flags, asm.Byte), asm.And.Imm(asm.R0, frame.RST), asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadAbs(number, asm.Word), asm.Mov.Reg(asm.R7, asm.R0),
		asm.StoreImm(asm.RFP, -word, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, dead.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -word),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.JEq.Imm(asm.R7, expected, "dies"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word), asm.JNE.Imm(asm.R1, 0, "pass"),
	}
	padded := append(slices.Clone(answer), make([]byte, word-len(answer)%word)...)
	begin := int16(-word - len(padded))
	for at := 0; at < len(padded); at += word {
		code = append(code, asm.StoreImm(asm.RFP, begin+int16(at), int64(binary.NativeEndian.Uint32(padded[at:])), asm.Word))
	}
	attach(t, h, ebpf.AttachTCXIngress, append(code,
		asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, int32(begin)),
		asm.Mov.Imm(asm.R4, int32(len(answer))), asm.Mov.Imm(asm.R5, 0),
		asm.FnSkbStoreBytes.Call(),
		asm.LoadMem(asm.R1, asm.R6, indexOfLink, asm.Word), asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.StoreImm(asm.R0, 0, 1, asm.Word).WithSymbol("dies"),
		asm.Mov.Imm(asm.R0, tcxNext).WithSymbol("pass"), asm.Return(),
	))
}

// attach attaches a program to a hook of a host's link, by a filter of the clsact qdisc
// where the kernel has no tcx.
func attach(t *testing.T, h *lab.Host, hook ebpf.AttachType, code asm.Instructions) {
	t.Helper()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: code})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = prog.Close() })
	err = h.Do(func() error {
		device, err := net.InterfaceByName(h.Link())
		if err != nil {
			return err
		}
		l, err := link.AttachTCX(link.TCXOptions{Interface: device.Index, Program: prog, Attach: hook})
		if errors.Is(err, ebpf.ErrNotSupported) {
			return addFilter(device.Index, hook, prog, 1)
		}
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// addFilter adds a filter that runs a program. Filter and qdisc go with the link.
func addFilter(index int, hook ebpf.AttachType, prog *ebpf.Program, priority uint16) error {
	qdisc := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	}
	if err := netlink.QdiscAdd(qdisc); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	parent := uint32(netlink.HANDLE_MIN_INGRESS)
	if hook == ebpf.AttachTCXEgress {
		parent = netlink.HANDLE_MIN_EGRESS
	}
	attrs := netlink.FilterAttrs{LinkIndex: index, Parent: parent, Priority: priority, Protocol: unix.ETH_P_ALL}
	return netlink.FilterAdd(&netlink.BpfFilter{FilterAttrs: attrs, Fd: prog.FD(), Name: "test", DirectAction: true})
}

// resetCount counts the RSTs that arrive at a host.
type resetCount struct {
	capture *lab.Capture
	cancel  func()
	begun   time.Time
	done    chan struct{}
	frames  int
	tuples  map[string]bool
	last    time.Time
}

// countResets counts the RSTs that arrive at a host from now on.
func countResets(t *testing.T, h *lab.Host) *resetCount {
	t.Helper()
	capture, err := h.Capture()
	if err != nil {
		t.Fatal(err)
	}
	c := &resetCount{capture: capture, begun: time.Now(), done: make(chan struct{}), tuples: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = capture.Close() })
	go func() {
		defer close(c.done)
		for {
			f, err := capture.Next(ctx)
			if err != nil {
				return
			}
			if !f.Outgoing {
				c.count(f)
			}
		}
	}()
	c.cancel = cancel
	return c
}

func (c *resetCount) count(f lab.Frame) {
	const l4 = frame.HeaderSize + 20
	if len(f.Data) < l4+20 || f.Data[frame.HeaderSize+9] != unix.IPPROTO_TCP || f.Data[l4+13]&frame.RST == 0 {
		return
	}
	c.frames++
	c.tuples[string(f.Data[l4-8:l4+4])] = true
	c.last = f.Time
}

// stop returns how many RSTs there were, of how many connections, and when the last
// one was read. What has arrived is counted, though it was not read yet.
func (c *resetCount) stop() (frames, tuples int, last time.Duration) {
	c.cancel()
	<-c.done
	for f, ok := c.capture.Waiting(); ok; f, ok = c.capture.Waiting() {
		if !f.Outgoing {
			c.count(f)
		}
	}
	return c.frames, len(c.tuples), c.last.Sub(c.begun)
}
