package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// makeNamespace creates a network namespace and binds it to /run/netns/NAME,
// like ip netns add. The file keeps the namespace, and removeNamespace removes
// it.
func makeNamespace(name string) (*os.File, error) {
	path := filepath.Join(netnsDir, name)
	// O_EXCL: an existing namespace of that name is foreign.
	mark, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return nil, fmt.Errorf("name namespace: %w", err)
	}
	_ = mark.Close() // nothing was written
	if err := bindNewNamespace(path); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	ns, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open namespace: %w", err), removeNamespace(name))
	}
	return ns, nil
}

// bindNewNamespace enters a new namespace on a thread that it discards.
func bindNewNamespace(path string) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("make network namespace: %w", err)
			return
		}
		err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
		if err != nil {
			err = fmt.Errorf("bind namespace to %s: %w", path, err)
		}
		result <- err
	}()
	return <-result
}

func removeNamespace(name string) error {
	path := filepath.Join(netnsDir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil &&
		!errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // not mounted, not there
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove namespace: %w", err)
	}
	return nil
}

// inNamespace runs f on a locked thread inside ns and moves the thread back. If
// that fails, the goroutine keeps the thread locked, so that no other goroutine
// ever runs on it.
func inNamespace(ns *os.File, f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own namespace: %w", err)
	}
	defer func() { _ = home.Close() }()
	if err := setns(ns); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", filepath.Base(ns.Name()), err)
	}
	defer func() {
		if back := setns(home); back != nil {
			err = errors.Join(err, fmt.Errorf("leave %s: %w", filepath.Base(ns.Name()), back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

func setns(ns *os.File) error {
	defer runtime.KeepAlive(ns)
	return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
}
