// Package kerneltest makes flow tables for tests.
package kerneltest

import (
	"encoding/binary"
	"testing"

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
		table.ComeBy(side, true)
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

// datagram returns a datagram of a flow, or the answer to it. It has no checksums,
// because the program looks at none.
func datagram(flow, side int) []byte {
	const ethernet, ipv4, udp = 14, 20, 8
	frame := make([]byte, ethernet+ipv4+udp+18)
	binary.BigEndian.PutUint16(frame[12:], 0x0800)
	ip := frame[ethernet:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	client, server := 10<<24|uint32(flow), uint32(192<<24|168<<16|1)
	ports := [2]uint16{uint16(flow), 53}
	if side != 0 {
		client, server = server, client
		ports[0], ports[1] = ports[1], ports[0]
	}
	binary.BigEndian.PutUint32(ip[12:], client)
	binary.BigEndian.PutUint32(ip[16:], server)
	binary.BigEndian.PutUint16(ip[ipv4:], ports[0])
	binary.BigEndian.PutUint16(ip[ipv4+2:], ports[1])
	binary.BigEndian.PutUint16(ip[ipv4+4:], uint16(len(ip)-ipv4))
	return frame
}
