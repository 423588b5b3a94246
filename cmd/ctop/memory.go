package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"ctop/ui"
)

// memory is where the console's settings are kept from one time to the next.
// That they cannot be kept is said, and stops nobody.
type memory struct {
	env   env
	file  string
	saved ui.Settings
}

// remember reads what was chosen the last time.
func (e env) remember() *memory {
	m := &memory{env: e, file: filepath.Join(statePlace(e.getenv), "console.json")}
	text, err := os.ReadFile(m.file)
	if err == nil {
		err = json.Unmarshal(text, &m.saved)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.saved = ui.Settings{}
		e.note("the console begins as it comes: read its settings: %v: remove %s", err, m.file)
	}
	return m
}

// keep writes what is chosen now, where it is something else than what the
// console began with. What only a flag had said is not kept.
func (m *memory) keep(began, now ui.Settings) {
	if reflect.DeepEqual(began, now) {
		return
	}
	if now.Sort == began.Sort {
		now.Sort = m.saved.Sort
	}
	if now.Names == began.Names {
		now.Names = m.saved.Names
	}
	if now.Theme == began.Theme {
		now.Theme = m.saved.Theme
	}
	if err := m.write(now); err != nil {
		m.env.note("the console will not remember what was chosen: %v", err)
	}
}

// write replaces the file, or leaves it as it is.
func (m *memory) write(s ui.Settings) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(m.file), 0o700); err != nil {
		return err
	}
	temporary := m.file + ".new"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, m.file)
}
