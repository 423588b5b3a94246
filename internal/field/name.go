package field

import (
	"net/netip"
	"strconv"

	"ctop/internal/format"
	hosts "ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/tracker/flow"
)

// far returns the address of the end that faces this machine, or if no end or both are this
// machine, of the end that the first packet went to.
func far(f *flow.Flow) netip.Addr {
	if f.Reply.Local && !f.Origin.Local {
		return f.Tuple.Src.Addr()
	}
	return f.Tuple.Dst.Addr()
}

// farName returns the operator's own name of the far end, else what the traffic has of it.
func farName(f *flow.Flow, _ *Names) string {
	a := far(f)
	if name := hosts.Own(a); name != "" || f.Server == nil || a != f.Tuple.Dst.Addr() {
		return name
	}
	return f.Server.Name
}

func sourceName(f *flow.Flow, _ *Names) string      { return hosts.Own(f.Tuple.Src.Addr()) }
func destinationName(f *flow.Flow, _ *Names) string { return hosts.Own(f.Tuple.Dst.Addr()) }

// orderName orders flows by the first eight letters of the name, those without one last.
func orderName(f *flow.Flow) Rank {
	if name := farName(f, nil); name != "" {
		return Rank{Hi: textRank(name)}
	}
	return Rank{Hi: 1<<64 - 1}
}

func serverName(f *flow.Flow, _ *Names) string {
	if f.Server == nil {
		return ""
	}
	return f.Server.Name
}

// showServer returns the name with where it comes from.
func showServer(f *flow.Flow, _ View) string {
	if f.Server == nil {
		return format.Inapplicable
	}
	return hosts.ServerText(f.Server) + " " + f.Server.Source.String()
}

func serverSource(f *flow.Flow, _ *Names) string {
	if f.Server == nil {
		return ""
	}
	return f.Server.Source.String()
}

// orderServer orders flows by the first eight letters of the name, those without one last.
func orderServer(f *flow.Flow) Rank {
	if f.Server != nil {
		return Rank{Hi: textRank(f.Server.Name)}
	}
	return Rank{Hi: 1<<64 - 1}
}

func farCountry(f *flow.Flow, _ *Names) string         { return geo.Of(far(f)).Country }
func sourceCountry(f *flow.Flow, _ *Names) string      { return geo.Of(f.Tuple.Src.Addr()).Country }
func destinationCountry(f *flow.Flow, _ *Names) string { return geo.Of(f.Tuple.Dst.Addr()).Country }

func sourceSystem(f *flow.Flow, _ *Names) string      { return system(geo.Of(f.Tuple.Src.Addr())) }
func destinationSystem(f *flow.Flow, _ *Names) string { return system(geo.Of(f.Tuple.Dst.Addr())) }

// system returns the number of an autonomous system, empty if it is not known.
func system(p geo.Place) string {
	if p.AS == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(p.AS), 10)
}

// farSystem returns the number of the far end's autonomous system, and who runs it.
func farSystem(f *flow.Flow, _ *Names) string {
	p := geo.Of(far(f))
	if p.Owner == "" {
		return system(p)
	}
	return system(p) + " " + p.Owner
}

// Flows of an unknown country or system come last.
func orderCountry(f *flow.Flow) Rank {
	if code := farCountry(f, nil); code != "" {
		return Rank{Hi: textRank(code)}
	}
	return Rank{Hi: 1<<64 - 1}
}

func orderSystem(f *flow.Flow) Rank {
	if n := geo.Of(far(f)).AS; n != 0 {
		return Rank{Hi: uint64(n)}
	}
	return Rank{Hi: 1<<64 - 1}
}
