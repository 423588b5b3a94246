package socket

import (
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// attribute returns a netlink attribute, padded.
func attribute(kind uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), data...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// numbers returns the bytes of a struct tcp_info.
func numbers(i *unix.TCPInfo) []byte {
	b := append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(i)), unsafe.Sizeof(*i))...)
	b[7] = 1 // a field of bits that unix.TCPInfo lacks: the rate is limited by the program
	return b
}

var example = unix.TCPInfo{
	Rto: 201_000, Snd_mss: 1448, Rcv_mss: 536, Lost: 3, Retrans: 4, Rtt: 1700, Rttvar: 300, Snd_ssthresh: 20, Snd_cwnd: 10,
	Total_retrans: 17, Pacing_rate: 1_000_000, Max_pacing_rate: 5, Bytes_acked: 70_000, Bytes_received: 90_000, Min_rtt: 1500,
	Delivery_rate: 2_000_000,
}

var exampleFacts = flow.Socket{
	Congestion: "cubic", CWnd: 10, SSThresh: 20,
	SRTT: 1700 * time.Microsecond, RTTVar: 300 * time.Microsecond, MinRTT: 1500 * time.Microsecond, RTO: 201 * time.Millisecond,
	MSS: 1448, Retransmits: 17, Lost: 3, PacingRate: 8e6, DeliveryRate: 16e6, AppLimited: true,
	Unread: 5, Unacknowledged: 6, Received: 90_000, Acknowledged: 70_000,
}

func TestFacts(t *testing.T) {
	s := Socket{queued: queues{5, 6}}
	s.attrs = append(attribute(99, []byte("other")), attribute(attrCong, []byte("cubic\x00"))...)
	s.attrs = append(s.attrs, attribute(attrInfo, numbers(&example))...)
	if got := s.Facts(); got != exampleFacts {
		t.Errorf("\n%+v, want\n%+v", got, exampleFacts)
	}
}

// The kernel's values for "none" are not shown as numbers.
func TestFactsUnset(t *testing.T) {
	unset := example
	unset.Snd_ssthresh, unset.Pacing_rate, unset.Min_rtt = noThreshold, noRate, ^uint32(0)
	want := exampleFacts
	want.SSThresh, want.PacingRate, want.MinRTT = 0, 0, 0
	s := Socket{queued: queues{5, 6}, attrs: append(attribute(attrCong, []byte("cubic")), attribute(attrInfo, numbers(&unset))...)}
	if got := s.Facts(); got != want {
		t.Errorf("\n%+v, want\n%+v", got, want)
	}
}

// What an older kernel does not say is zero, and the rest is right. So it is with
// attributes that are cut short.
func TestFactsOfOlderKernels(t *testing.T) {
	all := numbers(&example)
	begins := []struct {
		size  int
		clear func(*flow.Socket)
	}{
		{168, func(*flow.Socket) {}},
		{167, func(f *flow.Socket) { f.DeliveryRate = 0 }},
		{151, func(f *flow.Socket) { f.MinRTT = 0 }},
		{135, func(f *flow.Socket) { f.Received = 0 }},
		{127, func(f *flow.Socket) { f.Acknowledged = 0 }},
		{111, func(f *flow.Socket) { f.PacingRate = 0 }},
		{103, func(f *flow.Socket) { f.Retransmits = 0 }},
		{83, func(f *flow.Socket) { f.CWnd = 0 }},
		{79, func(f *flow.Socket) { f.SSThresh = 0 }},
		{75, func(f *flow.Socket) { f.RTTVar = 0 }},
		{71, func(f *flow.Socket) { f.SRTT = 0 }},
		{35, func(f *flow.Socket) { f.Lost = 0 }},
		{19, func(f *flow.Socket) { f.MSS = 0 }},
		{11, func(f *flow.Socket) { f.RTO = 0 }},
		{8, func(*flow.Socket) {}},
		{7, func(f *flow.Socket) { f.AppLimited = false }},
		{0, func(*flow.Socket) {}},
	}
	want := exampleFacts
	for _, begin := range begins {
		begin.clear(&want)
		s := Socket{queued: queues{5, 6}, attrs: append(attribute(attrCong, []byte("cubic")), attribute(attrInfo, all[:begin.size])...)}
		if got := s.Facts(); got != want {
			t.Errorf("of %d bytes:\n%+v, want\n%+v", begin.size, got, want)
		}
	}
	for _, cut := range [][]byte{
		{},
		{1, 2, 3},
		{3, 0, attrInfo, 0, 1, 1, 1, 1},
		{5, 0, attrCong, 0},
		append(attribute(attrCong, nil), 8, 0, attrInfo),
	} {
		if got := (Socket{attrs: cut}).Facts(); got != (flow.Socket{}) {
			t.Errorf("%v: %+v", cut, got)
		}
	}
}
