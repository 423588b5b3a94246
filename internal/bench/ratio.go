package main

import "fmt"

// requirement is a bound on a ratio.
type requirement struct {
	what string
	// of and by are names of rows. The ratio is the first divided by the
	// second, or by a number if there is only one.
	of, by string
	bound  float64
	// least marks a lower bound.
	least bool
	// beside are two more rows. The ratio is divided by theirs.
	beside [2]string
}

// none is for a ratio of two rows.
var none [2]string

// paired are the requirements on medians of ratios of samples of one round: what a machine
// does besides changes both.
func paired() []requirement {
	return []requirement{
		{"live frames, while other flows are captured / nobody captures", captureOthers, captureNobody, 0.97, true, none},
		{"connections a second, ctop native / XDP redirect, 20 pairs", connectName(byNative), connectName(byXDP), 0.92, true, none},
		{"the same by processor time: XDP redirect / ctop native", connectCost(byXDP), connectCost(byNative), 0.92, true, none},
		{"host, TCP one stream, ctop watching / nobody", hostRate(hostOneStream, byNames), hostRate(hostOneStream, byNobody), 0.97, true, none},
		{"host, TCP four streams, ctop watching / nobody", hostRate(hostFourStreams, byNames), hostRate(hostFourStreams, byNobody), 0.97, true, none},
		{"host, connections a second, ctop watching without names / nobody", hostRate(hostConnections, byWatch), hostRate(hostConnections, byNobody), 0.93, true, none},
		{"host, connections a second, ctop watching / nobody", hostRate(hostConnections, byNames), hostRate(hostConnections, byNobody), 0.90, true, none},
		{"the same by processor time: nobody / ctop watching without names", hostCost(hostConnections, byNobody), hostCost(hostConnections, byWatch), 0.93, true, none},
		{"the same by processor time: nobody / ctop watching", hostCost(hostConnections, byNobody), hostCost(hostConnections, byNames), 0.90, true, none},
		{"host, a connection, ctop watching / nf_conntrack in use", hostCost(hostConnections, byNames), hostCost(hostConnections, byConntrack), 1, false, none},
		{"a connection, ctop without names that nobody reads / nf_conntrack", hostCost(budgetConnections, byUnread), hostCost(budgetConnections, byConntrack), 1, false, none},
		{"a connection, ctop watching, events read / nf_conntrack, events read", hostCost(budgetConnections, byNames), hostCost(budgetConnections, byConntrackEvents), 1, false, none},
		{"host, TCP one stream, ctop watching / nf_conntrack in use", hostRate(hostOneStream, byNames), hostRate(hostOneStream, byConntrack), 1, true, none},
		{"host, TCP four streams, ctop watching / nf_conntrack in use", hostRate(hostFourStreams, byNames), hostRate(hostFourStreams, byConntrack), 1, true, none},
		{"host, a round trip, ctop watching / nf_conntrack in use", hostCost(hostRoundTrips, byNames), hostCost(hostRoundTrips, byConntrack), 1, false, none},
	}
}

// Ratio is one requirement with its measurement.
type Ratio struct {
	What  string  `json:"what"`
	Ratio float64 `json:"ratio,omitempty"`
	Bound float64 `json:"bound"`
	Least bool    `json:"at_least"`
	Holds bool    `json:"holds"`
	// Missing is the reason for a missing figure.
	Missing string `json:"missing,omitempty"`
}

