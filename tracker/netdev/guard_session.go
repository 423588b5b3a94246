package netdev

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sshSession is the TCP connection of the operator's SSH login. Unknown
// addresses are the zero netip.Addr.
type sshSession struct{ local, remote netip.Addr }

// findSession returns the SSH session of this process. It returns nil if there
// is none or if it is in another network namespace. connection is the variable
// SSH_CONNECTION.
func findSession(connection string) *sshSession {
	return processes{root: "/proc", self: os.Getpid()}.session(connection)
}

// parseConnection parses SSH_CONNECTION: client address and port, server
// address and port (ssh(1)).
func parseConnection(text string) *sshSession {
	fields := strings.Fields(text)
	if len(fields) != 4 {
		return nil
	}
	remote, err := netip.ParseAddr(fields[0])
	if err != nil {
		return nil
	}
	local, err := netip.ParseAddr(fields[2])
	if err != nil {
		return nil
	}
	return &sshSession{local: local.Unmap(), remote: remote.Unmap()}
}

// processes reads the process tree from a file system in the format of /proc.
type processes struct {
	root string
	self int
}

// mostParents bounds the walk up the process tree.
const mostParents = 100

func (p processes) session(connection string) *sshSession {
	pid := p.self
	for range mostParents {
		name, parent, err := p.process(pid)
		if err != nil || parent <= 0 {
			break
		}
		if pid != p.self && isSSHServer(name) {
			if !p.sameNetwork(pid) {
				return nil
			}
			if s := p.connectionOf(pid); s != nil {
				return s
			}
		}
		pid = parent
	}
	return parseConnection(connection)
}

// isSSHServer reports whether a process name is that of an SSH server: OpenSSH,
// which has several names since version 9.8, or Dropbear.
func isSSHServer(name string) bool {
	return name == "sshd" || strings.HasPrefix(name, "sshd-") || name == "dropbear"
}

// process returns the name and parent of a process.
func (p processes) process(pid int) (name string, parent int, err error) {
	text, err := os.ReadFile(p.path(pid, "status"))
	if err != nil {
		return "", 0, err
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); key {
		case "Name":
			name = value
		case "PPid":
			parent, err = strconv.Atoi(value)
			return name, parent, err
		}
	}
	return "", 0, fmt.Errorf("process %d has no parent", pid)
}

func (p processes) path(pid int, name string) string {
	return filepath.Join(p.root, strconv.Itoa(pid), name)
}

// sameNetwork reports whether a process is in our network namespace. It returns
// true if that cannot be read.
func (p processes) sameNetwork(pid int) bool {
	theirs, err := os.Readlink(p.path(pid, "ns/net"))
	if err != nil {
		return true
	}
	ours, err := os.Readlink(p.path(p.self, "ns/net"))
	return err != nil || ours == theirs
}

// connectionOf returns an open connection of a process. It returns nil if the
// process has none or its descriptors cannot be read.
func (p processes) connectionOf(pid int) *sshSession {
	entries, err := os.ReadDir(p.path(pid, "fd"))
	if err != nil {
		return nil
	}
	var sockets []string
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(p.path(pid, "fd"), e.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			sockets = append(sockets, strings.TrimSuffix(inode, "]"))
		}
	}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		if s := establishedIn(p.path(pid, table), sockets); s != nil {
			return s
		}
	}
	return nil
}

// Columns of /proc/net/tcp (Documentation/networking/proc_net_tcp.rst).
const (
	tcpLocal       = 1
	tcpRemote      = 2
	tcpState       = 3
	tcpInode       = 9
	tcpEstablished = "01"
)

// establishedIn returns the first established connection of a table like
// /proc/net/tcp whose inode is one of the sockets.
func establishedIn(table string, sockets []string) *sshSession {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) <= tcpInode || fields[tcpState] != tcpEstablished || !slices.Contains(sockets, fields[tcpInode]) {
			continue
		}
		local, ok := procAddr(fields[tcpLocal])
		remote, also := procAddr(fields[tcpRemote])
		if ok && also {
			return &sshSession{local: local, remote: remote}
		}
	}
	return nil
}

// procAddr parses the address of ADDRESS:PORT. Its 32-bit words are in host
// byte order.
func procAddr(text string) (netip.Addr, bool) {
	digits, _, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(digits)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	return addr.Unmap(), ok
}
