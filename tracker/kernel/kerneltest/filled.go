// Package kerneltest makes flow tables for tests.
package kerneltest

import (
	"net/netip"
	"testing"

	"ctop/internal/frame"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Filled returns the table of a tracker that is attached to nothing, with n flows of
// UDP that were answered.
func Filled(tb testing.TB, n int) (*kernel.Objects, *kernel.Table) {
	tb.Helper()
	objects, err := kernel.Load(kernel.Options{MaxFlows: n * 11 / 10})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(objects.Close)
	table, err := kernel.NewTable(objects)
	if err != nil {
		tb.Fatal(err)
	}
	if err := table.PrepareInjection(); err != nil {
		tb.Fatal(err)
	}
	for side := range 2 {
		table.SetSide(side, true)
		if err := table.Configure(flow.PolicyObserve, flow.DefaultTimeouts()); err != nil {
			tb.Fatal(err)
		}
		for i := range n {
			if err := table.Inject(datagram(i, side)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return objects, table
}

// datagram returns a datagram of a flow, or the answer to it.
func datagram(flow, side int) []byte {
	f := frame.Frame{
		Src: netip.AddrFrom4([4]byte{10, byte(flow >> 16), byte(flow >> 8), byte(flow)}),
		Dst: netip.AddrFrom4([4]byte{192, 168, 0, 1}), Proto: frame.ProtoUDP,
		L4: frame.Datagram(uint16(flow), 53, 18),
	}
	if side != 0 {
		f = f.Reply(frame.Datagram(53, uint16(flow), 18))
	}
	return f.Bytes()
}