func requirements() []requirement {
	return []requirement{
		{"established TCP v4 data / one look-up and redirect", "ctop TCP v4 data", "look-up + redirect", 0.70, false, none},
		{"the same for TCP v6 / one look-up and redirect", "ctop TCP v6 data", "look-up + redirect", 0.75, false, none},
		{"the same on a veth, checksums completed / one look-up and redirect", "ctop TCP v4 data, veth", "look-up + redirect", 0.85, false, none},
		{"the same / the tracker with a lock per packet", "ctop TCP v4 data", "lock per packet", 0.32, false, none},
		{
			"the same at 64 Ki flows / one look-up and redirect at 64 Ki flows",
			stagedName("ctop", "64 Ki flows"), stagedName("look-up + redirect", "64 Ki flows"), 0.95, false, none,
		},
		{
			"the same at 1 Mi flows / one look-up and redirect at 1 Mi flows",
			stagedName("ctop", "1 Mi flows"), stagedName("look-up + redirect", "1 Mi flows"), 0.85, false, none,
		},
		{"the same under tc / tc redirect after one look-up", "ctop tc, TCP v4 data", "tc look-up + redirect", 0.80, false, none},
		{"answered UDP / one look-up and redirect", "ctop UDP answered", "look-up + redirect", 0.85, false, none},
		{"a SYN that creates a flow and its event / bare insert", "ctop SYN that creates, event read", "bare insert", 1.1, false, none},
		{"TCP, one stream, ctop native / XDP redirect", through(oneStream, byNative, checksumsDone), through(oneStream, byXDP, checksumsDone), 0.97, true, none},
		{"TCP, four streams, ctop native / XDP redirect", through(fourStreams, byNative, checksumsDone), through(fourStreams, byXDP, checksumsDone), 0.97, true, none},
		{"TCP, ctop --mode tc / tcx redirect, offloads on", through(oneStream, byTC, offloadsOn), through(oneStream, byTCX, offloadsOn), 0.95, true, none},
		{"TCP, ctop --mode tc / routed with nf_conntrack, offloads on", through(oneStream, byTC, offloadsOn), through(oneStream, byRouter, offloadsOn), 1.0, true, none},
		{"TCP, ctop native on stock veth pairs / with checksum offload off at the sender", through(oneStream, byNative, offloadsOn), through(oneStream, byNative, checksumsDone), 0.85, true, none},
		{"live frames, two CPUs / one CPU", liveName(byNative, 2), liveName(byNative, 1), 1.8, true, none},
		{"live frames, two CPUs, ctop native / bare XDP redirect", liveName(byNative, 2), liveName(byXDP, 2), 0.75, true, none},
		{"the program alone, two CPUs / one CPU", dryName(byNative, 2), dryName(byNative, 1), 1.8, true, none},
		{"live frames from one CPU to two / the same of a bare XDP redirect", liveName(byNative, 2), liveName(byNative, 1), 0.97, true, [2]string{liveName(byXDP, 2), liveName(byXDP, 1)}},
		{"the program alone from one CPU to two / the same of a bare XDP redirect", dryName(byNative, 2), dryName(byNative, 1), 0.97, true, [2]string{dryName(byXDP, 2), dryName(byXDP, 1)}},
		{"live frames, one CPU, ctop native / bare XDP redirect", liveName(byNative, 1), liveName(byXDP, 1), 0.85, true, none},
		{"live frames, one CPU, ctop native / routed with nf_conntrack", liveName(byNative, 1), liveName(byRouter, 1), 5.5, true, none},
		{"start, with the names of 100,000 open sockets / 500 ms", startWithNames, "", 1, false, none},
		{"the same / ss -p, which reads /proc", startWithNames, namesBySS, 0.5, false, none},
		{"ctop --dump -o jsonl of 1 Mi flows / conntrack -L, time per flow", dumpMany, conntrackAll, 0.35, false, none},
		{"events read a second / 500,000", eventsRead, "", 1, true, none},
		{"a tracker of 60,000 idle flows, nobody looking / half a percent of a core", idleRow, "", 1, false, none},
		{"console at 1 Mi flows, anonymous memory / 0.6 GB", consoleMemory, "", 1, false, none},
		{"a key in the console at 100,000 flows / 50 ms", keyName("100,000 flows"), "", 1, false, none},
		{"a key in the console at 1 Mi flows / 150 ms", keyName(manyFlows), "", 1, false, none},
		{"frame at 1,000,000 flows / frame at 1,000", frameName("1000000"), frameName("1000"), 2, false, none},
	}
}

// amounts are what rows without a counterpart are divided by.
func amounts() map[string]float64 {
	return map[string]float64{
		eventsRead: eventsWanted, idleRow: 0.5, startWithNames: startBound, consoleMemory: 0.6,
		keyName(keySizes[0].name): keySizes[0].boundMS, keyName(keySizes[1].name): keySizes[1].boundMS,
	}
}

// ratios computes every requirement for which there are measurements.
func ratios(rows map[string]Row) []Ratio {
	var all []Ratio
	medians := requirements()
	for i, q := range append(medians, paired()...) {
		of, haveOf := rows[q.of]
		by, haveBy := rows[q.by]
		if q.by == "" {
			by.Median = amounts()[q.of]
		}
		if !haveOf && !haveBy {
			continue
		}
		r := Ratio{What: q.what, Bound: q.bound, Least: q.least}
		other, haveOther := besides(q, rows)
		switch {
		case !haveOther:
			r.Missing = "not measured"
		case of.Missing != "":
			r.Missing = of.Missing
		case by.Missing != "":
			r.Missing = by.Missing
		case of.Median <= 0 || by.Median <= 0:
			r.Missing = "not measured"
		default:
			r.Ratio = of.Median / by.Median / other
			if i >= len(medians) {
				r.Ratio = medianOfRatios(of, by)
			}
			r.Holds = r.Ratio <= r.Bound
			if r.Least {
				r.Holds = r.Ratio >= r.Bound
			}
		}
		all = append(all, r)
	}
	return all
}

// besides returns the ratio by which one is divided, 1 if there is none.
func besides(q requirement, rows map[string]Row) (ratio float64, ok bool) {
	if q.beside == [2]string{} {
		return 1, true
	}
	of, by := rows[q.beside[0]].Median, rows[q.beside[1]].Median
	if of <= 0 || by <= 0 {
		return 0, false
	}
	return of / by, true
}

func (r Ratio) sign() string {
	if r.Least {
		return "≥"
	}
	return "≤"
}

func (r Ratio) figure() string {
	if r.Missing != "" {
		return "—"
	}
	return fmt.Sprintf("%.2f", r.Ratio)
}

func (r Ratio) verdict() string {
	switch {
	case r.Missing != "":
		return "left out: " + r.Missing
	case r.Holds:
		return "holds"
	default:
		return "does not hold"
	}
}
