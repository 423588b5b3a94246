package main

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ctop/tracker/flow"
	"ctop/ui/console"
)

// auditFlag is where to write down what is done to flows and timeouts.
type auditFlag struct{ file string }

func (f *auditFlag) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "audit", "", "file to which every action is appended, as JSON lines")
}

// open returns nil where nothing is to be written down.
func (f *auditFlag) open() (*console.Audit, error) {
	if f.file == "" {
		return nil, nil
	}
	return console.OpenAudit(f.file)
}

// local returns what carries out the acts of whoever sits at this machine.
func (env) local(actor flow.Actor, audit *console.Audit) *console.Local {
	login, _ := os.ReadFile("/proc/self/loginuid") // where there is none, nobody is known to have logged in
	return console.NewLocal(actor, audit, loggedIn(string(login), os.Getuid()), time.Now)
}

// noLogin is the login uid of a process that nobody who logged in has started
// (proc_pid_loginuid(5)).
const noLogin = "4294967295"

// loggedIn names who acts: the user who logged in, whom su and sudo leave as it is,
// and whom the environment does not decide, and the user that the process runs
// as.
func loggedIn(login string, uid int) string {
	name := userName(strconv.Itoa(uid))
	login = strings.TrimSpace(login)
	if _, err := strconv.ParseUint(login, 10, 32); err != nil || login == noLogin || login == strconv.Itoa(uid) {
		return name
	}
	return userName(login) + " as " + name
}

func userName(uid string) string {
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}
