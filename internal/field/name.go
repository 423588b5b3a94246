package field

import (
	"net/netip"

	hosts "ctop/internal/names"
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

func farName(f *flow.Flow, _ *Names) string         { return hosts.Own(far(f)) }
func sourceName(f *flow.Flow, _ *Names) string      { return hosts.Own(f.Tuple.Src.Addr()) }
func destinationName(f *flow.Flow, _ *Names) string { return hosts.Own(f.Tuple.Dst.Addr()) }

// orderName orders flows by the first eight letters of the name, those without one last.
func orderName(f *flow.Flow) Rank {
	if name := farName(f, nil); name != "" {
		return Rank{Hi: textRank(name)}
	}
	return Rank{Hi: 1<<64 - 1}
}
