package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// asks reports whether somebody can answer a question.
func (e env) asks() bool { return e.terminal || isTerminal(e.stdin) }

// confirm asks on stderr and reads the answer from stdin. Anything but y or yes is
// no.
func (e env) confirm(ctx context.Context, question string) (bool, error) {
	if _, err := io.WriteString(e.stderr, question); err != nil {
		return false, fmt.Errorf("ask: %w", err)
	}
	answer := make(chan string, 1)
	go func() { // without an answer it ends with the process
		line, _ := bufio.NewReader(e.stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		_, _ = io.WriteString(e.stderr, "\n")
		return false, nil
	case line := <-answer:
		return line == "y" || line == "yes", nil
	}
}
