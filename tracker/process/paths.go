package process

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// paths are the control groups of version 2 by their IDs, for processes that ended
// before anybody could ask which one they were in.
type paths struct {
	groups map[uint64]Group
	read   time.Time
}

const (
	// pathsEvery is the least time between two readings of the hierarchy.
	pathsEvery = 10 * time.Second
	// maxPaths bounds the groups that are read.
	maxPaths = 1 << 14
)

// named returns what the control group with an ID is called.
func (p *paths) named(id uint64, now time.Time) Group {
	if g, ok := p.groups[id]; ok || now.Sub(p.read) < pathsEvery {
		return g
	}
	p.read = now
	p.groups = map[uint64]Group{}
	root := CgroupRoot()
	if root == "" {
		return Group{}
	}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // a group may go at any moment
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && len(p.groups) < maxPaths {
			p.groups[st.Ino] = ParsePath(strings.TrimPrefix(path, root))
		}
		return nil
	})
	return p.groups[id]
}

// CgroupRoot returns where the hierarchy of version 2 is mounted, empty if it is not:
// at /sys/fs/cgroup, or beside those of version 1.
func CgroupRoot() string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return cgroupMount(string(text))
}

// cgroupMount returns the mount point of the whole hierarchy in the text of mountinfo
// (proc_pid_mountinfo(5)).
func cgroupMount(text string) string {
	for line := range strings.Lines(text) {
		mount, kind, ok := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if !ok || len(fields) < 5 || !strings.HasPrefix(kind, "cgroup2 ") || fields[3] != "/" {
			continue
		}
		return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
	}
	return ""
}
