package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"golang.org/x/sys/unix"

	"ctop/internal/file"
	"ctop/ui"
)

// memory is the file of the console's settings. If it cannot be written, the console
// says so and goes on.
type memory struct {
	env   env
	file  string
	saved ui.Settings
}

// remember reads the settings of the previous time.
func (e env) remember() *memory {
	m := &memory{env: e, file: filepath.Join(statePlace(e.getenv), "console.json")}
	text, err := readSmall(m.file)
	if err == nil {
		err = json.Unmarshal(text, &m.saved)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.saved = ui.Settings{}
		e.note("the console starts with the defaults: read its settings: %v: remove %s", err, m.file)
	}
	return m
}

// keep saves every setting that the operator changed. Another console may have saved
// others meanwhile, and values of flags are not saved.
func (m *memory) keep(began, now ui.Settings) {
	if reflect.DeepEqual(began, now) {
		return
	}
	if err := m.write(began, now); err != nil {
		m.env.note("the console will not save its settings: %v", err)
	}
}

// merge copies into saved what changed from began to now.
func merge(saved *ui.Settings, began, now ui.Settings) {
	to, from, before := reflect.ValueOf(saved).Elem(), reflect.ValueOf(now), reflect.ValueOf(began)
	for i := range to.NumField() {
		if to.Field(i).Kind() == reflect.Map {
			mergeMap(to.Field(i), before.Field(i), from.Field(i))
			continue
		}
		if !reflect.DeepEqual(from.Field(i).Interface(), before.Field(i).Interface()) {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// mergeMap copies into saved the elements that changed, came or went.
func mergeMap(saved, began, now reflect.Value) {
	if saved.IsNil() {
		saved.Set(reflect.MakeMap(saved.Type()))
	}
	for _, key := range append(began.MapKeys(), now.MapKeys()...) {
		was, is := began.MapIndex(key), now.MapIndex(key)
		if was.IsValid() != is.IsValid() || is.IsValid() && !reflect.DeepEqual(was.Interface(), is.Interface()) {
			saved.SetMapIndex(key, is) // an element that is not there goes
		}
	}
}

// write replaces the file completely or not at all. Of two consoles, one waits for
// the other.
func (m *memory) write(began, now ui.Settings) error {
	dir := filepath.Dir(m.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // and with it the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	saved := m.saved
	if text, err := readSmall(m.file); err == nil {
		var other ui.Settings
		if json.Unmarshal(text, &other) == nil {
			saved = other
		}
	}
	merge(&saved, began, now)
	text, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	return file.ReplaceLater(m.file, append(text, '\n'))
}
