package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/tracker/flow"
	"ctop/tracker/socket"
)

const (
	// resetPause is the time between two checks of flows that are being reset.
	resetPause = 5 * time.Millisecond
	// resetQuiet, plus resetRounds round trips, is how long a flow must be
	// silent after a reset to count as dead. An end that expected another
	// sequence number answers within one round trip.
	resetQuiet  = 20 * time.Millisecond
	resetRounds = 2
	// resetTime limits the time of one reset.
	resetTime = time.Second
)

// resetting is a flow that is being reset.
type resetting struct {
	ref flow.Ref
	// packets is the flow's packet count at the last reset.
	packets uint64
	quiet   time.Duration
	sent    time.Time
	// unsent is set if the last RSTs could not be sent.
	unsent bool
	// at is the watched interface where the flow was seen, zero in a wire.
	at place
	// sockets are those of this machine that have the flow's tuple.
	sockets [2]*socket.Socket
}

// Reset ends TCP connections at both ends, with reason "reset". Each end is sent a RST
// with exactly the number that it expects (RFC 5961). A busy connection may outrun it,
// so the RSTs are repeated with fresh numbers until the flow is silent or has ended.
// Of a watched flow, ends that are sockets of this machine are ended by the kernel.
// If Reset fails in the middle, the outcome counts what was done before.
func (t *Table) Reset(refs ...flow.Ref) (outcome flow.Outcome, err error) {
	pending, err := t.beginResets(refs, &outcome)
	if err != nil {
		return outcome, err
	}
	deadline := time.Now().Add(resetTime)
	for len(pending) > 0 && time.Now().Before(deadline) {
		time.Sleep(resetPause)
		if pending, err = t.pursueResets(pending, &outcome); err != nil {
			return outcome, err
		}
	}
	return outcome, t.giveUpResets(pending, &outcome)
}

// beginResets sends the first RSTs. It returns the flows that were sent some, and counts
// the others in the outcome.
func (t *Table) beginResets(refs []flow.Ref, outcome *flow.Outcome) ([]resetting, error) {
	pending := make([]resetting, 0, len(refs))
	if t.objects.watched != nil {
		return t.beginWatchedResets(pending, refs, outcome)
	}
	for _, ref := range refs {
		r := resetting{ref: ref, packets: math.MaxUint64}
		result, err := t.sendReset(&r)
		switch {
		case err != nil:
			return nil, err
		case result == bpf.ConntrackResetResultRESET_GONE:
			outcome.Gone++
		case result == bpf.ConntrackResetResultRESET_NOT_TCP:
			outcome.NotTCP++
		case result == bpf.ConntrackResetResultRESET_UNFRAMED:
			outcome.Unsent++
		default:
			pending = append(pending, r)
		}
	}
	return pending, nil
}

// pursueResets calls pursueReset for each pending flow. It returns those that are left,
// in the same slice, and counts the others in the outcome.
func (t *Table) pursueResets(pending []resetting, outcome *flow.Outcome) (left []resetting, err error) {
	left = pending[:0]
	for _, r := range pending {
		done, err := t.pursueReset(&r)
		if err != nil {
			return nil, err
		}
		if done {
			outcome.Done++
		} else {
			left = append(left, r)
		}
	}
	return left, nil
}

// pursueReset sends new RSTs if the flow had packets since the last ones, and
// ends the flow if it has been silent. It reports whether the flow has ended.
func (t *Table) pursueReset(r *resetting) (done bool, err error) {
	result, err := t.sendReset(r)
	if err == nil && result == bpf.ConntrackResetResultRESET_QUIET && time.Since(r.sent) >= r.quiet {
		result, err = t.runReset(r, bpf.ConntrackResetStepRESET_END)
	}
	return result == bpf.ConntrackResetResultRESET_GONE || result == bpf.ConntrackResetResultRESET_ENDED, err
}

// giveUpResets stops resetting the flows that have not ended.
func (t *Table) giveUpResets(pending []resetting, outcome *flow.Outcome) error {
	for i := range pending {
		result, err := t.endOrGiveUp(&pending[i])
		switch {
		case err != nil:
			return err
		case result == bpf.ConntrackResetResultRESET_GONE, result == bpf.ConntrackResetResultRESET_ENDED:
			outcome.Done++
		case pending[i].unsent:
			outcome.Unsent++
		default:
			outcome.Alive++
		}
	}
	return nil
}

