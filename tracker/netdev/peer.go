package netdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// errPeerUnreachable means that the peer of a veth is in a network namespace
// that this process cannot enter.
var errPeerUnreachable = errors.New("its peer's network namespace cannot be reached " +
	"(one without a name, as a container's, takes CAP_SYS_PTRACE; \"ip netns attach NAME PID\" names it)")

// peer is the other end of a veth pair: its network namespace and its name
// there.
type peer struct {
	// netns is the path of the network namespace, empty for our own.
	netns string
	name  string
}

// findPeer returns the peer of a veth link.
func findPeer(link netlink.Link) (*peer, error) {
	attrs := link.Attrs()
	if attrs.NetNsID < 0 {
		other, err := netlink.LinkByIndex(attrs.ParentIndex)
		if err != nil {
			return nil, fmt.Errorf("find the peer of %s: %w", attrs.Name, err)
		}
		return &peer{name: other.Attrs().Name}, nil
	}
	for _, path := range namespacePaths() {
		p, err := peerIn(path, attrs.NetNsID, attrs.ParentIndex)
		if err == nil {
			return p, nil
		}
	}
	return nil, errPeerUnreachable
}

// NeedsPeerInProcess reports whether the mode changes a veth peer whose network
// namespace has no name, or may have none when the interface comes back. Such a
// namespace can be entered only through /proc of one of its processes.
func (p Point) NeedsPeerInProcess() bool {
	if p.Mode == flow.ModeTC {
		return false
	}
	l, err := p.Link()
	if err != nil {
		return true
	}
	if l.Type() != "veth" {
		return false
	}
	other, err := findPeer(l)
	return err != nil || strings.HasPrefix(other.netns, "/proc/")
}

// namespacePaths lists the paths of network namespaces: the named ones, and
// those of all processes and of this process's threads.
func namespacePaths() []string {
	var paths []string
	for _, pattern := range []string{"/run/netns/*", "/run/docker/netns/*", "/proc/self/task/*/ns/net", "/proc/[0-9]*/ns/net"} {
		found, err := filepath.Glob(pattern)
		if err == nil {
			paths = append(paths, found...)
		}
	}
	seen := map[uint64]bool{}
	return slices.DeleteFunc(paths, func(path string) bool {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil || seen[st.Ino] {
			return true
		}
		seen[st.Ino] = true
		return false
	})
}

// peerIn returns the link with the index in the namespace at path. It fails
// unless id is the nsid by which our namespace knows that one.
func peerIn(path string, id, index int) (*peer, error) {
	ns, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	known, err := netlink.GetNetNsIdByFd(int(ns.Fd()))
	if err != nil || known != id {
		return nil, errPeerUnreachable
	}
	p := &peer{netns: path}
	err = inNamespace(path, func() error {
		link, err := netlink.LinkByIndex(index)
		if err != nil {
			return err
		}
		p.name = link.Attrs().Name
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// inNamespace calls f on a separate thread inside the network namespace. The
// thread ends with f, so no other goroutine runs in that namespace.
func inNamespace(path string, f func() error) error {
	if path == "" {
		return f()
	}
	return onSpareThread(func() error {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%w: open it: %w", errPeerUnreachable, err)
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter namespace: %w", err)
		}
		return f()
	})
}

// onSpareThread calls f on a thread that ends with f. It never uses the main
// thread, whose namespaces other programs take for those of the process.
func onSpareThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- f() // never unlocked: the thread must not be reused
			return
		}
		defer runtime.UnlockOSThread()
		done <- onSpareThread(f) // this thread is taken meanwhile
	}()
	return <-done
}
