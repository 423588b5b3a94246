package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"ctop/cmd/ctop/config"
	"ctop/cmd/ctop/output"
	"ctop/internal/bundle"
	"ctop/tracker/flow"
)

// about is about.json of a bundle.
type about struct {
	Schema     string         `json:"schema"`
	Version    string         `json:"version"`
	Kernel     string         `json:"kernel"`
	Machine    string         `json:"machine"`
	Anonymised bool           `json:"anonymised"`
	Settings   []usedSetting  `json:"settings"`
	InKernel   flow.Inventory `json:"in_kernel"`
}

// usedSetting is a setting, and what set it: a file, a variable or the command line.
type usedSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// aboutFiles returns the files of a bundle with facts: the tracker as of its last snapshot,
// and what is around it.
func aboutFiles(last *flow.Snapshot, inventory flow.Inventory, settings []usedSetting, anonymise bool) ([]bundle.File, error) {
	if anonymise {
		settings = plainSettings(settings)
	}
	a := about{
		Schema: "ctop.bundle/1", Version: strings.TrimSpace(versionText()), Anonymised: anonymise,
		Settings: settings, InKernel: inventory,
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		a.Kernel, a.Machine = unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:])
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return nil, err
	}
	var tracker bytes.Buffer
	if err := output.WriteSnapshot(&tracker, output.JSON, output.View{Snapshot: last, Joined: true}); err != nil {
		return nil, err
	}
	return []bundle.File{{Name: "about.json", Text: append(text, '\n')}, {Name: "tracker.json", Text: tracker.Bytes()}}, nil
}

// removedValue is in place of a value that may be a name, an address or a path.
const removedValue = "(removed)"

// plainValue matches values that say nothing of who and where: numbers with a unit, and
// words of ctop.
var plainValue = regexp.MustCompile(`^(([a-z_]+=)?[0-9]+(\.[0-9]+)?(us|ms|s|m|h|d|[kKMGT]i?B?)?|true|false|observe|enforce|auto|native|tc|generic|dark|light|text|json|jsonl|csv|table)$`)

// plainSettings returns the settings without values and places that may say who and where.
func plainSettings(settings []usedSetting) []usedSetting {
	list := slices.Clone(settings)
	for i := range list {
		s := &list[i]
		if !plainValue.MatchString(s.Value) {
			s.Value = removedValue
		}
		if from, _, _ := strings.Cut(s.From, " "); from != s.From {
			s.From = from
		}
	}
	return list
}

// settingsInEffect returns what the configuration files and variables set, the strongest
// first.
func settingsInEffect(root *cobra.Command, getenv func(string) string) ([]usedSetting, error) {
	list := []usedSetting{}
	for _, name := range settingNames(everyCommand(root)) {
		variable := variableOf(name)
		if value := getenv(variable); value != "" {
			list = append(list, usedSetting{name, value, "variable " + variable})
		}
	}
	for _, file := range configFiles(getenv) {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the settings: %w", err)
		}
		settings, err := config.Parse(file, text)
		if err != nil {
			return nil, err
		}
		for _, s := range settings {
			for _, value := range s.Values {
				list = append(list, usedSetting{s.Name, value, "file " + s.Place})
			}
		}
	}
	return list, nil
}

// flagsInEffect returns the flags of a command that were set, by whatever means.
func flagsInEffect(cmd *cobra.Command) []usedSetting {
	list := []usedSetting{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case !f.Changed:
		case given(cmd, f.Name):
			list = append(list, usedSetting{f.Name, f.Value.String(), "flag"})
		default:
			list = append(list, usedSetting{f.Name, f.Value.String(), "variable or file"})
		}
	})
	return list
}
