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
	// Act is delete, timeout or flow_timeout.
	Act string `json:"act"`
	// What is what it was done to, as many of them as fit.
	What []string `json:"what"`
	// Count is how many flows or settings it was asked for, Done how many
	// of them were changed.
	Count int `json:"count"`
	Done  int `json:"done"`
	// Error is why it failed or was refused.
	Error string `json:"error,omitempty"`
	// Omitted is how many acts of this key were refused before this one and are
	// not in the log, which has so many of them a minute and no more.
	Omitted int `json:"omitted,omitempty"`
}

// Audit writes acts to a file, a JSON object on each line, and to the system's
// log where there is one. Its methods may be called from any goroutine.
type Audit struct {
	path string

	mu     sync.Mutex
	system chan string
	done   chan struct{}
}

const (
	// systemBacklog is how many lines may wait for a system log that is slow.
	// The file has them all.
	systemBacklog = 256
	// systemLog is the socket of syslog, which journald serves as well.
	systemLog = "/dev/log"
)

// OpenAudit makes sure that the file can be written, and finds the system's
// log.
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

// feedSystem keeps a slow log away from those who act.
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

// open opens the file anew for every line, so that it may be rotated away. It
// follows no link and waits for no reader of a pipe: whoever may write to the
// directory could lead the lines elsewhere.
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

// auditRoom is more than an act takes, in bytes.
const auditRoom = 4096

// Check says whether an act could be written down now: it sets room aside,
// where the file system can.
func (a *Audit) Check() error {
	f, err := a.open()
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), auditRoom)
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
			err = nil // it cannot, or there is room
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

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

// Close waits until the system's log has what it was sent. Nothing may be
// written any more.
func (a *Audit) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.system)
	<-a.done
}
