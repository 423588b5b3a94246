package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// The limits of what is asked and answered.
const (
	// MaxTop is the largest number of rows of a top.
	MaxTop = 50
	// MaxInterfaces is how many interfaces are described.
	MaxInterfaces = 64
	// MaxPage is the largest number of bytes of an answer.
	MaxPage = 256 << 10
	// Lease is how long a host publishes after it has heard of a watch.
	Lease = 5 * time.Second

	questionVersion = 1
	maxQuestion     = 16 << 10
	maxFilter       = 4 << 10
	maxFrom         = 32
	maxHead         = 48 << 10
)

// View says which flows are wanted: filter and order as they are written everywhere, and
// how many of the first, 0 for all.
type View struct {
	Filter string `json:"filter,omitempty"`
	Sort   string `json:"sort,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// Name returns the name of a view in subjects: consoles that look at the same share it.
func (v View) Name() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", v.Filter, v.Sort, v.Limit))
	return hex.EncodeToString(sum[:8])
}

// Parse returns the filter and the order.
func (v View) Parse() (f filter.Filter, by order.By, err error) {
	if len(v.Filter) > maxFilter || v.Limit < 0 {
		return f, by, errors.New("the filter is too long")
	}
	if f, err = filter.Parse(v.Filter); err != nil || v.Sort == "" {
		return f, by, err
	}
	by, err = order.Parse(v.Sort)
	return f, by, err
}

// The kinds of a lease.
const (
	// WatchTop asks for the first rows, of which there is a limit.
	WatchTop = ""
	// WatchEvents asks for what happens.
	WatchEvents = "events"
	// WatchGroups asks for groups of flows.
	WatchGroups = "groups"
	// WatchSummary asks for what a host has in all.
	WatchSummary = "summary"
)

// Watch is the lease of a console.
type Watch struct {
	V    int    `json:"v"`
	Kind string `json:"kind,omitempty"`
	// From tells the views of one console from those of others: with the next view it looks
	// at that one only.
	From string `json:"from,omitempty"`
	View
	// Groups says which groups, for WatchGroups.
	Groups *GroupView `json:"groups,omitempty"`
}

// Name returns the name of what is watched in subjects.
func (w Watch) Name() string {
	if w.Kind == WatchTop {
		return w.View.Name()
	}
	sum := sha256.Sum256(w.Encode())
	return hex.EncodeToString(sum[:8])
}

// Encode returns the message.
func (w Watch) Encode() []byte {
	w.V = questionVersion
	text, _ := json.Marshal(w) // nothing in it fails
	return text
}

// DecodeWatch reads a lease.
func DecodeWatch(text []byte) (w Watch, err error) {
	if err := decode(text, maxQuestion, &w); err != nil {
		return Watch{}, fmt.Errorf("watch: %w", err)
	}
	if w.V != questionVersion || len(w.Filter) > maxFilter || len(w.From) > maxFrom || !w.bounded() {
		return Watch{}, fmt.Errorf("watch: %w", errVersion)
	}
	return w, nil
}

// bounded reports whether a lease asks for no more than its kind may.
func (w *Watch) bounded() bool {
	switch w.Kind {
	case WatchTop:
		return w.Limit >= 1 && w.Limit <= MaxTop
	case WatchEvents:
		return w.Limit == 0 && w.Sort == ""
	case WatchGroups:
		return w.Limit == 0 && w.Sort == "" && w.Groups.bounded()
	case WatchSummary:
		return w.View == View{} && w.Groups == nil
	}
	return false
}

// The kinds of a question.
const (
	// AskHost asks for a heartbeat, now.
	AskHost = "host"
	// AskFlows asks for flows, in pages.
	AskFlows = "flows"
	// AskDetail asks for what a host knows of one flow.
	AskDetail = "detail"
)

// Question is what a console asks. To says where to answer.
type Question struct {
	V    int    `json:"v"`
	To   string `json:"to"`
	Kind string `json:"kind"`
	View
	// Flow is the flow of AskDetail.
	Flow flow.ID `json:"flow,omitempty"`
}

// Encode returns the message.
func (q Question) Encode() []byte {
	q.V = questionVersion
	text, _ := json.Marshal(q) // nothing in it fails
	return text
}

// DecodeQuestion reads a question.
func DecodeQuestion(text []byte) (q Question, err error) {
	if err := decode(text, maxQuestion, &q); err != nil {
		return Question{}, fmt.Errorf("question: %w", err)
	}
	if q.V != questionVersion || !validTo(q.To) || q.Limit < 0 || len(q.Filter) > maxFilter {
		return Question{}, fmt.Errorf("question: %w", errVersion)
	}
	return q, nil
}

// Head begins an answer, and a top. A page of flows follows it.
type Head struct {
	V    int `json:"v"`
	Page int `json:"page,omitempty"`
	// Last is set on the last page.
	Last bool `json:"last,omitempty"`
	// Error is why there is no answer.
	Error string `json:"error,omitempty"`
	// Flows is the number of flows in the table, Matching of those that match.
	Flows    int `json:"flows"`
	Matching int `json:"matching"`
	// BPS is the rate of all that match, in bits per second.
	BPS float64 `json:"bps,omitempty"`
	// Host is the answer to AskHost.
	Host *Heartbeat `json:"host,omitempty"`
	// Detail is the answer to AskDetail.
	Detail *flow.Inspection `json:"detail,omitempty"`
	// Outcome is the answer to an act.
	Outcome *Outcome `json:"outcome,omitempty"`
	// Policy and Timeouts are the tracker's. Counters and Interfaces are with the first
	// page of flows only.
	Policy   flow.Policy   `json:"policy,omitempty"`
	Timeouts flow.Timeouts `json:"timeouts,omitzero"`
	// Uptime is that of the tracker.
	Uptime     time.Duration    `json:"uptime,omitempty"`
	Counters   *flow.Counters   `json:"counters,omitempty"`
	Interfaces []flow.Interface `json:"interfaces,omitempty"`
}

// Message returns the head and a page as a message.
func (h Head) Message(page []byte) ([]byte, error) {
	h.V = questionVersion
	h.Error = short(h.Error)
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return append(append(head, '\n'), page...), nil
}

// DecodeMessage reads the head of an answer, and returns the page behind it.
func DecodeMessage(message []byte) (h Head, page []byte, err error) {
	head, page, ok := bytes.Cut(message, []byte{'\n'})
	if !ok {
		return Head{}, nil, errors.New("answer: it is damaged")
	}
	if err := decode(head, maxHead, &h); err != nil {
		return Head{}, nil, fmt.Errorf("answer: %w", err)
	}
	if h.V != questionVersion || h.Page < 0 || !isCount(h.Flows) || !isCount(h.Matching) || !within(h.BPS, fastest) ||
		h.Uptime < 0 || h.Uptime > longest || len(h.Interfaces) > MaxInterfaces {
		return Head{}, nil, fmt.Errorf("answer: %w", errVersion)
	}
	if h.Detail != nil && !holds(h.Detail.Holders) {
		return Head{}, nil, errors.New("answer: it names processes that are none")
	}
	h.Error = format.Clean(short(h.Error))
	if h.Outcome != nil {
		h.Outcome.Error = format.Clean(h.Outcome.Error)
	}
	return h, page, nil
}

// holds reports whether all processes in a list of a host are there.
func holds(list *flow.Holders) bool {
	return list == nil || !slices.Contains(list[flow.Origin], nil) && !slices.Contains(list[flow.Reply], nil)
}
