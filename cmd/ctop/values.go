package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/field"
	"ctop/internal/filter"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/internal/sick"
	"ctop/tracker/flow"
	"ctop/ui"
)

// These types are pflag.Values: a flag and its variable have one parser, whose errors
// say what to write instead.

type policyValue flow.Policy

func (v *policyValue) String() string { return flow.Policy(*v).String() }
func (v *policyValue) Type() string   { return "observe|enforce" }

func (v *policyValue) Set(s string) error {
	p, err := flow.ParsePolicy(s)
	if err == nil {
		*v = policyValue(p)
	}
	return err
}

type modeValue flow.Mode

func (v *modeValue) String() string { return flow.Mode(*v).String() }
func (v *modeValue) Type() string   { return "auto|native|tc|generic" }

func (v *modeValue) Set(s string) error {
	m, err := flow.ParseMode(s)
	if err == nil {
		*v = modeValue(m)
	}
	return err
}

type maxFlowsValue int

func (v *maxFlowsValue) String() string { return strconv.Itoa(int(*v)) }
func (v *maxFlowsValue) Type() string   { return "N" }

func (v *maxFlowsValue) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < flow.MinMaxFlows || n > flow.MaxMaxFlows {
		return fmt.Errorf("%q is not a capacity: use a number from %d to %d", s, flow.MinMaxFlows, flow.MaxMaxFlows)
	}
	*v = maxFlowsValue(n)
	return nil
}

type limitValue int

func (v *limitValue) String() string { return strconv.Itoa(int(*v)) }
func (v *limitValue) Type() string   { return "N" }

func (v *limitValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of flows: use 0 or more", s)
	}
	*v = limitValue(n)
	return nil
}

// timeoutsValue takes one timeout each time it is set, or several separated by
// commas.
type timeoutsValue flow.Timeouts

func (v *timeoutsValue) Type() string { return "NAME=DURATION" }

func (v *timeoutsValue) String() string {
	var set []string
	for i, d := range v {
		if d != 0 {
			set = append(set, flow.TimeoutName(i).String()+"="+format.Timeout(d))
		}
	}
	return strings.Join(set, ",")
}

func (v *timeoutsValue) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		name, d, err := flow.ParseTimeout(one)
		if err != nil {
			return err
		}
		v[name] = d
	}
	return nil
}

// sickValue takes one limit each time it is set, or several separated by commas.
type sickValue struct{ limits sick.Limits }

func (v *sickValue) Type() string   { return "NAME=VALUE" }
func (v *sickValue) String() string { return v.limits.String() }

func (v *sickValue) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		if err := v.limits.Set(one); err != nil {
			return err
		}
	}
	return nil
}

// registerSick adds the flag with the limits of the filter sick.
func registerSick(flags *pflag.FlagSet) {
	flags.Var(&sickValue{sick.Default()}, sickFlag, "limits of the filter sick: "+strings.Join(sick.Names(), ", ")+" (repeatable)")
}

const sickFlag = "sick"

// useSick applies the limits of a command, if it has any.
func useSick(cmd *cobra.Command) {
	if f := cmd.Flags().Lookup(sickFlag); f != nil {
		if v, ok := f.Value.(*sickValue); ok {
			sick.Use(v.limits)
		}
	}
}

// profileValue is a named set of timeouts.
type profileValue string

func (v *profileValue) String() string { return string(*v) }
func (v *profileValue) Type() string   { return "report|rfc" }

func (v *profileValue) Set(s string) error {
	_, err := flow.ParseProfile(s)
	if err == nil {
		*v = profileValue(s)
	}
	return err
}

// themeValue is the background that the console is drawn for.
type themeValue ui.Look

func (v *themeValue) String() string { return ui.Look(*v).String() }
func (v *themeValue) Type() string   { return "auto|dark|light" }

func (v *themeValue) Set(s string) error {
	for _, look := range []ui.Look{ui.LookAuto, ui.LookDark, ui.LookLight} {
		if look.String() == s {
			*v = themeValue(look)
			return nil
		}
	}
	return fmt.Errorf("no theme is called %q: use auto, dark or light", s)
}

// repeatValue is the number of snapshots to print.
type repeatValue int

func (v *repeatValue) String() string { return strconv.Itoa(int(*v)) }
func (v *repeatValue) Type() string   { return "N" }

func (v *repeatValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of snapshots: use 0 or more", s)
	}
	*v = repeatValue(n)
	return nil
}

type durationValue time.Duration

func (v *durationValue) String() string { return format.Timeout(time.Duration(*v)) }
func (v *durationValue) Type() string   { return "DURATION" }

func (v *durationValue) duration() time.Duration { return time.Duration(*v) }

// bound returns a context that ends after the duration, or never if it is zero.
func (v *durationValue) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if *v == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, v.duration())
}

func (v *durationValue) Set(s string) error {
	d, err := flow.ParseDuration(s)
	if err == nil {
		*v = durationValue(d)
	}
	return err
}

type filterValue filter.Filter

func (v *filterValue) String() string { return filter.Filter(*v).String() }
func (v *filterValue) Type() string   { return "EXPR" }

func (v *filterValue) Set(s string) error {
	f, err := filter.Parse(s)
	if err == nil {
		*v = filterValue(f)
	}
	return err
}

// namedFilterValue is a filter that may contain host names, which only a console
// resolves.
type namedFilterValue struct{ filter.Filter }

// Type is what help shows for the value.
func (v *namedFilterValue) Type() string { return "EXPR" }

// Set reads a filter.
func (v *namedFilterValue) Set(s string) error {
	f, err := filter.Parse(s)
	if err != nil {
		// Report other errors without the host names.
		named, failed := filter.ParseNamed(s)
		if failed != nil {
			return err
		}
		f = named
	}
	v.Filter = f
	return nil
}

// sortValue is KEY, KEY:asc or KEY:desc.
type sortValue struct{ by order.By }

// defaultSort has the oldest flow first: new ones appear at the end, and what
// was there stays where it was.
func defaultSort() sortValue { return sortValue{by: order.Expected(field.Age)} }

// Type is what help shows for the value.
func (v *sortValue) Type() string { return "KEY[:asc|desc]" }

func (v *sortValue) String() string { return v.by.String() }

// Set reads an order.
func (v *sortValue) Set(s string) error {
	by, err := order.Parse(s)
	if err == nil {
		v.by = by
	}
	return err
}
