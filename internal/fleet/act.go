package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"ctop/tracker/flow"
)

// The limits of an act.
const (
	// MaxActFlows is the largest number of flows of an act.
	MaxActFlows = 2000
	// ActFor is how long an act is valid, MaxActFor the longest.
	ActFor    = 30 * time.Second
	MaxActFor = 5 * time.Minute

	actVersion = 1
	maxAct     = 1 << 20
)

// Order is an act that an operator signs: which host does what to which flows, and until
// when.
type Order struct {
	V  int    `json:"v"`
	ID string `json:"id"`
	// Fleet and Host are where it is valid.
	Fleet string `json:"fleet"`
	Host  string `json:"host"`
	// Expires is when it is too late.
	Expires  time.Time        `json:"expires"`
	Kind     flow.ActKind     `json:"kind"`
	Flows    []flow.ID        `json:"flows,omitempty"`
	Timeout  flow.TimeoutName `json:"timeout,omitempty"`
	Duration time.Duration    `json:"duration,omitempty"`
}

// Act returns the act of an order on flows that were found by their ids.
func (o *Order) Act(flows []flow.Ref) flow.Act {
	return flow.Act{Kind: o.Kind, Flows: flows, Timeout: o.Timeout, Duration: o.Duration}
}

// Signed is an order on its way. To says where to answer, and is not signed.
type Signed struct {
	V     int    `json:"v"`
	To    string `json:"to"`
	Order string `json:"order"`
	Grant string `json:"grant"`
}

// Sign signs an order with the key of the credentials.
func (o Order) Sign(c *Credentials) (Signed, error) {
	o.V = actVersion
	key, err := c.Key()
	if err != nil {
		return Signed{}, fmt.Errorf("sign: %w", err)
	}
	text, err := sign(key, o)
	if err != nil {
		return Signed{}, err
	}
	return Signed{V: actVersion, Order: text, Grant: c.Grant}, nil
}

// Encode returns the message.
func (s Signed) Encode() []byte {
	text, _ := json.Marshal(s) // nothing in it fails
	return text
}

// Sum is the digest of a signed order, the same for every repeat of it.
func (s *Signed) Sum() string {
	sum := sha256.Sum256([]byte(s.Order))
	return hex.EncodeToString(sum[:])
}

// DecodeSigned reads an order on its way, without a check of who signed it.
func DecodeSigned(text []byte) (s Signed, err error) {
	if err := decode(text, maxAct, &s); err != nil {
		return Signed{}, fmt.Errorf("act: %w", err)
	}
	if s.V != actVersion || !validTo(s.To) {
		return Signed{}, fmt.Errorf("act: %w", errVersion)
	}
	return s, nil
}

// The reasons why an order is refused.
var (
	ErrNotOperator = errors.New("the key is not an operator's")
	ErrForged      = errors.New("the signature does not match")
	ErrNotHere     = errors.New("it is for another host")
	ErrLate        = errors.New("it came too late")
	ErrReused      = errors.New("its id was used for another act")
	ErrBadOrder    = errors.New("it is damaged")
)

var plainID = regexp.MustCompile(`^[A-Za-z0-9]{16,40}$`)

// Open checks who signed an order and whether it is for a host. authority is the key of
// the fleet. It does not check the time: a repeat of a known order may be late.
func (s *Signed) Open(authority, fleet, host string) (Order, Grant, error) {
	var o Order
	g, err := OpenGrant(authority, fleet, s.Grant)
	if err != nil {
		return o, Grant{}, ErrForged
	}
	if g.Role != RoleOperator {
		return o, g, ErrNotOperator
	}
	body, err := open(g.Key, s.Order)
	if err != nil {
		return o, g, ErrForged
	}
	if err := json.Unmarshal(body, &o); err != nil || o.V != actVersion || !plainID.MatchString(o.ID) || !o.valid() {
		return Order{}, g, ErrBadOrder
	}
	if o.Fleet != fleet || o.Host != host {
		return o, g, ErrNotHere
	}
	return o, g, nil
}

func (o *Order) valid() bool {
	if slices.Contains(o.Flows, 0) {
		return false
	}
	switch n := len(o.Flows); o.Kind {
	case flow.ActDelete, flow.ActReset:
		return n > 0 && n <= MaxActFlows
	case flow.ActFlowTimeout:
		return n == 1 && o.Duration >= 0
	case flow.ActTimeout:
		return n == 0 && o.Duration > 0 && int(o.Timeout) < len(flow.TimeoutNames())
	}
	return false
}

// CheckTime returns [ErrLate] if an order is no longer valid, or for too long.
func (o *Order) CheckTime(now time.Time) error {
	if now.After(o.Expires) || o.Expires.Sub(now) > MaxActFor {
		return ErrLate
	}
	return nil
}

// The states of an act in the audit.
const (
	// Intended is written before the act, Done and Failed after it. Refused acts have
	// no effect. Unknown is the outcome of an act in whose middle the host ended.
	Intended = "intended"
	Done     = "done"
	Failed   = "failed"
	Refused  = "refused"
	Unknown  = "unknown"
)

// Outcome is what became of an act. It is a line of the audit, too.
type Outcome struct {
	Time  time.Time `json:"time"`
	ID    string    `json:"id"`
	Host  string    `json:"host"`
	By    string    `json:"by"`
	Key   string    `json:"key"`
	Act   string    `json:"act"`
	State string    `json:"state"`
	// Count is the number of flows or timeouts that the act is about.
	Count int `json:"count"`
	// Flows names some of them.
	Flows []string `json:"flows,omitempty"`
	// Done, Gone and the others are those of the tracker's outcome.
	Done      int    `json:"done"`
	Gone      int    `json:"gone,omitempty"`
	NotTCP    int    `json:"not_tcp,omitempty"`
	Unsent    int    `json:"unsent,omitempty"`
	Alive     int    `json:"alive,omitempty"`
	NoDestroy bool   `json:"no_destroy,omitempty"`
	Error     string `json:"error,omitempty"`
	// Sum is the digest of the signed order.
	Sum string `json:"sum"`
	// Expires is when the order is too late.
	Expires time.Time `json:"expires"`
	// Omitted counts the refused acts before this one that have no line.
	Omitted int `json:"omitted,omitempty"`
}

// Take takes what the tracker has done.
func (o *Outcome) Take(done flow.Outcome) {
	o.Done, o.Gone, o.NotTCP = done.Done, done.Gone, done.NotTCP
	o.Unsent, o.Alive, o.NoDestroy = done.Unsent, done.Alive, done.NoDestroy
}
