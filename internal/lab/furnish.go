package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	netnsDir    = "/run/netns"  // where ip(8) looks for named namespaces
	bpfDir      = "/sys/fs/bpf" // where everybody looks for pins
	mountSource = "ctop-lab"    // how Isolated recognises the mount on netnsDir
)

// furnish prepares the isolated child: private mounts, an empty /run/netns, an
// empty BPF file system, and the loopback interface up.
func furnish() error {
	// This comes first: from here on no mount may propagate to the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := mountNetnsDir(); err != nil {
		return err
	}
	if err := unix.Mount("bpf", bpfDir, "bpf", 0, "mode=700"); err != nil {
		return fmt.Errorf("mount a BPF file system on %s (does the kernel have BPF?): %w", bpfDir, err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

func mountNetnsDir() error {
	if _, err := os.Stat(netnsDir); errors.Is(err, fs.ErrNotExist) {
		if err := shadowRun(filepath.Dir(netnsDir)); err != nil {
			return err
		}
	}
	if err := unix.Mount(mountSource, netnsDir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", netnsDir, err)
	}
	return nil
}

// shadowRun covers run with a tmpfs that shows the old content and an empty
// netns directory. A mkdir in the real directory would remain on the host.
func shadowRun(run string) error {
	below, err := os.Open(run)
	if err != nil {
		return fmt.Errorf("open %s: %w", run, err)
	}
	defer func() { _ = below.Close() }()
	entries, err := below.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("list %s: %w", run, err)
	}
	if err := unix.Mount(mountSource+"-run", run, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", run, err)
	}
	for _, entry := range entries {
		// The descriptor still refers to the directory below the new mount.
		from := fmt.Sprintf("/proc/self/fd/%d/%s", below.Fd(), entry.Name())
		err := graft(entry, from, filepath.Join(run, entry.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may vanish meanwhile
			return fmt.Errorf("show %s in the lab: %w", entry.Name(), err)
		}
	}
	if err := os.Mkdir(netnsDir, 0o755); err != nil {
		return fmt.Errorf("make the lab's own directory: %w", err)
	}
	return nil
}

// graft makes the file, directory or symbolic link from appear at to.
func graft(entry fs.DirEntry, from, to string) error {
	switch {
	case entry.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case entry.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(to, nil, 0o600); err != nil {
			return err
		}
	}
	return unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
}
