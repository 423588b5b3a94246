package socket

import (
	"encoding/binary"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// noThreshold is the slow-start threshold of a connection that has lost nothing yet
// (TCP_INFINITE_SSTHRESH).
const noThreshold = 0x7fffffff

// noRate is the pacing rate of a connection that is not paced.
const noRate = ^uint64(0)

// Facts returns what the kernel knows of a socket.
func (s Socket) Facts() flow.Socket {
	info, congestion := s.attributes()
	f := flow.Socket{
		Congestion: congestion,
		Unread:     s.queued.received, Unacknowledged: s.queued.sent,
		AppLimited:  info.bits(7)&1 != 0,
		RTO:         info.micros(8),
		MSS:         info.u32(16),
		Lost:        info.u32(32),
		SRTT:        info.micros(68),
		RTTVar:      info.micros(72),
		SSThresh:    info.u32(76),
		CWnd:        info.u32(80),
		Retransmits: info.u32(100),
		PacingRate:  8 * float64(info.u64(104)),
		MinRTT:      info.micros(148),
		// The kernel counts bytes.
		DeliveryRate: 8 * float64(info.u64(160)),
		Received:     info.u64(128), Acknowledged: info.u64(120),
	}
	if f.SSThresh >= noThreshold {
		f.SSThresh = 0
	}
	if info.u64(104) == noRate {
		f.PacingRate = 0
	}
	if info.u32(148) == ^uint32(0) {
		f.MinRTT = 0
	}
	return f
}

// tcpInfo is a struct tcp_info (linux/tcp.h). Older kernels have a shorter one.
type tcpInfo []byte

func (i tcpInfo) bits(at int) byte {
	if len(i) <= at {
		return 0
	}
	return i[at]
}

func (i tcpInfo) u32(at int) uint32 {
	if len(i) < at+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(i[at:])
}

func (i tcpInfo) u64(at int) uint64 {
	if len(i) < at+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(i[at:])
}

func (i tcpInfo) micros(at int) time.Duration { return time.Duration(i.u32(at)) * time.Microsecond }

// attributes returns the numbers of a socket and the name of its congestion control.
func (s Socket) attributes() (info tcpInfo, congestion string) {
	for rest := s.attrs; len(rest) >= unix.SizeofRtAttr; {
		size := int(binary.NativeEndian.Uint16(rest))
		if size < unix.SizeofRtAttr || size > len(rest) {
			break
		}
		data := rest[unix.SizeofRtAttr:size]
		switch binary.NativeEndian.Uint16(rest[2:]) {
		case attrInfo:
			info = data
		case attrCong:
			congestion = strings.TrimRight(string(data), "\x00")
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return info, congestion
}
