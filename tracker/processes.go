package tracker

import (
	"context"
	"errors"
	"strings"

	"ctop/tracker/kernel"
	"ctop/tracker/process"
)

// errNoCgroup means that no control groups of version 2 are mounted.
var errNoCgroup = errors.New("the control groups of version 2 are not mounted: mount -t cgroup2 none /sys/fs/cgroup/unified")

// findProcesses begins to look for the processes behind flows, where the tracker does.
// Without them everything else works, so an error is a note.
func (t *Tracker) findProcesses(ctx context.Context) []string {
	if !t.objects.NamesProcesses() || !t.hold.Owned() || t.who != nil {
		return nil
	}
	cgroup := cgroupOr(t.hold.Description().Cgroup)
	if cgroup == "" {
		return []string{unnamed(errNoCgroup)}
	}
	who, notes, err := t.objects.FindProcesses(ctx, cgroup, t.hold.Dir())
	if err != nil {
		return []string{unnamed(err)}
	}
	t.who = who
	return notes
}

// cgroupOr returns a control group, that of the whole machine if it is empty. Without any
// it is empty.
func cgroupOr(cgroup string) string {
	if cgroup == "" {
		cgroup = process.CgroupRoot()
	}
	return cgroup
}

// unnamed says in one line why flows have no process.
func unnamed(err error) string {
	err = kernel.ExplainPermission("find the processes behind flows", err)
	return "flows have no process: " + strings.ReplaceAll(err.Error(), "\n", "; ")
}