// endOrGiveUp ends a flow that is silent, if not yet for as long as its round trip
// demands. Any other flow goes on as before.
func (t *Table) endOrGiveUp(r *resetting) (bpf.ConntrackResetResult, error) {
	if time.Since(r.sent) >= resetQuiet {
		result, err := t.runReset(r, bpf.ConntrackResetStepRESET_END)
		if err != nil || result != bpf.ConntrackResetResultRESET_BUSY {
			return result, err
		}
	}
	return t.runReset(r, bpf.ConntrackResetStepRESET_GIVE_UP)
}

// sendReset sends a RST to both ends if the flow had packets since the last
// ones.
func (t *Table) sendReset(r *resetting) (bpf.ConntrackResetResult, error) {
	result, err := t.runReset(r, bpf.ConntrackResetStepRESET_SEND)
	switch result {
	case bpf.ConntrackResetResultRESET_UNSENT:
		r.packets, r.unsent = math.MaxUint64, true
	case bpf.ConntrackResetResultRESET_SENT:
		r.unsent = false
	}
	return result, err
}

// resetContext has the size of the smallest struct __sk_buff of the supported
// kernels.
type resetContext struct {
	_         [40]byte
	Interface uint32
	_         [4]byte
	CB        [5]uint32
	_         [188]byte
}

// runReset runs the reset program on a flow. The result says if the flow has
// ended.
func (t *Table) runReset(r *resetting, step bpf.ConntrackResetStep) (bpf.ConntrackResetResult, error) {
	var in, out resetContext
	if step == bpf.ConntrackResetStepRESET_MARK || step == bpf.ConntrackResetStepRESET_LOOK {
		in.Interface = r.at.index // to find sockets that are bound to it
	}
	packet, err := resetPacket(r, step)
	if err != nil {
		return 0, err
	}
	sent := time.Now()
	code, err := t.objects.reset.Run(&ebpf.RunOptions{Data: packet, Context: in, ContextOut: &out})
	if err != nil {
		return 0, fmt.Errorf("reset %s: %w", r.ref.Tuple, err)
	}
	result := bpf.ConntrackResetResult(code)
	if result == bpf.ConntrackResetResultRESET_LOOKED {
		r.keepSockets(out.CB[3])
	}
	if result == bpf.ConntrackResetResultRESET_SENT {
		r.packets, r.sent = uint64(out.CB[0])|uint64(out.CB[1])<<32, sent
		r.quiet = quietTime(out.CB[2])
	}
	return result, nil
}

// quietTime returns how long a flow must be silent after a reset, by the round trip of its
// handshake in microseconds.
func quietTime(roundTrip uint32) time.Duration {
	return resetQuiet + resetRounds*time.Duration(roundTrip)*time.Microsecond
}

// resetPacket returns the program's arguments as a packet. The kernel reads the
// EtherType of its Ethernet header.
func resetPacket(r *resetting, step bpf.ConntrackResetStep) ([]byte, error) {
	args := bpf.ConntrackResetArgs{
		Key: keyFromTuple(r.ref.Tuple), Id: uint64(r.ref.ID), Packets: r.packets, Step: step,
		Ifindex: r.at.index, NoLink: r.at.NoLink, OneSide: r.at.OneSide, Sockets: r.candidates(),
	}
	binary.BigEndian.PutUint16(args.Header[12:], frameType(&args.Key))
	var b bytes.Buffer
	if err := binary.Write(&b, binary.NativeEndian, &args); err != nil {
		return nil, fmt.Errorf("reset %s: %w", r.ref.Tuple, err)
	}
	return b.Bytes(), nil
}

// frameType returns the EtherType of a flow's frames.
func frameType(k *kernelKey) uint16 {
	switch {
	case k.Vlan[0]&vlanMask != 0:
		return unix.ETH_P_8021Q
	case k.Session != 0:
		return unix.ETH_P_PPP_SES
	case k.Family == 6:
		return unix.ETH_P_IPV6
	}
	return unix.ETH_P_IP
}
