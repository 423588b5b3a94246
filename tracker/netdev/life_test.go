package netdev

import (
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// life is a tracker on the interfaces life1 and life2, with what it wrote down.
type life struct {
	t *testing.T
	*Attachments
	list points
}

// lives attaches as the tracker does, in a mode that the machine has.
func lives(t *testing.T, k *kernel.Objects, mode flow.Mode, watch, filter bool) *life {
	t.Helper()
	for _, name := range []string{"life1", "life2"} {
		plugIn(t, name)
	}
	found, prepare := Find, func(devices []*Device) error { return prepareAll(devices, mode) }
	if watch {
		found, prepare = FindWatched, PrepareWatched
	}
	devices, err := found("life1", "life2")
	must(t, err)
	var list points
	for _, s := range devices {
		if filter {
			s.UseFilter()
		}
	}
	must(t, prepare(devices))
	for _, s := range devices {
		must(t, s.Check(list.Occupied))
		p, err := s.Describe()
		must(t, err)
		list = append(list, p)
	}
	if !watch {
		list = Wire(list[0], list[1])
	}
	table, err := kernel.NewTable(k)
	must(t, err)
	dir, err := os.MkdirTemp("/sys/fs/bpf", "life")
	must(t, err)
	l := &life{t: t, list: list, Attachments: NewAttachments(k, table, list, dir, "")}
	_, err = l.ChangeSettings()
	must(t, err)
	must(t, l.Attach(devices))
	for i, p := range list {
		must(t, l.SetInterface(i, p.Index))
	}
	t.Cleanup(func() {
		links, errs := Unpin(dir)
		errs = append(errs, Detach(append(links, l.Links()...))...)
		l.Close()
		for _, err := range append(errs, os.Remove(dir)) {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return l
}

// plugIn makes one end of a cable, up.
func plugIn(t *testing.T, name string) netlink.Link {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, name[4]}}, PeerName: name + "b"}))
	l := named(t, name)
	t.Cleanup(func() {
		if l, err := netlink.LinkByIndex(l.Attrs().Index); err == nil {
			_ = netlink.LinkDel(l)
		}
	})
	must(t, netlink.LinkSetUp(l))
	must(t, netlink.LinkSetUp(named(t, name+"b")))
	return l
}

func named(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

// says has the tracker look after its interfaces, twice: the second time there is nothing
// to do. All of its points are attached then.
func (l *life) says(when string, want ...string) {
	l.t.Helper()
	for _, want := range [][]string{want, nil} {
		if done, err := l.Reattach(); err != nil || !slices.Equal(done, want) {
			l.t.Errorf("%s: %q, %v; want %q", when, done, err, want)
		}
	}
	for i, p := range l.registry.Points() {
		if _, attached, err := l.find(i); err != nil || !attached || !l.hasInterface(i, p.Index) {
			l.t.Errorf("%s: point %d of %s is attached: %t, %v; the programs have it: %t", when, i, p.Name, attached, err, l.hasInterface(i, p.Index))
		}
	}
}

// A tracker keeps its programs on its interfaces, whatever becomes of them.
func TestLifeOfAttachments(t *testing.T) {
	lab.Require(t)
	load := func(watch bool) *kernel.Objects {
		k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows, Watch: watch})
		must(t, err)
		t.Cleanup(k.Close)
		return k
	}
	programs := map[bool]*kernel.Objects{false: load(false), true: load(true)}
	for name, test := range map[string]struct {
		mode          flow.Mode
		watch, filter bool
	}{
		"native":           {mode: flow.ModeNative},
		"generic":          {mode: flow.ModeGeneric},
		"tc":               {mode: flow.ModeTC},
		"tc in a filter":   {mode: flow.ModeTC, filter: true},
		"watch":            {mode: flow.ModeTC, watch: true},
		"watch, by filter": {mode: flow.ModeTC, watch: true, filter: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := lives(t, programs[test.watch], test.mode, test.watch, test.filter)
			l.says("at first")
			must(t, l.Exchange(l.objects))
			l.says("with other programs")
			must(t, l.links[0].Detach())
			l.says("detached", "life1 had lost its program and is attached to again")

			first := named(t, "life1")
			must(t, netlink.LinkSetDown(first))
			must(t, netlink.LinkSetName(first, "life9"))
			must(t, netlink.LinkSetUp(first))
			l.says("renamed", "life1 was renamed to life9")

			must(t, netlink.LinkDel(first))
			l.Withhold()
			if l.hasInterface(0, first.Attrs().Index) {
				t.Error("packets are not withheld from an interface that is gone")
			}
			if done, err := l.Reattach(); err != nil || len(done) != 0 {
				t.Errorf("gone: %q, %v", done, err)
			}
			if l.hasInterface(0, first.Attrs().Index) {
				t.Error("the programs still have an interface that is gone")
			}
			plugIn(t, "life9")
			l.says("came back", "life9 came back and is attached to again")
		})
	}
}

