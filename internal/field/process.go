package field

import (
	"strconv"
	"strings"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// ofProcess returns the value of a text of the process that has a flow, empty without
// one.
func ofProcess(value func(p *flow.Process) string) func(*flow.Flow, *Names) string {
	return func(f *flow.Flow, _ *Names) string {
		if p := f.Holding.Owner(); p != nil {
			return value(p)
		}
		return ""
	}
}

var (
	processName      = ofProcess(func(p *flow.Process) string { return p.Name })
	processUser      = ofProcess(func(p *flow.Process) string { return p.User })
	processUnit      = ofProcess(func(p *flow.Process) string { return p.Unit })
	processContainer = ofProcess(func(p *flow.Process) string { return p.Container })
	processPod       = ofProcess(func(p *flow.Process) string { return p.Pod })
)

func hasProcess(f *flow.Flow) bool { return f.Holding.Owner() != nil }

func processID(f *flow.Flow) (Number, bool) {
	p := f.Holding.Owner()
	if p == nil {
		return 0, false
	}
	return Number(p.PID), true
}

func cellProcess(b []byte, f *flow.Flow) []byte {
	if p := f.Holding.Owner(); p != nil {
		return append(b, strings.ReplaceAll(format.Clean(p.Name), " ", "_")...)
	}
	return append(b, '-')
}

func showPID(f *flow.Flow, _ View) string {
	if n, known := processID(f); known {
		return strconv.FormatUint(uint64(n), 10)
	}
	return "-"
}

func appendProcessEnd(b []byte, f *flow.Flow) []byte { return append(b, f.Holding.End.String()...) }

// orderProcess orders flows by the first eight letters of the process, then by its PID.
func orderProcess(f *flow.Flow) Rank {
	p := f.Holding.Owner()
	if p == nil {
		return Rank{Hi: 1<<64 - 1}
	}
	return Rank{Hi: textRank(p.Name), Sub: p.PID}
}

// textRank returns the first eight bytes of a text as a number.
func textRank(s string) (rank uint64) {
	for i := range 8 {
		rank <<= 8
		if i < len(s) {
			rank |= uint64(s[i])
		}
	}
	return rank
}
