package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/fleet"
	"ctop/internal/fleet/hub"
)

// hubFlags name the directory of a hub.
type hubFlags struct{ state string }

func (f *hubFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.state, "state", "", "directory of keys, certificate and streams (default hub in the state directory)")
}

func (f *hubFlags) dir(e env) hub.Dir {
	return hub.Dir(orDefault(f.state, filepath.Join(statePlace(e.getenv), "hub")))
}

func newHubCommand(e env, verbose *bool) *cobra.Command {
	var (
		place  hubFlags
		o      hub.Options
		listen string
		logs   logFormat
	)
	cmd := &cobra.Command{
		Use:   "hub [flags]",
		Short: "Run the server of a fleet, which hosts and consoles connect to",
		Long: `Run the server of a fleet: a NATS server with the streams and the keys of the fleet,
for whoever has none. Hosts (ctop serve --fleet) and consoles (ctop fleet) connect to
it. A NATS server or cluster of your own serves as well; docs/fleet.md has what it needs.

At the loopback interface, where it listens unless told otherwise, it speaks plain text.
At other addresses it speaks TLS with a certificate of its own, which the credentials
have. It refuses every connection without a key: ctop hub keys add makes them. Removing
a key ends its connections within about two seconds.

Two hubs can be linked, so that each machine has its own: one listens for the other one
(--link-listen), which comes to it (--link). Both need the same directory, but for its
folder jetstream. Each goes on alone while the other one is gone.

The directory of the hub has everything that must survive. Back up authority.seed: it
signs new keys, and only ctop hub keys needs it.`,
		Example: `  ctop hub keys add host edge-1
  ctop hub keys add operator ann
  ctop hub --listen 0.0.0.0:4222`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := localAddress("listen", listen)
			if err != nil {
				return err
			}
			if (o.Certificate == "") != (o.CertificateKey == "") {
				return usagef("--tls-cert and --tls-key belong together: use both")
			}
			if err := checkLink(&o); err != nil {
				return err
			}
			if o.Plain && o.Secure {
				return usagef("--plain and --tls exclude each other: use only one of them")
			}
			o.Address, o.Dir, o.Log = address, place.dir(e), logs.logger(e.stderr, *verbose)
			notify := newNotifier(e.getenv)
			defer notify.close()
			o.Ready = func(url string) {
				o.Log.Info("serving", "url", url, "state", string(o.Dir))
				notify.send("READY=1\nSTATUS=serving")
			}
			return hub.Run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&listen, "listen", "127.0.0.1:4222", "address at which to serve")
	place.register(flags)
	flags.BoolVar(&o.Plain, "plain", false, "serve other machines without TLS, too: whoever is in between reads everything")
	flags.BoolVar(&o.Secure, "tls", false, "serve this machine with TLS, too")
	flags.StringVar(&o.Certificate, "tls-cert", "", "file of a certificate, instead of the hub's own")
	flags.StringVar(&o.CertificateKey, "tls-key", "", "file of its private key")
	flags.StringVar(&o.LinkListen, "link-listen", "", "address at which the hub of another machine may join this one")
	flags.StringVar(&o.Link, "link", "", "HOST:PORT of a hub to join: hosts and consoles of both meet as if there were one")
	flags.Var(&logs, "log", "format of the log on stderr")
	cmd.AddCommand(newKeysCommand(e))
	return cmd
}

func newKeysCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List, add and remove the keys of a fleet",
		Long: `List, add and remove the keys of a fleet. A key belongs to a host, which publishes its
own flows and acts on them; to an operator, who looks at all hosts and acts on them; or
to a viewer, who looks at all hosts. A running hub reads the keys again at once.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("no command is called %q: write ctop hub keys list, add or remove", args[0])
			}
			return usagef("say what to do: ctop hub keys list, add or remove")
		},
	}
	cmd.AddCommand(newKeysListCommand(e), newKeysAddCommand(e), newKeysRemoveCommand(e))
	return cmd
}

func newKeysAddCommand(e env) *cobra.Command {
	var place hubFlags
	var path, pair string
	cmd := &cobra.Command{
		Use:   "add [flags] host|operator|viewer NAME ...",
		Short: "Make a key, and write its credentials into a file",
		Long: `Make a key, and write its credentials into NAME.creds, which only its owner may read.
