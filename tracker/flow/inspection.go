package flow

import (
	"context"
	"time"
)

// Inspector looks at single flows more closely than a snapshot does. It is safe for
// concurrent use.
type Inspector interface {
	// Inspect returns what this machine knows of a flow besides. It asks the kernel,
	// so it is for flows that somebody looks at. Flows that have ended have nothing.
	Inspect(ctx context.Context, ref Ref) (Inspection, error)
}

// Inspection is what a machine knows of a flow besides its packets.
type Inspection struct {
	// Origin and Reply are the sockets of this machine that are the ends of the flow,
	// nil for ends that are elsewhere.
	Origin, Reply *Socket
	// NAT is what [Snapshot.OtherHalf] is, nil if there is none.
	NAT *Tuple
	// Holders are the processes that have the flow's sockets, nil if none are known.
	Holders *Holders
}

// Holders are the processes of this machine that have a flow's sockets among their files,
// by the direction that they send: several where a socket was inherited or passed on, at
// most eight of each network namespace, and both ends where both are on this machine.
type Holders [2][]*Process

// Socket is what the kernel knows of a TCP socket.
type Socket struct {
	// Congestion is the name of the congestion control, as in "cubic".
	Congestion string
	// CWnd is the congestion window and SSThresh the slow-start threshold, in
	// segments. SSThresh is 0 while there is none.
	CWnd, SSThresh uint32
	// SRTT is the smoothed round-trip time, RTTVar its deviation, MinRTT the lowest
	// round-trip time of late. RTO is the time until something is sent again.
	SRTT, RTTVar, MinRTT, RTO time.Duration
	// MSS is the size of a segment in bytes.
	MSS uint32
	// Retransmits counts segments that were sent again, Lost those that are thought
	// to be lost now.
	Retransmits, Lost uint32
	// PacingRate is the rate at which the socket sends at most, DeliveryRate the one
	// at which data has arrived lately, both in bits per second. They are 0 if they
	// are not known.
	PacingRate, DeliveryRate float64
	// AppLimited: the delivery rate is limited by the program, not by the network.
	AppLimited bool
	// Unread and Unacknowledged are bytes in the receive and send queues.
	Unread, Unacknowledged uint32
	// Received and Acknowledged count bytes of data in both directions.
	Received, Acknowledged uint64
}
