package filter

import (
	"fmt"
	"strings"

	"ctop/tracker/flow"
)

// readState accepts prefixes of a state's name. So syn matches both states of a
// handshake, and a filter applied while it is typed is never wrong halfway.
func readState(value string) (term, error) {
	var wanted [256]bool
	found := false
	for _, s := range flow.States() {
		if value != "" && strings.HasPrefix(s.String(), strings.ToUpper(value)) {
			wanted[s], found = true, true
		}
	}
	switch {
	case found:
		return func(s subject) bool { return wanted[s.flow.State] && s.reason == flow.ReasonNone }, nil
	case asksForEnded(value):
		return func(s subject) bool { return s.reason != flow.ReasonNone }, nil
	}
	return nil, fmt.Errorf("no state begins with %q: use one of %s", value, strings.Join(stateNames(), ", "))
}

func readReason(value string) (term, error) {
	var wanted [256]bool
	found := false
	for _, r := range flow.Reasons() {
		if value != "" && strings.HasPrefix(r.String(), strings.ToLower(value)) {
			wanted[r], found = true, true
		}
	}
	if !found {
		return nil, fmt.Errorf("no flow ends for %q: use one of %s", value, strings.Join(reasonNames(), ", "))
	}
	return func(s subject) bool { return wanted[s.reason] }, nil
}

// asksForEnded reports whether a value of the state field is "ended" or a
// prefix of it.
func asksForEnded(value string) bool {
	for one := range strings.SplitSeq(strings.ToLower(value), ",") {
		if one != "" && strings.HasPrefix(ended, one) && !beginsState(one) {
			return true
		}
	}
	return false
}

func beginsState(value string) bool {
	for _, s := range flow.States() {
		if strings.HasPrefix(strings.ToLower(s.String()), value) {
			return true
		}
	}
	return false
}
