package console

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// bench is an actor that does what it is told.
type bench struct {
	err  error
	acts int
	by   flow.Requester
}

func (b *bench) Act(_ context.Context, act flow.Act) (flow.Outcome, error) {
	b.acts++
	b.by = act.By
	return flow.Outcome{Done: len(act.Flows)}, b.err
}

func TestLocalIsWrittenDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	audit, err := OpenAudit(file)
	if err != nil {
		t.Fatal(err)
	}
	defer audit.Close()
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	source := &bench{}
	l := NewLocal(source, audit, "ann as root", func() time.Time { return at })
	if _, err := l.Act(t.Context(), flow.Deletion(make([]flow.Ref, 2)...)); err != nil {
		t.Fatal(err)
	}
	source.err = errors.New("no such thing")
	if _, err := l.Act(t.Context(), flow.TimeoutChange(flow.ICMP, time.Minute)); !errors.Is(err, source.err) {
		t.Error(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var acts [2]Entry
	for i := range acts {
		if err := json.Unmarshal([]byte(lines[i]), &acts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if a := acts[0]; a.Act != "delete" || a.Count != 2 || a.Done != 2 || a.Comment != "ann as root" || a.Role != "operator" || a.Address != "local" || !a.Time.Equal(at) {
		t.Errorf("%+v", a)
	}
	if a := acts[1]; a.Act != "timeout" || a.Done != 0 || a.Error != "no such thing" {
		t.Errorf("%+v", a)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if want := (flow.Requester{Role: "operator", Name: "ann as root", Address: "local"}); source.by != want {
		t.Errorf("asked for by %+v", source.by)
	}
	if notices, next := l.Notices(0); len(notices) != 1 || next != 1 || notices[0].Text != "you deleted 2 flows" {
		t.Errorf("%+v", notices)
	}
}

// Where an act cannot be written down it is not done.
func TestLocalRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	audit, err := OpenAudit(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	source := &bench{}
	if _, err := NewLocal(source, audit, "", time.Now).Act(t.Context(), flow.Deletion(flow.Ref{})); err == nil || !strings.HasPrefix(err.Error(), "refused: ") || source.acts != 0 {
		t.Errorf("%v, %d acts", err, source.acts)
	}
	if _, err := NewLocal(source, nil, "", time.Now).Act(t.Context(), flow.Deletion(flow.Ref{})); err != nil || source.acts != 1 {
		t.Errorf("%v, %d acts", err, source.acts)
	}
}

// The audit log is a file that only its owner reads and writes.
func TestAuditFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit")
	a := &Audit{path: name}
	f, err := a.open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if info, err := f.Stat(); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	before := a.Check()
	info, err := os.Stat(name)
	if before != nil || err != nil || info.Size() != 0 {
		t.Errorf("%v, %v, %d bytes", before, err, info.Size())
	}
}

func TestIsFull(t *testing.T) {
	for err, want := range map[error]bool{
		unix.ENOSPC: true, unix.EDQUOT: true, unix.EOPNOTSUPP: false, nil: false,
	} {
		if isFull(err) != want {
			t.Errorf("%v: full %t", err, !want)
		}
	}
}
