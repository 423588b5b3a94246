package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/syslog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Entry is one line of the audit log.
type Entry struct {
	Time        time.Time `json:"time"`
	Role        string    `json:"role"`
	Fingerprint string    `json:"fingerprint"`
	Comment     string    `json:"comment"`
	Address     string    `json:"address"`
	// Act is delete, reset, timeout, flow_timeout, capture or capture_end.
	Act string `json:"act"`
	// What names the flows or timeouts that the act is about, up to 100 of them.
	What []string `json:"what"`
	// Count is the number of flows or timeouts that the act is about, Done the number
	// of those that it changed.
	Count int `json:"count"`
	Done  int `json:"done"`
	// Fleet is set if it was done to hosts of the fleet, by the server's credentials.
	Fleet bool `json:"fleet,omitempty"`
	// Error is why the act failed or was refused.
	Error string `json:"error,omitempty"`
	// Omitted counts the refused acts of this key since its previous line. The log
	// has a limited number of lines per key and minute.
	Omitted int `json:"omitted,omitempty"`
}

// Audit writes acts to a file as JSON lines, and to the system's log if there is one.
// Its methods may be called from any goroutine.
type Audit struct {
	path string

	mu     sync.Mutex
	system chan string
	done   chan struct{}
}

const (
	// systemBacklog is how many lines may wait for a slow system log. Further lines
	// go to the file only.
	systemBacklog = 256
	// systemLog is the socket of syslog and journald.
	systemLog = "/dev/log"
)

// OpenAudit opens an audit log. It returns an error if the file cannot be written.
func OpenAudit(path string) (*Audit, error) {
	a := &Audit{path: path, done: make(chan struct{})}
	if err := a.Check(); err != nil {
		return nil, err
	}
	a.system = make(chan string, systemBacklog)
	go a.feedSystem(dialSystem())
	return a, nil
}

func dialSystem() *syslog.Writer {
	if _, err := os.Stat(systemLog); err != nil {
		return nil
	}
	w, err := syslog.New(syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "ctop")
	if err != nil {
		return nil
	}
	return w
}

// feedSystem passes lines to the system's log, so that nobody who acts waits for it.
func (a *Audit) feedSystem(w *syslog.Writer) {
	defer close(a.done)
	for line := range a.system {
		if w != nil {
			_ = w.Notice(line) // the file has it
		}
	}
	if w != nil {
		_ = w.Close()
	}
}

// open opens the file for one line, so that the file may be rotated. It follows no
// symbolic link and does not wait for the reader of a pipe: otherwise whoever may
// write to the directory could redirect the lines.
func (a *Audit) open() (*os.File, error) {
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("write the audit log: %s is a symbolic link: name the file itself", a.path)
	case errors.Is(err, unix.ENXIO):
		return nil, a.irregular()
	case err != nil:
		return nil, fmt.Errorf("write the audit log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = a.irregular()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (a *Audit) irregular() error {
	return fmt.Errorf("write the audit log: %s is not a regular file: name another one", a.path)
}

// auditRoom is more than a line takes, in bytes.
const auditRoom = 4096

// Check returns an error if no line could be written now. It reserves room for one,
// if the file system supports that.
func (a *Audit) Check() error {
	f, err := a.open()
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), auditRoom)
		if !isFull(err) {
			err = nil // it cannot, or there is room
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// isFull reports whether an error says that a file system has no room.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// Write adds a line.
func (a *Audit) Write(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case a.system <- string(line):
	default:
	}
	f, err := a.open()
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// Close waits until the system's log has all lines. Write must not be called
// afterwards.
func (a *Audit) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.system)
	<-a.done
}
