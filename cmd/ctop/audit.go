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

// auditFlag names the audit log.
type auditFlag struct{ file string }

func (f *auditFlag) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "audit", "", "file to which every action is appended, as JSON lines")
}

// open opens the audit log, nil if none was asked for.
func (f *auditFlag) open() (*console.Audit, error) {
	if f.file == "" {
		return nil, nil
	}
	return console.OpenAudit(f.file)
}

// local returns what carries out the acts of whoever sits at this machine.
func (env) local(actor flow.Actor, audit *console.Audit) *console.Local {
	login, _ := os.ReadFile("/proc/self/loginuid") // without it, the login is unknown
	return console.NewLocal(actor, audit, loggedIn(string(login), os.Getuid()), time.Now)
}

// noLogin is the login uid of a process that no user's login started
// (proc_pid_loginuid(5)).
const noLogin = "4294967295"

// loggedIn names who acts: the user who logged in, and the user that the process runs
// as. su and sudo do not change the former, and the environment does not matter.
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
