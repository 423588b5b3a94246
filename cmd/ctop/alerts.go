package main

import (
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/alert"
)

// alertFlag is also the table of the configuration: [alert.NAME].
const alertFlag = "alert"

// alertsValue takes one setting of an alert each time it is set.
type alertsValue struct {
	alert.Rules
	// places has where a file first names each alert.
	places map[string]string
}

// Type is what help shows for the value.
func (v *alertsValue) Type() string { return "NAME.SETTING=VALUE" }

// placed notes where a file has a setting.
func (v *alertsValue) placed(place string) {
	for _, r := range v.All() {
		if v.places[r.Name] == "" {
			if v.places == nil {
				v.places = map[string]string{}
			}
			v.places[r.Name] = place
		}
	}
}

// alertFlags are the alerts of a command that has a collector.
type alertFlags struct{ value alertsValue }

func (f *alertFlags) register(flags *pflag.FlagSet) {
	flags.Var(&f.value, alertFlag, "tell when so many flows pass a filter: settings filter, count, rate, for and bell (repeatable)")
}

// check refuses alerts that are not complete.
func (f *alertFlags) check() error {
	name, err := f.value.Check()
	if err == nil {
		return nil
	}
	if place := f.value.places[name]; place != "" {
		return usagef("%s: %s: %w", place, alertFlag, err)
	}
	return usagef("--%s: %w", alertFlag, err)
}

// watch returns what looks at every snapshot, nil if there are no alerts.
func (f *alertFlags) watch(log *slog.Logger) *alert.Watch {
	if rules := f.value.All(); len(rules) > 0 {
		return alert.NewWatch(rules, log)
	}
	return nil
}

// notePlace tells the value of a flag where a file has it.
func notePlace(cmd *cobra.Command, name, place string) {
	if v, ok := cmd.Flags().Lookup(name).Value.(interface{ placed(string) }); ok {
		v.placed(place)
	}
}
