package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// Inventory lists what exists at one instant and could outlive a careless test:
// one line for each link, named namespace, pin, child process and descriptor.
type Inventory struct {
	items []string
}

// TakeInventory returns the current inventory of the process.
func TakeInventory() (Inventory, error) {
	if err := wakePoller(); err != nil {
		return Inventory{}, err
	}
	var all Inventory
	for _, list := range []func() ([]string, error){
		listLinks, listNamespaces, listPins, listProcesses, listDescriptors,
	} {
		items, err := list()
		if err != nil {
			return Inventory{}, fmt.Errorf("take inventory: %w", err)
		}
		all.items = append(all.items, items...)
	}
	return all, nil
}

// Leaks returns what exists now and is not in i.
func (i Inventory) Leaks() ([]string, error) {
	now, err := TakeInventory()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(now.items, func(item string) bool {
		return slices.Contains(i.items, item)
	}), nil
}

// WaitNoLeaks waits until everything that exists is in i. After the timeout it
// returns an error that lists the leaks.
func (i Inventory) WaitNoLeaks(timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		leaks, err := i.Leaks()
		if err != nil || len(leaks) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("still there after %s:\n\t%s", timeout, strings.Join(leaks, "\n\t"))
		}
	}
}

// wakePoller makes the runtime open the descriptors of its network poller,
// which it keeps open.
func wakePoller() error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open pipe: %w", err)
	}
	return errors.Join(r.Close(), w.Close())
}

func listLinks() (items []string, err error) {
	links, err := netlink.LinkList()
	for errors.Is(err, netlink.ErrDumpInterrupted) { // one came or went meanwhile
		links, err = netlink.LinkList()
	}
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	for _, link := range links {
		attrs := link.Attrs()
		items = append(items, fmt.Sprintf("link %d: %s (%s)", attrs.Index, attrs.Name, link.Type()))
		if attrs.Xdp != nil && attrs.Xdp.Attached {
			items = append(items, fmt.Sprintf("XDP program %d on %s", attrs.Xdp.ProgId, attrs.Name))
		}
	}
	return items, nil
}

func listNamespaces() (items []string, err error) {
	entries, err := os.ReadDir(netnsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	for _, entry := range entries {
		items = append(items, "namespace "+filepath.Join(netnsDir, entry.Name()))
	}
	return items, nil
}

func listPins() (items []string, err error) {
	err = filepath.WalkDir(bpfDir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && path != bpfDir {
			items = append(items, "pin "+path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // vanished meanwhile
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list pins: %w", err)
	}
	return items, nil
}

func listProcesses() (items []string, err error) {
	pids, err := children()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // ended meanwhile: no name
		items = append(items, fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(comm))))
	}
	return items, nil
}

// listDescriptors excludes the directory descriptor that it uses itself: that
// is closed again, so its link can no longer be read.
func listDescriptors() (items []string, err error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list descriptors: %w", err)
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err == nil {
			items = append(items, fmt.Sprintf("descriptor %s: %s", entry.Name(), target))
		}
	}
	return items, nil
}

// children returns the child processes of this process.
func children() (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && parent(pid) == os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// parent returns the parent's pid, 0 for a process that has ended.
// (/proc/PID/task/TID/children would be shorter, but many kernels are built
// without that option.)
func parent(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// PID (NAME) STATE PPID ...: the name may contain spaces and parentheses.
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return ppid
}
