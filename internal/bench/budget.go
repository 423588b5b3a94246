package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/tracker/process"
)

// budgetConnections are those of which the cost is taken apart.
var budgetConnections = task{"budget, connections", "/s", "µs", 0}

// What is beside them.
const (
	byEmpty           = "empty programs at the interface"
	byEmptyNames      = "empty programs at the interface and for names"
	byUnread          = "ctop without names, nobody reads"
	byThrownAway      = "ctop without names, events thrown away"
	byUnreadNames     = "ctop with names, nobody reads"
	byConntrackEvents = "nf_conntrack and conntrack -E"
)

// budget takes the cost of a connection of a watched machine apart: each row does a bit more
// than the one before.
func budget(ctx context.Context, o Options) ([]Row, error) {
	m, err := newTraffic(ctx)
	if err != nil {
		return nil, err
	}
	defer m.close()
	var rows []Row
	var probes []probe
	for _, by := range m.steps() {
		if by.missing != "" {
			rows = append(rows, Row{Name: hostCost(budgetConnections, by.name), Missing: by.missing})
			continue
		}
		probes = append(probes, m.probes(budgetConnections, by, o)...)
	}
	more, err := interleave(ctx, o.rounds(6, 2), probes)
	return append(more, rows...), err
}

// steps are observers that do more and more.
func (m *machine) steps() []observer {
	unnamed := ""
	if process.CgroupRoot() == "" {
		unnamed = "no control groups of version 2 are mounted"
	}
	return []observer{
		{name: byNobody, start: func(context.Context) (watching, error) { return nothing(), nil }},
		{name: byEmpty, start: func(context.Context) (watching, error) { return m.empty(false) }},
		{name: byUnread, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, false, readNothing) }},
		{name: byThrownAway, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, false, readEvents) }},
		{name: byWatch, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, false, readAll) }},
		{name: byEmptyNames, missing: unnamed, start: func(context.Context) (watching, error) { return m.empty(true) }},
		{name: byUnreadNames, missing: unnamed, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, true, readNothing) }},
		{name: byNames, missing: unnamed, start: func(ctx context.Context) (watching, error) { return m.watch(ctx, true, readAll) }},
		{name: byConntrack, missing: lacks("nft"), start: m.conntrack},
		{name: byConntrackEvents, missing: lacks("nft", "conntrack"), start: m.conntrackEvents},
	}
}

// hook is a place of a program, and what lets everything pass there.
type hook struct {
	kind   ebpf.ProgramType
	at     ebpf.AttachType
	to     string
	result int32
	attach func(*ebpf.Program) (link.Link, error)
}

// empty attaches a program that does nothing.
func (h *hook) empty() (link.Link, error) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bench_empty", Type: h.kind, AttachType: h.at, AttachTo: h.to, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, h.result), asm.Return()},
	})
	if err != nil {
		return nil, fmt.Errorf("load an empty program: %w", err)
	}
	defer p.Close() // the link has it
	l, err := h.attach(p)
	if err != nil {
		return nil, fmt.Errorf("attach an empty program: %w", err)
	}
	return l, nil
}

// hooks are where ctop has programs that a connection passes.
func (m *machine) hooks(index int, names bool) (all []hook) {
	for _, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		all = append(all, hook{kind: ebpf.SchedCLS, at: at, result: -1, attach: func(p *ebpf.Program) (link.Link, error) {
			return link.AttachTCX(link.TCXOptions{Interface: index, Program: p, Attach: at})
		}})
	}
	if !names {
		return all
	}
	for at, kind := range map[ebpf.AttachType]ebpf.ProgramType{
		ebpf.AttachCGroupInetSockCreate: ebpf.CGroupSock, ebpf.AttachCGroupInet4PostBind: ebpf.CGroupSock,
		ebpf.AttachCGroupInet4Connect: ebpf.CGroupSockAddr,
	} {
		all = append(all, hook{kind: kind, at: at, result: 1, attach: func(p *ebpf.Program) (link.Link, error) {
			return link.AttachCgroup(link.CgroupOptions{Path: m.cgroup, Attach: at, Program: p})
		}})
	}
	return append(all, hook{kind: ebpf.Tracing, at: ebpf.AttachTraceRawTp, to: "inet_sock_set_state", attach: func(p *ebpf.Program) (link.Link, error) {
		return link.AttachTracing(link.TracingOptions{Program: p})
	}})
}

// empty attaches programs that do nothing where those of ctop are.
func (m *machine) empty(names bool) (watching, error) {
	port, err := netlink.LinkByName(m.Client.Port())
	if err != nil {
		return watching{}, fmt.Errorf("find %s: %w", m.Client.Port(), err)
	}
	var links []link.Link
	w := nothing()
	w.stop = func() {
		for _, l := range links {
			_ = l.Close()
		}
	}
	for _, h := range m.hooks(port.Attrs().Index, names) {
		l, err := h.empty()
		if err != nil {
			w.stop()
			return watching{}, err
		}
		links = append(links, l)
	}
	return w, nil
}

// conntrackEvents is conntrack with somebody who reads its events, as text.
func (m *machine) conntrackEvents(ctx context.Context) (watching, error) {
	w, err := m.conntrack(ctx)
	if err != nil {
		return w, err
	}
	reader := exec.CommandContext(ctx, "conntrack", "-E", "-b", "8388608")
	if err := reader.Start(); err != nil {
		w.stop()
		return w, err
	}
	stop := w.stop
	w.spent = func() time.Duration { return spentBy(reader.Process.Pid) }
	w.stop = func() {
		_ = reader.Process.Kill()
		_ = reader.Wait()
		stop()
	}
	return w, nil
}
