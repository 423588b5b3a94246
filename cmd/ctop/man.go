package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/filter"
	"ctop/ui"
)

//go:generate sh -c "go run -buildvcs=false . man >../../docs/ctop.8.new && mv ../../docs/ctop.8.new ../../docs/ctop.8 || { rm ../../docs/ctop.8.new; exit 1; }"

// newManCommand prints the manual page. It is for packagers, so the help does not
// list it.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page, as in ctop man | man -l -",
		Hidden: true,
		Args:   noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), manual(cmd.Root()))
			return writeFailed(err)
		},
	}
}

// page is a manual page in roff that is being written.
type page struct{ strings.Builder }

// manual returns the page of a command and all below it.
func manual(root *cobra.Command) string {
	p := new(page)
	p.macro("TH", "CTOP", "8", "", "ctop", "System Administration")
	p.section("NAME")
	p.text("ctop - " + root.Short)
	p.section("SYNOPSIS")
	p.synopsis(root)
	p.section("DESCRIPTION")
	p.text(rootIntro)
	p.flags(root)
	p.section("COMMANDS")
	for _, cmd := range documented(root) {
		p.command(cmd)
	}
	p.section("KEYS")
	p.keys()
	p.section("STATES AND TIMEOUTS")
	p.text(stateText())
	p.list(timeoutList())
	p.section("EVENTS")
	p.text(eventText())
	p.section("FILTERS")
	p.text(filterIntro)
	p.list(filterForms())
	p.text("Terms:")
	p.list(filterTerms())
	p.text(tcpdumpIntro)
	p.list(filterEquivalents())
	p.text(filter.Differences)
	p.section("CONFIGURATION")
	p.text(configIntro)
	p.text("The configuration is written in TOML, as in")
	p.verbatim(configExample)
	p.text("The settings are " + strings.Join(settingNames(everyCommand(root)), ", ") + ".")
	p.section("ENVIRONMENT")
	p.list(variables())
	p.section("FILES")
	p.list(files())
	p.section("EXIT STATUS")
	p.text(exitText)
	p.section("EXAMPLES")
	p.verbatim(root.Example)
	p.section("SEE ALSO")
	p.text("conntrack(8), ip-link(8), bpf(2), tcpdump(8), pcap-filter(7)")
	return p.String()
}

// documented returns the commands that help lists, without the topics.
func documented(root *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(everyCommand(root)[1:], func(c *cobra.Command) bool {
		return c.Hidden || !c.Runnable() || c.Name() == "help"
	})
}

func (p *page) synopsis(root *cobra.Command) {
	for i, cmd := range append([]*cobra.Command{root}, documented(root)...) {
		if i > 0 {
			p.line(".br")
		}
		name, rest, _ := strings.Cut(cmd.UseLine(), " ")
		p.line(".B " + escape(name) + "\n" + escape(rest))
	}
}

// command describes a subcommand with its own flags.
func (p *page) command(cmd *cobra.Command) {
	p.macro("SS", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	p.text(cmp.Or(cmd.Long, cmd.Short+"."))
	if cmd.Example != "" {
		p.verbatim(cmd.Example)
	}
	p.flags(cmd)
}

func (p *page) flags(cmd *cobra.Command) {
	describe := func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "version" && !f.Hidden {
			p.item(flagForm(f), flagUsage(f))
		}
	}
	cmd.LocalFlags().VisitAll(describe)
	if !cmd.HasParent() {
		p.item("-h, --help", "help for a command")
		p.item("--version", "print the version")
	}
}

// flagForm returns a flag as it is typed.
func flagForm(f *pflag.Flag) string {
	form := "--" + f.Name
	if f.Shorthand != "" {
		form = "-" + f.Shorthand + ", " + form
	}
	if kind := f.Value.Type(); kind != "bool" {
		form += " " + kind
	}
	return form
}

func flagUsage(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "false", "0":
		return f.Usage
	}
	return f.Usage + " (default " + f.DefValue + ")"
}

func (p *page) keys() {
	for _, s := range ui.HelpSections() {
		if len(s.Keys) == 0 {
			continue
		}
		p.macro("SS", s.Title)
		for _, k := range s.Keys {
			p.item(k.Help().Key, k.Help().Desc)
		}
	}
	p.text("Ctrl-Z needs a shell with job control. It does not work over SSH.")
}

func (p *page) list(items []paragraph) {
	for _, i := range items {
		p.item(i.name, i.text)
	}
}

func (p *page) line(text string) { p.WriteString(text + "\n") }

func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, a := range args {
		p.WriteString(` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`)
	}
	p.WriteString("\n")
}

func (p *page) section(name string) { p.macro("SH", name) }

// item writes a term and its meaning, indented below or beside it.
func (p *page) item(term, means string) {
	p.line(".TP\n.B " + escape(term) + "\n" + escape(means))
}

// text writes paragraphs. Indented lines stay as they are.
func (p *page) text(s string) {
	for part := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		if strings.HasPrefix(part, "  ") {
			p.verbatim(part)
			continue
		}
		p.line(".PP\n" + escape(part))
	}
}

func (p *page) verbatim(s string) {
	p.line(".PP\n.nf\n" + escape(strings.Trim(s, "\n")) + "\n.fi")
}

// escape protects text from being read as roff requests.
func escape(s string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
