package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// frameLine is an output line of go test -bench for the console's list of
// flows.
var frameLine = regexp.MustCompile(`(?m)^BenchmarkFrame/view1/(\d+)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// frames measures the cost of a key press in the console, with the console's
// own benchmark.
func frames(ctx context.Context, o Options) ([]Row, error) {
	if missing := lacks("go"); missing != "" {
		return []Row{{Name: frameName("1000000"), Missing: missing}}, nil
	}
	samples := map[string][]float64{}
	for range o.rounds(5, 2) {
		out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkFrame$/^view1$", "-benchtime", "200x", "./ui").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("run the console's benchmark: %w: %s", err, out)
		}
		for _, match := range frameLine.FindAllStringSubmatch(string(out), -1) {
			ns, err := strconv.ParseFloat(match[2], 64)
			if err != nil {
				return nil, fmt.Errorf("read the console's benchmark: %w", err)
			}
			samples[match[1]] = append(samples[match[1]], ns/1000)
		}
	}
	var rows []Row
	for _, flows := range []string{"1000", "1000000"} {
		row := Row{Name: frameName(flows), Unit: "µs", Samples: samples[flows]}
		row.summarise()
		rows = append(rows, row)
	}
	return rows, nil
}

func frameName(flows string) string { return "frame of the console, flows: " + flows }
