package fleet

import (
	"encoding/json"
	"errors"
	"fmt"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

const (
	summaryVersion = 1
	// maxSummary bounds a summary, in bytes, and maxLines its lists.
	maxSummary = 32 << 10
	maxLines   = 10
)

// summary is the message.
type summary struct {
	V int `json:"v"`
	order.Summary
}

var errSummary = errors.New("summary of a host: a number is out of range")

// EncodeSummary returns the message.
func EncodeSummary(s order.Summary) ([]byte, error) {
	s.Worst, s.Warnings, s.Alerts = cut(s.Worst), lines(s.Warnings), lines(s.Alerts)
	text, err := json.Marshal(summary{summaryVersion, s})
	if err != nil {
		return nil, fmt.Errorf("encode a summary: %w", err)
	}
	return text, nil
}

// maxSentence is the longest sentence about a flow or a tracker, in cells.
const maxSentence = 240

func cut(s string) string { return format.Clean(format.Cut(s, maxSentence)) }

func lines(list []string) (few []string) {
	for _, s := range list[:min(len(list), maxLines)] {
		few = append(few, cut(s))
	}
	return few
}

// DecodeSummary reads what a host says of its flows.
func DecodeSummary(text []byte) (order.Summary, error) {
	var m summary
	if err := decode(text, maxSummary, &m); err != nil {
		return order.Summary{}, fmt.Errorf("summary of a host: %w", err)
	}
	s := &m.Summary
	if m.V != summaryVersion {
		return order.Summary{}, fmt.Errorf("summary of a host: %w", errVersion)
	}
	for _, list := range [][]int{s.ByState[:], s.Sick[:], s.ByTimeout[:], {s.Flows, s.MaxFlows, s.HalfOpen, s.OneSided, s.Pinned, s.TCP}} {
		for _, n := range list {
			if n < 0 || n > maxFlows {
				return order.Summary{}, errSummary
			}
		}
	}
	for _, d := range s.Timeouts {
		if d < 0 || d > flow.MaxTimeout {
			return order.Summary{}, errSummary
		}
	}
	if s.Uptime < 0 || s.PPS < 0 || s.PPS > maxAmount || s.BPS < 0 || s.BPS > maxAmount || !s.Counters.Below(maxAmount) || s.Policy > flow.PolicyEnforce {
		return order.Summary{}, errSummary
	}
	s.Worst, s.Warnings, s.Alerts = cut(s.Worst), lines(s.Warnings), lines(s.Alerts)
	return *s, nil
}
