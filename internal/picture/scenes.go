package main

import (
	"path/filepath"
	"strings"
	"time"
)

// namesName is the file with the names of the watched lab, namesOfLab what is in it.
const (
	namesName  = "names"
	namesOfLab = "192.0.2.0/24 office\n192.0.2.2 backup.example.org\n2001:db8::/64 office\n10.0.0.2 app\n127.0.0.0/8 here\n"
)

// arguments returns those of the command, with the place of the names in them.
func (s *scene) arguments(home string) []string {
	var list []string
	for _, a := range s.args {
		list = append(list, strings.ReplaceAll(a, "NAMES", filepath.Join(home, namesName)))
	}
	return list
}

func scenes() []scene {
	const long, longer = 10 * time.Second, 60 * time.Second
	watched := []string{"--watch", "--names-file", "NAMES"}
	return []scene{
		{"flows", "The flows, the busiest first", 120, 30, nil, long, []string{"Down"}, "← b/s ▼", dark},
		{"flows-80x24", "The flows at 80×24, on a light background", 80, 24, []string{"--theme", "light"}, long, []string{"Down"}, "ESTABLISHED", light},
		{
			"watch", "A machine that is watched: the process behind each flow, and who is at the far end", 140, 22,
			watched, long,
			[]string{"c", "End", "Space", "Up", "Up", "Up", "Up", "Space", "Enter", "Down"},
			"nginx", dark,
		},
		{
			"socket", "A flow of this machine: its process, its socket and its life", 100, 26,
			watched, 20 * time.Second,
			[]string{"/", "text:process:sshd", "Enter", "wait:2s", "Enter", "wait:2s"},
			"cwnd", dark,
		},
		{
			"detail", "A flow in detail: why it is in its state, and how it came there", 100, 24,
			nil, longer,
			[]string{"/", "text:dport:5201", "Enter", "Enter"},
			"timeline", dark,
		},
		{"sick", "What is wrong: the flows with which something is, and the first of them in a sentence", 100, 20, nil, 30 * time.Second, []string{"!"}, "filter: sick", dark},
		{"past", "What was a minute ago: everything works there, but acts", 120, 24, nil, 80 * time.Second, []string{"{", "Down"}, "now", dark},
		{
			"changed", "What came, went and changed since a mark, and how much it carried", 100, 22,
			nil, long,
			[]string{"m", "wait:20s", "M"},
			"CHANGE", dark,
		},
		{
			"alert", "An alert of the operator's own, while it holds", 120, 18,
			[]string{"--alert", "unanswered.filter=dport:25 state:syn_sent", "--alert", "unanswered.count=2"},
			longer,
			[]string{"/", "text:dport:25", "Enter"},
			"alert unanswered", dark,
		},
		{"delete", "Asked before anything is deleted", 100, 24, nil, long, []string{"/", "text:dport:443", "Enter", "D"}, "to delete them", dark},
		{"talkers", "Who talks: by source", 100, 16, nil, long, []string{"3"}, "10.0.0.7", dark},
		{"talkers-process", "Who talks: by process", 100, 14, []string{"--watch"}, 20 * time.Second, []string{"3", "text:bbbbbbbbbb"}, "PROCESS", dark},
		{"overview", "The last minutes in both directions, the table and what is wrong with it", 100, 34, []string{"--watch"}, 310 * time.Second, []string{"4"}, "THE TABLE", dark},
		{"events", "Every change of a flow's state", 120, 20, nil, long, []string{"2"}, "SYN_RECV", dark},
		{
			"timeouts", "A timeout being edited: how many flows that touches and ends", 100, 18,
			nil, 25 * time.Second,
			[]string{"5", "Down", "Down", "Down", "Down", "Down", "Enter", "text:20s"},
			"touches", dark,
		},
	}
}
