package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Report has the results of one run.
type Report struct {
	Date    time.Time `json:"date"`
	Command string    `json:"command"`
	Machine Machine   `json:"machine"`
	Parts   []Part    `json:"parts"`
	Ratios  []Ratio   `json:"ratios"`
}

// Machine is where it ran.
type Machine struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
}

// Part is one kind of measurement.
type Part struct {
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Took  float64 `json:"took_s"`
	Rows  []Row   `json:"rows"`
}

func thisMachine() Machine {
	m := Machine{CPUs: runtime.NumCPU(), CPU: "unknown"}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// measure runs the parts one after another and compares their rows.
func (r *Report) measure(ctx context.Context, o Options, progress *log.Logger) error {
	if err := o.check(); err != nil {
		return err
	}
	defer func() { r.Ratios = ratios(r.rows()) }()
	for _, p := range parts() {
		if !o.wants(p) {
			continue
		}
		started := time.Now()
		rows, err := p.measure(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		took := time.Since(started).Seconds()
		progress.Printf("%s: %.0f s", p.title, took)
		r.Parts = append(r.Parts, Part{Name: p.name, Title: p.title, Took: took, Rows: rows})
	}
	return nil
}

// rows returns every row by name.
func (r *Report) rows() map[string]Row {
	rows := map[string]Row{}
	for _, p := range r.Parts {
		for _, row := range p.Rows {
			rows[row.Name] = row
		}
	}
	return rows
}

// readReports reads outputs of writeJSON, joins them, and computes the ratios again. Of a
// part that several have, the last one counts.
func readReports(files []string) (*Report, error) {
	var all *Report
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the report: %w", err)
		}
		r := new(Report)
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("read the report %s: %w", file, err)
		}
		if all != nil {
			r.Parts = joined(all.Parts, r.Parts)
		}
		all = r
	}
	all.Ratios = ratios(all.rows())
	return all, nil
}

// joined returns the parts of two reports, in the order in which one run has them.
func joined(some, more []Part) (all []Part) {
	for _, name := range partNames() {
		named := func(p Part) bool { return p.Name == name }
		if i := slices.IndexFunc(more, named); i >= 0 {
			all = append(all, more[i])
		} else if i := slices.IndexFunc(some, named); i >= 0 {
			all = append(all, some[i])
		}
	}
	return all
}

// deliver prints the tables, and writes the named files.
func (r *Report) deliver(stdout io.Writer, jsonFile, document string) error {
	_, err := io.WriteString(stdout, r.text())
	errs := []error{err}
	if jsonFile != "" {
		errs = append(errs, r.writeJSON(jsonFile))
	}
	if document != "" {
		errs = append(errs, r.writeInto(document))
	}
	return errors.Join(errs...)
}

func (r *Report) writeJSON(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// text returns the tables for a terminal.
func (r *Report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  Linux %s  %d × %s\n", r.Command, r.Date.Format("2006-01-02 15:04"), r.Machine.Kernel, r.Machine.CPUs, r.Machine.CPU)
	for _, p := range r.Parts {
		fmt.Fprintf(&b, "\n%s\n%s", p.Title, rowsText(p.Rows))
	}
	b.WriteString("\nRatios of medians\n")
	for _, ratio := range r.Ratios {
		fmt.Fprintf(&b, "  %-70s %8s  %s %-6g %s\n", ratio.What, ratio.figure(), ratio.sign(), ratio.Bound, ratio.verdict())
	}
	return b.String()
}

func rowsText(rows []Row) string {
	var b strings.Builder
	for _, row := range rows {
		if row.Missing != "" {
			fmt.Fprintf(&b, "  %-50s left out: %s\n", row.Name, row.Missing)
			continue
		}
		fmt.Fprintf(&b, "  %-50s %10s %-8s %s … %s  %s\n", row.Name, figure(row.Median), row.Unit, figure(row.Low), figure(row.High), row.Note)
	}
	return b.String()
}

// figure formats a number with three significant digits, or all digits before
// the point.
func figure(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
