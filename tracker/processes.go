package tracker

import (
	"context"
	"errors"
	"fmt"
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
	who, notes, err := t.beginWho()
	if err != nil {
		return []string{unnamed(err)}
	}
	if t.who = who; len(notes) > 0 {
		notes = []string{"fewer flows have a process: " + strings.Join(notes, "; ")}
	}
	if err := who.Files(ctx, func(*kernel.Held) {}); err != nil {
		notes = append(notes, fmt.Sprintf("flows of sockets that are older than ctop have no process: %v", err))
	}
	return notes
}

func (t *Tracker) beginWho() (*kernel.Who, []string, error) {
	cgroup := t.hold.Description().Cgroup
	if cgroup == "" {
		cgroup = process.CgroupRoot()
	}
	if cgroup == "" {
		return nil, nil, errNoCgroup
	}
	return t.objects.FindProcesses(cgroup, t.hold.Dir())
}

// unnamed says in one line why flows have no process.
func unnamed(err error) string {
	err = kernel.ExplainPermission("find the processes behind flows", err)
	return "flows have no process: " + strings.ReplaceAll(err.Error(), "\n", "; ")
}
