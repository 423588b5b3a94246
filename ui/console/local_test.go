package console

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// bench is a source that does what it is told.
type bench struct {
	err  error
	acts int
}

func (*bench) Snapshot() *flow.Snapshot             { return nil }
func (*bench) Events(uint64) ([]flow.Event, uint64) { return nil, 0 }

func (b *bench) Delete(refs ...flow.Ref) (flow.DeleteResult, error) {
	b.acts++
	return flow.DeleteResult{Deleted: len(refs)}, b.err
}

func (b *bench) SetTimeout(flow.TimeoutName, time.Duration) error { b.acts++; return b.err }

func (b *bench) SetFlowTimeout(flow.Ref, time.Duration) error { b.acts++; return b.err }

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
	if _, err := l.Delete(make([]flow.Ref, 2)...); err != nil {
		t.Fatal(err)
	}
	source.err = errors.New("no such thing")
	if err := l.SetTimeout(flow.ICMP, time.Minute); !errors.Is(err, source.err) {
		t.Error(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var acts [2]Act
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
	if _, err := NewLocal(source, audit, "", time.Now).Delete(flow.Ref{}); err == nil || !strings.HasPrefix(err.Error(), "refused: ") || source.acts != 0 {
		t.Errorf("%v, %d acts", err, source.acts)
	}
	if _, err := NewLocal(source, nil, "", time.Now).Delete(flow.Ref{}); err != nil || source.acts != 1 {
		t.Errorf("%v, %d acts", err, source.acts)
	}
}
