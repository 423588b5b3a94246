// Package alert tells when flows do what an operator wants to know of: so many flows pass
// a filter, or carry so much, for some time.
package alert

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// MostRules is the maximum number of rules.
const MostRules = 16

// Rule is a condition on flows.
type Rule struct {
	Name   string
	Filter filter.Filter
	// Count is the number of flows from which on the condition holds, Rate the bits per
	// second that they carry together. One that is zero is not asked for; without either,
	// one flow is enough.
	Count int
	Rate  float64
	// For is how long the condition must hold before the alert begins, and must not hold
	// before it ends.
	For time.Duration
	// Bell rings in consoles when the alert begins.
	Bell bool
}

// holds reports whether the condition holds for what passes the filter.
func (r *Rule) holds(flows int, bps float64) bool {
	least := r.Count
	if r.Count == 0 && r.Rate == 0 {
		least = 1
	}
	return flows >= least && bps >= r.Rate
}

// Rules are rules as they are written, in parts: a name, a setting and its value.
type Rules struct {
	list []Rule
	// given has the settings of each rule, written all of them in order.
	given   map[string][]string
	written []string
}

// settings are the names of a rule's settings, each with what reads it.
var settings = []struct {
	name string
	set  func(r *Rule, value string) error
}{
	{"filter", setFilter},
	{"count", setCount},
	{"rate", setRate},
	{"for", setFor},
	{"bell", setBell},
}

// Settings returns the names of the settings.
func Settings() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

// nameForm is what a rule may be called: the name becomes a label of metrics.
var nameForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,32}$`)

// Set reads one setting of a rule, as in "ssh.count=100".
func (rs *Rules) Set(text string) error {
	key, value, _ := strings.Cut(text, "=")
	name, setting, ok := strings.Cut(key, ".")
	if !ok {
		return fmt.Errorf("%q is no setting of an alert: write it like NAME.filter=port:22, or [alert.NAME] in a file", text)
	}
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is no name of an alert: use up to 32 letters, digits, - and _", name)
	}
	for _, s := range settings {
		if s.name == setting {
			if err := rs.set(name, setting, func(r *Rule) error { return s.set(r, value) }); err != nil {
				return fmt.Errorf("%s: %s: %w", name, setting, err)
			}
			rs.written = append(rs.written, text)
			return nil
		}
	}
	return fmt.Errorf("%s: no setting is called %q: use %s", name, setting, strings.Join(Settings(), ", "))
}

func (rs *Rules) set(name, setting string, read func(*Rule) error) error {
	i := slices.IndexFunc(rs.list, func(r Rule) bool { return r.Name == name })
	if i < 0 {
		if len(rs.list) == MostRules {
			return fmt.Errorf("there are more than %d alerts", MostRules)
		}
		i, rs.list = len(rs.list), append(rs.list, Rule{Name: name})
	}
	if rs.given == nil {
		rs.given = map[string][]string{}
	}
	rs.given[name] = append(rs.given[name], setting)
	return read(&rs.list[i])
}

// Check returns an error about a rule that is not complete, and its name.
func (rs *Rules) Check() (name string, err error) {
	for _, r := range rs.list {
		if !slices.Contains(rs.given[r.Name], "filter") {
			return r.Name, fmt.Errorf(`%s: it has no filter: add one, as in filter = "port:22"`, r.Name)
		}
	}
	return "", nil
}

// All returns the rules, by name.
func (rs *Rules) All() []Rule {
	return slices.SortedFunc(slices.Values(rs.list), func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
}

// String returns the settings, each as Set reads it.
func (rs *Rules) String() string { return strings.Join(rs.written, ", ") }

func setFilter(r *Rule, value string) error {
	f, err := filter.Parse(value)
	if err != nil {
		return err
	}
	if err := f.CheckAlone(); err != nil {
		return err
	}
	if f.WantsEnded() {
		return fmt.Errorf("%q asks for flows that have ended, and an alert is about those that there are", value)
	}
	r.Filter = f
	return nil
}

func setCount(r *Rule, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of flows: write it like 100", value)
	}
	r.Count = n
	return nil
}

func setRate(r *Rule, value string) error {
	n, err := filter.ParseAmount(value)
	if err != nil {
		return err
	}
	if n <= 0 {
		return fmt.Errorf("%q is no rate: write it in bits per second, like 500M", value)
	}
	r.Rate = n
	return nil
}

func setFor(r *Rule, value string) error {
	d, err := flow.ParseDuration(value)
	if err != nil {
		return err
	}
	r.For = d
	return nil
}

func setBell(r *Rule, value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false: use true or false", value)
	}
	r.Bell = on
	return nil
}
