package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// initialPIDs is the inode of the initial PID namespace (include/linux/proc_ns.h).
const initialPIDs = 0xEFFFFFFC

// seesAll reports whether /proc has the processes of the whole machine under the PIDs
// by which the kernel knows them.
func seesAll() bool {
	target, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && target == fmt.Sprintf("pid:[%d]", uint32(initialPIDs))
}

// userHZ is the length of a clock tick in /proc, the same on all machines.
const userHZ = time.Second / 100

// start returns the time since boot at which a process began, in ticks of /proc.
func start(pid uint32) (ticks uint64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name is in parentheses, and may have some of its own.
	at := bytes.LastIndexByte(text, ')')
	fields := bytes.Fields(text[at+1:])
	const field = 22 - 3 // the third field comes after the name
	if at < 0 || len(fields) <= field {
		return 0, fmt.Errorf("read /proc/%d/stat: it has no start time", pid)
	}
	return strconv.ParseUint(string(fields[field]), 10, 64)
}

// lives reports whether a process is the one that was seen, and not one that got its
// PID since.
func lives(s *Seen) bool {
	ticks, err := start(s.PID)
	return err == nil && ticks == s.StartNs/uint64(userHZ)
}

// name returns the kernel's name of a process.
func name(pid uint32) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// maxCommand is how much of a command line is kept, in bytes.
const maxCommand = 512

// command returns the command line of a process, with spaces between its words.
func command(pid uint32) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	text := make([]byte, maxCommand)
	n, _ := f.Read(text)
	words := bytes.TrimRight(text[:n], "\x00")
	return strings.ToValidUTF8(string(bytes.ReplaceAll(words, []byte{0}, []byte{' '})), "\ufffd")
}

// groups returns the control groups of a process.
func groups(pid uint32) Group {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return Group{}
	}
	return ParseGroups(string(text))
}