// growing is a registry that follows interfaces.
type growing struct {
	points
	follow Follow
}

func (g *growing) Points() []Point { return g.points }
func (g *growing) AddPoints(points ...Point) error {
	g.points = append(g.points, points...)
	return nil
}
func (g *growing) Follow() *Follow { return &g.follow }

// An interface that comes is watched, too, and one that comes after another has left has
// the place of that.
func TestFollowComes(t *testing.T) {
	lab.Require(t)
	k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows, Watch: true})
	must(t, err)
	t.Cleanup(k.Close)
	for name, filter := range map[string]bool{"tcx": false, "filter": true} {
		t.Run(name, func(t *testing.T) {
			list, err := listLinks()
			must(t, err)
			all := &growing{follow: Follow{Except: []string{"*b"}}}
			for _, l := range list {
				all.follow.Except = append(all.follow.Except, l.Attrs().Name)
			}
			l := lives(t, k, flow.ModeTC, true, filter)
			all.points, l.registry, l.ReturnTime = l.list, all, time.Nanosecond
			follows := func(when string, points int, want ...string) {
				t.Helper()
				done, warnings, err := l.Follow(all.follow)
				if err != nil || len(warnings) != 0 || !slices.Equal(done, want) || len(all.points) != points {
					t.Errorf("%s: %q, %d points, %v, %v; want %q and %d", when, done, len(all.points), warnings, err, want, points)
				}
			}
			follows("nothing came", 4)
			third := plugIn(t, "life3")
			follows("one came", 6, "life3 came and is watched, too")
			follows("it is there", 6)
			l.says("one came")
			must(t, netlink.LinkDel(third))
			follows("it went", 6)
			follows("for long", 6)
			if !all.points[4].Left || !all.points[5].Left || all.points[0].Left {
				t.Errorf("who left: %+v", all.points)
			}
			plugIn(t, "life4")
			follows("another one came", 6, "life4 came and is watched, too")
			l.says("another one came")
			if p := all.points[5]; p.Name != "life4" || p.Left || p.Direction != Egress {
				t.Errorf("it has no place: %+v", p)
			}
			// Kernels without tcx hang in a filter what comes.
			of := watchedDevices(plugIn(t, "life5"))
			for _, s := range of {
				s.UseFilter()
			}
			must(t, l.appendPoints(of))
			l.says("one came into a filter")
		})
	}
}

// A program of others that comes to stand before the tracker's is said, until it goes.
func TestBehindOthers(t *testing.T) {
	lab.Require(t)
	k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows, Watch: true})
	must(t, err)
	t.Cleanup(k.Close)
	l := lives(t, k, flow.ModeTC, true, false)
	expect := func(sentences, behind []string) {
		t.Helper()
		var s flow.Snapshot
		l.Report(&s)
		var names []string
		for _, i := range s.Interfaces {
			if i.Behind != "" {
				names = append(names, i.Name+": "+i.Behind)
			}
		}
		if got := l.Behind(); !slices.Equal(got, sentences) || !slices.Equal(names, behind) || len(l.BehindNow()) != len(behind) {
			t.Errorf("%q, not %q; %q, not %q; %v", got, sentences, names, behind, l.BehindNow())
		}
	}
	expect(nil, nil)
	var others []link.Link
	stand := func(name, on string, at ebpf.AttachType, where link.Anchor) {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: name, Type: ebpf.SchedCLS, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.Return()},
		})
		must(t, err)
		defer p.Close()
		other, err := link.AttachTCX(link.TCXOptions{Interface: named(t, on).Attrs().Index, Program: p, Attach: at, Anchor: where})
		must(t, err)
		others = append(others, other)
	}
	stand("after", "life2", ebpf.AttachTCXIngress, link.Tail())
	expect(nil, nil)
	stand("other", "life2", ebpf.AttachTCXIngress, link.Head())
	stand("other", "life2", ebpf.AttachTCXEgress, link.Head())
	stand("another", "life2", ebpf.AttachTCXEgress, link.Head())
	expect([]string{"behind other, another on life2: what that takes or ends is not seen"}, []string{"life2: other, another"})
	for _, other := range others {
		must(t, other.Close())
	}
	expect(nil, nil)
}

// What ends with its interface needs no detaching.
func TestDetachGone(t *testing.T) {
	lab.Require(t)
	l := plugIn(t, "gone1")
	must(t, setClsact(l, true))
	in := filterLink{index: l.Attrs().Index, parent: netlink.HANDLE_MIN_INGRESS}
	must(t, netlink.LinkDel(l))
	if errs := Detach([]Attachment{nil, in}); len(errs) != 0 {
		t.Errorf("%q", errs)
	}
}
