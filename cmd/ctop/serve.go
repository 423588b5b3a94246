package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ctop/tracker"
	"ctop/ui/console"
)

// serveCommand runs the tracker without a local console.
type serveCommand struct {
	env     env
	tracker trackerFlags
	ssh     sshFlags
	metrics string
	ipfix   ipfixFlags
	alerts  alertFlags
	fleet   fleetFlags
	pair    pairFlags
	news    firstSeenFlags
	names   trafficValue
	logs    logFormat
	verbose *bool
}

func newServeCommand(e env, verbose *bool) *cobra.Command {
	c := &serveCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "serve [flags] IF1 [IF2]",
		Short: "Run the tracker as a service: console over SSH, metrics, flow records",
		Long: `Run the tracker without a local console. --ssh serves a console over SSH to every
session whose key is authorised. Only keys with role="operator" on their line may
change anything. --metrics serves Prometheus metrics, and /healthz for health checks.
--ipfix sends a record of every flow to a collector, when the flow ends and at intervals
while it goes on. docs/ipfix.md has the elements. --fleet lets a fleet see the tracker:
docs/fleet.md.

An address without a host means the loopback interface. Keys, host key and audit
log are in $XDG_STATE_HOME/ctop, or /var/lib/ctop.

SIGUSR1 ends the service and leaves the tracker running for the next ctop, which takes
it over with its flows. Other signals end the tracker, too.`,
		Example: `  ctop serve eth0 --metrics 127.0.0.1:9477
  ctop serve eth0 eth1 --ssh 127.0.0.1:2222 --metrics 127.0.0.1:9477
  ctop serve eth0 --ipfix udp://192.0.2.1:4739
  ssh -t -p 2222 127.0.0.1                          the console
  ssh -p 2222 127.0.0.1 dump -o json --filter udp   a headless command
  ssh -p 2222 127.0.0.1 bundle > night.tar.gz       the last ten minutes, for ctop replay`,
		ValidArgsFunction: completeInterfaces,
		RunE:              c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	c.ssh.register(flags)
	flags.StringVar(&c.metrics, "metrics", "", "address at which to serve Prometheus metrics and /healthz")
	c.ipfix.register(flags)
	c.alerts.register(flags)
	c.fleet.register(flags)
	c.pair.register(flags)
	c.news.register(flags)
	c.names.register(flags)
	flags.Var(&c.logs, "log", "format of the log on stderr")
	c.tracker.register(flags)
	registerSick(flags)
	registerNames(flags)
	registerGeo(flags)
	c.tracker.registerKeep(flags)
	return cmd
}

func (c *serveCommand) run(cmd *cobra.Command, args []string) error {
	interfaces, err := form("ctop serve").place(args, c.tracker.watch)
	if err != nil {
		return err
	}
	if err := errors.Join(c.pair.checkPlace(interfaces), checkInterfaces(interfaces)); err != nil {
		return err
	}
	log := c.logs.logger(c.env.stderr, *c.verbose)
	// Errors of the service come before the interfaces are touched.
	s, err := c.prepare(log)
	if err != nil {
		return err
	}
	defer s.close()
	s.settings = flagsInEffect(cmd)
	o := c.tracker.options(c.env, interfaces)
	o.Octets = len(c.ipfix.collectors) > 0
	go logNames(cmd.Context(), log, namesPause)
	return s.serve(cmd.Context(), o)
}

// prepare opens everything but the tracker.
func (c *serveCommand) prepare(log *slog.Logger) (s *service, err error) {
	s = &service{log: log, alerts: c.alerts.watch(log), news: &c.news, names: c.names.namesValue, getenv: c.env.getenv, notify: newNotifier(c.env.getenv), ipfix: &c.ipfix, fleet: &c.fleet, pair: &c.pair}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := errors.Join(c.ipfix.checkUnused(), c.alerts.check(), c.news.check()); err != nil {
		return s, err
	}
	if err := c.pair.check(&c.fleet); err != nil {
		return s, err
	}
	if err := c.fleet.prepare(statePlace(c.env.getenv)); err != nil {
		return s, err
	}
	if c.metrics != "" {
		if s.metrics, err = listen("metrics", c.metrics); err != nil {
			return s, err
		}
	}
	if c.ssh.address == "" {
		return s, errors.Join(c.ssh.checkUnused(), c.fleet.checkUnused())
	}
	if _, err = localAddress("ssh", c.ssh.address); err != nil {
		return s, err
	}
	place := statePlace(c.env.getenv)
	if s.keys, err = console.OpenKeyring(orDefault(c.ssh.keys, filepath.Join(place, "authorized_keys"))); err != nil {
		return s, fmt.Errorf("serve the console: %w", err)
	}
	if s.hostKey, err = console.HostKey(orDefault(c.ssh.hostKey, filepath.Join(place, "host_ed25519_key"))); err != nil {
		return s, err
	}
	if s.audit, err = console.OpenAudit(orDefault(c.ssh.audit, filepath.Join(place, "audit.jsonl"))); err != nil {
		return s, err
	}
	s.limits, s.history, s.place = c.ssh.limits, c.ssh.history, place
	s.ssh, err = listen("ssh", c.ssh.address)
	return s, err
}

// statePlace returns the directory of files that survive a restart.
func statePlace(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ctop")
	}
	if home := getenv("HOME"); os.Geteuid() != 0 && filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "ctop")
	}
	return "/var/lib/ctop"
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// listen listens at HOST:PORT.
func listen(flag, address string) (net.Listener, error) {
	address, err := localAddress(flag, address)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w: choose another address", flag, err)
	}
	return l, nil
}

// localAddress adds the loopback address to an address without a host: nothing is
// reachable from elsewhere unless the operator says so.
func localAddress(flag, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil && !strings.Contains(address, ":") {
		port, err = address, nil
	}
	if err != nil || port == "" {
		return "", usagef("--%s: %q is not an address: write it like 127.0.0.1:2222, [::1]:2222 or :2222", flag, address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", usagef("--%s: %q is not a port: write the address like 127.0.0.1:2222, [::1]:2222 or :2222", flag, port)
	}
	return net.JoinHostPort(orDefault(host, "127.0.0.1"), port), nil
}

// logFormat is a pflag.Value.
type logFormat bool

func (v *logFormat) Type() string { return "text|json" }

func (v *logFormat) String() string {
	if *v {
		return "json"
	}
	return "text"
}

// Set takes the name of a format.
func (v *logFormat) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("%q is not a log format: use text or json", s)
	}
	*v = s == "json"
	return nil
}

func (v *logFormat) logger(w interface{ Write([]byte) (int, error) }, verbose bool) *slog.Logger {
	o := &slog.HandlerOptions{}
	if verbose {
		o.Level = slog.LevelDebug
	}
	if *v {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// openTracker opens the tracker and logs its notes.
func openTracker(ctx context.Context, o tracker.Options, log *slog.Logger) (*tracker.Tracker, error) {
	o.Log = log
	t, err := tracker.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, n := range t.Notes() {
		log.Info(n)
	}
	return t, nil
}

// closeTracker closes the tracker and joins both errors.
func closeTracker(t *tracker.Tracker, err error) error {
	return errors.Join(err, t.Close())
}
