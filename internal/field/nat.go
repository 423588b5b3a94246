package field

import (
	"strconv"

	"ctop/tracker/flow"
)

// ofOtherHalf returns what is wanted of a flow's other half, empty if there is none.
func ofOtherHalf(f *flow.Flow, names *Names, wanted func(flow.Tuple) string) string {
	if names == nil {
		return ""
	}
	other, ok := f.OtherHalf(names.Translations)
	if !ok {
		return ""
	}
	return wanted(other)
}

func natSource(f *flow.Flow, names *Names) string {
	return ofOtherHalf(f, names, func(t flow.Tuple) string { return t.Src.Addr().String() })
}

func natDestination(f *flow.Flow, names *Names) string {
	return ofOtherHalf(f, names, func(t flow.Tuple) string { return t.Dst.Addr().String() })
}

func natSourcePort(f *flow.Flow, names *Names) string {
	return ofOtherHalf(f, names, func(t flow.Tuple) string { return strconv.Itoa(int(t.Src.Port())) })
}

func natDestinationPort(f *flow.Flow, names *Names) string {
	return ofOtherHalf(f, names, func(t flow.Tuple) string { return strconv.Itoa(int(t.Dst.Port())) })
}

func natICMPID(f *flow.Flow, names *Names) string {
	return ofOtherHalf(f, names, func(t flow.Tuple) string { return strconv.Itoa(int(t.ICMPID)) })
}
