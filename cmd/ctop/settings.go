package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/config"
	"ctop/tracker/flow"
)

// systemConfig is the configuration of the machine.
const systemConfig = "/etc/ctop/config.toml"

// configFiles returns the files that may set flags, the strongest first.
func configFiles(getenv func(string) string) []string {
	var files []string
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		files = append(files, filepath.Join(dir, "ctop", "config.toml"))
	} else if home := getenv("HOME"); filepath.IsAbs(home) {
		files = append(files, filepath.Join(home, ".config", "ctop", "config.toml"))
	}
	return append(files, systemConfig)
}

// fromVariable marks a flag that was set by a variable or a file.
const fromVariable = "ctop_variable"

// everyCommand returns a command and all below it.
func everyCommand(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, cmd := range root.Commands() {
		all = append(all, everyCommand(cmd)...)
	}
	return all
}

// neverSet are flags that only the command line may set.
func neverSet() []string { return []string{"help", "all", "version", "yes", "dry-run", "watch"} }

// onTheLine marks a flag that means something else than a flag of another command with
// the same name, which may be set.
const onTheLine = "ctop_line"

// typedOnly reports whether only the command line may set a flag.
func typedOnly(f *pflag.Flag) bool {
	return slices.Contains(neverSet(), f.Name) || f.Annotations[onTheLine] != nil
}

// applySettings sets the flags that are not on the command line: from the environment
// (CTOP_MAX_FLOWS is --max-flows), or else from the files. A command without flags of
// its own ignores both: help and down must always work.
func applySettings(cmd *cobra.Command, getenv func(string) string) error {
	if !configurable(cmd) {
		return nil
	}
	// Note the flags of the command line before setting others.
	typed := map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) { typed[f.Name] = true })
	if err := applyVariables(cmd, typed, getenv); err != nil {
		return err
	}
	for _, file := range configFiles(getenv) {
		if err := applyFile(cmd, typed, file); err != nil {
			return err
		}
	}
	return nil
}

func configurable(cmd *cobra.Command) (yes bool) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { yes = yes || !typedOnly(f) })
	return yes
}

// variableOf returns the variable that sets a flag.
func variableOf(flag string) string {
	return "CTOP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// applyVariables adds the flags that it sets to set.
func applyVariables(cmd *cobra.Command, set map[string]bool, getenv func(string) string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := variableOf(f.Name)
		value := getenv(name)
		if failed != nil || set[f.Name] || typedOnly(f) || value == "" {
			return
		}
		if err := setFlag(cmd, f, value); err != nil {
			failed = usagef("%s: %w", name, err)
		}
		set[f.Name] = true
	})
	return failed
}

// setFlag sets a flag from a variable or a file.
func setFlag(cmd *cobra.Command, f *pflag.Flag, value string) error {
	if err := cmd.Flags().Set(f.Name, value); err != nil {
		return badValue(f, value, err)
	}
	f.Annotations = map[string][]string{fromVariable: {value}}
	return nil
}

// badValue returns the error of a flag about a value. pflag's own errors are about
// strconv.
func badValue(f *pflag.Flag, value string, err error) error {
	if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
		return fmt.Errorf("%q is neither true nor false: use true or false", value)
	}
	return cause(err)
}

// applyFile sets the flags that are not set yet. It refuses settings that no command
// has, and invalid values.
func applyFile(cmd *cobra.Command, set map[string]bool, file string) error {
	text, err := readSmall(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return flow.Advisedf("read the configuration: %w: let this user read it, set XDG_CONFIG_HOME to another directory, or run ctop as root", err)
	}
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	settings, err := config.Parse(file, text)
	if err != nil {
		return &flow.UsageError{Err: err}
	}
	// Some commands lack some flags; the whole file is checked anyway.
	if err := checkSettings(newRootCommand(env{}), settings); err != nil {
		return err
	}
	here := map[string]bool{}
	for _, s := range settings {
		f := cmd.Flags().Lookup(s.Name)
		if f == nil || typedOnly(f) || set[s.Name] && !here[s.Name] {
			continue
		}
		set[s.Name], here[s.Name] = true, true
		for _, value := range s.Values {
			if err := setFlag(cmd, f, value); err != nil {
				return usagef("%s: %s: %w", s.Place, s.Name, err)
			}
			notePlace(cmd, s.Name, s.Place)
		}
	}
	return nil
}

// checkSettings tries all settings on a command that does not run.
func checkSettings(root *cobra.Command, settings []config.Setting) error {
	all := everyCommand(root)
	for _, s := range settings {
		known := false
		for _, cmd := range all {
			f := cmd.Flags().Lookup(s.Name)
			if f == nil {
				f = cmd.PersistentFlags().Lookup(s.Name)
			}
			if f == nil || typedOnly(f) {
				continue
			}
			known = true
			for _, value := range s.Values {
				if err := f.Value.Set(value); err != nil {
					return usagef("%s: %s: %w", s.Place, s.Name, badValue(f, value, err))
				}
			}
		}
		if !known {
			return usagef("%s: no setting is called %q: %s", s.Place, s.Name, instead(s.Name, settingNames(all)))
		}
	}
	return nil
}

// settingNames returns the names that a file may set, sorted.
func settingNames(commands []*cobra.Command) []string {
	var names []string
	for _, cmd := range commands {
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) {
				if !typedOnly(f) {
					names = append(names, f.Name)
				}
			})
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// instead suggests the most similar name for an unknown one, or lists all of them.
func instead(wrong string, names []string) string {
	for _, name := range names {
		if plain(name) == plain(wrong) {
			return "write " + name
		}
	}
	longer := func(name string) bool { return len(wrong) > 2 && strings.HasPrefix(name, wrong) }
	shorter := func(name string) bool { return len(wrong) > 2 && strings.HasPrefix(wrong, name) }
	for _, like := range []func(string) bool{longer, shorter} {
		if i := slices.IndexFunc(names, like); i >= 0 {
			return "write " + names[i]
		}
	}
	return "ctop help config lists them"
}

func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}