Whoever has the file is the host or the operator: bring it to its machine by a safe way,
and remove it here. Operators and viewers have names other than those of hosts. Several
names make several keys, and another role may follow them.`,
		Example: `  ctop hub keys add host edge-1 edge-2 operator ann
  ctop hub keys add host gate-1 gate-2 --pair gate
  ctop hub keys add operator ann --write /root/ann.creds`,
		ValidArgs: []string{string(fleet.RoleHost), string(fleet.RoleOperator), string(fleet.RoleViewer)},
		RunE: func(_ *cobra.Command, args []string) error {
			wanted, err := parseKeys(args)
			if err == nil {
				err = checkPair(pair, wanted)
			}
			if err != nil {
				return err
			}
			if path != "" && len(wanted) > 1 {
				return usagef("--write names one file: make one key, or leave it out for NAME.creds of each")
			}
			var names, files []string
			for _, k := range wanted {
				names, files = append(names, k.name), append(files, orDefault(path, k.name+".creds"))
			}
			if err := place.dir(e).CheckNew(pair, names, files); err != nil {
				return err
			}
			for i, k := range wanted {
				to := files[i]
				add := func() error { return place.dir(e).Add(k.role, k.name, to, time.Now()) }
				if pair != "" {
					add = func() error { return place.dir(e).AddPaired(k.name, pair, to, time.Now()) }
				}
				if err := add(); err != nil {
					return err
				}
				if err := e.print(fmt.Sprintf("%s %s: %s\n", k.role, k.name, to)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&path, "write", "w", "", "file to write (default NAME.creds)")
	flags.StringVar(&pair, "pair", "", "pair of two hosts that tell each other their flows (ctop serve --pair)")
	place.register(flags)
	return cmd
}

// wantedKey is a key to make.
type wantedKey struct {
	role fleet.Role
	name string
}

// parseKeys reads the arguments of keys add: a role and names, and perhaps more of both.
// What follows a role is a name.
func parseKeys(args []string) (list []wantedKey, err error) {
	if len(args) < 2 {
		return nil, usagef("say whose key it is, as in ctop hub keys add host edge-1")
	}
	var role fleet.Role
	named := true
	for i, arg := range args {
		if r, err := fleet.ParseRole(arg); named && err == nil {
			role, named = r, false
			continue
		} else if i == 0 {
			return nil, usagef("%w", err)
		}
		if err := fleet.CheckName("a "+string(role), arg); err != nil {
			return nil, usagef("%w", err)
		}
		list, named = append(list, wantedKey{role, arg}), true
	}
	if !named {
		return nil, usagef("say whose key it is, as in ctop hub keys add %s NAME", role)
	}
	return list, nil
}

func newKeysListCommand(e env) *cobra.Command {
	var place hubFlags
	var asNATS bool
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the keys of a fleet",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			keys, err := place.dir(e).Keys()
			if err != nil {
				return err
			}
			if asNATS {
				return e.print(hub.Configuration(keys))
			}
			if len(keys.Keys) == 0 {
				e.note("no key in %s yet: ctop hub keys add makes one; --state names another directory", place.dir(e))
			}
			var text strings.Builder
			for _, k := range keys.Keys {
				line := fmt.Sprintf("%-8s  %-20s  %s  %s", k.Role, k.Name, k.Added.Format(time.RFC3339), k.Key)
				if k.Pair != "" {
					line += "  pair " + k.Pair
				}
				text.WriteString(line + "\n")
			}
			return e.print(text.String())
		},
	}
	cmd.Flags().BoolVar(&asNATS, "nats", false, "print the authorization block for a NATS server of your own")
	place.register(cmd.Flags())
	return cmd
}

func newKeysRemoveCommand(e env) *cobra.Command {
	var place hubFlags
	cmd := &cobra.Command{
		Use:   "remove [flags] NAME",
		Short: "Remove a key, and end its connections",
		ValidArgsFunction: func(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
			keys, _ := place.dir(e).Keys() // without them there is nothing to offer
			for _, k := range keys.Keys {
				names = append(names, k.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one key, as in ctop hub keys remove edge-1: ctop hub keys list lists them")
			}
			return place.dir(e).Remove(args[0])
		},
	}
	place.register(cmd.Flags())
	return cmd
}

// checkLink checks the addresses of a link.
func checkLink(o *hub.Options) (err error) {
	if o.Link != "" && o.LinkListen != "" {
		return usagef("--link and --link-listen exclude each other: one hub listens, and the other one comes to it")
	}
	if o.LinkListen != "" {
		o.LinkListen, err = localAddress("link-listen", o.LinkListen)
		return err
	}
	if o.Link == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(o.Link)
	if err != nil || host == "" {
		return usagef("--link: %q is not the address of a hub: write it like 192.0.2.11:4223", o.Link)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return usagef("--link: %q is not a port: write the address like 192.0.2.11:4223", port)
	}
	return nil
}

// checkPair returns an error if keys cannot be of a pair, which may be empty.
func checkPair(pair string, wanted []wantedKey) error {
	if pair == "" {
		return nil
	}
	if err := fleet.CheckName("a pair", pair); err != nil {
		return usagef("--pair: %w", err)
	}
	for _, k := range wanted {
		if k.role != fleet.RoleHost {
			return usagef("--pair: a pair consists of hosts: make the key of %s %s without it", k.role, k.name)
		}
	}
	return nil
}
