package owner

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// Description describes a tracker to processes that join it or clean up after
// it. It is stored as JSON in a pinned map.
type Description struct {
	Layout     kernel.Layout  `json:"layout"`
	Interfaces []netdev.Point `json:"interfaces"`
	// StartedNs is the time of attaching, in nanoseconds of the kernel's
	// monotonic clock ([kernel.Objects.Now]).
	StartedNs uint64 `json:"started_ns"`
	MaxFlows  int    `json:"max_flows"`
	Keep      bool   `json:"keep"`
	// Checksums is set if packets with wrong checksums are counted.
	Checksums bool `json:"checksums,omitempty"`
	// Cgroup is the control group whose processes are looked for, empty for all.
	Cgroup string `json:"cgroup,omitempty"`
	// Follow is set if all interfaces are watched as they come and go.
	Follow *netdev.Follow `json:"follow,omitempty"`
	// Pair is what the owner knew of its pair at PairNs, on the clock of StartedNs.
	Pair   flow.Pair `json:"pair,omitzero"`
	PairNs uint64    `json:"pair_ns,omitempty"`
	// Programs is the fingerprint of the attached programs.
	Programs string `json:"programs"`
}

func (d *Description) write(to *kernel.Objects) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode meta: %w", err)
	}
	return to.WriteMeta(text)
}

// decode parses a description, which may come from any process. It returns
// ErrLayout for another version's description, together with the fields that it
// could parse.
func decode(text []byte) (*Description, error) {
	d := new(Description)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("%w: its description is unreadable", kernel.ErrLayout)
	}
	if d.Layout != kernel.CurrentLayout() {
		return d, fmt.Errorf("%w: its maps are laid out differently", kernel.ErrLayout)
	}
	if !d.valid() {
		return nil, fmt.Errorf("%w: its description is invalid", kernel.ErrLayout)
	}
	return d, nil
}

// valid reports whether the description is well-formed and complete.
func (d *Description) valid() bool {
	return (netdev.IsWire(d.Interfaces) || netdev.IsWatch(d.Interfaces)) && d.MaxFlows > 0 && d.MaxFlows <= flow.MaxMaxFlows &&
		!slices.ContainsFunc(d.Interfaces, func(p netdev.Point) bool { return !p.Valid() })
}

// describedAt returns the description of the tracker pinned in dir, nil if it
// cannot be read. Another version's description may be partial.
func describedAt(dir string) *Description {
	text, err := kernel.ReadPinnedMeta(dir)
	if err != nil {
		return nil
	}
	d, _ := decode(text) // another version's says what to put back, too
	return d
}

// names returns the interfaces' names at the time of attaching, or that all are followed.
func (d *Description) names() []string {
	if d.Follow != nil {
		return []string{netdev.All}
	}
	return d.watched()
}

// watched returns the names of the interfaces, also of those that are followed.
func (d *Description) watched() []string {
	var names []string
	for _, p := range netdev.PerInterface(d.Interfaces) {
		names = append(names, p.Name)
	}
	return names
}

// between reports whether names are the current names of the interfaces, in any
// order.
func (d *Description) between(names []string) bool {
	if d.Follow != nil {
		return sameNames(d.names(), names)
	}
	var now []string
	for _, p := range netdev.PerInterface(d.Interfaces) {
		l, err := p.Link()
		if err != nil {
			return false
		}
		now = append(now, l.Attrs().Name)
	}
	return sameNames(now, names)
}

// wasBetween reports whether names were the interfaces' names at the time of
// attaching. The interfaces may be gone.
func (d *Description) wasBetween(names []string) bool { return sameNames(d.names(), names) }

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// changesNow returns the recorded settings to restore, with current names.
func (d *Description) changesNow() (changes []netdev.Setting) {
	if d == nil {
		return nil
	}
	for _, p := range slices.Backward(d.Interfaces) {
		changes = append(changes, p.ChangesNow()...)
	}
	return changes
}

// CompletesChecksums reports whether the programs complete checksums that
// senders leave to hardware.
func (d *Description) CompletesChecksums() bool {
	if slices.ContainsFunc(d.Interfaces, func(p netdev.Point) bool { return p.Mode == flow.ModeTC }) {
		return false
	}
	return slices.ContainsFunc(d.Interfaces, netdev.Point.CompletesChecksums)
}

// errLeft returns the error that says how to restore the remaining settings.
func (d *Description) errLeft() error {
	return flow.Advisedf("some settings were not restored: run \"ctop down %s\" as root to restore them", commandLine(d.names()))
}

// runs reports whether the described tracker still runs, even without an owner.
func (d *Description) runs() bool {
	if slices.ContainsFunc(d.Interfaces, netdev.Point.Carries) {
		return true
	}
	where, found, err := find(d.names())
	if err != nil {
		return false
	}
	defer where.Close()
	return found && whole(where.dir)
}

// pairFor is how long the owner's word about its pair counts. It says it once a second.
const pairFor = 5 * time.Second

// pairWait is how long the tracker of a pair is left to the ctop that tells its partner,
// once that has ended.
const pairWait = time.Minute

// AwaitsPair reports whether the ctop that tells the partner ended a moment ago, at a time
// of the clock of StartedNs: it may be restarted, and nobody else should own the tracker.
func (d *Description) AwaitsPair(ns uint64) bool {
	return d.Pair.State != flow.PairNone && d.pairAge(ns) < pairWait
}

// PairAt returns what is known of the pair at a time of the clock of StartedNs.
func (d *Description) PairAt(ns uint64) flow.Pair {
	if d.Pair.State != flow.PairNone && d.pairAge(ns) > pairFor {
		return flow.Pair{State: flow.PairStopped, Partner: d.Pair.Partner}
	}
	return d.Pair
}

// pairAge returns how old the owner's word about its pair is. Whoever asks has read the clock
// before the description, and perhaps a large table in between: a later word is a new one.
func (d *Description) pairAge(ns uint64) time.Duration {
	if ns < d.PairNs {
		return 0
	}
	return time.Duration(ns - d.PairNs)
}
