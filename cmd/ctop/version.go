package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), versionText())
			return writeFailed(err)
		},
	}
}

// versionText is the output of ctop version and ctop --version.
func versionText() string {
	return fmt.Sprintf("ctop %s %s %s/%s\n", shortVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// shortVersion is the version alone.
func shortVersion() string {
	info, _ := debug.ReadBuildInfo()
	return buildVersion(info)
}

// release is the version of a package. make dist sets it with the linker.
var release string

// buildVersion returns the version of the package, else that of the module, else the
// commit for a build of a working copy.
func buildVersion(info *debug.BuildInfo) string {
	if release != "" {
		return release
	}
	if info == nil {
		return "unknown"
	}
	version := info.Main.Version
	if version != "" && version != "(devel)" {
		return version
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	version = "devel"
	if revision := settings["vcs.revision"]; revision != "" {
		version += "-" + revision[:min(len(revision), 12)]
	}
	if settings["vcs.modified"] == "true" {
		version += "-modified"
	}
	return version
}
