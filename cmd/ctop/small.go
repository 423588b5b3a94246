package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// largestSettings is the maximum size of a settings file, in bytes.
const largestSettings = 1 << 20

// readSmall reads a settings file. It refuses files that could block, such as a pipe,
// or have no end, such as a device.
func readSmall(name string) ([]byte, error) { return readUpTo(name, largestSettings) }

// readUpTo is [readSmall] with another maximum.
func readUpTo(name string, most int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: replace it with one", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s is longer than %d MiB, too long for settings: shorten it", name, most>>20)
	}
	return text, nil
}
