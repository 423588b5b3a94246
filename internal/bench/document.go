package main

import (
	"fmt"
	"os"
	"strings"
)

// This program writes the text between these lines of a document.
const (
	beginMark = "<!-- begin: make bench -->\n"
	endMark   = "<!-- end: make bench -->\n"
)

// writeInto replaces the tables in the document.
func (r *Report) writeInto(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	before, rest, begins := strings.Cut(string(b), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return fmt.Errorf("write into %s: it has no lines %q and %q", file, strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	text := before + beginMark + "\n" + r.markdown() + "\n" + endMark + after
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// markdown returns the tables as Markdown.
func (r *Report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s`, %s, Linux %s, %d × %s.\n", r.Command, r.Date.Format("2006-01-02 15:04 MST"), r.Machine.Kernel, r.Machine.CPUs, r.Machine.CPU)
	b.WriteString("\n### Ratios\n\n| what | ratio | bound | |\n|---|---|---|---|\n")
	for _, ratio := range r.Ratios {
		fmt.Fprintf(&b, "| %s | %s | %s %g | %s |\n", ratio.What, ratio.figure(), ratio.sign(), ratio.Bound, ratio.verdict())
	}
	for _, p := range r.Parts {
		fmt.Fprintf(&b, "\n### %s\n\n| | median | quartiles | |\n|---|---|---|---|\n", p.Title)
		for _, row := range p.Rows {
			if row.Missing != "" {
				fmt.Fprintf(&b, "| %s | | | left out: %s |\n", row.Name, row.Missing)
				continue
			}
			fmt.Fprintf(&b, "| %s | %s %s | %s … %s | %s |\n", row.Name, figure(row.Median), row.Unit, figure(row.Low), figure(row.High), row.Note)
		}
	}
	return b.String()
}
