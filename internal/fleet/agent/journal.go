package agent

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/fleet"
)

// Journal is the audit of a host's acts in a file: each act's intent, before it is done,
// and its outcome. Both are on the disk before anything else happens. Its methods are safe
// for concurrent use.
type Journal struct {
	path string

	mu   sync.Mutex
	file *os.File
	// known has the last line of each act, order their ids by age.
	known map[string]fleet.Outcome
	order []string
	// refused counts the lines about refused acts since minute, omitted those without one.
	minute           time.Time
	refused, omitted int
	// torn is set while the file may end within a line.
	torn bool
	// size is that of the file, in bytes.
	size int64
}

const (
	// keptActs is how many acts are known again whose time is over. The others are known in
	// any number: they could be repeated.
	keptActs = 10_000
	// mostBytes is how long a journal gets before it begins again.
	mostBytes = 16 << 20
	// longestLine bounds a line of the journal, in bytes.
	longestLine = 64 << 10
	// refusedPerMinute is how many refused acts have a line. Whoever sends more must not
	// fill the disk.
	refusedPerMinute = 60
)

// OpenJournal opens the journal in a file, and completes acts in whose middle the process
// ended.
func OpenJournal(path, host string, now time.Time) (*Journal, error) {
	f, err := lock(path)
	if err != nil {
		return nil, err
	}
	j := &Journal{path: path, file: f, known: map[string]fleet.Outcome{}}
	if err := j.read(host, now); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// lock opens the file of a journal, which no other process has then.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal of the fleet's acts: %w", err)
	}
	held := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	mine, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	if held != nil || err1 != nil || err2 != nil || !os.SameFile(mine, there) {
		return nil, errors.Join(fmt.Errorf("open the journal of the fleet's acts: another ctop serve has %s: end that one, or name another file with --fleet-audit", path), f.Close())
	}
	return f, nil
}

// read takes the lines of the file. One that was cut by a crash is left out.
func (j *Journal) read(host string, now time.Time) error {
	lines := bufio.NewReaderSize(j.file, longestLine)
	for {
		line, err := lines.ReadSlice('\n')
		var o fleet.Outcome
		if json.Unmarshal(line, &o) == nil && o.ID != "" && o.Host == host {
			j.remember(o)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) { // a longer line is none of ours
			return fmt.Errorf("read the journal of the fleet's acts: %w", err)
		}
	}
	if _, err := j.file.Write([]byte("\n")); err != nil { // ends a line that was cut
		return fmt.Errorf("write the journal of the fleet's acts: %w", err)
	}
	info, err := j.file.Stat()
	if err != nil {
		return fmt.Errorf("read the journal of the fleet's acts: %w", err)
	}
	j.size = info.Size()
	for _, id := range j.order {
		if o := j.known[id]; o.State == fleet.Intended {
			o.Time, o.State, o.Error = now, fleet.Unknown, "the host ended in the middle of it"
			if err := j.write(o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *Journal) remember(o fleet.Outcome) {
	if _, again := j.known[o.ID]; !again {
		j.order = append(j.order, o.ID)
	}
	j.known[o.ID] = o
	for len(j.order) > keptActs && over(j.known[j.order[0]], o.Time) {
		delete(j.known, j.order[0])
		j.order = j.order[1:]
	}
}

// Known returns the last line about an act.
func (j *Journal) Known(id string) (fleet.Outcome, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	o, ok := j.known[id]
	return o, ok
}

// Remember keeps the outcome of an act that could not be written, for repeats of it.
func (j *Journal) Remember(o fleet.Outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.remember(o)
}

// Write adds a line about an act that an operator has signed.
func (j *Journal) Write(o fleet.Outcome) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(o)
}

func (j *Journal) write(o fleet.Outcome) error {
	if err := j.line(o); err != nil {
		return err
	}
	j.remember(o)
	return nil
}

// Refuse adds a line about an act that is nobody's, or repeats another one's id: it is not
// known again. There are so many of these in a minute, and no more.
func (j *Journal) Refuse(o fleet.Outcome) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if o.Time.Sub(j.minute) >= time.Minute {
		j.minute, j.refused = o.Time, 0
	}
	if j.refused++; j.refused > refusedPerMinute {
		j.omitted++
		return nil
	}
	o.Omitted, j.omitted = j.omitted, 0
	return j.line(o)
}

func (j *Journal) line(o fleet.Outcome) error {
	if j.size > mostBytes {
		if err := j.beginAgain(o.Time); err != nil && (j.size == 0 || j.size > 2*mostBytes) {
			return fmt.Errorf("begin the journal of the fleet's acts again: %w", err)
		}
	}
	return j.append(o)
}

// append adds a line, which is then on the disk.
func (j *Journal) append(o fleet.Outcome) error {
	text, err := json.Marshal(o)
	if err == nil && j.torn { // what was written of the line before ends here
		text = append([]byte{'\n'}, text...)
	}
	if err == nil {
		var n int
		n, err = j.file.Write(append(text, '\n'))
		j.torn, j.size = err != nil, j.size+int64(n)
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal of the fleet's acts: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
