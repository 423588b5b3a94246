package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

// fleetPorts is how many destination ports the flows of a host have: a filter by port
// matches so many of them.
const (
	fleetPorts     = 10
	firstFleetPort = 8000
)

// synthetic is a tracker whose flows do not change, but are looked at as if they did.
type synthetic struct {
	flow.Inspector
	flows flow.Snapshot
}

// newSynthetic returns the tracker of the host with a number.
func newSynthetic(host, n int) *synthetic {
	s := &synthetic{flows: flow.Snapshot{
		Host: hostName(host), Policy: flow.PolicyObserve, MaxFlows: 2 * n, Uptime: time.Hour, Timeouts: flow.DefaultTimeouts(),
		Interfaces: []flow.Interface{{Name: "eth0", Role: flow.RoleWatch}},
		Flows:      make([]flow.Flow, n),
	}}
	for i := range s.flows.Flows {
		id := uint64(host*n + i + 1)
		spread := id * 2654435761 % (1 << 32) // each host has some of the busiest
		f := &s.flows.Flows[i]
		f.ID, f.State, f.Timeout, f.Age = flow.ID(id), flow.StateEstablished, time.Hour, time.Duration(spread)
		f.Tuple = flow.Tuple{
			Proto: flow.ProtocolTCP, Zone: 1,
			Src: flow.MustParseEnd(fmt.Sprintf("10.%d.%d.%d:%d", id>>16&255, id>>8&255, id&255, 10000+spread%50000)),
			Dst: flow.MustParseEnd(fmt.Sprintf("192.0.2.%d:%d", spread%250, firstFleetPort+i%fleetPorts)),
		}
		f.Origin = flow.Half{Packets: spread % 5000, Bytes: spread % 5_000_000, BPS: float64(spread % 100_000), PPS: float64(spread % 100)}
		f.Reply = flow.Half{Packets: spread % 7000, Bytes: spread % 9_000_000, BPS: float64(spread % 70_000), PPS: float64(spread % 70)}
	}
	return s
}

// Snapshot implements [agent.Source].
func (s *synthetic) Snapshot() *flow.Snapshot {
	now := s.flows
	now.Time = time.Now()
	return &now
}

// Status implements [agent.Source].
func (s *synthetic) Status() *flow.Snapshot {
	now := s.flows
	now.Time, now.Flows = time.Now(), nil
	return &now
}

func hostName(n int) string { return "h" + strconv.Itoa(n) }

// agents are the hosts of a fleet in one process.
type agents []*agent.Agent

// runHosts begins hosts, fifty a second. what is their number, that of the flows of each, the
// address of the hub, and the directory with their credentials.
func runHosts(what string) (do func(line string) (string, error), err error) {
	var hosts, flows int
	var url, dir string
	if _, err := fmt.Sscan(what, &hosts, &flows, &url, &dir); err != nil {
		return nil, err
	}
	var all agents
	for i := range hosts {
		known, err := fleet.ReadCredentials(filepath.Join(dir, hostName(i)))
		if err != nil {
			return nil, err
		}
		a, err := agent.New(agent.Options{Source: newSynthetic(i, flows), Version: "bench", Link: link.Options{URL: url, Credentials: known}})
		if err != nil {
			return nil, err
		}
		go func() { _ = a.Run(context.Background()) }() // it would not be connected
		all = append(all, a)
		time.Sleep(time.Second / 50)
	}
	return all.tell, nil
}

// tell answers the program that measures.
func (all agents) tell(line string) (string, error) {
	switch strings.TrimSpace(line) {
	case "connected":
		n := 0
		for _, a := range all {
			if a.Stats().Connected {
				n++
			}
		}
		return strconv.Itoa(n), nil
	case "bytes":
		return strconv.FormatUint(all.bytes(), 10), nil
	case "back":
		return all.back()
	}
	return "", errors.New("nobody knows what that is")
}

func (all agents) bytes() (n uint64) {
	for _, a := range all {
		n += a.Stats().Bytes
	}
	return n
}

// back waits until all hosts have connected again. It returns how long that took, in seconds,
// and the largest number of connections in a second.
func (all agents) back() (string, error) {
	before := make([]uint64, len(all))
	for i, a := range all {
		before[i] = a.Stats().Reconnects
	}
	began, seen := time.Now(), map[int]bool{}
	var at []time.Duration
	for ; len(at) < len(all) && time.Since(began) < time.Minute; time.Sleep(5 * time.Millisecond) {
		for i, a := range all {
			if !seen[i] && a.Stats().Reconnects > before[i] {
				seen[i] = true
				at = append(at, time.Since(began))
			}
		}
	}
	if len(at) < len(all) {
		return "", fmt.Errorf("%d of %d hosts came back", len(at), len(all))
	}
	return fmt.Sprintf("%.2f %d", at[len(at)-1].Seconds(), mostIn(at, time.Second)), nil
}

// mostIn returns how many of some sorted times are in any span, at most.
func mostIn(at []time.Duration, span time.Duration) (most int) {
	for i := range at {
		end, _ := slices.BinarySearch(at, at[i]+span)
		most = max(most, end-i)
	}
	return most
}
