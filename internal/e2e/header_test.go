package e2e

import (
	"encoding/binary"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// IPv6 headers may be longer than the part of a large packet that can be read
// at once. Such a packet passes enforce in every mode, and has its flow.
func TestLongHeaders(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRigWith(t, lab.Options{MTU: 9000}, tracker.Options{Mode: mode, Policy: flow.PolicyEnforce})
			options := []int{0, 128, 192, 200, 512, 2048}
			for i, length := range options {
				if err := r.Client.Inject(longHeaders(r, uint16(1000+i), length)); err != nil {
					t.Fatal(err)
				}
			}
			r.eventually("a flow of each", func() bool {
				s, err := r.tracker.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				flows := 0
				for _, f := range s.Flows {
					if f.Tuple.Dst.Port() == 9 {
						flows++
					}
				}
				return flows == len(options)
			})
			checkSums(t, r)
		})
	}
}

// longHeaders returns a UDP packet to port 9 with that many bytes of
// destination options.
func longHeaders(r *rig, port uint16, options int) []byte {
	const size = 8000
	b := make([]byte, 14, 14+size)
	b[0], b[6] = 2, 2
	binary.BigEndian.PutUint16(b[12:], 0x86dd)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, size-40)
	next := func() byte {
		if options > 0 {
			return 60
		}
		return 17
	}
	b = append(b, next(), 64)
	b = append(b, r.Client.Addr6().AsSlice()...)
	b = append(b, r.Server.Addr6().AsSlice()...)
	for options > 0 {
		length := min(options, 2048)
		options -= length
		header := make([]byte, length)
		header[0], header[1] = next(), byte(length/8-1)
		b = append(b, header...)
	}
	udp := make([]byte, 14+size-len(b))
	binary.BigEndian.PutUint16(udp, port)
	binary.BigEndian.PutUint16(udp[2:], 9)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	return append(b, udp...)
}
